// SPDX-License-Identifier: Apache-2.0
#include "base/json_schema.h"

#include <regex>
#include <set>
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validator.hpp>
#include <vector>

#include "base/files.h"
#include "base/numbers.h"
#include "base/text.h"

namespace ecoflow {
using nlohmann::json;

Result<json> ParseJson(const std::string& text, const std::string& name) {
  // Deeper or longer than any file of ours; checking schema and pattern recurses on both.
  constexpr int kMaxDepth = 64;
  constexpr std::size_t kMaxString = 4096;
  bool too_deep = false, too_long = false;
  // Duplicate keys are an error: which of two values counts is nobody's guess.
  std::vector<std::set<std::string>> keys;
  std::string duplicate;
  const auto watch = [&](int depth, json::parse_event_t event, json& parsed) {
    too_deep |= depth > kMaxDepth;
    if (parsed.is_string()) too_long |= parsed.get_ref<const std::string&>().size() > kMaxString;
    if (event == json::parse_event_t::object_start) keys.emplace_back();
    if (event == json::parse_event_t::object_end) keys.pop_back();
    if (event == json::parse_event_t::key && !keys.back().insert(parsed.get<std::string>()).second) {
      duplicate = parsed.get<std::string>();
    }
    return true;
  };
  try {
    json document = json::parse(text, watch);
    if (too_deep) return BadInput("{}: nested deeper than {} levels", name, kMaxDepth);
    if (too_long) return BadInput("{}: text longer than {} characters", name, kMaxString);
    if (!duplicate.empty()) return BadInput("{}: key \"{}\" stands twice", name, duplicate);
    return document;
  } catch (const json::parse_error& error) {
    std::size_t line = 1;
    for (std::size_t k = 0; k < std::min<std::size_t>(error.byte, text.size()); ++k) {
      line += text[k] == '\n';
    }
    return BadInput("{}: not valid JSON, line {}", name, line);
  } catch (const json::exception&) {  // 1e999
    return BadInput("{}: holds a number that is out of range", name);
  }
}

namespace {

std::string Range(const json& rule) {
  if (rule.contains("enum")) {
    std::string all;
    for (const auto& value : rule["enum"]) all += (all.empty() ? "" : " or ") + value.dump();
    return all;
  }
  const std::string type = rule.value("type", "value");
  if (type == "integer" && rule.contains("multipleOf")) {
    return fmt::format("a multiple of {}, {}..{}", rule["multipleOf"].dump(), rule["minimum"].dump(),
                       rule["maximum"].dump());
  }
  if (type == "integer" && rule.contains("minimum")) {
    return rule.contains("maximum")
               ? fmt::format("{}..{}", rule["minimum"].dump(), rule["maximum"].dump())
               : fmt::format("an integer >= {}", rule["minimum"].dump());
  }
  if (type == "array") {
    return fmt::format("{} values, each {}", rule.value("minItems", 0),
                       Range(rule.value("items", json::object())));
  }
  return rule.contains("pattern") ? "text that matches " + rule["pattern"].get<std::string>()
                                  : (type == "object" ? "an object" : "a " + type);
}

// The message for the deepest place where `value` breaks `rule`; empty when there is none.
std::string Explain(const json& value, const json& rule, const std::string& path) {
  const std::string prefix = path.empty() ? "" : path + ".";
  if (value.is_object() && rule.contains("properties")) {
    const json& properties = rule["properties"];
    for (const auto& [key, unused] : value.items()) {
      if (!properties.contains(key)) {
        std::string known;
        for (const auto& [name, r] : properties.items()) known += (known.empty() ? "" : ", ") + name;
        return fmt::format("unknown key {}{}, expected one of {}", prefix, key, known);
      }
    }
    for (const auto& key : rule.value("required", json::array())) {
      if (!value.contains(key.get<std::string>())) {
        return fmt::format("missing key {}{}", prefix, key.get<std::string>());
      }
    }
    for (const auto& [key, child] : value.items()) {
      if (auto text = Explain(child, properties[key], prefix + key); !text.empty()) return text;
    }
    return "";
  }
  const std::string type = rule.value("type", "");
  const bool is_type = type.empty() || (type == "integer" && value.is_number_integer()) ||
                       (type == "string" && value.is_string()) ||
                       (type == "array" && value.is_array()) || (type == "boolean" && value.is_boolean()) ||
                       (type == "object" && value.is_object());
  bool good = is_type;
  if (good && type == "integer") {
    const IntegerRange range = {rule.value("minimum", std::numeric_limits<int64_t>::min()),
                                rule.value("maximum", std::numeric_limits<int64_t>::max())};
    const auto number = JsonInteger(value, "", "", range);
    good = number.ok() && number.value() % rule.value("multipleOf", int64_t{1}) == 0;
  }
  if (good && type == "array") {
    good = value.size() >= rule.value("minItems", std::size_t{0}) &&
           value.size() <= rule.value("maxItems", value.size());
    for (std::size_t k = 0; good && k < value.size() && rule.contains("items"); ++k) {
      good = Explain(value[k], rule["items"], path).empty();
    }
  }
  if (good && type == "string" && rule.contains("pattern")) {
    good = std::regex_search(value.get<std::string>(), std::regex(rule["pattern"].get<std::string>()));
  }
  if (good && rule.contains("enum")) {
    good = std::find(rule["enum"].begin(), rule["enum"].end(), value) != rule["enum"].end();
  }
  if (good) return "";
  return fmt::format("{}{}, expected {}", path.empty() ? "" : path + " = ", Shortened(value.dump()), Range(rule));
}

void AddMissing(json& document, const json& rules) {
  if (!rules.contains("properties")) return;
  for (const auto& [key, rule] : rules["properties"].items()) {
    if (rule.contains("default") && !document.contains(key)) document[key] = rule["default"];
    if (document.contains(key) && document[key].is_object()) AddMissing(document[key], rule);
  }
}

Result<json> ReadSchema(const std::filesystem::path& schema) {
  const auto text = ReadFile(SourceRoot() / schema);
  if (!text.ok()) return Machinery("{}", text.error().message);
  return json::parse(text.value());
}

}  // namespace

Status FillDefaults(json& document, const std::filesystem::path& schema) {
  ECO_ASSIGN(const json rules, ReadSchema(schema));
  AddMissing(document, rules);
  return {};
}

Status CheckSchema(const json& document, const std::string& name,
                   const std::filesystem::path& schema) {
  ECO_ASSIGN(const json rules, ReadSchema(schema));
  // First in words; numbers that are none, or too large for the validator, go no further.
  if (const std::string why = Explain(document, rules, ""); !why.empty()) {
    return BadInput("{}: {}", name, why);
  }

  valijson::Schema compiled;
  valijson::SchemaParser parser;
  valijson::adapters::NlohmannJsonAdapter rules_adapter(rules);
  parser.populateSchema(rules_adapter, compiled);
  valijson::Validator validator;
  valijson::adapters::NlohmannJsonAdapter target(document);
  valijson::ValidationResults results;
  if (validator.validate(compiled, target, &results)) return {};

  valijson::ValidationResults::Error error;
  results.popError(error);
  return BadInput("{}: {}", name, error.description);
}

}  // namespace ecoflow
