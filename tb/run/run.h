// SPDX-License-Identifier: Apache-2.0
// Executes a compiled layer on the Verilated array, counts, compares.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "compiler/compiler.h"
#include "isa/pe_counters.h"
#include "tb/model/array_model.h"

namespace ecoflow {

struct RunOptions {
  double stall = 0;        // probability that a stream pauses before a word, and that output waits
  uint32_t stall_seed = 1;
  int64_t watchdog_cycles = 200000;  // without any handshake
  bool clear = false;                // begin with the soft clear of an array that has run, not with a reset
  int64_t most_cycles = INT64_MAX;   // leave the array as it stands after so many
  // Told now and then: share of the passes begun (0..1), cycles so far.
  std::function<void(double, int64_t)> progress;
  // Asked now and then: whether to stop before the end.
  std::function<bool()> stop;
};

struct RunResult {
  std::vector<int32_t> output;          // ResultShape; elements without a product are zero
  int64_t cycles = 0, config_cycles = 0;
  int64_t wide_words = 0, narrow_words = 0, gon_words = 0, output_words = 0;
  std::vector<PeCounts> pe;             // PEs in row-major order
  double seconds = 0;                   // of simulation

  int64_t Sum(std::size_t counter) const;
};

// Runs on `model` after a reset. `operands` in the order of PassOperands. Fails (machinery) when
// nothing moves any more, an assertion of the RTL fails or `stop` says so.
Result<RunResult> RunOnArray(const CompiledLayer& compiled, ArrayModel& model,
                             const std::vector<int16_t>& first, const std::vector<int16_t>& second,
                             const RunOptions& options);

// Random operand with the given number of elements: every int16 value is possible, and one in
// eight is zero.
std::vector<int16_t> RandomTensor(int64_t elements, uint64_t seed);

}  // namespace ecoflow
