// SPDX-License-Identifier: Apache-2.0
// Roofline fractions, estimates and times of many rows in a few figures.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "report/network_report.h"

namespace ecoflow {

struct PlacedRow {
  const NetworkReport* report;
  const ReportRow* row;
};
// "layer pass", the network before it when `with_network`.
std::string NameOf(const PlacedRow& placed, bool with_network);

// Of rows that have a product; one that cannot run has a fraction of 0, and is left out of mean and sums.
struct RooflineFigures {
  std::size_t rows = 0, failed = 0;
  double mean = 0;  // geometric
  PlacedRow least{};
  std::size_t below_75 = 0, below_50 = 0;  // rows below a fraction of 0.75 and 0.50
  int64_t cycles = 0, roofline_cycles = 0;

  double Share(std::size_t count) const {
    return rows == 0 ? 0 : static_cast<double>(count) / static_cast<double>(rows);
  }
  double CyclesFraction() const { return ReportRow::Share(roofline_cycles, cycles); }
};
RooflineFigures MeasureRoofline(const std::vector<PlacedRow>& rows);

// Of rows that have an estimate; shares of those whose error is within 5, 10, 25 % (both ways).
struct EstimateFigures {
  std::size_t rows = 0;
  double within_5 = 0, within_10 = 0, within_25 = 0;
  PlacedRow lowest{}, highest{};  // the estimates that are most below and above the cycles
};
EstimateFigures MeasureEstimates(const std::vector<PlacedRow>& rows);

struct TimeFigures {
  std::vector<PlacedRow> slowest;  // at most ten
  double median = 0, total = 0;    // seconds
};
TimeFigures MeasureTimes(const std::vector<PlacedRow>& rows);

// The most that the process held so far, in MB (10^6 bytes).
double PeakMegabytes();

struct Summary {
  struct Group {
    std::string network, name;  // of a kind, without network; of a pass
    RooflineFigures figures;
  };
  bool several = false;  // networks: then rows are named with theirs
  RooflineFigures all;
  std::vector<Group> kinds;   // those that have rows
  std::vector<Group> passes;  // of each network
  EstimateFigures estimates;
  TimeFigures times;
  double peak_mb = 0;
};
// Points into the reports.
Summary Summarize(const std::vector<NetworkReport>& reports);

std::vector<PlacedRow> RowsOf(const NetworkReport& report);

std::string ToText(const Summary& summary);
nlohmann::ordered_json ToJson(const Summary& summary);

}  // namespace ecoflow
