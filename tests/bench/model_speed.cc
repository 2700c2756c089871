// SPDX-License-Identifier: Apache-2.0
// Speed of the cycle model and of the Verilated array on full-size layers, and whether they agree.
//   build/bin/model_speed [--layer ResNet-50_CONV3] [--pass input-grad] [--no-rtl] ...
#include <CLI/CLI.hpp>

#include "compiler/compiler.h"
#include "model/cycle_model.h"
#include "tb/model/model_cache.h"
#include "tb/run/run.h"

namespace ecoflow {
namespace {

int64_t Elements(const std::array<int64_t, 4>& s) { return s[0] * s[1] * s[2] * s[3]; }

bool Same(const CycleCounts& model, const CycleCounts& other) {
  return model.cycles == other.cycles && model.config_cycles == other.config_cycles &&
         model.wide_words == other.wide_words && model.narrow_words == other.narrow_words &&
         model.gon_words == other.gon_words && model.output_words == other.output_words &&
         model.pe == other.pe;
}

int Main(int argc, char** argv) {
  CLI::App app("cycle model against Verilated RTL: speed and counters of full-size layers");
  std::string workload = "workloads/paper_table5.json", config_name = "ecoflow_13x15";
  std::string dataflow = "ecoflow", pass_name;
  std::vector<std::string> layers;
  int batch = 4;
  bool no_rtl = false, plain = false;
  app.add_option("--workload", workload);
  app.add_option("--config", config_name);
  app.add_option("--dataflow", dataflow);
  app.add_option("--layer", layers, "of the workload; all without");
  app.add_option("--pass", pass_name, "all without");
  app.add_option("--batch", batch);
  app.add_flag("--no-rtl", no_rtl, "the model alone");
  app.add_flag("--plain", plain, "the model without skipping, too");
  CLI11_PARSE(app, argc, argv);

  const auto config = LoadHwConfig(config_name);
  const auto all = LoadWorkload(workload);
  if (!config.ok() || !all.ok()) {
    return fmt::print(stderr, "{}\n", (config.ok() ? all.error() : config.error()).message), 2;
  }
  Result<std::filesystem::path> library = std::filesystem::path();
  if (!no_rtl) library = BuildModel(config.value(), {}, [](const std::string&) {});
  if (!library.ok()) return fmt::print(stderr, "{}\n", library.error().message), 3;

  bool good = true;
  fmt::print("{:<20}{:<13}{:>12}{:>8}{:>10}{:>12}{:>11}{:>8}  {}\n", "layer", "pass", "cycles",
             "s", "kcycles/s", "simulated", "RTL k/s", "ratio", "counters");
  for (Layer layer : all.value().layers) {
    if (!layers.empty() && std::find(layers.begin(), layers.end(), layer.name) == layers.end()) continue;
    layer.input[0] = batch;
    for (const Pass pass : {Pass::kForward, Pass::kInputGrad, Pass::kFilterGrad}) {
      if (!pass_name.empty() && pass_name != ToString(pass)) continue;
      const auto compiled = Compile(config.value(), layer, pass, dataflow);
      if (!compiled.ok()) {
        fmt::print("{:<20}{:<13}refused: {}\n", layer.name, ToString(pass), compiled.error().message);
        continue;
      }
      const auto predicted = PredictCycles(compiled.value().schedule, config.value(), {});
      if (!predicted.ok()) return fmt::print(stderr, "{}\n", predicted.error().message), 3;
      const CycleCounts& model = predicted.value();
      const double speed = static_cast<double>(model.cycles) / model.seconds / 1e3;
      double rtl_speed = 0;
      std::string verdict = "-";
      if (plain) {
        CycleModelOptions options;
        options.skip = false;
        const auto slow = PredictCycles(compiled.value().schedule, config.value(), options);
        if (!slow.ok()) return fmt::print(stderr, "{}\n", slow.error().message), 3;
        const bool same = Same(model, slow.value());
        good = good && same;
        verdict = fmt::format("{} as without skipping ({:.0f} k/s)", same ? "same" : "NOT the same",
                              static_cast<double>(model.cycles) / slow.value().seconds / 1e3);
      }
      if (!no_rtl) {
        const auto array = LoadModel(library.value(), 1, "");
        const auto operands = PassOperands(pass);
        const auto run = RunOnArray(
            compiled.value(), *array.value(),
            RandomTensor(Elements(TensorShape(layer, operands[0])), 1),
            RandomTensor(Elements(TensorShape(layer, operands[1])), 2), {});
        if (!run.ok()) return fmt::print(stderr, "{}\n", run.error().message), 3;
        const RunResult& r = run.value();
        CycleCounts rtl{r.cycles, r.config_cycles, r.wide_words, r.narrow_words, r.gon_words,
                        r.output_words, r.pe};
        for (std::size_t pe = 0; pe < rtl.pe.size(); ++pe) rtl.pe[pe][10] = model.pe[pe][10];
        rtl_speed = static_cast<double>(r.cycles) / r.seconds / 1e3;
        const bool same = Same(model, rtl);
        good = good && same;
        verdict = same ? "same as RTL" : "NOT the same as RTL";
      }
      fmt::print("{:<20}{:<13}{:>12}{:>8.2f}{:>10.0f}{:>12}{:>11.1f}{:>8.0f}  {}\n", layer.name,
                 ToString(pass), model.cycles, model.seconds, speed, model.simulated_cycles,
                 rtl_speed, no_rtl ? 0 : speed / rtl_speed, verdict);
      std::fflush(stdout);
    }
  }
  return good ? 0 : 1;
}

}  // namespace
}  // namespace ecoflow

int main(int argc, char** argv) { return ecoflow::Main(argc, argv); }
