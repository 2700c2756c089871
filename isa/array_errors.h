// SPDX-License-Identifier: Apache-2.0
// Errors that the array keeps until reset, bits of stat 5, and the stats.
#pragma once

#include <array>
#include <cstdint>
#include <string>

namespace ecoflow {

enum ArrayError : int {
#define ARRAY_ERROR(name, meaning) kErr##name,
#include "isa/array_errors.def"
  kNumArrayErrors
};

inline constexpr std::array<const char*, kNumArrayErrors> kArrayErrors = {
#define ARRAY_ERROR(name, meaning) meaning,
#include "isa/array_errors.def"
};

// What stat_sel_i selects (rtl/top/eco_array.sv).
enum ArrayStat : int {
#define ARRAY_STAT(name, meaning) kStat##name,
#include "isa/array_stats.def"
};

// The errors in `bits`, joined; empty for none.
inline std::string ArrayErrorText(uint64_t bits) {
  std::string text;
  for (int k = 0; k < kNumArrayErrors; ++k) {
    if ((bits >> k & 1) == 0) continue;
    text += (text.empty() ? "" : "; ") + std::string(kArrayErrors[static_cast<std::size_t>(k)]);
  }
  return text;
}

}  // namespace ecoflow
