// Matrix product on chains: a direct convolution as result = fixed x streamed, reduced over k =
// (summed channel, kernel row, kernel column). A PE holds `columns` vectors of `depth` words of the
// fixed operand; of the streamed operand each item sends `depth` words to a row of all PE columns.
// An item gives each PE `columns` sums, which climb a chain of `chain` rows; further blocks of k
// meet in the accumulator.
//
// Fixed vectors are result positions (im2col, gathered word by word) and items filters, or the other
// way round. Products with border zeros are multiplied (gated), all others are useful.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>

#include "base/result.h"
#include "compiler/dataflow/direct.h"
#include "gen/config/hw_config.h"

namespace ecoflow {

struct MatrixMapping {
  DirectProblem problem;
  bool fixed_positions = true;  // positions are fixed and filters streamed, or vice versa
  bool stream_wide = true;      // network of the streamed operand; the fixed one uses the other

  int64_t chain = 1;    // PE rows that a sum climbs
  int64_t chains = 1;   // above each other, with different fixed vectors
  int64_t depth = 1;    // words of k per PE
  int64_t columns = 1;  // fixed vectors per PE
  int64_t items = 1;    // streamed in a pass

  // Numbers of passes, outermost loop first.
  int64_t item_blocks = 1, fixed_blocks = 1, depth_blocks = 1;

  int64_t positions() const { return problem.batch * problem.out[0] * problem.out[1]; }
  int64_t all_fixed() const { return fixed_positions ? positions() : problem.outc; }
  int64_t all_items() const { return fixed_positions ? problem.outc : positions(); }
  int64_t all_depth() const { return problem.red * problem.kernel[0] * problem.kernel[1]; }
  int64_t slots(int64_t pe_columns) const {
    return depth_blocks == 1 ? 0 : items * columns * chains * pe_columns;
  }
  int64_t passes() const { return problem.groups * item_blocks * fixed_blocks * depth_blocks; }
  double estimated_cycles = 0;
};

// The mapping with the fewest estimated cycles; none when the array cannot run the layer so.
std::optional<MatrixMapping> MapMatrix(const DirectProblem& problem, const HwConfig& config);

nlohmann::ordered_json ToJson(const MatrixMapping& mapping);

}  // namespace ecoflow
