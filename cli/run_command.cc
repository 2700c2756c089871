#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/files.h"
#include "cli/commands.h"
#include "compiler/compiler.h"
#include "compiler/show.h"
#include "tb/golden/golden.h"
#include "tb/model/model_cache.h"
#include "tb/run/npy.h"
#include "tb/run/report.h"
#include "tb/run/run.h"

namespace ecoflow {
namespace {

using Clock = std::chrono::steady_clock;

// Progress on stderr, only on a terminal: one line that is written over.
class ProgressLine {
 public:
  ProgressLine() : terminal_(::isatty(2) != 0), begin_(Clock::now()) {}
  ~ProgressLine() { Clear(); }
  void Note(const std::string& text) {
    if (!terminal_) return;
    Clear();
    fmt::print(stderr, "{} ...", text);
    std::fflush(stderr);
    dirty_ = true;
  }
  void Restart() { begin_ = Clock::now(); }
  void Show(double share, int64_t cycles) {
    if (!terminal_) return;
    const auto now = Clock::now();
    if (now - shown_ < std::chrono::milliseconds(200)) return;
    shown_ = now;
    const double seconds = std::chrono::duration<double>(now - begin_).count();
    const int filled = static_cast<int>(30 * share);
    const std::string bar = std::string(static_cast<std::size_t>(filled), '#') +
                            std::string(static_cast<std::size_t>(30 - filled), '.');
    const std::string left =
        share > 0.01 ? fmt::format("{:.0f} s left", seconds * (1 - share) / share) : "";
    fmt::print(stderr, "\r\033[Ksimulating [{}] {:3.0f} %  {} kcycles  {}", bar, 100 * share,
               cycles / 1000, left);
    std::fflush(stderr);
    dirty_ = true;
  }
  void Clear() {
    if (dirty_) fmt::print(stderr, "\r\033[K");
    dirty_ = false;
  }

 private:
  bool terminal_;
  bool dirty_ = false;
  Clock::time_point begin_;
  Clock::time_point shown_{};
};

int64_t Elements(const std::array<int64_t, 4>& shape) {
  return shape[0] * shape[1] * shape[2] * shape[3];
}

// The two operands: random, or from the files that the options name.
Result<std::array<std::vector<int16_t>, 2>> Operands(const RunCommandOptions& options,
                                                     const CompiledLayer& compiled) {
  const std::array<std::pair<Tensor, const std::string*>, 3> files = {
      {{Tensor::kIfmap, &options.ifmap}, {Tensor::kFilter, &options.filter},
       {Tensor::kError, &options.error}}};
  const auto needed = PassOperands(compiled.pass);
  bool any = false;
  for (const auto& [tensor, file] : files) any = any || !file->empty();
  std::array<std::vector<int16_t>, 2> operands;
  for (std::size_t k = 0; k < 2; ++k) {
    const auto shape = TensorShape(compiled.layer, needed[k]);
    if (!any) {
      operands[k] = RandomTensor(Elements(shape), options.seed.value_or(1) * 2ull + k);
      continue;
    }
    for (const auto& [tensor, file] : files) {
      if (tensor != needed[k]) continue;
      if (file->empty()) {
        return BadInput("--{}: missing, {} reads {} and {}", ToString(tensor),
                        ToString(compiled.pass), ToString(needed[0]), ToString(needed[1]));
      }
      ECO_ASSIGN(operands[k], ReadNpy(*file, shape));
    }
  }
  for (const auto& [tensor, file] : files) {
    if (!file->empty() && tensor != needed[0] && tensor != needed[1]) {
      return BadInput("--{}: not read by {}, which reads {} and {}", ToString(tensor),
                      ToString(compiled.pass), ToString(needed[0]), ToString(needed[1]));
    }
  }
  if (any && options.seed) return BadInput("--seed: not together with tensor files");
  return operands;
}

}  // namespace

Result<CompiledLayer> CompileFromOptions(const LayerOptions& options) {
  if (options.pass.empty()) {
    return BadInput("--pass: missing, expected forward, input-grad or filter-grad");
  }
  ECO_ASSIGN(const Pass pass, ParsePass(options.pass));
  ECO_ASSIGN(const HwConfig config, LoadHwConfig(options.config));
  ECO_ASSIGN(const Layer layer, LoadLayer(options.layer_file, options.layer_name, options.batch));
  return Compile(config, layer, pass, options.dataflow);
}

Result<ExitCode> CompileCommand(const CompileOptions& options) {
  ECO_ASSIGN(const CompiledLayer compiled, CompileFromOptions(options.layer));
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
  CompiledLayer compiled;
  if (!options.image.empty()) {
    ECO_ASSIGN(compiled, ReadCompiled(options.image));
  } else {
    ECO_ASSIGN(compiled, CompileFromOptions(options.layer));
  }
  ECO_ASSIGN(const auto operands, Operands(options, compiled));

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
