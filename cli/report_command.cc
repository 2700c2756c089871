// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/files.h"
#include "cli/commands.h"
#include "compiler/layer/layer.h"
#include "report/network_report.h"
#include "report/render.h"

namespace ecoflow {

Result<ExitCode> ReportCommand(const ReportCommandOptions& options) {
  for (const auto& [flag, path] : {std::pair{"--json", options.json}, std::pair{"--csv", options.csv},
                                   std::pair{"--html", options.html}}) {
    if (!path.empty()) ECO_RETURN_IF_ERROR(CheckWritable(path, flag));
  }
  ReportOptions report_options;
  report_options.dataflow = options.dataflow;
  report_options.objective = options.objective;
  report_options.passes = {Pass::kForward, Pass::kInputGrad, Pass::kFilterGrad};
  if (!options.pass.empty()) {
    ECO_ASSIGN(const Pass pass, ParsePass(options.pass));
    report_options.passes = {pass};
  }
  ECO_ASSIGN(const HwConfig config, LoadHwConfig(options.config));
  ECO_ASSIGN(const Workload workload, LoadWorkload(options.workload, options.batch));
  const bool terminal = ::isatty(2) != 0;
  report_options.progress = [&](std::size_t number, std::size_t of, const std::string& what) {
    if (!terminal) return;
    PrintProgress(fmt::format("\r\033[K{} of {}: {} ...", number + 1, of, what));
  };
  const auto report = ReportNetwork(workload.name, workload.layers, config, report_options);
  if (terminal) PrintProgress(fmt::format("\r\033[K"));
  if (!report.ok()) return report.error();
  if (!options.json.empty()) {
    ECO_RETURN_IF_ERROR(WriteFileAtomically(options.json, ToJson(report.value()).dump(1) + "\n"));
  }
  if (!options.csv.empty()) ECO_RETURN_IF_ERROR(WriteFileAtomically(options.csv, ToCsv(report.value())));
  if (!options.html.empty()) ECO_RETURN_IF_ERROR(WriteFileAtomically(options.html, ToHtml(report.value())));
  ECO_RETURN_IF_ERROR(PrintOut(ToText(report.value())));
  return ExitCode::kOk;
}

}  // namespace ecoflow
