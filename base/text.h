// SPDX-License-Identifier: Apache-2.0
// Text as people and other programs read it.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace ecoflow {

// 12345678 -> 12,345,678
inline std::string Thousands(int64_t value) {
  std::string digits = fmt::format("{}", value);
  for (int at = static_cast<int>(digits.size()) - 3; at > (value < 0 ? 1 : 0); at -= 3) {
    digits.insert(static_cast<std::size_t>(at), ",");
  }
  return digits;
}

// At most 60 bytes of a text that may be long, for messages.
std::string Shortened(std::string_view text);

// The same when it is valid UTF-8; what is not becomes U+FFFD.
std::string ToUtf8(std::string_view text);

// Valid UTF-8 without control characters: a tab as \t, an escape as \x1b. For lines and terminals.
std::string Printable(std::string_view text);

// A field of a comma-separated line (RFC 4180): in quotes where it must be.
std::string CsvField(std::string_view text);

// Text in an HTML element or a quoted attribute. Characters that HTML cannot hold become U+FFFD.
std::string HtmlText(std::string_view text);

}  // namespace ecoflow
