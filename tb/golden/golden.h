// SPDX-License-Identifier: Apache-2.0
// Golden model: the definition of each pass as straight loops. Shares nothing with the compiler
// but the layer's attributes.
#pragma once

#include <algorithm>
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
  double positive = 0;   // of the finite ones above zero
  double negative = 0;   // of the absolute values of those below
  double largest = 0;    // of the finite ones' absolute values
  double products = 0;   // how many
  bool whole = true;     // all operands are whole numbers

  double magnitude() const { return positive + negative; }
  // How far the same sum in fp32, each addition rounded, can be from `sum`, whatever the order and however many: an
  // addition is off by no more than u of its sum and than the smaller addend (Jeannerod and Rump, Improved error bounds
  // for inner products in floating-point arithmetic, 2013), and a product below 2^-126 loses at most 2^-149. Adding
  // zeros is exact. Without overflow.
  double bound() const { return products * (kRounding * magnitude() + 0x1p-149); }
  // A sum on the way may be infinite, of the sign of the products that add up to `mine`; where those of the other sign
  // do so, nothing is rounded any more.
  bool may_overflow(double mine, double other) const {
    return mine + products * kRounding * (mine + std::min(other, kBeyondFp32)) >= kBeyondFp32;
  }
  static constexpr double kBeyondFp32 = 0x1.ffffffp127;  // rounded to an infinite number
  static constexpr double kRounding = 0x1p-24 + 0x1p-53;  // of fp32, and of `sum`
  // No fp32 number takes such a product back.
  bool overflows() const { return largest >= 0x1p129; }
  // No order of additions rounds: fp32 has to agree in every bit.
  bool exact() const { return whole && magnitude() <= 0x1p24 && std::isfinite(sum); }
};
std::vector<RealGolden> GoldenBf16(const Layer& layer, Pass pass, const std::vector<int16_t>& first,
                                   const std::vector<int16_t>& second);

}  // namespace ecoflow
