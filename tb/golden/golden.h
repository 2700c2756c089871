// SPDX-License-Identifier: Apache-2.0
// Golden model: the definition of each pass as straight loops. Shares nothing with the compiler
// but the layer's attributes.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "compiler/layer/layer.h"

namespace ecoflow {

// Result of `pass` from its two operands (order of PassOperands), sums modulo 2^32.
// Operands are int16 in the shapes of TensorShape, the result has ResultShape.
std::vector<int32_t> Golden(const Layer& layer, Pass pass, const std::vector<int16_t>& first,
                            const std::vector<int16_t>& second);

// An element of the result of bf16 operands, worked out in double.
struct RealGolden {
  double sum = 0;        // of the products, in any order
  double magnitude = 0;  // of the finite ones' absolute values
  int64_t products = 0;
  bool whole = true;     // all operands are whole numbers

  // How far the same sum in fp32, each addition rounded, can be from `sum`, whatever the order: adding zeros is exact,
  // so no product passes more than `products` roundings (Higham, Accuracy and Stability of Numerical Algorithms,
  // 2nd ed., Sec. 4.2), and a product below 2^-126 loses at most 2^-149. Without overflow.
  double bound() const;
  // No order of additions rounds: fp32 has to agree in every bit.
  bool exact() const { return whole && magnitude <= 0x1p24 && std::isfinite(sum); }
};
std::vector<RealGolden> GoldenBf16(const Layer& layer, Pass pass, const std::vector<int16_t>& first,
                                   const std::vector<int16_t>& second);

}  // namespace ecoflow
