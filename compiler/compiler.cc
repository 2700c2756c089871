// SPDX-License-Identifier: Apache-2.0
#include "compiler/compiler.h"

#include <algorithm>
#include <functional>
#include <optional>

#include "base/files.h"
#include "base/ints.h"
#include "base/json_fields.h"
#include "base/json_schema.h"
#include "compiler/dataflow/direct.h"
#include "compiler/dataflow/transposed.h"
#include "compiler/mapping/matrix_mapping.h"
#include "compiler/mapping/output_mapping.h"
#include "compiler/mapping/plane_mapping.h"
#include "compiler/mapping/row_mapping.h"
#include "compiler/mapping/strip_mapping.h"
#include "compiler/mapping/tile_mapping.h"
#include "compiler/schedule/matrix_schedule.h"
#include "compiler/schedule/output_schedule.h"
#include "compiler/schedule/plane_schedule.h"
#include "compiler/schedule/row_schedule.h"
#include "compiler/schedule/strip_schedule.h"
#include "compiler/schedule/tile_schedule.h"
#include "compiler/schedule/widths.h"
#include "compiler/verify/proof.h"

namespace ecoflow {
using nlohmann::json;
using nlohmann::ordered_json;
namespace fs = std::filesystem;

namespace {

constexpr double kWorthLongImage = 1.02;  // what a cycle of a layer with a long image counts

constexpr int kImageFormat = 5, kOldestImageFormat = 4;  // 5: sums of no result

// A kind of candidates, and by how much its estimates are above what runs take: a share, but no more than so many cycles and
// another share.
struct Kind {
  const char* name;
  double share, cycles, share_of_long;
};
Kind KindOf(const MatrixParts&) { return {"matrix product", 0.03, 5000, 0.003}; }
Kind KindOf(const TileParts& tiles) {
  if (tiles.parts.front().crossed()) return {"tiles that cross", 0.02, 5000, 0.003};
  return {"tiles in blocks", 0.05, 100000, 0};
}
Kind KindOf(const PlaneMapping&) { return {"planes", 0.05, 100000, 0}; }
Kind KindOf(const StripMapping&) { return {"strips", 0.05, 100000, 0}; }
Kind KindOf(const RowMapping&) { return {"rows", 0.08, 100000, 0}; }
Kind KindOf(const OutputMapping&) { return {"results per PE", 0.18, 100000, 0}; }

template <typename Mapping>
Candidate MakeCandidate(const Mapping& mapping, const HwConfig& hw,
                        Result<Schedule> (*schedule)(const Mapping&, const HwConfig&)) {
  const double cycles = mapping.cost.cycles;
  const Kind kind = KindOf(mapping);
  const double least = cycles - std::min(kind.share * cycles, kind.cycles + kind.share_of_long * cycles);
  return {mapping.cost, ToJson(mapping), [mapping, hw, schedule] { return schedule(mapping, hw); }, 0, kind.name, least};
}

template <typename Mapping>
void AddIfAny(std::vector<Candidate>& candidates, const std::optional<Mapping>& mapping,
              const HwConfig& hw, Result<Schedule> (*schedule)(const Mapping&, const HwConfig&)) {
  if (mapping) candidates.push_back(MakeCandidate(*mapping, hw, schedule));
}

void AddMatrix(std::vector<Candidate>& candidates, const std::vector<MatrixParts>& mappings, const HwConfig& hw) {
  for (const MatrixParts& mapping : mappings) candidates.push_back(MakeCandidate(mapping, hw, &ScheduleMatrix));
}

// Tiles of results per PE, of direct problems one after the other.
void AddTiles(std::vector<Candidate>& candidates, const std::vector<DirectProblem>& problems, const HwConfig& hw,
              Objective better) {
  for (const TileParts& mapping : MapTiles(problems, hw, better)) {
    candidates.push_back(MakeCandidate(mapping, hw, &ScheduleTiles));
    for (const TileMapping& part : mapping.parts) candidates.back().least_cycles += part.LeastCycles(hw);
  }
}

// Transposed convolution: strips (Sec. 4.1).
Status AddTransposed(std::vector<Candidate>& candidates, const TransposedProblem& problem, bool fillers,
                     const HwConfig& hw, Objective better) {
  ECO_ASSIGN(const StripMapping strips, MapStrips(problem, hw, better));
  candidates.push_back(MakeCandidate(strips, hw, &ScheduleStrips));
  if (!fillers || hw.adder_latency == 1) return {};
  ECO_ASSIGN(const StripMapping with_fillers, MapStrips(problem, hw, better, true));
  if (with_fillers.fillers) candidates.push_back(MakeCandidate(with_fillers, hw, &ScheduleStrips));
  return {};
}

// Dilated convolution: one result per PE (Sec. 4.2), or several of a channel, for `any` layer or for those with groups.
Status AddDilated(std::vector<Candidate>& candidates, const DirectProblem& problem, bool any, const HwConfig& hw,
                  Objective better) {
  AddIfAny(candidates, MapPlanes(problem, hw, better), hw, &SchedulePlanes);
  if (any || problem.groups > 1) AddTiles(candidates, {problem}, hw, better);
  ECO_ASSIGN(const OutputMapping outputs, MapOutputs(problem, hw, better));
  candidates.push_back(MakeCandidate(outputs, hw, &ScheduleOutputs));
  for (const OutputMapping& split : MapOutputsSplit(problem, hw, better)) {
    candidates.push_back(MakeCandidate(split, hw, &ScheduleOutputs));
  }
  return {};
}

// Whether some results meet fewer taps than others.
bool HasBorders(const DirectProblem& problem) {
  return !problem.empty && (Sections(problem, 0).size() > 1 || Sections(problem, 1).size() > 1);
}

// Direct problems, one after the other, as matrix products; with `zeros`, border zeros may be multiplied.
void AddMatrix(std::vector<Candidate>& candidates, const std::vector<DirectProblem>& problems, bool zeros,
               const HwConfig& hw, Objective better) {
  const bool borders = std::any_of(problems.begin(), problems.end(), HasBorders);
  AddMatrix(candidates, MapMatrix(problems, Borders::kSections, hw, better), hw);
  if (borders) AddMatrix(candidates, MapMatrix(problems, Borders::kTaps, hw, better), hw);
  if (borders && zeros) AddMatrix(candidates, MapMatrix(problems, Borders::kZeros, hw, better), hw);
}

// Rows that skip the border.
void AddRows(std::vector<Candidate>& candidates, const DirectProblem& problem, const HwConfig& hw, Objective better) {
  if (problem.dilation != std::array<int64_t, 2>{1, 1}) return;
  if (auto rows = MapRows(problem, true, hw, better); rows.ok()) {
    candidates.push_back(MakeCandidate(rows.value(), hw, &ScheduleRows));
  }
}

// Ways to run a direct convolution without a zero: rows that skip the border, and matrix products.
void AddDirect(std::vector<Candidate>& candidates, const DirectProblem& problem, bool zeros, const HwConfig& hw,
               Objective better) {
  if (problem.empty) return;
  AddRows(candidates, problem, hw, better);
  AddMatrix(candidates, {problem}, zeros, hw, better);
}

// A transposed convolution as direct ones: where it is a single one, by any family.
void AddResidues(std::vector<Candidate>& candidates, const std::vector<DirectProblem>& problems, const HwConfig& hw,
                 Objective better) {
  if (problems.size() != 1) {
    AddMatrix(candidates, problems, true, hw, better);
    AddTiles(candidates, problems, hw, better);
    return;
  }
  const DirectProblem& problem = problems.front();
  AddDirect(candidates, problem, true, hw, better);
  AddIfAny(candidates, MapPlanes(problem, hw, better), hw, &SchedulePlanes);
  AddTiles(candidates, {problem}, hw, better);
  if (auto outputs = MapOutputs(problem, hw, better); outputs.ok()) {
    candidates.push_back(MakeCandidate(outputs.value(), hw, &ScheduleOutputs));
    for (const OutputMapping& split : MapOutputsSplit(problem, hw, better)) {
      candidates.push_back(MakeCandidate(split, hw, &ScheduleOutputs));
    }
  }
}

// With phases: the part of the candidates from `first` on.
void TellPhases(std::vector<Candidate>& candidates, std::size_t first, const char* of,
                const std::vector<DirectProblem>& problems) {
  ordered_json phases;
  for (const DirectProblem& problem : problems) phases.push_back(problem.phases.count);
  for (std::size_t k = first; k < candidates.size(); ++k) {
    candidates[k].mapping["phases_of"] = of;
    candidates[k].mapping["phases"] = phases;
  }
}

// Phases add to what there is without them: of a layer that takes the cycle model long, those whose estimate is far from
// the best are not worth their runs.
void DropHopelessPhases(std::vector<Candidate>& candidates, Objective better) {
  constexpr double kHopeless = 1.2, kLong = 1e5;
  if (candidates.empty()) return;
  Cost best = candidates.front().cost;
  for (const Candidate& candidate : candidates) {
    if (better(candidate.cost, best)) best = candidate.cost;
  }
  std::erase_if(candidates, [&](const Candidate& candidate) {
    const Cost& cost = candidate.cost;
    return candidate.mapping.contains("phases") && cost.cycles > kLong &&
           !better({cost.cycles / kHopeless, cost.words / kHopeless}, best);
  });
}

int64_t MostPhases(const std::vector<DirectProblem>& problems) {
  int64_t most = 0;
  for (const DirectProblem& problem : problems) most = std::max(most, problem.phases.all());
  return most;
}

// Residues of the stride as result channels.
void AddPhases(std::vector<Candidate>& candidates, const std::vector<DirectProblem>& problems, const HwConfig& hw,
               Objective better) {
  const std::size_t first = candidates.size();
  AddResidues(candidates, problems, hw, better);
  TellPhases(candidates, first, "result channels", problems);
}

// Likewise residues that are alike but for a shift, where that makes more phases than `before`; where it does only with
// taps that are zeros, and with few of them, as tiles.
void AddShiftedPhases(std::vector<Candidate>& candidates, const TransposedProblem& problem, int64_t before,
                      const HwConfig& hw, Objective better) {
  constexpr double kMostZeros = 1.35;  // products, of the useful ones
  const std::vector<DirectProblem> shifted = ShiftedPhaseProblems(problem, false);
  if (MostPhases(shifted) > before) AddPhases(candidates, shifted, hw, better);
  const std::vector<DirectProblem> filled = ShiftedPhaseProblems(problem, true);
  if (MostPhases(filled) <= std::max(before, MostPhases(shifted))) return;
  const auto products = [](const std::vector<DirectProblem>& problems) {
    int64_t sum = 0;
    for (const DirectProblem& each : problems) sum += UsefulMacs(each);
    return static_cast<double>(sum);
  };
  if (products(filled) > kMostZeros * products(shifted)) return;
  const std::size_t first = candidates.size();
  AddTiles(candidates, filled, hw, better);
  TellPhases(candidates, first, "result channels", filled);
}

// Residues of the stride as summed channels, of the dilation as more of the batch, for the families in which
// neighbouring results share input elements; to a matrix product it is all the same.
void AddPhases(std::vector<Candidate>& candidates, const char* of, const std::optional<DirectProblem>& problem,
               const HwConfig& hw, Objective better) {
  if (!problem) return;
  const std::size_t first = candidates.size();
  AddRows(candidates, *problem, hw, better);
  AddTiles(candidates, {*problem}, hw, better);
  if (auto outputs = MapOutputs(*problem, hw, better); outputs.ok()) {
    candidates.push_back(MakeCandidate(outputs.value(), hw, &ScheduleOutputs));
  }
  TellPhases(candidates, first, of, {*problem});
}

// As a direct convolution with all zeros (Sec. 3.1): rows (Sec. 2.3).
Status AddPadded(std::vector<Candidate>& candidates, const DirectProblem& padded,
                 const HwConfig& hw, Objective better) {
  ECO_ASSIGN(const RowMapping rows, MapRows(padded, false, hw, better));
  Candidate candidate = MakeCandidate(rows, hw, &ScheduleRows);
  const PaddingCount zeros = CountPadding(padded);
  candidate.mapping["input_elements"] = zeros.input_elements;
  candidate.mapping["input_inner_zeros"] = zeros.input_inner_zeros;
  candidate.mapping["input_outer_zeros"] = zeros.input_outer_zeros;
  candidate.mapping["kernel_elements"] = zeros.kernel_elements;
  candidate.mapping["kernel_zeros"] = zeros.kernel_zeros;
  candidate.least_cycles = CeilDiv(PaddedMacs(padded), hw.pe_count());
  candidates.push_back(std::move(candidate));
  return {};
}

// Everything that a dataflow may use. ecoflow multiplies no zero and keeps to the paper's families
// for transposed and dilated passes; a pass that needs no zero at all is a direct convolution,
// whatever its name. auto may use any.
Result<std::vector<Candidate>> AllCandidates(const CompiledLayer& wanted, Objective better) {
  const HwConfig& hw = wanted.config;
  const Layer& layer = wanted.layer;
  const Pass pass = wanted.pass;
  std::vector<Candidate> candidates;
  const DirectProblem padded = MakePaddedProblem(layer, pass);
  if (wanted.dataflow == "row-stationary") {
    ECO_RETURN_IF_ERROR(AddPadded(candidates, padded, hw, better));
    return candidates;
  }
  const bool any = wanted.dataflow == "auto";
  Status fits = {};  // of a family that is not the only one
  const bool no_zeros = UsefulMacs(padded) == PaddedMacs(padded);
  if (IsTransposed(layer.op, pass)) {
    const TransposedProblem problem = MakeTransposedProblem(layer);
    const std::vector<DirectProblem> residues = ResidueProblems(problem);
    fits = AddTransposed(candidates, problem, any, hw, better);
    if (no_zeros) AddDirect(candidates, padded, false, hw, better);
    if (!any) {
      // As for dilated passes: strips of one filter leave most of the array idle. And some strips cannot run at all.
      Schedule strips;
      const bool strips_run = fits.ok() && MakeSchedule(candidates.front(), hw, strips).ok();
      if (problem.groups > 1 || !strips_run) AddTiles(candidates, residues, hw, better);
      if (!strips_run) AddMatrix(candidates, residues, false, hw, better);
    } else {
      AddMatrix(candidates, MapMatrix(problem, hw, better), hw);
      const std::vector<DirectProblem> phases = PhaseProblems(problem);
      AddResidues(candidates, residues, hw, better);
      if (phases.size() < residues.size()) AddPhases(candidates, phases, hw, better);
      AddShiftedPhases(candidates, problem, MostPhases(phases), hw, better);
    }
  } else {
    const DirectProblem problem = MakeDirectProblem(layer, pass);
    fits = AddDilated(candidates, problem, any, hw, better);
    if (any || no_zeros || pass != Pass::kFilterGrad) AddDirect(candidates, problem, any, hw, better);
    if (any) {
      AddPhases(candidates, "summed channels", PhasesOfSum(problem), hw, better);
      AddPhases(candidates, "batch", PhasesOfBatch(problem), hw, better);
    }
  }
  if (any) DropHopelessPhases(candidates, better);
  // The padded form may still be the fastest. Where it has no zero, rows that skip borders are the same.
  const bool rows_are_padded = no_zeros && padded.dilation == std::array<int64_t, 2>{1, 1};
  if (any && !rows_are_padded && AddPadded(candidates, padded, hw, better).ok()) return candidates;
  if (candidates.empty()) return fits.error();
  return candidates;
}

}  // namespace

Status MakeSchedule(const Candidate& candidate, const HwConfig& hw, Schedule& schedule) {
  ECO_ASSIGN(schedule, candidate.schedule());
  // Parts make images larger; one part always fits.
  if (schedule.passes.size() > 1 && ImageBytes(schedule) > kMostImageBytes) {
    return BadInput("the layer cannot run so: its image would have more than {} bytes", kMostImageBytes);
  }
  return CheckWidths(schedule, hw);
}

double ImageFactor(const Schedule& schedule) { return ImageBytes(schedule) > kLongImageBytes ? kWorthLongImage : 1; }

Status CheckDataflow(const std::string& dataflow, const std::string& objective) {
  if (objective != "cycles" && objective != "words") {
    return BadInput("--objective {}: expected cycles or words", objective);
  }
  if (dataflow != "ecoflow" && dataflow != "auto" && dataflow != "row-stationary") {
    return BadInput("--dataflow {}: expected ecoflow, row-stationary or auto", dataflow);
  }
  return {};
}

Result<CompiledLayer> BeginCompile(const HwConfig& config, const Layer& layer, Pass pass,
                                   const std::string& dataflow, const std::string& objective) {
  ECO_RETURN_IF_ERROR(CheckDataflow(dataflow, objective));
  CompiledLayer compiled;
  compiled.config = config;
  compiled.layer = layer;
  compiled.pass = pass;
  compiled.dataflow = dataflow;
  compiled.objective = objective;

  const DirectProblem padded = MakePaddedProblem(layer, pass);
  const UsefulElements useful = CountUseful(padded);
  compiled.useful_macs = UsefulMacs(padded);
  compiled.input_words = useful.errors + useful.filters;
  compiled.output_words = useful.results;
  return compiled;
}

Result<std::vector<Candidate>> Candidates(const CompiledLayer& wanted) {
  const Objective better = wanted.objective == "cycles" ? FewestCycles : FewestWords;
  ECO_ASSIGN(auto candidates, AllCandidates(wanted, better));
  std::stable_sort(candidates.begin(), candidates.end(),
                   [&](const Candidate& a, const Candidate& b) { return better(a.cost, b.cost); });
  return candidates;
}

Status ProveCompiled(CompiledLayer& compiled) {
  ProofOptions options;
  options.fillers = compiled.dataflow != "ecoflow";
  ECO_ASSIGN(const ProofCoverage proof, Prove(compiled.layer, compiled.pass, compiled.config,
                                              compiled.schedule, compiled.useful_macs, options));
  compiled.mapping["proved_passes"] = proof.passes;
  return {};
}

Result<CompiledLayer> Compile(const HwConfig& config, const Layer& layer, Pass pass,
                              const std::string& dataflow, const std::string& objective) {
  ECO_ASSIGN(CompiledLayer compiled, BeginCompile(config, layer, pass, dataflow, objective));
  ECO_ASSIGN(const auto candidates, Candidates(compiled));
  // A number of a mapping may not fit the image's fields: then the next best has to do.
  Status fits = {};
  double best = 0;  // cycles; 0: none yet
  for (const Candidate& candidate : candidates) {
    if (best > 0 && candidate.cost.cycles >= best) continue;
    Schedule schedule;
    if (const Status made = MakeSchedule(candidate, config, schedule); !made.ok()) {
      if (best == 0) fits = made;
      continue;
    }
    const double factor = ImageFactor(schedule);
    if (best > 0 && candidate.cost.cycles * factor >= best) continue;
    best = candidate.cost.cycles * factor;
    fits = {};
    compiled.mapping = candidate.mapping;
    compiled.schedule = std::move(schedule);
    if (objective == "words") break;
  }
  ECO_RETURN_IF_ERROR(fits);
  ECO_RETURN_IF_ERROR(ProveCompiled(compiled));
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
  image["objective"] = compiled.objective;
  image["useful_macs"] = compiled.useful_macs;
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
  const JsonPlace at(image, "image.json");
  int format = 0;
  ECO_RETURN_IF_ERROR(at.Get("format", format, IntegerRange{kOldestImageFormat, kImageFormat}));
  std::string pass;
  ECO_RETURN_IF_ERROR(at.Get("pass", pass));
  ECO_ASSIGN(compiled.pass, ParsePass(pass));
  ECO_RETURN_IF_ERROR(at.Get("dataflow", compiled.dataflow));
  ECO_RETURN_IF_ERROR(at.Get("objective", compiled.objective));
  const IntegerRange count = {0, std::numeric_limits<int64_t>::max()};
  ECO_RETURN_IF_ERROR(at.Get("useful_macs", compiled.useful_macs, count));
  ECO_RETURN_IF_ERROR(at.Get("input_words", compiled.input_words, count));
  ECO_RETURN_IF_ERROR(at.Get("output_words", compiled.output_words, count));
  ECO_RETURN_IF_ERROR(at.Get("schedule", compiled.schedule));
  ECO_RETURN_IF_ERROR(CheckSchedule(compiled.schedule, compiled.config));
  return compiled;
}

}  // namespace ecoflow
