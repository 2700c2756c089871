// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/files.h"
#include "base/interrupt.h"
#include "cli/inputs.h"
#include "compiler/compiler.h"
#include "compiler/show.h"
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

// The array that all layers of a command run on, and its --trace: written also when a run failed or a signal
// stops it.
struct Array {
  std::optional<OutputFile> trace;
  std::unique_ptr<ArrayModel> model;
  bool used = false;
};

Result<RunResult> Simulate(const RunCommandOptions& options, const CompiledLayer& compiled,
                           const std::array<std::vector<int16_t>, 2>& operands, Array& array,
                           ProgressLine& progress) {
  RunOptions run_options;
  run_options.stall = options.stall;
  run_options.round_results = options.round_results;
  run_options.stall_seed = options.seed.value_or(1);
  run_options.progress = [&](double share, int64_t cycles) { progress.Show(share, cycles); };
  run_options.stop = [&] { return StopRequested() || array.model->WriteError() != 0; };
  run_options.clear = array.used;
  array.used = true;
  progress.Restart();
  return RunOnArray(compiled, *array.model, operands[0], operands[1], run_options);
}

// Completes the waveform.
Status Close(const RunCommandOptions& options, Array& array) {
  if (const int error = array.model->Close(); error != 0) {
    return BadInput("{}: cannot be written: {}", options.trace.empty() ? "ECOFLOW_RECORD" : options.trace,
                    std::strerror(error));
  }
  if (array.trace) ECO_RETURN_IF_ERROR(array.trace->Commit());
  return {};
}

// The layers that the options name, in their order; one without a name where the file or image holds only that.
Result<std::vector<std::string>> LayersToRun(const RunCommandOptions& options) {
  std::vector<std::string> names = options.layers;
  if (names.empty() && !options.image.empty()) names.emplace_back();
  if (names.empty()) {
    ECO_ASSIGN(names, LayerNames(options.layer.layer_file));
  }
  if (names.size() > 1) {
    for (const auto& [flag, value] : {std::pair{"--output", &options.output}, std::pair{"--ifmap", &options.ifmap},
                                      std::pair{"--filter", &options.filter}, std::pair{"--error", &options.error}}) {
      if (!value->empty()) return BadInput("{}: is of one layer, and {} are to run: --layer NAME picks one", flag, names.size());
    }
  }
  return names;
}

}  // namespace

Result<ExitCode> RunCommand(const RunCommandOptions& options) {
  ECO_RETURN_IF_ERROR(CheckOutputs(options));
  if (std::isnan(options.stall)) return BadInput("--stall nan: expected 0 to 0.99");
  RunCommandOptions one = options;
  if (options.image.empty() && options.layer.pass.empty()) {
    ECO_RETURN_IF_ERROR(ReadLayerInputs(options.layer));  // says what is missing
  }
  ECO_ASSIGN(const auto names, LayersToRun(options));
  ProgressLine progress;
  Array array;
  std::optional<StopsInOrder> in_order;
  ExitCode exit = ExitCode::kOk;
  nlohmann::ordered_json reports = nlohmann::ordered_json::array();
  std::vector<CompiledLayer> layers;  // before the first one runs: a later one may be refused
  for (const std::string& name : names) {
    one.layer.layer_name = name;
    ECO_ASSIGN(LoadedLayer loaded, LoadCompiled(one));
    layers.push_back(std::move(loaded.compiled));
  }
  for (const CompiledLayer& compiled : layers) {
    const bool last = &compiled == &layers.back();
    int64_t rounded = 0;
    ECO_ASSIGN(const auto operands, Operands(options, compiled.config, compiled.layer, compiled.pass, rounded));
    if (!array.model) {
      ModelOptions model_options;
      model_options.trace = !options.trace.empty();
      model_options.assertions = options.assertions;
      const auto note = [&](const std::string& text) { progress.Note(text); };
      ECO_ASSIGN(const auto library, BuildModel(compiled.config, model_options, note));
      in_order.emplace();
      if (!options.trace.empty()) {
        ECO_ASSIGN(array.trace, OutputFile::Create(options.trace));
      }
      ECO_ASSIGN(array.model, LoadModel(library, options.seed.value_or(1),
                                        array.trace ? array.trace->temporary().string() : ""));
    }
    auto result = Simulate(options, compiled, operands, array, progress);
    if (!result.ok() || last) {
      ECO_RETURN_IF_ERROR(Close(options, array));
      in_order.reset();
    }
    ECO_ASSIGN(const RunResult run, std::move(result));
    progress.Note("comparing with the golden model");
    ECO_ASSIGN(const Comparison comparison, CompareRun(compiled, operands[0], operands[1], run, false));
    progress.Clear();

    RunReport report = MakeReport(compiled, run, comparison);
    report.rounded = rounded;
    if (!options.output.empty()) {
      ECO_RETURN_IF_ERROR(WriteFileAtomically(
          options.output,
          NpyContent(run.output, compiled.config.floating_point(), ResultShape(compiled.layer, compiled.pass))));
    }
    reports.push_back(ToJson(report));
    if (report.comparison.mismatches != 0) exit = ExitCode::kMismatch;
    if (last && !options.json.empty()) {
      const auto& json = layers.size() == 1 ? reports.front() : reports;
      ECO_RETURN_IF_ERROR(WriteFileAtomically(options.json, json.dump(2) + "\n"));
    }
    ECO_RETURN_IF_ERROR(PrintOut((&compiled == &layers.front() ? "" : "\n") + ToText(report)));
  }
  return exit;
}

}  // namespace ecoflow
