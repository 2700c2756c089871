// SPDX-License-Identifier: Apache-2.0
// The baselines of a network report that no array here runs, for one layer: what `ecoflow predict
// --dataflow lowered | ganax` says.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "base/result.h"
#include "compiler/layer/layer.h"
#include "gen/config/hw_config.h"

namespace ecoflow {

inline bool IsBaseline(const std::string& dataflow) {
  return dataflow == "lowered" || dataflow == "ganax";
}

// The dataflow of this array whose cycles `ganax` takes: it removes the zeros of transposed passes,
// as ecoflow does; filter gradients and direct passes are padded (Sec. 6.3.1).
const char* GanaxStandIn(Op op, Pass pass);

struct BaselineReport {
  std::string layer, op, pass, dataflow, config;
  int rows = 0, columns = 0, clock_mhz = 0;
  int64_t outputs = 0;
  int64_t cycles = 0;
  int64_t useful_macs = 0, issued_macs = 0, gated_macs = 0;
  int64_t roofline_cycles = 0;
  std::string formula;                   // where the cycles come from
  std::vector<std::string> assumptions;  // one sentence each

  int64_t pe_count() const { return int64_t{rows} * columns; }
  double utilization() const;
  double roofline_fraction() const;
};

// `dataflow`: lowered | ganax. `nonzero_products` of the pass's operands, to count gated MACs. Fails
// when the array cannot run the dataflow that ganax stands for.
Result<BaselineReport> PredictBaseline(const HwConfig& config, const Layer& layer, Pass pass,
                                       const std::string& dataflow, int64_t nonzero_products);

// The fields of `run --json` that have a meaning, `match` null.
nlohmann::ordered_json ToJson(const BaselineReport& report);
std::string ToText(const BaselineReport& report);

}  // namespace ecoflow
