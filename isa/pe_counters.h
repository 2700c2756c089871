// SPDX-License-Identifier: Apache-2.0
// Counters of a PE, in the order in which it sends them (rtl/eco_pkg.sv; a test compares).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace ecoflow {

enum PeCounter : std::size_t {
  kCntIssued, kCntIdle, kCntIfmap, kCntFilter, kCntStream, kCntPsum, kCntLocal, kCntOutput,
  kCntMasked, kCntAdder,  // one of these counts each cycle
  kCntGated, kCntLocalWords, kNumPeCounters
};

inline constexpr std::array<const char*, kNumPeCounters> kPeCounters = {
    "issued", "idle", "ifmap", "filter", "stream", "psum", "local",
    "output", "masked", "adder", "gated", "local_words"};

using PeCounts = std::array<uint32_t, kNumPeCounters>;

}  // namespace ecoflow
