// SPDX-License-Identifier: Apache-2.0
// bfloat16 numbers as bit patterns: the upper half of an IEEE fp32 number.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

namespace ecoflow {

inline constexpr uint32_t kFp32Nan = 0x7fc00000;  // the only NaN that the array makes

inline float Bf16ToFloat(uint16_t bits) { return std::bit_cast<float>(uint32_t{bits} << 16); }

// The nearest bf16, ties to even; NaN becomes 0x7fc0.
inline uint16_t RoundToBf16(float value) {
  if (std::isnan(value)) return kFp32Nan >> 16;
  const auto bits = std::bit_cast<uint32_t>(value);
  return static_cast<uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

}  // namespace ecoflow
