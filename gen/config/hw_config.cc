// SPDX-License-Identifier: Apache-2.0
#include "gen/config/hw_config.h"

#include <nlohmann/json.hpp>

#include "base/files.h"
#include "base/json_fields.h"
#include "base/json_schema.h"

namespace ecoflow {
namespace fs = std::filesystem;
using nlohmann::json;
using nlohmann::ordered_json;

namespace {

constexpr const char* kSchema = "gen/config/hw_config.schema.json";

// Visits every field with its place in the JSON; the one list that reader and writer share.
template <typename Config, typename Visitor>
void VisitFields(Config& c, Visitor visit) {
  visit("", "name", c.name);
  visit("array", "rows", c.rows);
  visit("array", "columns", c.columns);
  visit("network", "ids_per_controller", c.ids_per_controller);
  visit("network", "id_bits", c.id_bits);
  visit("network", "gin_wide_bits", c.gin_wide_bits);
  visit("network", "gin_narrow_bits", c.gin_narrow_bits);
  visit("network", "gon_bits", c.gon_bits);
  visit("network", "local_bits", c.local_bits);
  visit("pe", "ifmap_depth", c.ifmap_depth);
  visit("pe", "filter_depth", c.filter_depth);
  visit("pe", "psum_depth", c.psum_depth);
  visit("pe", "queue_depth", c.queue_depth);
  visit("pe", "psum_bits", c.psum_bits);
  visit("pe", "number_format", c.number_format);
  visit("pe", "multiplier_stages", c.multiplier_stages);
  visit("pe", "adder_latency", c.adder_latency);
  visit("pe", "image_store_depth", c.image_store_depth);
  visit("pe", "counter_bits", c.counter_bits);
  visit("", "accumulator_words", c.accumulator_words);
  visit("", "clock_mhz", c.clock_mhz);
}

}  // namespace

Result<HwConfig> ParseHwConfig(const std::string& text, const std::string& name) {
  ECO_ASSIGN(nlohmann::json document, ParseJson(text, name));
  ECO_RETURN_IF_ERROR(CheckSchema(document, name, kSchema));
  ECO_RETURN_IF_ERROR(FillDefaults(document, kSchema));
  HwConfig config;
  Status read;
  VisitFields(config, [&](const char* group, const char* key, auto& field) {
    if (!read.ok()) return;
    const JsonPlace all(document, name);
    read = *group == '\0' ? all.Get(key, field) : all.Member(group).Get(key, field);
  });
  ECO_RETURN_IF_ERROR(read);
  if (config.queue_depth < config.wide_lanes() || config.queue_depth < config.narrow_lanes()) {
    return BadInput("{}: pe.queue_depth = {}, expected at least the {} words of a GIN beat", name,
                    config.queue_depth, std::max(config.wide_lanes(), config.narrow_lanes()));
  }
  if (config.accumulator_words < 2 * config.gon_lanes()) {
    return BadInput("{}: accumulator_words = {}, expected at least {}, two for each GON lane", name,
                    config.accumulator_words, 2 * config.gon_lanes());
  }
  // Every row and every column must be reachable on its own, whatever the dataflow.
  if (config.num_tags() < std::max(config.rows, config.columns) + config.ids_per_controller) {
    return BadInput("{}: network.id_bits = {}, expected enough for {} tags (rows or columns + IDs)",
                    name, config.id_bits,
                    std::max(config.rows, config.columns) + config.ids_per_controller);
  }
  return config;
}

Result<HwConfig> LoadHwConfig(const std::string& file_or_name) {
  fs::path path = file_or_name;
  std::error_code ec;
  if (!fs::exists(path, ec) && file_or_name.find('/') == std::string::npos) {
    const fs::path shipped = SourceRoot() / "gen/configs" / (file_or_name + ".json");
    if (fs::exists(shipped, ec)) {
      path = shipped;
    } else {
      std::string names;
      for (const auto& entry : fs::directory_iterator(SourceRoot() / "gen/configs", ec)) {
        names += (names.empty() ? "" : ", ") + entry.path().stem().string();
      }
      return BadInput("--config {}: no such file, nor one of the shipped {}", file_or_name, names);
    }
  }
  ECO_ASSIGN(const std::string text, ReadFile(path));
  return ParseHwConfig(text, path.filename().string());
}

std::string ToJsonText(const HwConfig& config) {
  ordered_json document;
  VisitFields(config, [&](const char* group, const char* key, const auto& field) {
    if (*group == '\0') {
      document[key] = field;
    } else {
      document[group][key] = field;
    }
  });
  return document.dump(2) + "\n";
}

}  // namespace ecoflow
