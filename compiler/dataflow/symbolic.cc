// SPDX-License-Identifier: Apache-2.0
#include "compiler/dataflow/symbolic.h"

namespace ecoflow {

SymbolicMapping MapSymbolically(const TransposedProblem& p) {
  SymbolicMapping m;
  m.filter_elements = p.kernel[0] * p.kernel[1];
  m.error_elements = p.in[0] * p.in[1];
  for (int64_t w_idx = 0; w_idx < m.filter_elements; ++w_idx) {
    const int64_t shift = w_idx / (p.kernel[0] * p.stride[1]);
    m.shift.push_back(shift);
    for (int64_t oy = 0; oy < p.in[0]; ++oy) {
      for (int64_t ox = 0; ox < p.in[1]; ++ox) {
        SymbolicProduct s;
        s.w_idx = w_idx;
        s.i = w_idx % p.kernel[0];
        s.j = w_idx / p.kernel[0];
        s.oy = oy;
        s.ox = ox;
        s.y = oy * p.stride[0] + s.i - p.pad[0];
        s.x = ox * p.stride[1] + s.j - p.pad[1];
        s.pe_row = oy;
        s.pe_col = (ox + shift) % p.in[1];
        m.products.push_back(s);
      }
    }
  }
  return m;
}

}  // namespace ecoflow
