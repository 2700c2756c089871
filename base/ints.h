// SPDX-License-Identifier: Apache-2.0
// Integer arithmetic that every stage needs.
#pragma once

#include <cstdint>

namespace ecoflow {

// a / b, rounded up; a >= 0, b > 0.
constexpr int64_t CeilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

}  // namespace ecoflow
