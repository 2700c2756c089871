// SPDX-License-Identifier: Apache-2.0
// An exact cycle model of the array: the numbers of a run without random pauses, without the RTL.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <limits>
#include <vector>

#include "base/result.h"
#include "compiler/compiler.h"
#include "isa/pe_counters.h"

namespace ecoflow {

struct CycleModelOptions {
  bool skip = true;  // do not simulate again what was simulated before; the result is the same
  int64_t watchdog_cycles = 200000;  // without any handshake
  // The run is given up when it takes more cycles, or the model more work (CycleCounts).
  int64_t most_cycles = std::numeric_limits<int64_t>::max();
  int64_t most_work = std::numeric_limits<int64_t>::max();
  // With the useful products of the pass: also as soon as it is so far behind that it will take more, by the share of them.
  int64_t products = 0;
  // Told now and then: share of the wide stream taken (0..1), cycles so far.
  std::function<void(double, int64_t)> progress;
};

struct CycleCounts {
  int64_t cycles = 0, config_cycles = 0;
  int64_t wide_words = 0, narrow_words = 0, gon_words = 0, output_words = 0;
  // PEs in row-major order. "gated" depends on data and stays zero.
  std::vector<PeCounts> pe;
  uint64_t errors = 0;  // that the array would report (isa/array_errors.h): counters that wrap
  int64_t gon_held_cycles = 0;  // in which the GON waited for an accumulator's adder
  double seconds = 0;
  int64_t simulated_cycles = 0;  // that were not skipped
  int64_t work = 0;              // these, and eight for each stretch that was: what decides about the time the model takes
  bool complete = true;          // false: given up; all counts are those so far
  bool too_slow = false;         // given up for its cycles, not for the model's work
  double share = 1;              // of the wide stream taken, or of the useful products issued where that is more
};

// Fails when the schedule is damaged (bad input) or nothing moves any more (machinery).
Result<CycleCounts> PredictCycles(const Schedule& schedule, const HwConfig& config,
                                  const CycleModelOptions& options);

}  // namespace ecoflow
