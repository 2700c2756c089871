// SPDX-License-Identifier: Apache-2.0
// The layer compiler: (hardware config, layer, pass, dataflow) -> images, IDs, descriptors.
#pragma once

#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>

#include "base/result.h"
#include "compiler/layer/layer.h"
#include "compiler/schedule/stream.h"
#include "gen/config/hw_config.h"

namespace ecoflow {

// Everything that a run needs, and what the report says about it.
struct CompiledLayer {
  HwConfig config;
  Layer layer;
  Pass pass = Pass::kForward;
  std::string dataflow;  // ecoflow | row-stationary | auto; mapping["family"] says what runs
  std::string objective;
  Schedule schedule;
  nlohmann::ordered_json mapping;
  int64_t useful_macs = 0;
  int64_t input_words = 0;   // distinct operand elements in a useful product
  int64_t output_words = 0;  // results with at least one
};

// `dataflow`: ecoflow | row-stationary | auto; `objective`: what the mapping shall have few of, cycles
// (then words moved) or words (then cycles), both estimated. `progress` is told what begins. Fails (bad input) with the reason when the
// combination cannot run on the array.
Result<CompiledLayer> Compile(const HwConfig& config, const Layer& layer, Pass pass,
                              const std::string& dataflow,
                              const std::string& objective = "cycles",
                              const std::function<void(const std::string&)>& progress = {});

// max(ceil(macs / PEs), ceil(input words / GIN lanes), ceil(output words / GON lanes)).
int64_t RooflineCycles(const CompiledLayer& compiled);

// image.json (words and descriptors), mapping.json, layer.json and config.json in `folder`.
Status WriteCompiled(const CompiledLayer& compiled, const std::filesystem::path& folder);
Result<CompiledLayer> ReadCompiled(const std::filesystem::path& folder);

}  // namespace ecoflow
