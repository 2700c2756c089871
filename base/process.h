// Running other programs.
#pragma once

#include <filesystem>
#include <string>

#include "base/result.h"

namespace ecoflow {

// Output (both streams) of a shell command. When it cannot be started or does not exit with 0,
// the error (machinery) is `failed: ` and that output.
Result<std::string> RunShell(const std::string& command);

// A path as one word of a shell command.
std::string ShellQuote(const std::filesystem::path& path);

}  // namespace ecoflow
