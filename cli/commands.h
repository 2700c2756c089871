// SPDX-License-Identifier: Apache-2.0
// The subcommands of build/bin/ecoflow: plain options in, exit status out.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace ecoflow {

// What compile, run and predict share: which layer, which pass, on what.
struct LayerOptions {
  std::string layer_file;
  std::string layer_name;                // --layer: picks one of a workload
  std::string pass;                      // --pass
  std::string dataflow = "auto";         // --dataflow
  std::string objective = "cycles";      // --objective
  std::string config = "ecoflow_13x15";  // --config: file or shipped name
  int batch = 0;                         // --batch: overrides input[0]
};

struct GenOptions {
  std::string config = "ecoflow_13x15";
  std::string out;
};
Result<ExitCode> GenCommand(const GenOptions& options);

struct CompileOptions {
  LayerOptions layer;
  std::string out;
  bool show = false;  // print who multiplies what, when (small layers)
};
Result<ExitCode> CompileCommand(const CompileOptions& options);

struct RunCommandOptions {
  LayerOptions layer;
  std::vector<std::string> layers;       // --layer of run, again and again; all of the file without
  std::string image;                     // --image: a folder that compile wrote
  std::optional<uint32_t> seed;          // --seed
  std::string values;                    // --values of random tensors of bf16
  std::string ifmap, filter, error;      // --ifmap, --filter, --error: .npy
  bool round = false;                    // --round values of these files to bf16
  bool round_results = false;            // --round-results to bf16, by the array
  double stall = 0;                      // --stall
  std::string output, json, trace;       // files to write
  bool assertions = false;               // --assert: model with RTL assertions
  bool results = false;                  // --results of predict: compute and compare
};
Result<ExitCode> RunCommand(const RunCommandOptions& options);

// Reads layer, tensors, --json, --results and --output of the options.
Result<ExitCode> PredictCommand(const RunCommandOptions& options);

struct ServeOptions {
  std::string dataflow = "auto";         // --dataflow
  std::string objective = "cycles";      // --objective
  std::string config = "ecoflow_13x15";  // --config: file or shipped name
  bool functional = false;               // --functional: without the RTL
};
// Answers a line of standard input (serve_request.schema.json) with one of standard output: the report of run, or
// {"error", "exit"}; ends with the input.
Result<ExitCode> ServeCommand(const ServeOptions& options);

struct ReportCommandOptions {
  std::vector<std::string> workloads;
  std::string pass;                      // --pass: all three without
  std::string dataflow = "auto";         // --dataflow
  std::string objective = "cycles";      // --objective
  std::string config = "ecoflow_13x15";  // --config
  int batch = 0;                         // --batch: overrides input[0] of every layer
  int jobs = 1;                          // --jobs: rows at a time
  bool baselines = true;                 // not --no-baselines
  bool summary = false;                  // --summary: no tables of rows
  std::string check;                     // --check: file of targets, which say what to run
  std::string json, csv, html;           // files to write
};
Result<ExitCode> ReportCommand(const ReportCommandOptions& options);

struct AreaOptions {
  std::string config = "ecoflow_13x15";
  std::string liberty;
  std::string abc;
  std::string json;
};
Result<ExitCode> AreaCommand(const AreaOptions& options);

}  // namespace ecoflow
