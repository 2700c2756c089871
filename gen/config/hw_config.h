// SPDX-License-Identifier: Apache-2.0
// Hardware configuration: what the generator builds and what the compiler may count on.
#pragma once

#include <filesystem>
#include <string>

#include "base/result.h"
#include "gen/config/limits.h"

namespace ecoflow {

// One field per key of hw_config.schema.json, which holds meaning and range of each.
struct HwConfig {
  std::string name;
  int rows = 0;
  int columns = 0;
  int ids_per_controller = 0;
  int id_bits = 0;
  int gin_wide_bits = 0;
  int gin_narrow_bits = 0;
  int gon_bits = 0;
  int local_bits = 0;
  int ifmap_depth = 0;
  int filter_depth = 0;
  int psum_depth = 0;
  int queue_depth = 0;
  int psum_bits = 0;
  std::string number_format;
  int multiplier_stages = 0;
  int adder_latency = 0;
  int image_store_depth = 0;
  int counter_bits = 0;
  int accumulator_words = 0;
  int clock_mhz = 0;

  int pe_count() const { return rows * columns; }
  int wide_lanes() const { return gin_wide_bits / 16; }      // 16-bit words of a wide beat
  int narrow_lanes() const { return gin_narrow_bits / 16; }  // 16-bit words of a narrow beat
  int gon_lanes() const { return gon_bits / 32; }            // 32-bit words of a GON beat
  int local_lanes() const { return local_bits / 32; }        // psums of a Local beat
  int num_levels() const { return (image_store_depth - 4) / 2; }  // loop levels of a PE
  int slots_per_lane() const { return accumulator_words / gon_lanes(); }
  // Psums that the accumulators hold: words that the lanes cannot share evenly are of no use.
  int64_t accumulator_slots() const { return int64_t{slots_per_lane()} * gon_lanes(); }
  // Cycles of the adder for psums from below at the end of a chain; 0: they join the product. Three integers are
  // added at once, three floating-point numbers one after the other.
  int link_latency() const { return floating_point() ? adder_latency : 0; }
  int accumulator_latency() const { return floating_point() ? adder_latency : 1; }  // cycles of its adder
  bool floating_point() const { return number_format == "bf16"; }
  int num_tags() const { return (1 << id_bits) - 1; }  // tags that a beat may carry
};

// A file, or the name of a shipped configuration (gen/configs).
Result<HwConfig> LoadHwConfig(const std::string& file_or_name);

// Parses and checks; `name` stands for the file in messages.
Result<HwConfig> ParseHwConfig(const std::string& text, const std::string& name);

// The configuration as JSON text, keys in the order of the schema. Parsing it gives it back.
std::string ToJsonText(const HwConfig& config);

}  // namespace ecoflow
