// SPDX-License-Identifier: Apache-2.0
// The layer compiler: (hardware config, layer, pass, dataflow) -> images, IDs, descriptors.
#pragma once

#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/result.h"
#include "compiler/layer/layer.h"
#include "compiler/mapping/cost.h"
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

// A way to run the pass: what it is estimated to cost, and how to make its schedule.
struct Candidate {
  Cost cost;
  nlohmann::ordered_json mapping;
  std::function<Result<Schedule>()> schedule;
  int64_t least_cycles = 0;  // no run of it takes fewer
  std::string kind;         // candidates of a kind have what their estimates are off by in common
  double likely_least = 0;  // cycles: nor, but for one in fifty, fewer than these (docs/architecture.md, "Choice of a mapping")
};

// What the image and descriptors of a layer may have, as JSON: about 3.5 KB a part.
inline constexpr int64_t kMostImageBytes = 256 * 1024;
inline constexpr int64_t kLongImageBytes = 64 * 1024;

// The parts of Compile, for those who choose among the candidates themselves (choose/).
// Fails when a name is unknown.
Status CheckDataflow(const std::string& dataflow, const std::string& objective);
// All but mapping and schedule; fails when a name is unknown.
Result<CompiledLayer> BeginCompile(const HwConfig& config, const Layer& layer, Pass pass,
                                   const std::string& dataflow, const std::string& objective);
// Everything that the dataflow may use, the best by estimate first. Those of `auto` contain those of
// the other dataflows.
Result<std::vector<Candidate>> Candidates(const CompiledLayer& wanted);
// Fails (bad input) when a number does not fit the image or would wrap in a PE (schedule/widths.h).
Status MakeSchedule(const Candidate& candidate, const HwConfig& config, Schedule& schedule);
// What a cycle counts where mappings are compared: 1, or 1.02 with more than kLongImageBytes, which have to be worth it.
double ImageFactor(const Schedule& schedule);
// Proves the schedule; the mapping says of how many passes.
Status ProveCompiled(CompiledLayer& compiled);

// The best candidate by estimate that fits the image, by ImageFactor. `dataflow`: ecoflow | row-stationary | auto;
// `objective`: what the mapping shall have few of, cycles (then words moved) or words (then cycles). Fails
// (bad input) with the reason when the combination cannot run on the array.
Result<CompiledLayer> Compile(const HwConfig& config, const Layer& layer, Pass pass,
                              const std::string& dataflow, const std::string& objective = "cycles");

// max(ceil(macs / PEs), ceil(input words / GIN lanes), ceil(output words / GON lanes)).
int64_t RooflineCycles(const CompiledLayer& compiled);

// image.json (words and descriptors), mapping.json, layer.json and config.json in `folder`.
Status WriteCompiled(const CompiledLayer& compiled, const std::filesystem::path& folder);
Result<CompiledLayer> ReadCompiled(const std::filesystem::path& folder);

}  // namespace ecoflow
