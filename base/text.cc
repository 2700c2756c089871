// SPDX-License-Identifier: Apache-2.0
#include "base/text.h"

#include <nlohmann/json.hpp>

namespace ecoflow {
namespace {

constexpr const char* kReplacement = "\xEF\xBF\xBD";  // U+FFFD

// Bytes of the control character at `at` of valid UTF-8: U+0000..1F, 7F, or two for U+0080..9F.
std::size_t ControlBytes(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t k) { return static_cast<unsigned char>(text[k]); };
  if (byte(at) < 0x20 || byte(at) == 0x7f) return 1;
  return byte(at) == 0xc2 && byte(at + 1) < 0xa0 ? 2 : 0;
}

}  // namespace

std::string Shortened(std::string_view text) {
  if (text.size() <= 60) return std::string(text);
  std::size_t end = 57;
  while (end > 53 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;  // not within a character
  return std::string(text.substr(0, end)) + "...";
}

std::string ToUtf8(std::string_view text) {
  using nlohmann::json;
  const std::string quoted = json(text).dump(-1, ' ', false, json::error_handler_t::replace);
  return json::parse(quoted).get<std::string>();
}

std::string Printable(std::string_view text) {
  const std::string valid = ToUtf8(text);
  std::string out;
  for (std::size_t at = 0; at < valid.size(); ++at) {
    const std::size_t bytes = ControlBytes(valid, at);
    if (bytes == 0) {
      out += valid[at];
      continue;
    }
    at += bytes - 1;
    const auto code = static_cast<unsigned char>(valid[at]);
    out += code == '\n' ? "\\n" : code == '\t' ? "\\t" : fmt::format("\\x{:02x}", code);
  }
  return out;
}

std::string CsvField(std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) return std::string(text);
  std::string out = "\"";
  for (const char c : text) out += c == '"' ? "\"\"" : std::string(1, c);
  return out + "\"";
}

std::string HtmlText(std::string_view text) {
  const std::string valid = ToUtf8(text);
  std::string out;
  for (std::size_t at = 0; at < valid.size(); ++at) {
    const char c = valid[at];
    if (const std::size_t bytes = ControlBytes(valid, at); bytes > 0 && c != '\n' && c != '\t') {
      out += kReplacement;
      at += bytes - 1;
      continue;
    }
    out += c == '&'    ? "&amp;"
           : c == '<'  ? "&lt;"
           : c == '>'  ? "&gt;"
           : c == '"'  ? "&quot;"
           : c == '\'' ? "&#39;"
                       : std::string(1, c);
  }
  return out;
}

}  // namespace ecoflow
