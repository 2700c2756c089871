// SPDX-License-Identifier: Apache-2.0
// What a run reports: the fields of `run --json`, and the same as a table.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "compiler/compiler.h"
#include "tb/golden/compare.h"
#include "tb/run/run.h"

namespace ecoflow {

struct RunReport {
  std::string layer, op, pass, dataflow, objective, config;
  std::array<int64_t, 4> result_shape{};
  int rows = 0, columns = 0, clock_mhz = 0;
  bool predicted = false;       // by the cycle model, not counted by the RTL
  bool compared = false;        // with the golden model
  Comparison comparison;
  int64_t rounded = 0;          // values of the tensor files that were rounded to bf16
  int64_t outputs = 0;
  int64_t cycles = 0, config_cycles = 0, gon_held_cycles = 0;
  int64_t useful_macs = 0, issued_macs = 0, gated_macs = 0;
  int64_t roofline_cycles = 0;
  int64_t passes = 0;
  std::vector<std::pair<std::string, int64_t>> stall_cycles;  // PE-cycles
  std::vector<std::pair<std::string, int64_t>> words;
  int64_t image_bytes = 0;
  nlohmann::ordered_json mapping;  // as in mapping.json
  double sim_seconds = 0;

  int pe_count() const { return rows * columns; }
  double utilization() const;
  double roofline_fraction() const;
};

RunReport MakeReport(const CompiledLayer& compiled, const RunResult& run, const Comparison& comparison);
// Of counters alone: nothing is compared.
RunReport MakeReport(const CompiledLayer& compiled, const RunResult& run);
nlohmann::ordered_json ToJson(const RunReport& report);
std::string ToText(const RunReport& report);

// How the layer is laid out: a short table.
std::string DescribeMapping(const CompiledLayer& compiled);

}  // namespace ecoflow
