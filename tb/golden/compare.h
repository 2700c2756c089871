// SPDX-License-Identifier: Apache-2.0
// A result beside the golden model's: equal as integers, within the proven bound as bf16.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "compiler/layer/layer.h"

namespace ecoflow {

struct Comparison {
  int64_t mismatches = 0;
  int64_t first_mismatch = -1;  // element
  bool ordered = false;          // compared with the sums in the schedule's order, bit for bit
  int64_t order_mismatches = 0;  // of the mismatches, those that differ from them
  // Of bf16 operands, real numbers:
  bool real = false;
  double worst_share = 0;    // largest error, of its bound
  double worst_ulp = 0;      // largest error in units of the last place of the golden's value
  int64_t overflowed = 0;    // elements that are infinite or NaN because a sum in fp32 may overflow
  int64_t inserted_nan = 0;  // NaN of an operand that is not finite times an inserted zero
};

// `result` (bit patterns, int32 or fp32 by `floating_point`; `rounded`: to bf16) of operands in the order of PassOperands. With
// `inserted_zeros` the dataflow multiplied zeros that the definition does not have: an operand that is not finite may
// make NaN with them. `in_order`: the sums in the schedule's order, or none.
Comparison CompareWithGolden(const Layer& layer, Pass pass, const std::vector<int16_t>& first,
                             const std::vector<int16_t>& second, const std::vector<int32_t>& result,
                             bool floating_point, bool rounded, bool inserted_zeros, const std::vector<int32_t>& in_order = {});

}  // namespace ecoflow
