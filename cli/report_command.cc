// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/files.h"
#include "base/text.h"
#include "cli/commands.h"
#include "compiler/layer/layer.h"
#include "report/network_report.h"
#include "report/render.h"
#include "report/summary.h"

namespace ecoflow {
namespace {

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

Status WriteJson(const std::string& path, const nlohmann::ordered_json& json) {
  return path.empty() ? Status() : WriteFileAtomically(path, json.dump(1) + "\n");
}

Status WriteTables(const ReportCommandOptions& options, const std::vector<NetworkReport>& reports) {
  if (!options.csv.empty()) ECO_RETURN_IF_ERROR(WriteFileAtomically(options.csv, ToCsv(reports)));
  if (!options.html.empty()) ECO_RETURN_IF_ERROR(WriteFileAtomically(options.html, ToHtml(reports)));
  return {};
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
  if (options.workloads.empty()) return BadInput("report: expected a workload");
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
