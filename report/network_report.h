// SPDX-License-Identifier: Apache-2.0
// A whole network, layer by layer and pass by pass, by the exact cycle model.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "compiler/layer/layer.h"
#include "gen/config/hw_config.h"

namespace ecoflow {

// One layer and pass.
struct ReportRow {
  std::string layer, op, pass, family;
  int64_t macs = 0;  // useful ones
  int64_t cycles = 0, roofline_cycles = 0;
  int64_t issued_macs = 0;
  int64_t wide_words = 0, narrow_words = 0, gon_words = 0, local_words = 0;
  // What the layer is bound by: the resource with the highest share of its cycles in use.
  std::string bound_by;
  double bound_share = 0;
  // Cycles of the baselines; 0 when the array cannot run the layer so.
  int64_t row_stationary = 0, lowered = 0, ganax = 0;
  double row_stationary_share = 0;        // issued MACs of all PE-cycles of the baseline
  std::vector<double> pe_share;           // issued MACs of each PE over the cycles, row-major

  double Utilization(int pes) const { return Share(macs, cycles * pes); }
  double RooflineFraction() const { return Share(roofline_cycles, cycles); }
  static double Share(int64_t part, int64_t whole) {
    return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
  }
};

struct NetworkReport {
  std::string network, dataflow;
  HwConfig config;
  std::vector<ReportRow> rows;

  int64_t TotalCycles() const;
  double Milliseconds(int64_t cycles) const {
    return static_cast<double>(cycles) / config.clock_mhz / 1e3;
  }
  double MeanRooflineFraction() const;  // geometric, of rows with a product
};

struct ReportOptions {
  std::vector<Pass> passes;
  std::string dataflow = "auto";
  std::string objective = "cycles";
  bool baselines = true;
  // Told before each row: its number, of how many, what it is.
  std::function<void(std::size_t, std::size_t, const std::string&)> progress;
};

// Baselines: `row-stationary` padded, on the same array; `lowered` (baselines.h); `ganax`: transposed
// passes as fast as ecoflow's (it removes their zeros, too), all others padded row-stationary
// (Sec. 6.3.1: it has no dataflow for filter gradients).
Result<NetworkReport> ReportNetwork(const std::string& network, const std::vector<Layer>& layers,
                                    const HwConfig& config, const ReportOptions& options);

}  // namespace ecoflow
