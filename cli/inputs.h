// SPDX-License-Identifier: Apache-2.0
// What several subcommands share: the compiled layer, its operands, a line of progress.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "choose/choose.h"
#include "compiler/compiler.h"
#include "tb/run/run.h"

namespace ecoflow {

// What the options name, read and checked.
struct LayerInputs {
  Pass pass = Pass::kForward;
  HwConfig config;
  Layer layer;
};
Result<LayerInputs> ReadLayerInputs(const LayerOptions& options);

Result<ChosenLayer> ChooseFromOptions(const LayerOptions& options);

// Compiled from the layer, or read from the image's folder; then the model has not run it.
struct LoadedLayer {
  CompiledLayer compiled;
  std::optional<CycleCounts> counts;
};
Result<LoadedLayer> LoadCompiled(const RunCommandOptions& options);

// What is written at the end: each path can be, and no two are the same file.
Status CheckOutputs(const RunCommandOptions& options);

// The two operands of a pass as bit patterns: random, or from the files that the options name;
// `rounded`: how many values of these were rounded to bf16.
Result<std::array<std::vector<int16_t>, 2>> Operands(const RunCommandOptions& options, const HwConfig& config,
                                                     const Layer& layer, Pass pass, int64_t& rounded);

// The counters of the cycle model as those of a run; nothing is computed.
RunResult ToRunResult(const CycleCounts& counts);

// Progress on stderr, only on a terminal: one line that is written over.
class ProgressLine {
 public:
  ProgressLine();
  ~ProgressLine() { Clear(); }
  void Note(const std::string& text);
  void Restart() { begin_ = Clock::now(); }
  // Share of the work done (0..1), cycles so far.
  void Show(double share, int64_t cycles);
  // Share of the work done (0..1), what is being done.
  void Show(double share, const std::string& doing);
  void Clear();

 private:
  using Clock = std::chrono::steady_clock;
  void Draw(double share, const std::string& doing, const std::string& done);
  bool terminal_;
  bool dirty_ = false;
  Clock::time_point begin_;
  Clock::time_point shown_{};
};

}  // namespace ecoflow
