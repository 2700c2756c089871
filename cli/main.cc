// build/bin/ecoflow: parses the command line, calls one function, prints the error.
#include <CLI/CLI.hpp>

#include "cli/commands.h"

namespace ecoflow {
namespace {

void AddLayerOptions(CLI::App& app, LayerOptions& options) {
  app.add_option("layer_file", options.layer_file, "layer or workload, JSON")->type_name("LAYER.json");
  app.add_option("--pass", options.pass, "forward, input-grad or filter-grad")->type_name("P");
  app.add_option("--dataflow", options.dataflow, "ecoflow, row-stationary or auto")->type_name("D");
  app.add_option("--config", options.config, "hardware configuration: file or shipped name")->type_name("C");
  app.add_option("--layer", options.layer_name, "layer of a workload")->type_name("NAME");
  app.add_option("--batch", options.batch, "batch size, overrides the layer's")
      ->type_name("N")->check(CLI::Range(1, 1000000));
}

int Main(int argc, char** argv) {
  CLI::App app("EcoFlow: RTL generator, layer compiler and regression for training-capable arrays");
  app.require_subcommand(1);
  app.get_formatter()->column_width(34);

  GenOptions gen;
  auto* gen_app = app.add_subcommand("gen", "write SystemVerilog, file list and manifest");
  gen_app->add_option("--config", gen.config, "hardware configuration: file or shipped name")->type_name("C");
  gen_app->add_option("--out", gen.out, "folder to write")->type_name("DIR")->required();

  CompileOptions compile;
  auto* compile_app = app.add_subcommand("compile", "compile a layer: images and stream descriptors");
  AddLayerOptions(*compile_app, compile.layer);
  compile_app->get_option("layer_file")->required();
  compile_app->add_option("--out", compile.out, "folder to write")->type_name("DIR")->required();
  compile_app->add_flag("--show", compile.show, "print which PE multiplies what, when");

  RunCommandOptions run;
  uint32_t seed = 1;
  auto* run_app = app.add_subcommand("run", "run a layer on the Verilated array and compare");
  AddLayerOptions(*run_app, run.layer);
  run_app->add_option("--image", run.image, "folder that compile wrote, in place of a layer")->type_name("DIR");
  auto* seed_option = run_app->add_option("--seed", seed, "seed of random tensors (default 1)")->type_name("S");
  run_app->add_option("--ifmap", run.ifmap, "tensor, int16")->type_name("A.npy");
  run_app->add_option("--filter", run.filter, "tensor, int16")->type_name("B.npy");
  run_app->add_option("--error", run.error, "tensor, int16")->type_name("E.npy");
  run_app->add_option("--stall", run.stall, "probability that a stream pauses at a word")
      ->type_name("PROB")->check(CLI::Range(0.0, 0.99));
  run_app->add_option("--output", run.output, "write the result, int32")->type_name("O.npy");
  run_app->add_option("--json", run.json, "write the report")->type_name("R.json");
  run_app->add_option("--trace", run.trace, "write a waveform")->type_name("T.fst");
  run_app->add_flag("--assert", run.assertions, "check the assertions of the RTL (slower)");

  AreaOptions area;
  auto* area_app = app.add_subcommand("area", "area of PE, network and array by Yosys");
  area_app->add_option("--config", area.config, "hardware configuration: file or shipped name")->type_name("C");
  area_app->add_option("--liberty", area.liberty, "cell library (default: osu018)")->type_name("F.lib");
  area_app->add_option("--json", area.json, "write the report")->type_name("R.json");

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help
    fmt::print(stderr, "ecoflow: {}\n", error.what());
    return static_cast<int>(ExitCode::kBadInput);
  }

  Result<ExitCode> result = ExitCode::kOk;
  if (*gen_app) {
    result = GenCommand(gen);
  } else if (*compile_app) {
    result = CompileCommand(compile);
  } else if (*run_app) {
    if (seed_option->count() > 0) run.seed = seed;
    std::string beside_image;
    for (const char* name : {"--pass", "--dataflow", "--config", "--layer", "--batch"}) {
      if (run_app->get_option(name)->count() > 0) beside_image = name;
    }
    if (run.image.empty() == run.layer.layer_file.empty()) {
      result = BadInput("run: expected a layer file or --image DIR, and not both");
    } else if (!run.image.empty() && !beside_image.empty()) {
      result = BadInput("{}: not together with --image, which holds it already", beside_image);
    } else {
      result = RunCommand(run);
    }
  } else if (*area_app) {
    result = AreaCommand(area);
  }
  if (!result.ok()) {
    fmt::print(stderr, "ecoflow: {}\n", result.error().message);
    return static_cast<int>(result.error().code);
  }
  return static_cast<int>(result.value());
}

}  // namespace
}  // namespace ecoflow

int main(int argc, char** argv) { return ecoflow::Main(argc, argv); }
