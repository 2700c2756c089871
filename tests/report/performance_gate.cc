// SPDX-License-Identifier: Apache-2.0
// Cycles of every row of the paper's Tables 5 and 7 (three passes, batch 4, by the exact cycle model) against
// a table that is kept: exit status 1 when a row became slower than allowed, or when a roofline fraction
// misses its target. Nothing is timed; the result is the same on every machine.
//
// usage: performance_gate [--table F] [--config C]... [--dataflow D] [--every N] [--update]
#include <CLI/CLI.hpp>
#include <cmath>
#include <future>
#include <nlohmann/json.hpp>

#include "base/files.h"
#include "base/json_schema.h"
#include "base/text.h"
#include "report/network_report.h"

namespace ecoflow {
namespace {
using nlohmann::ordered_json;

constexpr int kBatch = 4;
// A mapping that loses more has lost something; a pass that starts a few cycles later does not.
constexpr double kAllowedSlowdown = 0.03;

// Rows of both tables, one of `every`; they are independent of each other.
Result<std::vector<ReportRow>> RunRows(const HwConfig& config, const std::string& dataflow, int every) {
  std::vector<ReportRow> rows;
  int number = 0;
  for (const char* table : {"paper_table5", "paper_table7"}) {
    const std::string file = fmt::format("{}/workloads/{}.json", ECOFLOW_SOURCE_ROOT, table);
    ECO_ASSIGN(const Workload workload, LoadWorkload(file, kBatch));
    ReportOptions options;
    options.dataflow = dataflow;
    options.baselines = false;
    for (const auto& layer : workload.layers) {
      options.passes.clear();
      for (const Pass pass : {Pass::kForward, Pass::kInputGrad, Pass::kFilterGrad}) {
        if (number++ % every == 0) options.passes.push_back(pass);
      }
      if (options.passes.empty()) continue;
      ECO_ASSIGN(const NetworkReport report, ReportNetwork(table, {layer}, config, options));
      for (const ReportRow& row : report.rows) {
        if (!row.error.empty()) return BadInput("{} {}: {}", row.layer, row.pass, row.error);
      }
      rows.insert(rows.end(), report.rows.begin(), report.rows.end());
    }
  }
  return rows;
}

std::string NameOf(const ReportRow& row) { return row.layer + " " + row.pass; }

// Prints the rows beside `kept` (one dataflow of one configuration of the table); the complaints.
std::vector<std::string> Check(const std::string& config, const std::string& dataflow,
                               const std::vector<ReportRow>& rows, const ordered_json& kept, bool all) {
  std::vector<std::string> complaints;
  const auto missed = kept.value("missed", std::vector<std::string>());
  double logs = 0;
  fmt::print("{} {}\n", config, dataflow);
  for (const ReportRow& row : rows) {
    const double fraction = row.RooflineFraction();
    logs += std::log(fraction);
    const int64_t before = kept["cycles"].value(NameOf(row), int64_t{0});
    const double change = before == 0 ? 0 : 100 * (static_cast<double>(row.cycles) / static_cast<double>(before) - 1);
    fmt::print("  {:<34}{:>8.3f}{:>14}{:>9}  {}\n", NameOf(row), fraction, Thousands(row.cycles),
               before == 0 ? "new" : fmt::format("{:+.2f} %", change), row.family);
    if (before == 0) {
      complaints.push_back(fmt::format("{} {}, {}: not in the table", config, NameOf(row), dataflow));
    } else if (change > 100 * kAllowedSlowdown) {
      complaints.push_back(fmt::format("{} {}, {}: {} cycles before, {} now ({:+.1f} %, allowed {:+.0f} %)", config,
                                       NameOf(row), dataflow, Thousands(before), Thousands(row.cycles), change,
                                       100 * kAllowedSlowdown));
    }
    // A row that is known to miss its target is printed as such; the target stays.
    const double target = kept["targets"].value("each", 0.0);
    const bool misses = fraction < target;
    const bool known = std::find(missed.begin(), missed.end(), NameOf(row)) != missed.end();
    const std::string what = fmt::format("{} {}, {}: {:.3f} of the roofline, target {:.3f}", config,
                                         NameOf(row), dataflow, fraction, target);
    if (misses && known) fmt::print("MISSED, as known: {}\n", what);
    if (misses && !known) complaints.push_back(what);
    if (!misses && known) complaints.push_back(what + ": no longer missed, take it off the list");
  }
  if (!all) return complaints;
  const double mean = std::exp(logs / static_cast<double>(rows.size()));
  const double target = kept["targets"].value("geometric_mean", 0.0);
  fmt::print("  {:<34}{:>8.4f}  target {:.4f}\n", "geometric mean", mean, target);
  if (mean < target) {
    complaints.push_back(fmt::format("{} {}: geometric mean {:.4f}, expected at least {:.4f}", config, dataflow,
                                     mean, target));
  }
  return complaints;
}

int Main(int argc, char** argv) {
  CLI::App app("cycles of the paper's rows against a table that is kept");
  std::string table = std::string(ECOFLOW_SOURCE_ROOT) + "/tests/data/performance.json";
  std::vector<std::string> configs;
  std::string only;
  int every = 1;
  bool update = false;
  app.add_option("--table", table, "cycles and targets");
  app.add_option("--config", configs, "of the table, default all");
  app.add_option("--dataflow", only, "of the table, default all");
  app.add_option("--every", every, "of the rows one of N; the mean is not compared then")->check(CLI::Range(1, 100));
  app.add_flag("--update", update, "write the cycles of this build into the table");
  CLI11_PARSE(app, argc, argv);
  if (update && every > 1) return fmt::print(stderr, "--update: needs all rows, not one of --every {}\n", every), 2;
  const auto text = ReadFile(table);
  if (!text.ok()) return fmt::print(stderr, "{}\n", text.error().message), 2;
  ordered_json kept = ordered_json::parse(text.value());

  for (const std::string& name : configs) {
    if (!kept.contains(name)) return fmt::print(stderr, "--config {}: not in {}\n", name, table), 2;
    if (!only.empty() && !kept[name].contains(only)) {
      return fmt::print(stderr, "--dataflow {}: not with {} in {}\n", only, name, table), 2;
    }
  }
  std::vector<std::string> complaints;
  for (auto& [name, dataflows] : kept.items()) {
    if (!configs.empty() && std::find(configs.begin(), configs.end(), name) == configs.end()) continue;
    const std::string file = fmt::format("{}/tests/data/{}.json", ECOFLOW_SOURCE_ROOT, name);
    const auto config = LoadHwConfig(std::filesystem::exists(file) ? file : name);
    if (!config.ok()) return fmt::print(stderr, "{}\n", config.error().message), 2;
    std::vector<std::future<Result<std::vector<ReportRow>>>> runs;
    for (auto& [dataflow, entry] : dataflows.items()) {
      if (!only.empty() && dataflow != only) continue;
      runs.push_back(std::async(std::launch::async, RunRows, config.value(), dataflow, every));
    }
    std::size_t number = 0;
    for (auto& [dataflow, entry] : dataflows.items()) {
      if (!only.empty() && dataflow != only) continue;
      const auto rows = runs[number++].get();
      if (!rows.ok()) return fmt::print(stderr, "{}\n", rows.error().message), 3;
      if (update) {
        entry["cycles"] = ordered_json::object();
        for (const ReportRow& row : rows.value()) entry["cycles"][NameOf(row)] = row.cycles;
      }
      for (auto& complaint : Check(name, dataflow, rows.value(), entry, every == 1)) complaints.push_back(complaint);
    }
  }
  for (const std::string& complaint : complaints) fmt::print("FAIL {}\n", complaint);
  if (update) {
    const auto written = WriteFileAtomically(table, kept.dump(1) + "\n");
    if (!written.ok()) return fmt::print(stderr, "{}\n", written.error().message), 2;
  }
  return complaints.empty() ? 0 : 1;
}

}  // namespace
}  // namespace ecoflow

int main(int argc, char** argv) { return ecoflow::Main(argc, argv); }
