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
  std::vector<std::string> kinds;  // kinds.h
  std::string error;               // why it cannot run, in a line; then there are no numbers
  int64_t macs = 0;  // useful ones
  int64_t cycles = 0, roofline_cycles = 0;
  int64_t estimate = 0;            // cycles by the mapping's own estimate; 0: it has none
  double seconds = 0;              // processor time to choose the mapping, without baselines
  int64_t issued_macs = 0;
  int64_t wide_words = 0, narrow_words = 0, gon_words = 0, local_words = 0;
  // What the layer is bound by: the resource with the highest share of its cycles in use.
  std::string bound_by;
  double bound_share = 0;
  // Cycles of the baselines; 0 when the array cannot run the layer so.
  int64_t row_stationary = 0, lowered = 0, ganax = 0;
  double row_stationary_share = 0;  // issued MACs of all PE-cycles of the baseline
  std::vector<double> pe_share;    // issued MACs of each PE over the cycles, row-major

  double Utilization(int pes) const { return Share(macs, cycles * pes); }
  double RooflineFraction() const { return Share(roofline_cycles, cycles); }
  bool HasEstimate() const { return estimate > 0 && cycles > 0; }
  double EstimateError() const { return HasEstimate() ? Share(estimate, cycles) - 1 : 0; }
  static double Share(int64_t part, int64_t whole) {
    return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
  }
};

struct NetworkReport {
  std::string network, dataflow;
  HwConfig config;
  int batch = 0;  // that overrides the layers'; 0: none does
  bool baselines = true;
  std::vector<ReportRow> rows;

  std::size_t Failed() const;  // rows that cannot run
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
};

// A network to report on, with its batch already in the layers.
struct ReportRequest {
  std::string network;
  std::vector<Layer> layers;
  HwConfig config;
  ReportOptions options;
  int batch = 0;  // for the reader of the report: what was overridden
};

// Told as each row begins: how many are done, of how many, what begins.
using ReportProgress = std::function<void(std::size_t, std::size_t, const std::string&)>;

// The reports, in order, `jobs` rows at a time; but for the seconds they are the same for any number of jobs. A
// row that cannot run says why; fails when a name among the options is unknown. Baselines: `row-stationary`
// padded, on the same array; `lowered` (baselines.h); `ganax`: transposed passes as fast as ecoflow's (it
// removes their zeros, too), all others padded row-stationary (Sec. 6.3.1: it has no dataflow for filter
// gradients).
Result<std::vector<NetworkReport>> ReportNetworks(const std::vector<ReportRequest>& requests, int jobs = 1,
                                                  const ReportProgress& progress = {});

// One network, row by row.
Result<NetworkReport> ReportNetwork(const std::string& network, const std::vector<Layer>& layers,
                                    const HwConfig& config, const ReportOptions& options);

}  // namespace ecoflow
