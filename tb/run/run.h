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
#include "tb/golden/compare.h"
#include "tb/model/array_model.h"

namespace ecoflow {

struct RunOptions {
  double stall = 0;        // probability that a stream pauses before a word, and that output waits
  uint32_t stall_seed = 1;
  int64_t watchdog_cycles = 200000;  // without any handshake
  bool clear = false;                // begin with the soft clear of an array that has run, not with a reset
  bool round_results = false;        // by the array, to bf16
  int64_t most_cycles = INT64_MAX;   // leave the array as it stands after so many
  // Told now and then: share of the passes begun (0..1), cycles so far.
  std::function<void(double, int64_t)> progress;
  // Asked now and then: whether to stop before the end.
  std::function<bool()> stop;
};

struct RunResult {
  std::vector<int32_t> output;          // ResultShape; elements without a product are zero
  bool rounded = false;                 // to bf16, here widened to fp32 again
  int64_t cycles = 0, config_cycles = 0;
  int64_t wide_words = 0, narrow_words = 0, gon_words = 0, output_words = 0;
  int64_t gon_held_cycles = 0;          // in which the GON waited for an accumulator's adder
  std::vector<PeCounts> pe;             // PEs in row-major order
  double seconds = 0;                   // of simulation

  int64_t Sum(std::size_t counter) const;
};

// Runs on `model` after a reset. `operands` in the order of PassOperands. Fails (machinery) when
// nothing moves any more, an assertion of the RTL fails or `stop` says so.
Result<RunResult> RunOnArray(const CompiledLayer& compiled, ArrayModel& model,
                             const std::vector<int16_t>& first, const std::vector<int16_t>& second,
                             const RunOptions& options);

// The psum rounded to bf16, as fp32 again: what leaves an array that rounds.
int32_t RoundPsum(int32_t fp32);

// Compares with the golden model and, of bf16 on the RTL, bit for bit with the sums in the schedule's order
// (ComputeResult); `computed` says that `run.output` is that already.
Result<Comparison> CompareRun(const CompiledLayer& compiled, const std::vector<int16_t>& first,
                              const std::vector<int16_t>& second, const RunResult& run, bool computed);

// What random operands are made of. int16 knows only kAny.
enum class Values {
  kAny,       // int16: every value is possible, one in eight is zero; bf16: as kNormal
  kNormal,    // normal distribution of deviation 1, one in eight is zero
  kIntegers,  // -15..15: sums of up to 74,000 products do not depend on the order
  kSpecial,   // normal ones, or few magnitudes whose sums cancel, or such ones about the smallest numbers; among zeros of
              // both signs, subnormals, the largest, a few infinite and NaN
};
Result<Values> ParseValues(const std::string& name);

// Random operand with the given number of elements, as bit patterns of the number format.
std::vector<int16_t> RandomTensor(int64_t elements, uint64_t seed, bool floating_point = false,
                                  Values values = Values::kAny);

}  // namespace ecoflow
