// SPDX-License-Identifier: Apache-2.0
// Typed variables out of a JSON document. Numbers go through base/numbers.h; what is missing or of
// another type is an error that names file and field.
#pragma once

#include <array>
#include <concepts>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/numbers.h"
#include "base/result.h"

namespace ecoflow {

// A value and where it stands: schedule.wide[0].address. The places above it must outlive it.
class JsonPlace {
 public:
  // The document itself.
  JsonPlace(const nlohmann::json& value, std::string_view file) : value_(value), file_(file) {}

  const nlohmann::json& value() const { return value_; }
  std::string_view file() const { return file_; }
  std::string Field() const;
  // `file: field = value, expected ...`
  Error Wrong(std::string_view expected) const;

  // Reads the member `key` of an object with Read(place, out, allowed...), found by its argument
  // types: those below, and one beside each type of its own.
  template <typename T, typename... Allowed>
  Status Get(const char* key, T& out, const Allowed&... allowed) const {
    if (!value_.is_object()) return Wrong("an object");
    const auto at = value_.find(key);
    if (at == value_.end()) {
      const std::string above = Field();
      return BadInput("{}: missing key {}{}{}", file_, above, above.empty() ? "" : ".", key);
    }
    return Read(JsonPlace(*at, *this, key, 0), out, allowed...);
  }
  // The same; without such a member `out` stays as it is.
  template <typename T, typename... Allowed>
  Status GetIfAny(const char* key, T& out, const Allowed&... allowed) const {
    if (!value_.is_object()) return Wrong("an object");
    return value_.contains(key) ? Get(key, out, allowed...) : Status();
  }
  // The member `key` of an object that has it.
  JsonPlace Member(const char* key) const { return JsonPlace(value_.at(key), *this, key, 0); }
  // Element `index` of an array that has it.
  JsonPlace Item(std::size_t index) const { return JsonPlace(value_[index], *this, nullptr, index); }
  // Whether this is an array of so many elements.
  Status HasItems(std::size_t count) const;

 private:
  JsonPlace(const nlohmann::json& value, const JsonPlace& above, const char* key, std::size_t index)
      : value_(value), file_(above.file_), above_(&above), key_(key), index_(index) {}

  const nlohmann::json& value_;
  std::string_view file_;
  const JsonPlace* above_ = nullptr;
  const char* key_ = nullptr;  // in the object above; nullptr: element index_ of the array above
  std::size_t index_ = 0;
};

Status Read(const JsonPlace& at, std::string& out);

template <std::integral T>
Status Read(const JsonPlace& at, T& out, const IntegerRange& allowed = RangeOf<T>()) {
  // The name of the place is put together only for a message.
  auto number = JsonInteger(at.value(), "", "", allowed);
  if (!number.ok()) return JsonInteger(at.value(), at.file(), at.Field(), allowed).error();
  out = static_cast<T>(number.value());
  return {};
}

template <typename T, typename... Allowed>
Status Read(const JsonPlace& at, std::vector<T>& out, const Allowed&... allowed) {
  if (!at.value().is_array()) return at.Wrong("an array");
  out.assign(at.value().size(), T());
  for (std::size_t k = 0; k < out.size(); ++k) {
    ECO_RETURN_IF_ERROR(Read(at.Item(k), out[k], allowed...));
  }
  return {};
}

template <typename T, std::size_t N, typename... Allowed>
Status Read(const JsonPlace& at, std::array<T, N>& out, const Allowed&... allowed) {
  ECO_RETURN_IF_ERROR(at.HasItems(N));
  for (std::size_t k = 0; k < N; ++k) ECO_RETURN_IF_ERROR(Read(at.Item(k), out[k], allowed...));
  return {};
}

}  // namespace ecoflow
