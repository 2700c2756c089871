// SPDX-License-Identifier: Apache-2.0
#include "cli/inputs.h"

#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <map>

#include "base/files.h"
#include "tb/run/npy.h"
#include "tb/run/run.h"

namespace ecoflow {
namespace {

int64_t Elements(const std::array<int64_t, 4>& shape) {
  return shape[0] * shape[1] * shape[2] * shape[3];
}

}  // namespace

Status CheckOutputs(const RunCommandOptions& options) {
  namespace fs = std::filesystem;
  std::map<fs::path, std::string> named;
  for (const auto& [flag, path] : {std::pair<std::string, fs::path>{"--output", options.output},
                                   {"--json", options.json}, {"--trace", options.trace}}) {
    if (path.empty()) continue;
    ECO_RETURN_IF_ERROR(CheckWritable(path, flag));
    std::error_code ec;
    if (fs::exists(path, ec) && !fs::is_regular_file(path, ec)) continue;  // /dev/null takes everything
    const auto [other, fresh] = named.emplace(fs::weakly_canonical(fs::absolute(path, ec), ec), flag);
    if (!fresh) return BadInput("{} {}: is the file of {} as well", flag, path.string(), other->second);
  }
  return {};
}

Result<LayerInputs> ReadLayerInputs(const LayerOptions& options) {
  if (options.pass.empty()) {
    return BadInput("--pass: missing, expected forward, input-grad or filter-grad");
  }
  LayerInputs inputs;
  ECO_ASSIGN(inputs.pass, ParsePass(options.pass));
  ECO_ASSIGN(inputs.config, LoadHwConfig(options.config));
  ECO_ASSIGN(inputs.layer, LoadLayer(options.layer_file, options.layer_name, options.batch));
  return inputs;
}

Result<ChosenLayer> ChooseFromOptions(const LayerOptions& options) {
  ECO_ASSIGN(const LayerInputs inputs, ReadLayerInputs(options));
  ProgressLine progress;
  ChooseProgress told;
  told.begins = [&](const std::string& what) {
    progress.Note(what);
    progress.Restart();
  };
  told.simulating = [&](double share, int64_t cycles) { progress.Show(share, cycles); };
  return Choose(inputs.config, inputs.layer, inputs.pass, options.dataflow, options.objective, told);
}

Result<LoadedLayer> LoadCompiled(const RunCommandOptions& options) {
  LoadedLayer loaded;
  if (!options.image.empty()) {
    ECO_ASSIGN(loaded.compiled, ReadCompiled(options.image));
    return loaded;
  }
  ECO_ASSIGN(ChosenLayer chosen, ChooseFromOptions(options.layer));
  loaded.compiled = std::move(chosen.compiled);
  loaded.counts = std::move(chosen.counts);
  return loaded;
}

Result<std::array<std::vector<int16_t>, 2>> Operands(const RunCommandOptions& options, const HwConfig& config,
                                                     const Layer& layer, Pass pass, int64_t& rounded) {
  rounded = 0;
  const bool real = config.floating_point();
  if (!real) {
    for (const auto& [given, flag] : {std::pair{!options.values.empty(), "--values"}, std::pair{options.round, "--round"},
                                      std::pair{options.round_results, "--round-results"}}) {
      if (given) return BadInput("{}: only for bf16, and {} computes in {}", flag, config.name, config.number_format);
    }
  }
  Values values = Values::kAny;
  if (!options.values.empty()) {
    ECO_ASSIGN(values, ParseValues(options.values));
  }
  const std::array<std::pair<Tensor, const std::string*>, 3> files = {
      {{Tensor::kIfmap, &options.ifmap}, {Tensor::kFilter, &options.filter},
       {Tensor::kError, &options.error}}};
  const auto needed = PassOperands(pass);
  bool any = false;
  for (const auto& [tensor, file] : files) any = any || !file->empty();
  std::array<std::vector<int16_t>, 2> operands;
  for (std::size_t k = 0; k < 2; ++k) {
    const auto shape = TensorShape(layer, needed[k]);
    if (!any) {
      operands[k] = RandomTensor(Elements(shape), options.seed.value_or(1) * 2ull + k, real, values);
      continue;
    }
    for (const auto& [tensor, file] : files) {
      if (tensor != needed[k]) continue;
      if (file->empty()) {
        return BadInput("--{}: missing, {} reads {} and {}", ToString(tensor),
                        ToString(pass), ToString(needed[0]), ToString(needed[1]));
      }
      if (real) {
        ECO_ASSIGN(operands[k], ReadNpyBf16(*file, shape, options.round ? &rounded : nullptr));
      } else {
        ECO_ASSIGN(operands[k], ReadNpy(*file, shape));
      }
    }
  }
  for (const auto& [tensor, file] : files) {
    if (!file->empty() && tensor != needed[0] && tensor != needed[1]) {
      return BadInput("--{}: not read by {}, which reads {} and {}", ToString(tensor),
                      ToString(pass), ToString(needed[0]), ToString(needed[1]));
    }
  }
  if (any && options.seed) return BadInput("--seed: not together with tensor files");
  if (any && !options.values.empty()) return BadInput("--values: not together with tensor files");
  if (!any && options.round) return BadInput("--round: only together with tensor files");
  return operands;
}

RunResult ToRunResult(const CycleCounts& counts) {
  RunResult run;
  run.cycles = counts.cycles;
  run.config_cycles = counts.config_cycles;
  run.wide_words = counts.wide_words;
  run.narrow_words = counts.narrow_words;
  run.gon_words = counts.gon_words;
  run.output_words = counts.output_words;
  run.gon_held_cycles = counts.gon_held_cycles;
  run.pe = counts.pe;
  run.seconds = counts.seconds;
  return run;
}

ProgressLine::ProgressLine() : terminal_(::isatty(2) != 0), begin_(Clock::now()) {}

void ProgressLine::Note(const std::string& text) {
  if (!terminal_) return;
  Clear();
  PrintProgress(fmt::format("{} ...", text));
  dirty_ = true;
}

void ProgressLine::Show(double share, int64_t cycles) {
  Draw(share, "simulating", fmt::format("  {} kcycles", cycles / 1000));
}

void ProgressLine::Show(double share, const std::string& doing) { Draw(share, doing, ""); }

void ProgressLine::Draw(double share, const std::string& doing, const std::string& done) {
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
  PrintProgress(fmt::format("\r\033[K{} [{}] {:3.0f} %{}  {}", doing, bar, 100 * share, done, left));
  dirty_ = true;
}

void ProgressLine::Clear() {
  if (dirty_) PrintProgress(fmt::format("\r\033[K"));
  dirty_ = false;
}

}  // namespace ecoflow
