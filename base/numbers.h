// SPDX-License-Identifier: Apache-2.0
// The one way from what a file holds to a number: whole text, no other type, within a range. The
// message of a failure is `file: field = value, expected range`.
#pragma once

#include <cstdint>
#include <limits>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "base/result.h"

namespace ecoflow {

// What an integer may be; the ends belong to it. Between them every int64 and uint64 fits.
struct IntegerRange {
  __int128 low;
  __int128 high;
};
template <typename T>
constexpr IntegerRange RangeOf() {
  return {std::numeric_limits<T>::min(), std::numeric_limits<T>::max()};
}

// A JSON number without fraction or exponent (5e1 and 50.0 are none). `file` and `field` are for
// the message.
Result<__int128> JsonInteger(const nlohmann::json& value, std::string_view file,
                             std::string_view field, const IntegerRange& range);

// Decimal digits, perhaps behind a minus, and nothing else.
Result<__int128> TextInteger(std::string_view text, std::string_view file, std::string_view field,
                             const IntegerRange& range);

// A decimal number, perhaps with fraction and exponent; neither infinite nor "nan".
Result<double> TextReal(std::string_view text, std::string_view file, std::string_view field,
                        double low, double high);

}  // namespace ecoflow
