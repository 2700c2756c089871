// SPDX-License-Identifier: Apache-2.0
#include "report/baseline_report.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/text.h"
#include "choose/choose.h"
#include "compiler/compiler.h"
#include "compiler/dataflow/direct.h"
#include "report/baselines.h"

namespace ecoflow {
namespace {

double Ratio(int64_t part, int64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

// Of the pass alone, whatever the dataflow.
int64_t PassRoofline(const HwConfig& config, const DirectProblem& padded) {
  CompiledLayer pass;
  pass.config = config;
  const UsefulElements useful = CountUseful(padded);
  pass.useful_macs = UsefulMacs(padded);
  pass.input_words = useful.errors + useful.filters;
  pass.output_words = useful.results;
  return RooflineCycles(pass);
}

void FillLowered(BaselineReport& r, const DirectProblem& padded, const HwConfig& hw) {
  const LoweredCycles lowered = Lowered(padded, hw);
  r.cycles = lowered.cycles();
  r.issued_macs = PaddedMacs(padded);
  r.formula = fmt::format("lowered: max(systolic array {}, words over the buses {})",
                          Thousands(lowered.systolic), Thousands(lowered.bandwidth));
  r.assumptions = {
      "im2col of the padded pass: inserted and border zeros are multiplied",
      fmt::format("output-stationary systolic array of {} x {}, a fold of results after the other: "
                  "2 rows + columns + depth - 2 cycles each (SCALE-Sim)", hw.rows, hw.columns),
      fmt::format("no faster than its words over the {} lanes of the input buses",
                  hw.wide_lanes() + hw.narrow_lanes()),
      "im2col, results on their way out and configuration cost nothing"};
}

Status FillGanax(BaselineReport& r, const HwConfig& hw, const Layer& layer, Pass pass) {
  const std::string stand_in = GanaxStandIn(layer.op, pass);
  ECO_ASSIGN(const ChosenLayer chosen, Choose(hw, layer, pass, stand_in));
  r.cycles = chosen.counts.cycles;
  for (const auto& pe : chosen.counts.pe) r.issued_macs += pe[kCntIssued];
  r.formula = fmt::format("ganax: the cycles of {} on this array, by the cycle model", stand_in);
  r.assumptions = {
      "transposed passes: no zero is multiplied, as fast as ecoflow's",
      "filter gradients and direct passes: it has no dataflow for them, padded row-stationary"};
  return {};
}

}  // namespace

const char* GanaxStandIn(Op op, Pass pass) {
  return IsTransposed(op, pass) ? "ecoflow" : "row-stationary";
}

double BaselineReport::utilization() const { return Ratio(useful_macs, cycles * pe_count()); }
double BaselineReport::roofline_fraction() const {
  return useful_macs == 0 ? 0 : Ratio(roofline_cycles, cycles);
}

Result<BaselineReport> PredictBaseline(const HwConfig& hw, const Layer& layer, Pass pass,
                                       const std::string& dataflow, int64_t nonzero_products) {
  CHECK(IsBaseline(dataflow));
  const DirectProblem padded = MakePaddedProblem(layer, pass);
  BaselineReport r;
  r.layer = layer.name;
  r.op = ToString(layer.op);
  r.pass = ToString(pass);
  r.dataflow = dataflow;
  r.config = hw.name;
  r.rows = hw.rows;
  r.columns = hw.columns;
  r.clock_mhz = hw.clock_mhz;
  const auto shape = ResultShape(layer, pass);
  r.outputs = shape[0] * shape[1] * shape[2] * shape[3];
  r.useful_macs = UsefulMacs(padded);
  r.roofline_cycles = PassRoofline(hw, padded);
  if (dataflow == "lowered") {
    FillLowered(r, padded, hw);
  } else {
    ECO_RETURN_IF_ERROR(FillGanax(r, hw, layer, pass));
  }
  r.gated_macs = r.issued_macs - nonzero_products;
  return r;
}

nlohmann::ordered_json ToJson(const BaselineReport& r) {
  nlohmann::ordered_json j;
  j["layer"] = r.layer;
  j["op"] = r.op;
  j["pass"] = r.pass;
  j["dataflow"] = r.dataflow;
  j["config"] = r.config;
  j["match"] = nullptr;
  j["mismatches"] = nullptr;
  j["outputs"] = r.outputs;
  j["cycles"] = r.cycles;
  j["useful_macs"] = r.useful_macs;
  j["issued_macs"] = r.issued_macs;
  j["gated_macs"] = r.gated_macs;
  j["pe_count"] = r.pe_count();
  j["utilization"] = r.utilization();
  j["roofline_cycles"] = r.roofline_cycles;
  j["roofline_fraction"] = r.roofline_fraction();
  j["formula"] = r.formula;
  j["assumptions"] = r.assumptions;
  return j;
}

std::string ToText(const BaselineReport& r) {
  std::string out = fmt::format("{} {} of {}, {} baseline, on {} ({} x {} PEs)\n", r.op, r.pass,
                                Printable(r.layer), r.dataflow, r.config, r.rows, r.columns);
  out += "  a formula, not a run: no such array is simulated, no result is computed\n\n";
  const auto row = [&](const char* name, const std::string& value, const std::string& remark) {
    out += fmt::format("  {:<22}{:>16}  {}\n", name, value, remark);
  };
  row("cycles", Thousands(r.cycles),
      fmt::format("{:.3f} ms at {} MHz", static_cast<double>(r.cycles) / r.clock_mhz / 1e3, r.clock_mhz));
  row("useful MACs", Thousands(r.useful_macs), "");
  row("issued MACs", Thousands(r.issued_macs), "");
  row("gated MACs", Thousands(r.gated_macs), "issued with a zero operand");
  row("utilization", fmt::format("{:.1f} %", 100 * r.utilization()), "");
  row("roofline", Thousands(r.roofline_cycles), "cycles");
  row("roofline fraction", fmt::format("{:.3f}", r.roofline_fraction()), "");
  out += fmt::format("\n  {}\n", r.formula);
  for (const std::string& assumption : r.assumptions) out += fmt::format("  - {}\n", assumption);
  return out;
}

}  // namespace ecoflow
