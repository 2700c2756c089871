#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/files.h"
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
  fmt::print("{}{}{}", DescribeMapping(compiled), options.show ? "\n" : "", shown);
  return ExitCode::kOk;
}

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
  const uint32_t seed = options.seed.value_or(1);
  const std::string trace = options.trace.empty() ? "" : options.trace + ".tmp";
  ECO_ASSIGN(const auto model, LoadModel(library, seed, trace));

  RunOptions run_options;
  run_options.stall = options.stall;
  run_options.stall_seed = seed;
  run_options.progress = [&](double share, int64_t cycles) { progress.Show(share, cycles); };
  progress.Restart();
  auto run = RunOnArray(compiled, *model, operands[0], operands[1], run_options);
  if (!trace.empty()) {  // also of a run that failed: that is what it is for
    std::error_code ec;
    std::filesystem::rename(trace, options.trace, ec);
  }
  if (!run.ok()) return run.error();
  progress.Note("comparing with the golden model");
  const auto golden = Golden(compiled.layer, compiled.pass, operands[0], operands[1]);
  progress.Clear();

  const RunReport report = MakeReport(compiled, run.value(), golden);
  if (!options.output.empty()) {
    ECO_RETURN_IF_ERROR(WriteFileAtomically(
        options.output,
        NpyContent(run.value().output, ResultShape(compiled.layer, compiled.pass))));
  }
  if (!options.json.empty()) {
    ECO_RETURN_IF_ERROR(WriteFileAtomically(options.json, ToJson(report).dump(2) + "\n"));
  }
  fmt::print("{}", ToText(report));
  return report.mismatches == 0 ? ExitCode::kOk : ExitCode::kMismatch;
}

}  // namespace ecoflow
