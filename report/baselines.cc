// SPDX-License-Identifier: Apache-2.0
#include "report/baselines.h"

#include "base/ints.h"

namespace ecoflow {

int64_t SystolicCycles(int64_t rows, int64_t columns, int64_t depth, int64_t array_rows,
                       int64_t array_columns) {
  return CeilDiv(rows, array_rows) * CeilDiv(columns, array_columns) *
         (2 * array_rows + array_columns + depth - 2);
}

LoweredCycles Lowered(const DirectProblem& p, const HwConfig& hw) {
  const int64_t positions = p.batch * p.out[0] * p.out[1];
  const int64_t depth = p.red * p.kernel[0] * p.kernel[1];
  LoweredCycles lowered;
  lowered.systolic =
      p.groups * SystolicCycles(positions, p.outc, depth, hw.rows, hw.columns);
  // Every fold of rows meets every fold of columns; the words of both flow in each time.
  const int64_t words = positions * CeilDiv(p.outc, hw.columns) * depth +
                        p.outc * CeilDiv(positions, hw.rows) * depth;
  lowered.bandwidth = p.groups * CeilDiv(words, hw.wide_lanes() + hw.narrow_lanes());
  return lowered;
}

}  // namespace ecoflow
