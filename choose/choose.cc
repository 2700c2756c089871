// SPDX-License-Identifier: Apache-2.0
#include "choose/choose.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>

namespace ecoflow {
namespace {

// What decides about cycles: which of two operands of the same shape is the kernel does not.
std::string ShapeOf(const Candidate& candidate) {
  nlohmann::ordered_json mapping = candidate.mapping;
  mapping.erase("exchanged");
  return mapping.dump();
}

}  // namespace

Result<ChosenLayer> ChooseAmong(const CompiledLayer& wanted, const std::vector<Candidate>& candidates,
                                const ChooseProgress& progress) {
  const auto tell = [&](const std::string& what) {
    if (progress.begins) progress.begins(what);
  };
  std::optional<ChosenLayer> best;
  double best_cycles = 0;  // as they count (ImageFactor)
  const auto hopeless = [&](const Candidate& candidate) {
    return wanted.objective == "words" || static_cast<double>(candidate.least_cycles) >= best_cycles ||
           candidate.cost.cycles > WorthTrying(best_cycles);
  };
  std::set<std::string> tried;
  Status last = {};  // why the last candidate that cannot run cannot
  for (const Candidate& candidate : candidates) {
    if (best && hopeless(candidate)) continue;
    if (!tried.insert(ShapeOf(candidate)).second) continue;
    ChosenLayer one{wanted, {}};
    one.compiled.mapping = candidate.mapping;
    tell(fmt::format("simulating: {}", candidate.mapping.at("family").get<std::string>()));
    if (last = MakeSchedule(candidate, wanted.config, one.compiled.schedule); !last.ok()) continue;
    CycleModelOptions options;
    options.progress = progress.simulating;
    const double factor = ImageFactor(one.compiled.schedule);
    if (best) options.most_cycles = static_cast<int64_t>(best_cycles / factor);
    auto counts = PredictCycles(one.compiled.schedule, wanted.config, options);
    if (!counts.ok()) {
      last = BadInput("the layer cannot run on {}: {}", wanted.config.name, counts.error().message);
      continue;
    }
    const double cycles = factor * static_cast<double>(counts.value().cycles);
    if (!counts.value().complete || (best && cycles >= best_cycles)) continue;
    best_cycles = cycles;
    one.counts = std::move(counts.value());
    best = std::move(one);
  }
  if (!best) return last.error();
  best->compiled.mapping["predicted_cycles"] = best->counts.cycles;
  tell("proving");
  ECO_RETURN_IF_ERROR(ProveCompiled(best->compiled));
  return std::move(*best);
}

Result<ChosenLayer> Choose(const HwConfig& config, const Layer& layer, Pass pass,
                           const std::string& dataflow, const std::string& objective,
                           const ChooseProgress& progress) {
  ECO_ASSIGN(const CompiledLayer wanted, BeginCompile(config, layer, pass, dataflow, objective));
  if (progress.begins) progress.begins("searching mappings");
  ECO_ASSIGN(const auto candidates, Candidates(wanted));
  return ChooseAmong(wanted, candidates, progress);
}

}  // namespace ecoflow
