// SPDX-License-Identifier: Apache-2.0
#include "base/json_fields.h"

#include "base/text.h"

namespace ecoflow {

std::string JsonPlace::Field() const {
  if (above_ == nullptr) return "";
  const std::string above = above_->Field();
  if (key_ == nullptr) return fmt::format("{}[{}]", above, index_);
  return above + (above.empty() ? "" : ".") + key_;
}

Error JsonPlace::Wrong(std::string_view expected) const {
  const std::string field = Field();
  return BadInput("{}: {}{}{}, expected {}", file_, field, field.empty() ? "" : " = ",
                  Shortened(value_.dump()), expected);
}

Status JsonPlace::HasItems(std::size_t count) const {
  if (value_.is_array() && value_.size() == count) return {};
  return Wrong(fmt::format("an array of {}", count));
}

Status Read(const JsonPlace& at, std::string& out) {
  if (!at.value().is_string()) return at.Wrong("text");
  out = at.value().get<std::string>();
  return {};
}

}  // namespace ecoflow
