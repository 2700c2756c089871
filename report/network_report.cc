// SPDX-License-Identifier: Apache-2.0
#include "report/network_report.h"

#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "choose/choose.h"
#include "compiler/dataflow/direct.h"
#include "report/baseline_report.h"
#include "report/baselines.h"

namespace ecoflow {
namespace {

int64_t Issued(const CycleCounts& counts) {
  int64_t issued = 0;
  for (const auto& pe : counts.pe) issued += pe[kCntIssued];
  return issued;
}

void FindBound(ReportRow& row, const HwConfig& hw) {
  const auto cycles = static_cast<double>(row.cycles);
  const auto used = [&](int64_t count, int64_t a_cycle) {
    return static_cast<double>(count) / (cycles * static_cast<double>(a_cycle));
  };
  const std::pair<const char*, double> resources[] = {
      {"PEs", used(row.issued_macs, hw.pe_count())},
      {"GIN wide", used(row.wide_words, hw.wide_lanes())},
      {"GIN narrow", used(row.narrow_words, hw.narrow_lanes())},
      {"GON", used(row.gon_words, hw.gon_lanes())}};
  const auto* most = std::max_element(std::begin(resources), std::end(resources),
                                      [](const auto& a, const auto& b) { return a.second < b.second; });
  row.bound_by = most->first;
  row.bound_share = most->second;
}

Result<ReportRow> MakeRow(const HwConfig& hw, const Layer& layer, Pass pass,
                          const ReportOptions& options) {
  ECO_ASSIGN(const ChosenLayer p, Choose(hw, layer, pass, options.dataflow, options.objective));
  ReportRow row;
  row.layer = layer.name;
  row.op = ToString(layer.op);
  row.pass = ToString(pass);
  row.family = p.compiled.mapping.at("family");
  row.macs = p.compiled.useful_macs;
  row.cycles = p.counts.cycles;
  row.roofline_cycles = row.macs == 0 ? 0 : RooflineCycles(p.compiled);
  row.issued_macs = Issued(p.counts);
  row.wide_words = p.counts.wide_words;
  row.narrow_words = p.counts.narrow_words;
  row.gon_words = p.counts.gon_words;
  for (const auto& pe : p.counts.pe) {
    row.local_words += pe[kCntLocalWords];
    row.pe_share.push_back(ReportRow::Share(pe[kCntIssued], row.cycles));
  }
  FindBound(row, hw);
  if (!options.baselines) return row;

  row.lowered = Lowered(MakePaddedProblem(layer, pass), hw).cycles();
  if (options.dataflow == "row-stationary" && options.objective == "cycles") {
    row.row_stationary = row.cycles;
    row.row_stationary_share = ReportRow::Share(row.issued_macs, row.cycles * hw.pe_count());
  } else if (const auto rows = Choose(hw, layer, pass, "row-stationary", "cycles"); rows.ok()) {
    row.row_stationary = rows.value().counts.cycles;
    row.row_stationary_share =
        ReportRow::Share(Issued(rows.value().counts), row.row_stationary * hw.pe_count());
  }
  row.ganax = row.row_stationary;
  if (const std::string stand_in = GanaxStandIn(layer.op, pass); stand_in == "ecoflow") {
    if (options.dataflow == stand_in && options.objective == "cycles") {
      row.ganax = row.cycles;
    } else if (const auto zero_free = Choose(hw, layer, pass, stand_in, "cycles"); zero_free.ok()) {
      row.ganax = zero_free.value().counts.cycles;
    }
  }
  return row;
}

}  // namespace

int64_t NetworkReport::TotalCycles() const {
  int64_t total = 0;
  for (const ReportRow& row : rows) total += row.cycles;
  return total;
}

double NetworkReport::MeanRooflineFraction() const {
  double logs = 0;
  int64_t count = 0;
  for (const ReportRow& row : rows) {
    if (row.macs == 0) continue;
    logs += std::log(row.RooflineFraction());
    ++count;
  }
  return count == 0 ? 0 : std::exp(logs / static_cast<double>(count));
}

Result<NetworkReport> ReportNetwork(const std::string& network, const std::vector<Layer>& layers,
                                    const HwConfig& config, const ReportOptions& options) {
  NetworkReport report;
  report.network = network;
  report.dataflow = options.dataflow;
  report.config = config;
  std::size_t number = 0;
  for (const Layer& layer : layers) {
    for (const Pass pass : options.passes) {
      if (options.progress) {
        options.progress(number, layers.size() * options.passes.size(),
                         fmt::format("{} {}", Printable(layer.name), ToString(pass)));
      }
      ++number;
      ECO_ASSIGN(ReportRow row, MakeRow(config, layer, pass, options));
      report.rows.push_back(std::move(row));
    }
  }
  return report;
}

}  // namespace ecoflow
