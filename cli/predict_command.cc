// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/files.h"
#include "cli/inputs.h"
#include "compiler/verify/compute.h"
#include "isa/array_errors.h"
#include "model/cycle_model.h"
#include "model/gated.h"
#include "report/baseline_report.h"
#include "tb/run/npy.h"
#include "tb/run/report.h"

namespace ecoflow {
namespace {

// lowered, ganax: formulas instead of a run.
Result<ExitCode> PredictBaselineCommand(const RunCommandOptions& options) {
  const std::string& dataflow = options.layer.dataflow;
  if (options.results || !options.output.empty()) {
    return BadInput("{}: not with --dataflow {}, a formula that computes no result",
                    options.results ? "--results" : "--output", dataflow);
  }
  ECO_ASSIGN(const LayerInputs inputs, ReadLayerInputs(options.layer));
  int64_t rounded = 0;
  ECO_ASSIGN(const auto operands, Operands(options, inputs.config, inputs.layer, inputs.pass, rounded));
  const int64_t nonzero =
      CountUngatedProducts(inputs.layer, inputs.pass, inputs.config.floating_point(), operands[0], operands[1]);
  ECO_ASSIGN(const BaselineReport report,
             PredictBaseline(inputs.config, inputs.layer, inputs.pass, dataflow, nonzero));
  if (!options.json.empty()) {
    ECO_RETURN_IF_ERROR(WriteFileAtomically(options.json, ToJson(report).dump(2) + "\n"));
  }
  ECO_RETURN_IF_ERROR(PrintOut(ToText(report)));
  return ExitCode::kOk;
}

}  // namespace

Result<ExitCode> PredictCommand(const RunCommandOptions& options) {
  ECO_RETURN_IF_ERROR(CheckOutputs(options));
  const std::string& dataflow = options.layer.dataflow;
  if (IsBaseline(dataflow)) return PredictBaselineCommand(options);
  if (dataflow != "ecoflow" && dataflow != "row-stationary" && dataflow != "auto") {
    return BadInput("--dataflow {}: expected ecoflow, row-stationary, auto, lowered or ganax", dataflow);
  }
  ECO_ASSIGN(LoadedLayer loaded, LoadCompiled(options));
  const CompiledLayer& compiled = loaded.compiled;
  int64_t rounded = 0;
  ECO_ASSIGN(const auto operands, Operands(options, compiled.config, compiled.layer, compiled.pass, rounded));

  ProgressLine progress;
  if (!loaded.counts) {
    CycleModelOptions model_options;
    model_options.progress = [&](double share, int64_t cycles) { progress.Show(share, cycles); };
    ECO_ASSIGN(loaded.counts, PredictCycles(compiled.schedule, compiled.config, model_options));
  }
  const CycleCounts& counts = *loaded.counts;
  if (counts.errors != 0) {  // as run says it
    return Machinery("the run ended with errors; the array says: {}", ArrayErrorText(counts.errors));
  }
  progress.Note("counting zeros");
  const int64_t nonzero = CountUngatedProducts(compiled, operands[0], operands[1]);

  RunResult run = ToRunResult(counts);
  RunReport report;
  if (options.results || !options.output.empty()) {
    ComputeOptions compute_options;
    compute_options.progress = [&](double share) { progress.Show(share, "computing"); };
    progress.Restart();
    const auto shape = ResultShape(compiled.layer, compiled.pass);
    ECO_ASSIGN(run.output, ComputeResult(compiled.schedule, compiled.config, operands[0],
                                         operands[1], shape[0] * shape[1] * shape[2] * shape[3],
                                         compute_options));
    run.rounded = options.round_results;
    if (run.rounded) std::transform(run.output.begin(), run.output.end(), run.output.begin(), RoundPsum);
    progress.Note("comparing with the golden model");
    ECO_ASSIGN(const Comparison comparison, CompareRun(compiled, operands[0], operands[1], run, true));
    report = MakeReport(compiled, run, comparison);
    if (!options.output.empty()) {
      ECO_RETURN_IF_ERROR(WriteFileAtomically(options.output, NpyContent(run.output, compiled.config.floating_point(), shape)));
    }
  } else {
    report = MakeReport(compiled, run);
  }
  progress.Clear();
  report.predicted = true;
  report.rounded = rounded;
  report.gated_macs = report.issued_macs - nonzero;
  if (!options.json.empty()) {
    ECO_RETURN_IF_ERROR(WriteFileAtomically(options.json, ToJson(report).dump(2) + "\n"));
  }
  ECO_RETURN_IF_ERROR(PrintOut(ToText(report)));
  return report.comparison.mismatches == 0 ? ExitCode::kOk : ExitCode::kMismatch;
}

}  // namespace ecoflow
