// SPDX-License-Identifier: Apache-2.0
// Builds the Verilated model of a configuration once and keeps it.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "gen/config/hw_config.h"
#include "tb/model/array_model.h"

namespace ecoflow {

struct ModelOptions {
  bool trace = false;       // can write an FST trace (slower)
  bool assertions = false;  // RTL assertions are checked (slower)
  bool coverage = false;    // counts which lines run and which bits toggle (slower)
};

// Path of the shared object, built when the cache does not hold it. The key is a hash of RTL,
// flags, harness and Verilator's version; builds of several processes at once are safe. `note` is
// told what is being done. Fails (machinery) when a tool is missing or the build fails.
Result<std::filesystem::path> BuildModel(const HwConfig& config, const ModelOptions& options,
                                         const std::function<void(const std::string&)>& note);

// Loads a model that belongs to this user and that no other can write; `trace_path` may be empty.
Result<std::unique_ptr<ArrayModel>> LoadModel(const std::filesystem::path& shared_object,
                                              uint32_t seed, const std::string& trace_path);

// Where models are kept, an absolute path: $ECOFLOW_CACHE, else $XDG_CACHE_HOME/ecoflow, else
// .cache/ecoflow in $HOME or in the home that the system knows, else /tmp/ecoflow-<user ID>.
Result<std::filesystem::path> CacheRoot();

}  // namespace ecoflow
