// SPDX-License-Identifier: Apache-2.0
#include "tb/run/report.h"

#include <algorithm>

#include "base/text.h"

namespace ecoflow {
namespace {

double Ratio(int64_t part, int64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

std::string Row(const std::string& name, const std::string& value, const std::string& remark = "") {
  return fmt::format("  {:<22}{:>16}  {}\n", name, value, remark);
}

std::string DescribeComparison(const Comparison& c, int64_t outputs) {
  std::string out;
  if (c.mismatches == 0) {
    out = c.real ? fmt::format("  match: true, all {} outputs within the bound of the golden model{}\n", Thousands(outputs),
                               c.ordered ? ", equal to the sums in order" : "")
                 : fmt::format("  match: true, all {} outputs equal the golden model\n", Thousands(outputs));
  } else {
    out = fmt::format("  match: FALSE, {} of {} outputs differ, the first is element {}\n", Thousands(c.mismatches),
                      Thousands(outputs), c.first_mismatch);
    if (c.order_mismatches != 0) out += fmt::format("    {} not the sums in order\n", Thousands(c.order_mismatches));
  }
  if (c.real) {
    out += fmt::format("  largest error: {:.3g} of its bound, {:.3g} ulp\n", c.worst_share, c.worst_ulp);
    if (c.overflowed != 0) out += fmt::format("  {} outputs overflow\n", Thousands(c.overflowed));
    if (c.inserted_nan != 0) {
      out += fmt::format("  {} outputs are NaN: operands that are not finite times inserted zeros\n", Thousands(c.inserted_nan));
    }
  }
  return out;
}

}  // namespace

double RunReport::utilization() const { return Ratio(useful_macs, cycles * pe_count()); }
double RunReport::roofline_fraction() const {
  return useful_macs == 0 ? 0 : Ratio(roofline_cycles, cycles);
}

RunReport MakeReport(const CompiledLayer& compiled, const RunResult& run, const Comparison& comparison) {
  RunReport r = MakeReport(compiled, run);
  r.compared = true;
  r.comparison = comparison;
  return r;
}

RunReport MakeReport(const CompiledLayer& compiled, const RunResult& run) {
  RunReport r;
  r.layer = compiled.layer.name;
  r.op = ToString(compiled.layer.op);
  r.pass = ToString(compiled.pass);
  r.dataflow = compiled.dataflow;
  r.objective = compiled.objective;
  r.config = compiled.config.name;
  r.result_shape = ResultShape(compiled.layer, compiled.pass);
  r.rows = compiled.config.rows;
  r.columns = compiled.config.columns;
  r.clock_mhz = compiled.config.clock_mhz;
  r.outputs = r.result_shape[0] * r.result_shape[1] * r.result_shape[2] * r.result_shape[3];
  r.cycles = run.cycles;
  r.config_cycles = run.config_cycles;
  r.gon_held_cycles = run.gon_held_cycles;
  r.useful_macs = compiled.useful_macs;
  r.issued_macs = run.Sum(kCntIssued);
  r.gated_macs = run.Sum(kCntGated);
  r.roofline_cycles = RooflineCycles(compiled);
  r.passes = compiled.schedule.num_passes;
  for (std::size_t k = kCntIdle; k <= kCntAdder; ++k) {
    r.stall_cycles.emplace_back(kPeCounters[k], run.Sum(k));
  }
  r.words = {{"gin_wide", run.wide_words},
             {"gin_narrow", run.narrow_words},
             {"gon", run.gon_words},
             {"local", run.Sum(kCntLocalWords)},
             {"output", run.output_words},
             {"partial", run.gon_words - run.output_words}};
  r.image_bytes = ImageBytes(compiled.schedule);
  r.mapping = compiled.mapping;
  r.sim_seconds = run.seconds;
  return r;
}

nlohmann::ordered_json ToJson(const RunReport& r) {
  nlohmann::ordered_json j;
  j["layer"] = r.layer;
  j["op"] = r.op;
  j["pass"] = r.pass;
  j["dataflow"] = r.dataflow;
  j["objective"] = r.objective;
  j["config"] = r.config;
  j["match"] = r.compared ? nlohmann::ordered_json(r.comparison.mismatches == 0) : nullptr;
  j["mismatches"] = r.compared ? nlohmann::ordered_json(r.comparison.mismatches) : nullptr;
  if (r.rounded != 0) j["rounded"] = r.rounded;
  if (r.comparison.real) {
    j["worst_error_of_bound"] = r.comparison.worst_share;
    j["worst_error_ulp"] = r.comparison.worst_ulp;
    j["overflowed"] = r.comparison.overflowed;
    j["inserted_nan"] = r.comparison.inserted_nan;
  }
  j["outputs"] = r.outputs;
  j["cycles"] = r.cycles;
  j["config_cycles"] = r.config_cycles;
  j["gon_held_cycles"] = r.gon_held_cycles;
  j["useful_macs"] = r.useful_macs;
  j["issued_macs"] = r.issued_macs;
  j["gated_macs"] = r.gated_macs;
  j["pe_count"] = r.pe_count();
  j["utilization"] = r.utilization();
  j["roofline_cycles"] = r.roofline_cycles;
  j["roofline_fraction"] = r.roofline_fraction();
  j["passes"] = r.passes;
  for (const auto& [cause, count] : r.stall_cycles) j["stall_cycles"][cause] = count;
  for (const auto& [network, count] : r.words) j["words"][network] = count;
  j["image_bytes"] = r.image_bytes;
  j["mapping"] = r.mapping;
  j["sim_seconds"] = r.sim_seconds;
  j["sim_khz"] = r.sim_seconds == 0 ? 0 : static_cast<double>(r.cycles) / r.sim_seconds / 1e3;
  return j;
}

std::string ToText(const RunReport& r) {
  static const std::vector<std::pair<std::string, const char*>> kMeaning = {
      {"idle", "no pass to run: start, end, between passes"},
      {"ifmap", "waiting for a word of the ifmap file"},
      {"filter", "waiting for a word of the filter file"},
      {"stream", "waiting for a streamed word"},
      {"psum", "waiting for a psum from below"},
      {"local", "waiting for room in the PE above"},
      {"output", "waiting for the output network"},
      {"masked", "slots at borders, without a product"},
      {"adder", "waiting for the adder"},
      {"gin_wide", "16-bit words, a multicast counts once"},
      {"gin_narrow", "16-bit words, a multicast counts once"},
      {"gon", "32-bit words from the PEs"},
      {"local_words", ""},
      {"output_words", ""},
      {"partial", "of these, kept in the accumulator for later"}};
  const auto meaning = [&](const std::string& name) {
    for (const auto& [key, text] : kMeaning) {
      if (key == name) return std::string(text);
    }
    return std::string();
  };
  const auto percent = [](double share) { return fmt::format("{:.1f} %", 100 * share); };
  std::string out = fmt::format("{} {} of {}, {} dataflow, on {} ({} x {} PEs)\n", r.op, r.pass,
                                Printable(r.layer), r.dataflow, r.config, r.rows, r.columns);
  if (r.predicted) {
    out += fmt::format("  predicted by the cycle model, {}\n",
                       r.compared ? "results computed from images and descriptors"
                                  : "no result is computed (--results)");
  }
  if (r.rounded != 0) out += fmt::format("  {} values of the tensors were rounded to bf16\n", Thousands(r.rounded));
  if (r.compared) out += DescribeComparison(r.comparison, r.outputs);
  out += "\n" + Row("cycles", Thousands(r.cycles),
                    fmt::format("{:.3f} ms at {} MHz",
                                static_cast<double>(r.cycles) / r.clock_mhz / 1e3, r.clock_mhz));
  out += Row("config cycles", Thousands(r.config_cycles), "of these, with a configuration word");
  out += Row("passes", Thousands(r.passes));
  out += Row("useful MACs", Thousands(r.useful_macs));
  out += Row("issued MACs", Thousands(r.issued_macs),
             r.issued_macs == r.useful_macs ? "equal: no padding is multiplied" : "NOT equal to useful");
  out += Row("gated MACs", Thousands(r.gated_macs), "issued with a zero operand");
  out += Row("utilization", percent(r.utilization()));
  out += Row("roofline", Thousands(r.roofline_cycles), "cycles");
  out += Row("roofline fraction", fmt::format("{:.3f}", r.roofline_fraction()));
  out += "\n  PE-cycles without a MAC\n";
  for (const auto& [cause, count] : r.stall_cycles) {
    if (count == 0) continue;
    out += fmt::format("    {:<20}{:>16}  {:>6}  {}\n", cause, Thousands(count),
                       percent(Ratio(count, r.cycles * r.pe_count())), meaning(cause));
  }
  out += "\n  words\n";
  for (const auto& [network, count] : r.words) {
    const std::string text = network == "local"    ? "psums up the columns"
                             : network == "output" ? "results"
                                                   : meaning(network);
    out += fmt::format("    {:<20}{:>16}  {}\n", network, Thousands(count), text);
  }
  out += "\n" + Row("image", Thousands(r.image_bytes), "bytes, stream descriptors included");
  out += Row("simulation", fmt::format("{:.1f} s", r.sim_seconds),
             fmt::format("{:.1f} kHz", r.sim_seconds == 0 ? 0.0
                                                          : static_cast<double>(r.cycles) /
                                                                r.sim_seconds / 1e3));
  return out;
}

namespace {

std::string Plain(const nlohmann::ordered_json& value) {
  if (value.is_number_float()) return fmt::format("{:.0f}", value.get<double>());
  return value.is_string() ? value.get<std::string>() : value.dump();
}

// A line for each of several objects with the same keys.
std::string Table(const std::string& title, const nlohmann::ordered_json& rows) {
  std::string head = fmt::format("  {:<18}", title), body;
  for (const auto& [key, unused] : rows[0].items()) head += fmt::format("{:>14}", key);
  for (std::size_t k = 0; k < rows.size(); ++k) {
    body += fmt::format("  {:<18}", fmt::format("  {}", k + 1));
    for (const auto& [unused, value] : rows[k].items()) body += fmt::format("{:>14}", Plain(value));
    body += "\n";
  }
  return head + "\n" + body;
}

}  // namespace

std::string DescribeMapping(const CompiledLayer& compiled) {
  std::string out = fmt::format("{} {} of {}, {} dataflow, on {}\n", ToString(compiled.layer.op),
                                ToString(compiled.pass), Printable(compiled.layer.name), compiled.dataflow,
                                compiled.config.name);
  for (const auto& [key, value] : compiled.mapping.items()) {
    const bool rows = value.is_array() && !value.empty() && value[0].is_object();
    out += rows ? Table(key, value) : fmt::format("  {:<18}{:>14}\n", key, Plain(value));
  }
  out += fmt::format("  {:<18}{:>14}  bytes\n", "image", ImageBytes(compiled.schedule));
  return out;
}

}  // namespace ecoflow
