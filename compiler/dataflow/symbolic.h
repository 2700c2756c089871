// SPDX-License-Identifier: Apache-2.0
// The symbolic steps of Sec. 4.1.1 as the paper words them, for one channel, one filter and one
// map of errors: outer product, labels, one column per PE, circular shift. The compiler's
// mappings are checked against them where the paper's own mapping fits the array.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "compiler/dataflow/transposed.h"

namespace ecoflow {

struct SymbolicProduct {
  int64_t w_idx = 0;           // order of execution: kernel column by column
  int64_t i = 0, j = 0;        // kernel element w_ij
  int64_t oy = 0, ox = 0;      // error element e_(oy)(ox)
  int64_t y = 0, x = 0;        // label: the gradient it belongs to; may lie outside the result
  int64_t pe_row = 0;          // PE after the circular shift
  int64_t pe_col = 0;
};

struct SymbolicMapping {
  int64_t filter_elements = 0, error_elements = 0;  // outer product: this x this
  std::vector<int64_t> shift;                       // by w_idx: floor(w_idx / (Wx * stride))
  std::vector<SymbolicProduct> products;            // by w_idx, then error element
};

// Steps 1 to 5 for the vertical and horizontal sizes of `problem` (stride of both axes, no
// dilation). The PE array has the shape of the map of errors.
SymbolicMapping MapSymbolically(const TransposedProblem& problem);

}  // namespace ecoflow
