// SPDX-License-Identifier: Apache-2.0
// Layers as they come, one array for all: a line of JSON in, a line of JSON out.
#include <algorithm>
#include <cstdio>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>

#include "base/files.h"
#include "base/json_schema.h"
#include "cli/inputs.h"
#include "compiler/verify/compute.h"
#include "model/gated.h"
#include "tb/model/model_cache.h"
#include "tb/run/npy.h"
#include "tb/run/report.h"

namespace ecoflow {
namespace {

class Server {
 public:
  Server(const ServeOptions& options, HwConfig config) : options_(options), config_(std::move(config)) {}

  // The array is built before the first request, so that it does not count as the time of one.
  Status Prepare() {
    if (options_.functional) return {};
    ECO_ASSIGN(const auto library, BuildModel(config_, {}, [](const std::string&) {}));
    ECO_ASSIGN(model_, LoadModel(library, 1, ""));
    return {};
  }

  // One request does not end the others: what it is too large for is its answer.
  Result<nlohmann::ordered_json> Answer(const std::string& line) {
    try {
      return Run(line);
    } catch (const std::exception& error) {
      used_ = false;
      return Machinery("request: {}", error.what());
    }
  }

 private:
  Result<nlohmann::ordered_json> Run(const std::string& line) {
    ECO_ASSIGN(nlohmann::json request, ParseJson(line, "request"));
    ECO_RETURN_IF_ERROR(CheckSchema(request, "request", kSchema));
    ECO_RETURN_IF_ERROR(FillDefaults(request, kSchema));
    ECO_ASSIGN(const Pass pass, ParsePass(request["pass"]));
    ECO_ASSIGN(const ChosenLayer* chosen, Chosen(request["layer"].dump(), pass));
    const CompiledLayer& compiled = chosen->compiled;

    RunCommandOptions tensors;
    for (const auto& [key, file] : {std::pair{"ifmap", &tensors.ifmap}, std::pair{"filter", &tensors.filter},
                                    std::pair{"error", &tensors.error}}) {
      if (request.contains(key)) *file = request[key];
    }
    if (tensors.ifmap.empty() && tensors.filter.empty() && tensors.error.empty()) return BadInput("request: no tensors");
    std::string output = request["output"];
    for (const std::string* path : {&tensors.ifmap, &tensors.filter, &tensors.error, &output}) {
      if (path->find('\0') != std::string::npos) return BadInput("request: a file name with a zero character");
    }
    ECO_RETURN_IF_ERROR(CheckWritable(output, "request: output"));
    tensors.round = request["round"];
    tensors.round_results = request["round_results"];
    int64_t rounded = 0;
    ECO_ASSIGN(const auto operands, Operands(tensors, config_, compiled.layer, pass, rounded));
    ECO_ASSIGN(const RunResult run, options_.functional ? Compute(*chosen, operands, tensors.round_results)
                                                        : Simulate(compiled, operands, tensors.round_results));
    RunReport report;
    if (request["compare"]) {
      ECO_ASSIGN(const Comparison comparison, CompareRun(compiled, operands[0], operands[1], run, options_.functional));
      report = MakeReport(compiled, run, comparison);
    } else {
      report = MakeReport(compiled, run);
    }
    report.predicted = options_.functional;
    report.rounded = rounded;
    if (options_.functional) {
      report.gated_macs = report.issued_macs - CountUngatedProducts(compiled, operands[0], operands[1]);
    }
    ECO_RETURN_IF_ERROR(WriteFileAtomically(
        output, NpyContent(run.output, config_.floating_point(), ResultShape(compiled.layer, pass))));
    return ToJson(report);
  }

  static constexpr const char* kSchema = "cli/serve_request.schema.json";

  // Each layer and pass is mapped once.
  Result<const ChosenLayer*> Chosen(const std::string& layer_text, Pass pass) {
    const auto key = std::pair{layer_text, pass};
    if (const auto known = chosen_.find(key); known != chosen_.end()) return &known->second;
    ECO_ASSIGN(const Layer layer, ParseLayer(layer_text, "request: layer", "", 0));
    ECO_ASSIGN(ChosenLayer chosen, Choose(config_, layer, pass, options_.dataflow, options_.objective));
    return &chosen_.emplace(key, std::move(chosen)).first->second;
  }

  Result<RunResult> Simulate(const CompiledLayer& compiled, const std::array<std::vector<int16_t>, 2>& operands,
                             bool round_results) {
    RunOptions options;
    options.round_results = round_results;
    options.clear = std::exchange(used_, true);
    auto run = RunOnArray(compiled, *model_, operands[0], operands[1], options);
    if (!run.ok()) used_ = false;  // the next one begins with a reset
    return run;
  }

  // The sums in the order of the schedule, the counters of the cycle model.
  Result<RunResult> Compute(const ChosenLayer& chosen, const std::array<std::vector<int16_t>, 2>& operands,
                            bool round_results) {
    const auto shape = ResultShape(chosen.compiled.layer, chosen.compiled.pass);
    RunResult run = ToRunResult(chosen.counts);
    ECO_ASSIGN(run.output, ComputeResult(chosen.compiled.schedule, config_, operands[0], operands[1],
                                         shape[0] * shape[1] * shape[2] * shape[3], {}));
    run.rounded = round_results;
    if (round_results) std::transform(run.output.begin(), run.output.end(), run.output.begin(), RoundPsum);
    return run;
  }

  ServeOptions options_;
  HwConfig config_;
  std::unique_ptr<ArrayModel> model_;
  bool used_ = false;
  std::map<std::pair<std::string, Pass>, ChosenLayer> chosen_;
};

}  // namespace

Result<ExitCode> ServeCommand(const ServeOptions& options) {
  ECO_ASSIGN(HwConfig config, LoadHwConfig(options.config));
  ECO_RETURN_IF_ERROR(CheckDataflow(options.dataflow, options.objective));
  Server server(options, std::move(config));
  ECO_RETURN_IF_ERROR(server.Prepare());
  bool reader_gone = false;
  for (std::string line; !reader_gone && std::getline(std::cin, line);) {
    auto answer = server.Answer(line);
    nlohmann::ordered_json reply;
    if (answer.ok()) {
      reply = std::move(answer.value());
    } else {
      reply = {{"error", answer.error().message}, {"exit", static_cast<int>(answer.error().code)}};
    }
    // A message may quote bytes of a file.
    const std::string text = reply.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    ECO_RETURN_IF_ERROR(PrintOut(text + "\n", &reader_gone));
  }
  if (std::cin.bad() || std::ferror(stdin) != 0) return BadInput("standard input cannot be read");
  return ExitCode::kOk;
}

}  // namespace ecoflow
