// SPDX-License-Identifier: Apache-2.0
#include "base/numbers.h"

#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/text.h"

namespace ecoflow {
namespace {

std::string ToString(__int128 value) {
  return value > std::numeric_limits<int64_t>::max() ? fmt::format("{}", static_cast<uint64_t>(value))
                                                     : fmt::format("{}", static_cast<int64_t>(value));
}

Error OutOfRange(std::string_view shown, std::string_view file, std::string_view field,
                 const std::string& expected) {
  return BadInput("{}: {}{}{}, expected {}", file, field, field.empty() ? "" : " = ", Shortened(shown),
                  expected);
}

std::string Expected(const IntegerRange& range) {
  if (range.low == range.high) return ToString(range.low);
  return fmt::format("an integer, {}..{}", ToString(range.low), ToString(range.high));
}

}  // namespace

Result<__int128> JsonInteger(const nlohmann::json& value, std::string_view file,
                             std::string_view field, const IntegerRange& range) {
  const __int128 number = value.is_number_unsigned()  ? __int128{value.get<uint64_t>()}
                          : value.is_number_integer() ? __int128{value.get<int64_t>()}
                                                      : range.low - 1;
  if (number < range.low || number > range.high) {
    return OutOfRange(value.dump(), file, field, Expected(range));
  }
  return number;
}

Result<__int128> TextInteger(std::string_view text, std::string_view file, std::string_view field,
                             const IntegerRange& range) {
  const bool negative = text.starts_with('-');
  const char* const begin = text.data() + (negative ? 1 : 0);
  const char* const end = text.data() + text.size();
  uint64_t digits = 0;
  const auto [at, error] = std::from_chars(begin, end, digits);
  const __int128 number = negative ? -__int128{digits} : __int128{digits};
  if (error != std::errc() || at != end || number < range.low || number > range.high) {
    return OutOfRange(text, file, field, Expected(range));
  }
  return number;
}

Result<double> TextReal(std::string_view text, std::string_view file, std::string_view field,
                        double low, double high) {
  double number = 0;
  const auto [at, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || at != text.data() + text.size() || !std::isfinite(number) ||
      number < low || number > high) {
    return OutOfRange(text, file, field, fmt::format("a number, {}..{}", low, high));
  }
  return number;
}

}  // namespace ecoflow
