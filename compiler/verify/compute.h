// SPDX-License-Identifier: Apache-2.0
// Computes the result of a schedule on values, without the RTL and without time: images, pass words
// and descriptors are executed pass by pass (execute.h), products are added in the PEs, up the
// columns and in the accumulator, as the array does. That a schedule is right can so be seen on all
// of its passes, where the proof (proof.h) takes a sample of large ones.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "base/result.h"
#include "compiler/schedule/stream.h"
#include "gen/config/hw_config.h"

namespace ecoflow {

struct ComputeOptions {
  // Told after each pass: the share of the passes that are done (0..1).
  std::function<void(double)> progress;
};

// The result (`elements` psums as bit patterns: sums modulo 2^32, or fp32 of an array for bf16, each sum rounded in
// the order of the schedule) of operands `first` and `second` (bit patterns, too), in the order of PassOperands;
// elements that no descriptor delivers are zero. Fails (bad input) when the
// schedule names an element that does not exist, and (machinery) when words and programs do not fit
// together or an element is delivered twice. The array hangs then; only where words are left over at
// the end of a pass it may go on, with another result.
Result<std::vector<int32_t>> ComputeResult(const Schedule& schedule, const HwConfig& config,
                                           const std::vector<int16_t>& first,
                                           const std::vector<int16_t>& second, int64_t elements,
                                           const ComputeOptions& options);

}  // namespace ecoflow
