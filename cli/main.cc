// SPDX-License-Identifier: Apache-2.0
// build/bin/ecoflow: parses the command line, calls one function, prints the error.
#include <CLI/CLI.hpp>

#include <algorithm>
#include <sstream>
#include <thread>

#include "base/files.h"
#include "base/interrupt.h"
#include "cli/commands.h"

namespace ecoflow {
namespace {

// `layers`: for a command that takes several.
void AddLayerOptions(CLI::App& app, LayerOptions& options, std::vector<std::string>* layers = nullptr) {
  app.add_option("layer_file", options.layer_file, "layer or workload, JSON")->type_name("LAYER.json");
  app.add_option("--pass", options.pass, "forward, input-grad or filter-grad")->type_name("P");
  app.add_option("--dataflow", options.dataflow, "ecoflow, row-stationary or auto")->type_name("D");
  app.add_option("--objective", options.objective, "few cycles (default) or words: what the mapper goes for")
      ->type_name("O");
  app.add_option("--config", options.config, "hardware configuration: file or shipped name")->type_name("C");
  if (layers != nullptr) {
    app.add_option("--layer", *layers, "layer of a workload, may be repeated; all without")->type_name("NAME")
        ->allow_extra_args(false);
  } else {
    app.add_option("--layer", options.layer_name, "layer of a workload")->type_name("NAME");
  }
  app.add_option("--batch", options.batch, "batch size, overrides the layer's")
      ->type_name("N")->check(CLI::Range(1, 1000000));
}

// What run and predict share.
void AddRunOptions(CLI::App& app, RunCommandOptions& options, uint32_t& seed, bool several = false) {
  AddLayerOptions(app, options.layer, several ? &options.layers : nullptr);
  app.add_option("--image", options.image, "folder that compile wrote, in place of a layer")->type_name("DIR");
  app.add_option("--seed", seed, "seed of random tensors (default 1)")->type_name("S");
  app.add_option("--values", options.values, "random tensors of bf16: normal (default), integers or special")->type_name("V");
  app.add_option("--ifmap", options.ifmap, "tensor: int16; for bf16 float32, or uint16 bit patterns")->type_name("A.npy");
  app.add_option("--filter", options.filter, "tensor")->type_name("B.npy");
  app.add_option("--error", options.error, "tensor")->type_name("E.npy");
  app.add_flag("--round", options.round, "round float32 tensors to bf16");
  app.add_flag("--round-results", options.round_results, "the array rounds its results to bf16, for the next layer");
  app.add_option("--json", options.json, "write the report")->type_name("R.json");
}

// Checks options of run or predict that go together or not.
Status CheckRunOptions(const CLI::App& app, RunCommandOptions& options, uint32_t seed) {
  if (app.get_option("--seed")->count() > 0) options.seed = seed;
  std::string beside_image;
  for (const char* name : {"--pass", "--dataflow", "--objective", "--config", "--layer", "--batch"}) {
    if (app.get_option(name)->count() > 0) beside_image = name;
  }
  if (options.image.empty() == options.layer.layer_file.empty()) {
    return BadInput("{}: expected a layer file or --image DIR, and not both", app.get_name());
  }
  if (!options.image.empty() && !beside_image.empty()) {
    return BadInput("{}: not together with --image, which holds it already", beside_image);
  }
  return {};
}

Result<ExitCode> Run(int argc, char** argv) {
  CLI::App app("EcoFlow: RTL generator, layer compiler and regression for training-capable arrays");
  app.require_subcommand(1);
  app.set_version_flag("--version", "ecoflow " ECOFLOW_VERSION);
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
  auto* run_app = app.add_subcommand("run", "run layers on the Verilated array and compare");
  AddRunOptions(*run_app, run, seed, true);
  run_app->add_option("--stall", run.stall, "probability that a stream pauses at a word")
      ->type_name("PROB")->check(CLI::Range(0.0, 0.99));
  run_app->add_option("--output", run.output, "write the result, int32 or float32")->type_name("O.npy");
  run_app->add_option("--trace", run.trace, "write a waveform")->type_name("T.fst");
  run_app->add_flag("--assert", run.assertions, "check the assertions of the RTL (slower)");

  RunCommandOptions predict;
  auto* predict_app = app.add_subcommand(
      "predict", "the counters of run (without --stall) by the exact cycle model, without the RTL");
  AddRunOptions(*predict_app, predict, seed);
  predict_app->get_option("--dataflow")
      ->description("ecoflow, row-stationary or auto; lowered or ganax: baselines by formula");
  predict_app->add_flag("--results", predict.results,
                        "compute the result from images and descriptors, compare with the golden model");
  predict_app->add_option("--output", predict.output, "write the result, int32 or float32 (implies --results)")
      ->type_name("O.npy");
  // Options of run that have no meaning here: known, to say so.
  std::vector<std::string> not_for_predict;
  for (const char* name : {"--stall", "--trace"}) {
    predict_app->add_option(name, not_for_predict)->group("");
  }
  predict_app->add_flag("--assert")->group("");

  ServeOptions serve;
  auto* serve_app = app.add_subcommand("serve", "run layers that come on standard input, a line of JSON each");
  serve_app->add_option("--dataflow", serve.dataflow, "ecoflow, row-stationary or auto")->type_name("D");
  serve_app->add_option("--objective", serve.objective, "few cycles (default) or words: what the mapper goes for")
      ->type_name("O");
  serve_app->add_option("--config", serve.config, "hardware configuration: file or shipped name")->type_name("C");
  serve_app->add_flag("--functional", serve.functional,
                      "compute results from images and descriptors and cycles by the model, without the RTL");

  ReportCommandOptions report;
  auto* report_app = app.add_subcommand("report", "whole networks by the cycle model, with baselines; checks targets");
  report_app->add_option("workloads", report.workloads, "workloads, JSON")->type_name("WORKLOAD.json");
  report_app->add_option("--pass", report.pass, "forward, input-grad or filter-grad; all without")->type_name("P");
  report_app->add_option("--dataflow", report.dataflow, "ecoflow, row-stationary or auto")->type_name("D");
  report_app->add_option("--objective", report.objective, "few cycles (default) or words: what the mapper goes for")
      ->type_name("O");
  report_app->add_option("--config", report.config, "hardware configuration: file or shipped name")->type_name("C");
  report_app->add_option("--batch", report.batch, "batch size, overrides the layers'")
      ->type_name("N")->check(CLI::Range(1, 1000000));
  report.jobs = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  report_app->add_option("--jobs", report.jobs, "rows at a time (default: as many as the machine has threads)")
      ->type_name("N")->check(CLI::Range(1, 1024));
  report_app->add_flag("!--no-baselines", report.baselines, "leave the baselines out");
  report_app->add_flag("--summary", report.summary, "print figures of all rows, no rows");
  report_app->add_option("--check", report.check,
                         "compare with the targets of a file, which say what to run; all or those of the workloads")
      ->type_name("F");
  report_app->add_option("--json", report.json, "write the numbers")->type_name("F");
  report_app->add_option("--csv", report.csv, "write a table")->type_name("F");
  report_app->add_option("--html", report.html, "write a page with charts")->type_name("F");

  AreaOptions area;
  auto* area_app = app.add_subcommand("area", "area of PE, network and array by Yosys");
  area_app->add_option("--config", area.config, "hardware configuration: file or shipped name")->type_name("C");
  area_app->add_option("--liberty", area.liberty, "cell library (default: osu018)")->type_name("F.lib");
  area_app->add_option("--abc", area.abc, "commands for abc (default: those of Yosys)")->type_name("F");
  area_app->add_option("--json", area.json, "write the report")->type_name("R.json");

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() != 0) return BadInput("{}", error.what());
    std::ostringstream out;  // --help, --version
    app.exit(error, out, out);
    ECO_RETURN_IF_ERROR(PrintOut(out.str()));
    return ExitCode::kOk;
  }

  Result<ExitCode> result = ExitCode::kOk;
  if (*gen_app) {
    result = GenCommand(gen);
  } else if (*compile_app) {
    result = CompileCommand(compile);
  } else if (*run_app) {
    const Status checked = CheckRunOptions(*run_app, run, seed);
    result = checked.ok() ? RunCommand(run) : checked.error();
  } else if (*predict_app) {
    Status checked = CheckRunOptions(*predict_app, predict, seed);
    for (const char* name : {"--stall", "--trace", "--assert"}) {
      if (predict_app->get_option(name)->count() > 0) {
        checked = BadInput("{}: not for predict, which has no RTL and no pauses", name);
      }
    }
    result = checked.ok() ? PredictCommand(predict) : checked.error();
  } else if (*serve_app) {
    result = ServeCommand(serve);
  } else if (*report_app) {
    Status checked = {};
    for (const char* name : {"--pass", "--dataflow", "--objective", "--config", "--batch"}) {
      if (!report.check.empty() && report_app->get_option(name)->count() > 0) {
        checked = BadInput("{}: not together with --check, whose targets say it", name);
      }
    }
    result = checked.ok() ? ReportCommand(report) : checked.error();
  } else if (*area_app) {
    result = AreaCommand(area);
  }
  return result;
}

// What is left to catch is no fault of the input: memory, or a mistake of this program.
Result<ExitCode> Caught(int argc, char** argv) {
  try {
    return Run(argc, argv);
  } catch (const std::bad_alloc&) {
    return Machinery("out of memory");
  } catch (const std::exception& error) {
    return Machinery("internal error: {}", error.what());
  }
}

int Main(int argc, char** argv) {
  KeepStandardDescriptors();
  HandleSignals();
  const Result<ExitCode> result = Caught(argc, argv);
  if (result.ok()) return static_cast<int>(result.value());
  PrintError("ecoflow: " + result.error().message);
  return static_cast<int>(result.error().code);
}

}  // namespace
}  // namespace ecoflow

int main(int argc, char** argv) { return ecoflow::Main(argc, argv); }
