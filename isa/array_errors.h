// SPDX-License-Identifier: Apache-2.0
// Errors that the array keeps until reset, bits of stat 5 (rtl/eco_pkg.sv, Err*; a test compares).
#pragma once

#include <array>
#include <cstdint>
#include <string>

namespace ecoflow {

enum ArrayError : int {
  kErrHeader, kErrAddress, kErrWideNobody, kErrNarrowNobody, kErrWideForm, kErrNarrowForm,
  kErrGonPe, kErrGonTwice, kErrProgram, kErrCounter, kErrQuiet, kNumArrayErrors
};

inline constexpr std::array<const char*, kNumArrayErrors> kArrayErrors = {
    "a configuration header names no PE of the array",
    "a configuration word for an address that does not exist",
    "a wide beat names no PE",
    "a narrow beat names no PE",
    "a wide beat without destination, without words or with too many",
    "a narrow beat without destination, without words or with too many",
    "a GON command names a PE or a slot that does not exist",
    "two lanes of a GON command name the same PE",
    "a program reads or frees what no file of the PE can hold",
    "a counter of a PE has wrapped",
    "nothing moved at the ports for a long time"};

// What stat_sel_i selects (rtl/top/eco_array.sv).
enum ArrayStat : int { kStatCycles, kStatConfig, kStatWide, kStatNarrow, kStatGon, kStatErrors };

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
