// SPDX-License-Identifier: Apache-2.0
// Running other programs, without a shell.
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"

namespace ecoflow {

struct Command {
  std::vector<std::string> words;  // program, looked up in PATH, and its arguments
  std::filesystem::path folder;    // where it runs; empty: here
  std::vector<std::pair<std::string, std::string>> environment;  // besides this program's own
};

// Output (both streams) of a program. It and all that it starts are one process group, which a
// signal to this program ends (base/interrupt.h). When it cannot be started or does not exit with
// 0, the error (machinery) is `failed: ` and that output.
Result<std::string> RunProgram(const Command& command);

// Whether PATH has such a program.
bool HasProgram(const std::string& name);

}  // namespace ecoflow
