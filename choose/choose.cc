// SPDX-License-Identifier: Apache-2.0
#include "choose/choose.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace ecoflow {
namespace {

// What decides about cycles: which of two operands of the same shape is the kernel does not.
std::string ShapeOf(const Candidate& candidate) {
  nlohmann::ordered_json mapping = candidate.mapping;
  mapping.erase("exchanged");
  return mapping.dump();
}

// A candidate whose run takes the model long, and what it is expected to take.
struct Expected {
  const Candidate* candidate;
  double cycles, work;
};

// Runs candidates on the cycle model and keeps the fastest.
class Choice {
 public:
  Choice(const CompiledLayer& wanted, const ChooseProgress& progress)
      : wanted_(wanted), progress_(progress), roofline_(static_cast<double>(RooflineCycles(wanted))) {}

  // Runs a candidate until it has cost the model so much. What it is expected to take in all; nothing when that is known
  // or not worth knowing.
  std::optional<Expected> Run(const Candidate& candidate, int64_t most_work) {
    if (best_ && Hopeless(candidate)) return {};
    ChosenLayer one{wanted_, {}};
    one.compiled.mapping = candidate.mapping;
    Tell(fmt::format("simulating: {}", candidate.mapping.at("family").get<std::string>()));
    if (last_ = MakeSchedule(candidate, wanted_.config, one.compiled.schedule); !last_.ok()) return {};
    CycleModelOptions options;
    options.progress = progress_.simulating;
    options.most_work = most_work;
    options.products = wanted_.useful_macs;
    const double factor = ImageFactor(one.compiled.schedule);
    if (best_) options.most_cycles = static_cast<int64_t>(best_cycles_ / factor);
    auto counts = PredictCycles(one.compiled.schedule, wanted_.config, options);
    if (!counts.ok()) {
      last_ = BadInput("the layer cannot run on {}: {}", wanted_.config.name, counts.error().message);
      return {};
    }
    work_ += counts.value().work;
    const auto cycles = static_cast<double>(counts.value().cycles);
    if (!counts.value().complete) {
      if (counts.value().too_slow) return {};
      // At first operands that rest are brought, and nothing is done.
      const double done = cycles < kSettled ? cycles / candidate.cost.cycles : std::max(counts.value().share, kLeastShare);
      return Expected{&candidate, std::max(candidate.cost.cycles, kLeastOfRate * cycles / done),
                      static_cast<double>(most_work) / done};
    }
    double& least = of_estimate_.try_emplace(candidate.kind, cycles / candidate.cost.cycles).first->second;
    least = std::min(least, cycles / candidate.cost.cycles);
    if (best_ && factor * cycles >= best_cycles_) return {};
    best_cycles_ = factor * cycles;
    one.counts = std::move(counts.value());
    best_ = std::move(one);
    return {};
  }

  // Whether a candidate can wait for the end of a run that was given up: it is hopeless beside what that is expected to take.
  bool CanWait(const Candidate& candidate, double likely_cycles) const {
    return !best_ && LeastOf(candidate) > likely_cycles / kLeastOfRate;
  }

  // Whether a run that was given up may pay after all.
  bool WorthGoingOn(const Expected& expected, double modest_work) const {
    return !best_ || expected.cycles < (expected.work < modest_work ? 1 : kLongGain) * best_cycles_;
  }

  Result<ChosenLayer> Proved() {
    if (!best_) return last_.error();
    best_->compiled.mapping["predicted_cycles"] = best_->counts.cycles;
    best_->work = work_;
    Tell("proving");
    ECO_RETURN_IF_ERROR(ProveCompiled(best_->compiled));
    return std::move(*best_);
  }

 private:
  // Of the cycles at the rate so far, what is sure enough; the share of the stream from which on there is a rate.
  static constexpr double kLeastOfRate = 0.95, kLeastShare = 0.02;
  static constexpr double kSettled = 30'000;  // cycles after which there is a rate
  static constexpr double kLongGain = 0.998;

  // Estimates of short runs are off by more cycles than a share tells; where a candidate of the same kind has run, by little more
  // than that one's, of short runs by twice that.
  static constexpr double kShort = 2000, kOffOfKnown = 0.002;
  // Nothing is tried to save less than this.
  static constexpr double kNearRoofline = 1.005;

  // Cycles that its run takes at least, as far as is known.
  double LeastOf(const Candidate& candidate) const {
    double least = candidate.likely_least - kShort;
    if (const auto known = of_estimate_.find(candidate.kind); known != of_estimate_.end()) {
      const double share = std::min(1.0, known->second) - kOffOfKnown;
      least = std::max(least, share * candidate.cost.cycles - std::min(kShort, kOffOfKnown * candidate.cost.cycles));
    }
    return least;
  }
  bool Hopeless(const Candidate& candidate) const {
    return wanted_.objective == "words" || static_cast<double>(candidate.least_cycles) >= best_cycles_ ||
           LeastOf(candidate) > best_cycles_ || best_cycles_ <= kNearRoofline * roofline_;
  }
  void Tell(const std::string& what) const {
    if (progress_.begins) progress_.begins(what);
  }

  const CompiledLayer& wanted_;
  const ChooseProgress& progress_;
  const double roofline_;
  std::optional<ChosenLayer> best_;
  std::map<std::string, double> of_estimate_;  // what runs took of their estimates, at least, by kind
  double best_cycles_ = 0;  // as they count (ImageFactor)
  int64_t work_ = 0;
  Status last_ = {};  // why the last candidate that cannot run cannot
};

// Work of the model times PEs that each candidate gets at first, about half a second; and how often that is no long run yet.
constexpr int64_t kFirstRun = 60'000'000;
constexpr double kModest = 3;

}  // namespace

Result<ChosenLayer> ChooseAmong(const CompiledLayer& wanted, const std::vector<Candidate>& candidates,
                                const ChooseProgress& progress) {
  Choice choice(wanted, progress);
  const bool may_wait = candidates.size() > 1 && wanted.objective == "cycles";
  const int64_t most = may_wait ? kFirstRun / wanted.config.pe_count() : CycleModelOptions{}.most_work;
  std::set<std::string> tried;
  constexpr double kUnknown = std::numeric_limits<double>::infinity();
  std::vector<Expected> waiting;
  double likely = kUnknown;  // cycles of the best of these
  for (const Candidate& candidate : candidates) {
    if (!tried.insert(ShapeOf(candidate)).second) continue;
    if (choice.CanWait(candidate, likely)) {
      waiting.push_back({&candidate, candidate.cost.cycles, kUnknown});
    } else if (const auto expected = choice.Run(candidate, most)) {
      waiting.push_back(*expected);
      likely = std::min(likely, expected->cycles);
    }
  }
  // The least work first: it may make the others superfluous.
  std::stable_sort(waiting.begin(), waiting.end(), [](const Expected& a, const Expected& b) { return a.work < b.work; });
  for (const Expected& each : waiting) {
    if (!choice.WorthGoingOn(each, kModest * static_cast<double>(most))) continue;
    (void)choice.Run(*each.candidate, CycleModelOptions{}.most_work);
  }
  return choice.Proved();
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
