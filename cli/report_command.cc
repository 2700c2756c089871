// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/files.h"
#include "base/text.h"
#include "cli/commands.h"
#include "compiler/layer/layer.h"
#include "report/check.h"
#include "report/network_report.h"
#include "report/render.h"
#include "report/summary.h"

namespace ecoflow {
namespace {

namespace fs = std::filesystem;

// As ReportNetworks, with a line of progress on a terminal.
Result<std::vector<NetworkReport>> Run(const std::vector<ReportRequest>& requests, int jobs) {
  const bool terminal = ::isatty(2) != 0;
  const auto tell = [&](std::size_t done, std::size_t of, const std::string& what) {
    if (terminal) PrintProgress(fmt::format("\r\033[K{} of {} done: {} ...", done, of, what));
  };
  auto reports = ReportNetworks(requests, jobs, tell);
  if (terminal) PrintProgress(fmt::format("\r\033[K"));
  return reports;
}

std::size_t Failed(const std::vector<NetworkReport>& reports) {
  std::size_t failed = 0;
  for (const NetworkReport& report : reports) failed += report.Failed();
  return failed;
}

// The runs that the targets need, each once, and of which one each target is.
struct CheckPlan {
  std::vector<ReportRequest> requests;
  std::vector<Target> firsts;  // a target of each request
  std::vector<Target> targets;
  std::vector<std::size_t> run_of;
};

Result<CheckPlan> PlanCheck(const ReportCommandOptions& options, const ReportOptions& report_options) {
  CheckPlan plan;
  ECO_ASSIGN(const std::string text, ReadFile(options.check));
  ECO_ASSIGN(const auto all, ParseTargets(text, options.check));
  const fs::path folder = fs::path(options.check).parent_path();
  ECO_ASSIGN(plan.targets, TargetsOf(all, folder, options.workloads));
  for (const Target& target : plan.targets) {
    const auto at = std::find_if(plan.firsts.begin(), plan.firsts.end(),
                                 [&](const Target& first) { return first.SameRun(target); });
    plan.run_of.push_back(static_cast<std::size_t>(at - plan.firsts.begin()));
    if (at != plan.firsts.end()) continue;
    plan.firsts.push_back(target);
    ReportRequest request;
    ECO_ASSIGN(Workload workload, LoadWorkload(folder / (target.workload + ".json"), target.batch));
    ECO_ASSIGN(request.config, LoadHwConfig(target.config));
    request.network = std::move(workload.name);
    request.layers = std::move(workload.layers);
    request.options = report_options;
    request.options.dataflow = target.dataflow;
    request.options.baselines = false;
    request.batch = target.batch;
    plan.requests.push_back(std::move(request));
  }
  return plan;
}

Status WriteJson(const std::string& path, const nlohmann::ordered_json& json) {
  return path.empty() ? Status() : WriteFileAtomically(path, json.dump(1) + "\n");
}

Status WriteTables(const ReportCommandOptions& options, const std::vector<NetworkReport>& reports) {
  if (!options.csv.empty()) ECO_RETURN_IF_ERROR(WriteFileAtomically(options.csv, ToCsv(reports)));
  if (!options.html.empty()) ECO_RETURN_IF_ERROR(WriteFileAtomically(options.html, ToHtml(reports)));
  return {};
}

Result<ExitCode> Check(const ReportCommandOptions& options, const ReportOptions& report_options) {
  ECO_ASSIGN(const CheckPlan plan, PlanCheck(options, report_options));
  ECO_ASSIGN(const auto reports, Run(plan.requests, options.jobs));
  std::vector<CheckedTarget> checked;
  for (std::size_t k = 0; k < plan.targets.size(); ++k) {
    checked.push_back(CheckTarget(plan.targets[k], reports[plan.run_of[k]]));
  }
  nlohmann::ordered_json json;
  for (const NetworkReport& report : reports) json["networks"].push_back(ToJson(report));
  json["targets"] = ToJson(checked);
  ECO_RETURN_IF_ERROR(WriteJson(options.json, json));
  ECO_RETURN_IF_ERROR(WriteTables(options, reports));
  std::string text;
  if (options.summary) {
    for (const NetworkReport& report : reports) {
      text += fmt::format("{}, {} dataflow, on {}{}\n\n{}\n", Printable(report.network), report.dataflow,
                          report.config.name, report.batch > 0 ? fmt::format(", batch {}", report.batch) : "",
                          ToText(Summarize({report})));
    }
  }
  text += ToText(checked);
  const std::size_t failed = Failed(reports);
  if (failed > 0) text += fmt::format("{} rows cannot run\n", failed);
  ECO_RETURN_IF_ERROR(PrintOut(text));
  const bool met = std::all_of(checked.begin(), checked.end(), [](const CheckedTarget& c) { return c.pass; });
  return met && failed == 0 ? ExitCode::kOk : ExitCode::kMismatch;
}

}  // namespace

Result<ExitCode> ReportCommand(const ReportCommandOptions& options) {
  for (const auto& [flag, path] : {std::pair{"--json", options.json}, std::pair{"--csv", options.csv},
                                   std::pair{"--html", options.html}}) {
    if (!path.empty()) ECO_RETURN_IF_ERROR(CheckWritable(path, flag));
  }
  ReportOptions report_options;
  report_options.dataflow = options.dataflow;
  report_options.objective = options.objective;
  report_options.baselines = options.baselines;
  report_options.passes = {Pass::kForward, Pass::kInputGrad, Pass::kFilterGrad};
  if (!options.check.empty()) return Check(options, report_options);
  if (options.workloads.empty()) return BadInput("report: expected a workload or --check FILE");
  if (!options.pass.empty()) {
    ECO_ASSIGN(const Pass pass, ParsePass(options.pass));
    report_options.passes = {pass};
  }
  ECO_ASSIGN(const HwConfig config, LoadHwConfig(options.config));
  std::vector<ReportRequest> requests;
  for (const std::string& file : options.workloads) {
    ECO_ASSIGN(Workload workload, LoadWorkload(file, options.batch));
    requests.push_back({std::move(workload.name), std::move(workload.layers), config, report_options, options.batch});
  }
  ECO_ASSIGN(const auto reports, Run(requests, options.jobs));
  if (!options.json.empty()) ECO_RETURN_IF_ERROR(WriteJson(options.json, ToJson(reports)));
  ECO_RETURN_IF_ERROR(WriteTables(options, reports));
  ECO_RETURN_IF_ERROR(PrintOut(options.summary ? ToText(Summarize(reports)) : ToText(reports)));
  return Failed(reports) == 0 ? ExitCode::kOk : ExitCode::kMismatch;
}

}  // namespace ecoflow
