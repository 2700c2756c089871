// SPDX-License-Identifier: Apache-2.0
#include <cstring>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/files.h"
#include "base/interrupt.h"
#include "cli/inputs.h"
#include "compiler/compiler.h"
#include "compiler/show.h"
#include "tb/golden/golden.h"
#include "tb/model/model_cache.h"
#include "tb/run/npy.h"
#include "tb/run/report.h"
#include "tb/run/run.h"

namespace ecoflow {
Result<ExitCode> CompileCommand(const CompileOptions& options) {
  ECO_ASSIGN(const ChosenLayer chosen, ChooseFromOptions(options.layer));
  const CompiledLayer& compiled = chosen.compiled;
  if (!options.out.empty()) {
    ECO_RETURN_IF_ERROR(MakeOutputFolder(options.out, "--out"));
    ECO_RETURN_IF_ERROR(WriteCompiled(compiled, options.out));
  }
  std::string shown;
  if (options.show) {
    ECO_ASSIGN(shown, ShowMapping(compiled));
  }
  ECO_RETURN_IF_ERROR(PrintOut(DescribeMapping(compiled) + (options.show ? "\n" : "") + shown));
  return ExitCode::kOk;
}

namespace {

// Runs the layer, writes --trace: also of a run that failed or that a signal stops.
Result<RunResult> Simulate(const RunCommandOptions& options, const CompiledLayer& compiled,
                           const std::array<std::vector<int16_t>, 2>& operands,
                           const std::filesystem::path& library, ProgressLine& progress) {
  const StopsInOrder in_order;
  std::optional<OutputFile> trace;
  if (!options.trace.empty()) {
    ECO_ASSIGN(trace, OutputFile::Create(options.trace));
  }
  const uint32_t seed = options.seed.value_or(1);
  ECO_ASSIGN(const auto model, LoadModel(library, seed, trace ? trace->temporary().string() : ""));
  RunOptions run_options;
  run_options.stall = options.stall;
  run_options.stall_seed = seed;
  run_options.progress = [&](double share, int64_t cycles) { progress.Show(share, cycles); };
  run_options.stop = [&] { return StopRequested() || model->WriteError() != 0; };
  progress.Restart();
  auto run = RunOnArray(compiled, *model, operands[0], operands[1], run_options);
  if (const int error = model->Close(); error != 0) {
    return BadInput("{}: cannot be written: {}", options.trace.empty() ? "ECOFLOW_RECORD" : options.trace,
                    std::strerror(error));
  }
  if (trace) ECO_RETURN_IF_ERROR(trace->Commit());
  return run;
}

}  // namespace

Result<ExitCode> RunCommand(const RunCommandOptions& options) {
  for (const auto& [flag, path] : {std::pair{"--output", options.output},
                                   std::pair{"--json", options.json},
                                   std::pair{"--trace", options.trace}}) {
    if (!path.empty()) ECO_RETURN_IF_ERROR(CheckWritable(path, flag));
  }
  ECO_ASSIGN(const LoadedLayer loaded, LoadCompiled(options));
  const CompiledLayer& compiled = loaded.compiled;
  ECO_ASSIGN(const auto operands, Operands(options, compiled.layer, compiled.pass));

  ProgressLine progress;
  const auto note = [&](const std::string& text) { progress.Note(text); };
  ModelOptions model_options;
  model_options.trace = !options.trace.empty();
  model_options.assertions = options.assertions;
  ECO_ASSIGN(const auto library, BuildModel(compiled.config, model_options, note));
  ECO_ASSIGN(const RunResult run, Simulate(options, compiled, operands, library, progress));
  progress.Note("comparing with the golden model");
  const auto golden = Golden(compiled.layer, compiled.pass, operands[0], operands[1]);
  progress.Clear();

  const RunReport report = MakeReport(compiled, run, golden);
  if (!options.output.empty()) {
    ECO_RETURN_IF_ERROR(WriteFileAtomically(
        options.output,
        NpyContent(run.output, ResultShape(compiled.layer, compiled.pass))));
  }
  if (!options.json.empty()) {
    ECO_RETURN_IF_ERROR(WriteFileAtomically(options.json, ToJson(report).dump(2) + "\n"));
  }
  ECO_RETURN_IF_ERROR(PrintOut(ToText(report)));
  return report.mismatches == 0 ? ExitCode::kOk : ExitCode::kMismatch;
}

}  // namespace ecoflow
