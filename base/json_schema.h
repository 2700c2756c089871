// SPDX-License-Identifier: Apache-2.0
// JSON with a JSON Schema behind it: one message that names file, field, value and range.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "base/result.h"

namespace ecoflow {

// Parses `text`; `name` stands for the file in messages.
Result<nlohmann::json> ParseJson(const std::string& text, const std::string& name);

// Checks `document` against the schema file `schema` (relative to SourceRoot()). The message of a
// failure is `name: field = value, expected ...`.
Status CheckSchema(const nlohmann::json& document, const std::string& name,
                   const std::filesystem::path& schema);

// Adds the keys of `document` that are missing and have a default in the schema.
Status FillDefaults(nlohmann::json& document, const std::filesystem::path& schema);

}  // namespace ecoflow
