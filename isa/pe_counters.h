// SPDX-License-Identifier: Apache-2.0
// Counters of a PE, in the order in which it sends them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace ecoflow {

enum PeCounter : std::size_t {
#define PE_COUNTER(name, report_name, meaning) kCnt##name,
#include "isa/pe_counters.def"
  kNumPeCounters
};

// Their names in reports.
inline constexpr std::array<const char*, kNumPeCounters> kPeCounters = {
#define PE_COUNTER(name, report_name, meaning) report_name,
#include "isa/pe_counters.def"
};

// 64 bits, whatever the hardware's counters hold: what counts there has not wrapped, or an error says so.
using PeCounts = std::array<uint64_t, kNumPeCounters>;

}  // namespace ecoflow
