#include "compiler/compiler.h"

#include <algorithm>

#include "base/files.h"
#include "base/json_schema.h"
#include "compiler/dataflow/direct.h"
#include "compiler/dataflow/transposed.h"
#include "compiler/mapping/output_mapping.h"
#include "compiler/mapping/row_mapping.h"
#include "compiler/mapping/strip_mapping.h"
#include "compiler/schedule/output_schedule.h"
#include "compiler/schedule/row_schedule.h"
#include "compiler/schedule/strip_schedule.h"
#include "compiler/verify/proof.h"

namespace ecoflow {
using nlohmann::json;
using nlohmann::ordered_json;
namespace fs = std::filesystem;

namespace {

int64_t CeilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

constexpr int kImageFormat = 2;

// Transposed: strips (Sec. 4.1).
Status CompileStrips(CompiledLayer& compiled) {
  const TransposedProblem problem = MakeTransposedProblem(compiled.layer);
  ECO_ASSIGN(const StripMapping mapping, MapStrips(problem, compiled.config));
  ECO_ASSIGN(compiled.schedule, ScheduleStrips(mapping, compiled.config));
  compiled.mapping = ToJson(mapping);
  return {};
}

// Dilated (Sec. 4.2) and direct: one result per PE.
Status CompileOutputs(CompiledLayer& compiled) {
  const DirectProblem problem = MakeDirectProblem(compiled.layer, compiled.pass);
  ECO_ASSIGN(const OutputMapping mapping, MapOutputs(problem, compiled.config));
  ECO_ASSIGN(compiled.schedule, ScheduleOutputs(mapping, compiled.config));
  compiled.mapping = ToJson(mapping);
  return {};
}

// Everything as a direct convolution, zeros inserted (Sec. 3.1).
Status CompileRows(CompiledLayer& compiled) {
  const DirectProblem problem = MakePaddedProblem(compiled.layer, compiled.pass);
  compiled.scheduled_macs = PaddedMacs(problem);
  ECO_ASSIGN(const RowMapping mapping, MapRows(problem, compiled.config));
  ECO_ASSIGN(compiled.schedule, ScheduleRows(mapping, compiled.config));
  const PaddingCount zeros = CountPadding(problem);
  compiled.mapping = ToJson(mapping);
  compiled.mapping["input_elements"] = zeros.input_elements;
  compiled.mapping["input_inner_zeros"] = zeros.input_inner_zeros;
  compiled.mapping["input_outer_zeros"] = zeros.input_outer_zeros;
  compiled.mapping["kernel_elements"] = zeros.kernel_elements;
  compiled.mapping["kernel_zeros"] = zeros.kernel_zeros;
  return {};
}

}  // namespace

Result<CompiledLayer> Compile(const HwConfig& config, const Layer& layer, Pass pass,
                              const std::string& dataflow) {
  if (dataflow != "ecoflow" && dataflow != "auto" && dataflow != "row-stationary") {
    return BadInput("--dataflow {}: expected ecoflow, row-stationary or auto", dataflow);
  }
  CompiledLayer compiled;
  compiled.config = config;
  compiled.layer = layer;
  compiled.pass = pass;
  compiled.dataflow = dataflow == "auto" ? "ecoflow" : dataflow;

  const DirectProblem problem = MakePaddedProblem(layer, pass);
  const UsefulElements useful = CountUseful(problem);
  compiled.useful_macs = compiled.scheduled_macs = UsefulMacs(problem);
  compiled.input_words = useful.errors + useful.filters;
  compiled.output_words = useful.results;
  ECO_RETURN_IF_ERROR(compiled.dataflow == "row-stationary" ? CompileRows(compiled)
                      : IsTransposed(layer.op, pass)        ? CompileStrips(compiled)
                                                            : CompileOutputs(compiled));
  ECO_RETURN_IF_ERROR(CheckPassWords(compiled.schedule));
  ProofOptions options;
  options.fillers = compiled.dataflow == "row-stationary";
  ECO_ASSIGN(const ProofCoverage proof, Prove(layer, pass, config, compiled.schedule,
                                              compiled.useful_macs, options));
  compiled.mapping["proved_passes"] = proof.passes;
  return compiled;
}

int64_t RooflineCycles(const CompiledLayer& compiled) {
  const HwConfig& hw = compiled.config;
  return std::max({CeilDiv(compiled.useful_macs, hw.pe_count()),
                   CeilDiv(compiled.input_words, hw.wide_lanes() + hw.narrow_lanes()),
                   CeilDiv(compiled.output_words, hw.gon_lanes())});
}

Status WriteCompiled(const CompiledLayer& compiled, const fs::path& folder) {
  ordered_json image;
  image["format"] = kImageFormat;
  image["pass"] = ToString(compiled.pass);
  image["dataflow"] = compiled.dataflow;
  image["useful_macs"] = compiled.useful_macs;
  image["scheduled_macs"] = compiled.scheduled_macs;
  image["input_words"] = compiled.input_words;
  image["output_words"] = compiled.output_words;
  image["schedule"] = ToJson(compiled.schedule);
  ECO_RETURN_IF_ERROR(WriteFileAtomically(folder / "config.json", ToJsonText(compiled.config)));
  ECO_RETURN_IF_ERROR(WriteFileAtomically(folder / "layer.json", ToJsonText(compiled.layer)));
  ECO_RETURN_IF_ERROR(WriteFileAtomically(folder / "mapping.json", compiled.mapping.dump(2) + "\n"));
  return WriteFileAtomically(folder / "image.json", image.dump() + "\n");
}

Result<CompiledLayer> ReadCompiled(const fs::path& folder) {
  std::error_code ec;
  if (!fs::is_directory(folder, ec)) {
    return BadInput("--image {}: no such folder", folder.string());
  }
  CompiledLayer compiled;
  ECO_ASSIGN(const std::string config_text, ReadFile(folder / "config.json"));
  ECO_ASSIGN(compiled.config, ParseHwConfig(config_text, "config.json"));
  ECO_ASSIGN(compiled.layer, LoadLayer((folder / "layer.json").string(), "", 0));
  ECO_ASSIGN(const std::string mapping_text, ReadFile(folder / "mapping.json"));
  ECO_ASSIGN(const json mapping, ParseJson(mapping_text, "mapping.json"));
  compiled.mapping = mapping;
  ECO_ASSIGN(const std::string image_text, ReadFile(folder / "image.json"));
  ECO_ASSIGN(const json image, ParseJson(image_text, "image.json"));
  try {
    if (image.at("format") != kImageFormat) {
      return BadInput("image.json: format = {}, expected {}", image.at("format").dump(),
                      kImageFormat);
    }
    ECO_ASSIGN(compiled.pass, ParsePass(image.at("pass").get<std::string>()));
    compiled.dataflow = image.at("dataflow");
    compiled.useful_macs = image.at("useful_macs");
    compiled.scheduled_macs = image.at("scheduled_macs");
    compiled.input_words = image.at("input_words");
    compiled.output_words = image.at("output_words");
    compiled.schedule = ScheduleFromJson(image.at("schedule"));
  } catch (const json::exception& error) {
    return BadInput("image.json: not an image that this program wrote: {}", error.what());
  }
  ECO_RETURN_IF_ERROR(CheckSchedule(compiled.schedule, compiled.config));
  return compiled;
}

}  // namespace ecoflow
