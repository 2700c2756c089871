// SPDX-License-Identifier: Apache-2.0
// The mapping that runs: among those that a dataflow may use, the one that is fastest by the exact cycle
// model. An image that locks up never leaves: random pauses delay an array, they do not change what waits
// for what (docs/architecture.md), so that a run of the model settles it.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "compiler/compiler.h"
#include "model/cycle_model.h"

namespace ecoflow {

struct ChosenLayer {
  CompiledLayer compiled;
  CycleCounts counts;  // of the run of its schedule
  int64_t work = 0;    // of the model, for all candidates (CycleCounts)
};

struct ChooseProgress {
  std::function<void(const std::string&)> begins;   // told what begins
  std::function<void(double, int64_t)> simulating;  // as CycleModelOptions::progress
};

// The candidate with the fewest cycles by the model; runs that take the model long go on only where they are expected
// to save 0.2 %. With the objective `words`, the first that runs to its end. Proves it. Fails (bad input) when none does.
Result<ChosenLayer> ChooseAmong(const CompiledLayer& wanted, const std::vector<Candidate>& candidates,
                                const ChooseProgress& progress = {});

// As Compile, among all candidates.
Result<ChosenLayer> Choose(const HwConfig& config, const Layer& layer, Pass pass,
                           const std::string& dataflow, const std::string& objective = "cycles",
                           const ChooseProgress& progress = {});

}  // namespace ecoflow
