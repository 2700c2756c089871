// SPDX-License-Identifier: Apache-2.0
// Regression over random layers on the RTL, a row for each dataflow, operation and pass. Prints
// every failure with the command that replays it. Exit status 1 when a layer failed or was refused.
#include <CLI/CLI.hpp>
#include <chrono>
#include <nlohmann/json.hpp>
#include <tuple>

#include "base/files.h"
#include "choose/choose.h"
#include "compiler/compiler.h"
#include "compiler/dataflow/direct.h"
#include "isa/array_errors.h"
#include "model/cycle_model.h"
#include "model/gated.h"
#include "tb/model/model_cache.h"
#include "tb/run/report.h"
#include "tb/run/run.h"
#include "tests/e2e/random_layers.h"

namespace ecoflow {
namespace {

int64_t Elements(const std::array<int64_t, 4>& s) { return s[0] * s[1] * s[2] * s[3]; }

struct Case {
  Op op;
  Pass pass;
  std::string dataflow;
};

struct Outcome {
  std::string failure;     // empty when the layer ran and all is well
  bool refused = false;    // by the compiler, with a reason
  bool foretold = false;   // the run ended with the errors that the cycle model says
  int64_t cycles = 0;
  double roofline_fraction = 0;
  Comparison comparison;
  int64_t passes = 0, parts = 0;  // of the schedule
};

// Runs the cycle model, with and without skipping; empty when every number is that of the RTL.
std::string ComparePrediction(const CompiledLayer& compiled, const RunResult& run,
                              const std::vector<int16_t>& first,
                              const std::vector<int16_t>& second, Values values) {
  for (const bool skip : {false, true}) {
    CycleModelOptions options;
    options.skip = skip;
    options.watchdog_cycles = 20000;
    const auto predicted = PredictCycles(compiled.schedule, compiled.config, options);
    if (!predicted.ok()) return "the model: " + predicted.error().message;
    const CycleCounts& model = predicted.value();
    const std::string with = skip ? "with skipping, " : "";
    int64_t issued = 0;
    for (std::size_t pe = 0; pe < run.pe.size(); ++pe) {
      issued += model.pe[pe][0];
      for (std::size_t k = 0; k < kPeCounters.size(); ++k) {
        const std::string name = kPeCounters[k];
        if (name == "gated" || model.pe[pe][k] == run.pe[pe][k]) continue;
        return fmt::format("{}PE {},{} {}: the model says {}, the RTL {} (cycles {}, {})", with,
                           pe / static_cast<std::size_t>(compiled.config.columns),
                           pe % static_cast<std::size_t>(compiled.config.columns), name,
                           model.pe[pe][k], run.pe[pe][k], model.cycles, run.cycles);
      }
    }
    const int64_t gated = issued - CountUngatedProducts(compiled, first, second);
    for (const auto& [name, mine, rtl] :
         {std::tuple{"cycles", model.cycles, run.cycles},
          {"config cycles", model.config_cycles, run.config_cycles},
          {"wide words", model.wide_words, run.wide_words},
          {"narrow words", model.narrow_words, run.narrow_words},
          {"GON words", model.gon_words, run.gon_words},
          {"output words", model.output_words, run.output_words},
          {"cycles in which the GON is held", model.gon_held_cycles, run.gon_held_cycles},
          // Inserted zeros times infinite operands are not gated; whether there are any, no formula tells.
          {"gated MACs", values == Values::kSpecial ? run.Sum(kCntGated) : gated, run.Sum(kCntGated)}}) {
      if (mine != rtl) return fmt::format("{}{}: the model says {}, the RTL {}", with, name, mine, rtl);
    }
  }
  return "";
}

constexpr uint64_t kLayersOnAnArray = 40;
constexpr double kNear = 4;  // times the best estimate: what other mappings may take

// Large arrays have the same fastest family for most layers that are small enough for the RTL: of every other layer of auto
// another of its mappings runs, one of several parts where there is one, so that all families do.
Result<ChosenLayer> ChooseOne(const HwConfig& config, const Layer& layer, const Case& test, uint64_t seed) {
  if (test.dataflow != "auto" || seed % 2 == 1 || config.pe_count() <= kLargeArray) {
    return Choose(config, layer, test.pass, test.dataflow);
  }
  ECO_ASSIGN(const CompiledLayer wanted, BeginCompile(config, layer, test.pass, test.dataflow, "cycles"));
  ECO_ASSIGN(const std::vector<Candidate> candidates, Candidates(wanted));
  for (const bool parts : {true, false}) {
    for (std::size_t k = 0; k < candidates.size(); ++k) {
      const Candidate& candidate = candidates[(seed / 2 + k) % candidates.size()];
      const bool has_parts = candidate.mapping.contains("parts") && candidate.mapping.at("parts").size() > 1;
      if (has_parts != parts || candidate.cost.cycles > kNear * candidates.front().cost.cycles) continue;
      auto one = ChooseAmong(wanted, {candidate});
      // Some do not fit or would lock up; one that is not proved is a failure.
      if (one.ok() || one.error().code == ExitCode::kMachinery) return one;
    }
  }
  return Choose(config, layer, test.pass, test.dataflow);
}

// Runs, compares, and checks that the MACs are those that the dataflow is to issue.
Outcome RunOne(const HwConfig& config, ArrayModel& model, bool fresh, const Case& test, uint64_t seed,
               int64_t max_macs, double stall, bool predict, bool verbose, Values values) {
  const Layer layer =
      RandomLayer(seed, test.op, test.pass, test.dataflow == "row-stationary", max_macs, config.pe_count());
  if (verbose) fmt::print("{} {} {}", seed, ToString(test.pass), ToJsonText(layer));
  const auto chosen = ChooseOne(config, layer, test, seed);
  if (!chosen.ok()) return {"refused: " + chosen.error().message, true};
  const CompiledLayer& compiled = chosen.value().compiled;
  if (verbose) fmt::print("{}\n", DescribeMapping(compiled));
  const auto operands = PassOperands(test.pass);
  const auto first = RandomTensor(Elements(TensorShape(layer, operands[0])), seed * 2, config.floating_point(), values);
  const auto second = RandomTensor(Elements(TensorShape(layer, operands[1])), seed * 2 + 1, config.floating_point(), values);
  RunOptions options;
  options.stall = stall;
  options.stall_seed = static_cast<uint32_t>(seed);
  options.watchdog_cycles = 20000;
  options.round_results = config.floating_point() && seed % 4 == 1;
  // Layer after layer on one array: every third is begun and cleared away in some cycle first.
  options.clear = !fresh;
  if (seed % 3 == 0) {
    RunOptions cut = options;
    cut.most_cycles = static_cast<int64_t>(seed * 7919 % 1500);
    (void)RunOnArray(compiled, model, first, second, cut);
    options.clear = seed % 2 == 0;
  }
  const auto run = RunOnArray(compiled, model, first, second, options);
  if (const std::string errors = ArrayErrorText(chosen.value().counts.errors); predict && !errors.empty()) {
    const std::string said = run.ok() ? "nothing" : run.error().message;
    if (said.find(errors) == std::string::npos) return {fmt::format("the model says: {}; the run: {}", errors, said)};
    return {"", false, true};
  }
  if (!run.ok()) return {run.error().message};
  const auto comparison = CompareRun(compiled, first, second, run.value(), false);
  if (!comparison.ok()) return {comparison.error().message};
  const RunReport report = MakeReport(compiled, run.value(), comparison.value());
  if (const Comparison& c = report.comparison; c.mismatches != 0) {
    return {fmt::format("{} mismatches, {} of them with the sums in order; the first is element {}", c.mismatches,
                        c.order_mismatches, c.first_mismatch)};
  }
  // Zero-free, or as padded; auto may choose from both.
  const int64_t padded = PaddedMacs(MakePaddedProblem(layer, test.pass));
  const int64_t least = test.dataflow == "row-stationary" ? padded : report.useful_macs;
  const int64_t most = test.dataflow == "ecoflow" ? report.useful_macs : padded;
  if (report.issued_macs < least || report.issued_macs > most) {
    return {fmt::format("issued {} MACs, expected {} to {}", report.issued_macs, least, most)};
  }
  int64_t accounted = report.issued_macs;
  for (const auto& [cause, count] : report.stall_cycles) accounted += count;
  if (accounted != report.cycles * report.pe_count()) {
    return {fmt::format("{} PE-cycles accounted for, expected {}", accounted,
                        report.cycles * report.pe_count())};
  }
  if (predict) {
    const std::string difference = ComparePrediction(compiled, run.value(), first, second, values);
    if (!difference.empty()) return {difference};
  }
  return {"", false, false, report.cycles, report.roofline_fraction(), report.comparison, compiled.schedule.num_passes,
          static_cast<int64_t>(compiled.schedule.passes.size())};
}

int Main(int argc, char** argv) {
  CLI::App app("random layers on the Verilated RTL: every operation, pass and dataflow");
  std::string config_name = "ecoflow_4x4";
  uint64_t first = 1, count = 100;
  double stall = 0;
  int64_t max_macs = 0;
  bool assertions = false, predict = false, verbose = false;
  std::string values_name, op_name = "all", pass_name = "all", dataflow_name = "all", json_file, coverage_file;
  app.add_option("--config", config_name);
  app.add_option("--first", first, "first seed");
  app.add_option("--count", count, "layers of each op, pass and dataflow");
  app.add_option("--stall", stall, "probability of random pauses");
  app.add_option("--max-macs", max_macs, "products of the largest layer, default by array and dataflow");
  app.add_option("--op", op_name, "Conv, ConvTranspose or all");
  app.add_option("--pass", pass_name, "forward, input-grad, filter-grad or all");
  app.add_option("--dataflow", dataflow_name, "ecoflow, row-stationary, auto or all");
  app.add_option("--values", values_name, "of operands of bf16: normal, integers or special");
  app.add_option("--json", json_file, "what ran, for scripts/support_matrix.py");
  app.add_flag("--assert", assertions, "check RTL assertions");
  app.add_flag("--predict", predict, "compare every counter with the cycle model");
  app.add_option("--coverage", coverage_file, "write line and toggle coverage of the RTL");
  app.add_flag("--verbose", verbose);
  CLI11_PARSE(app, argc, argv);
  if (predict && stall != 0) return fmt::print(stderr, "sweep: --predict goes without --stall\n"), 2;

  const auto config = LoadHwConfig(config_name);
  if (!config.ok()) return fmt::print(stderr, "{}\n", config.error().message), 2;
  Values values = Values::kAny;
  if (!values_name.empty()) {
    const auto parsed = ParseValues(values_name);
    if (!parsed.ok()) return fmt::print(stderr, "{}\n", parsed.error().message), 2;
    values = parsed.value();
  }
  ModelOptions model_options;
  model_options.assertions = assertions;
  model_options.coverage = !coverage_file.empty();
  const auto library = BuildModel(config.value(), model_options, [](const std::string&) {});
  if (!library.ok()) return fmt::print(stderr, "{}\n", library.error().message), 3;
  std::vector<Case> cases;
  for (const char* dataflow : {"ecoflow", "row-stationary", "auto"}) {
    for (const Op op : {Op::kConv, Op::kConvTranspose}) {
      for (const Pass pass : {Pass::kForward, Pass::kInputGrad, Pass::kFilterGrad}) {
        const auto wanted = [](const std::string& name, const char* one) {
          return name == "all" || name == one;
        };
        if (wanted(dataflow_name, dataflow) && wanted(op_name, ToString(op)) &&
            wanted(pass_name, ToString(pass))) {
          cases.push_back({op, pass, dataflow});
        }
      }
    }
  }
  if (cases.empty()) return fmt::print(stderr, "sweep: no such op, pass or dataflow\n"), 2;

  // A model keeps its coverage to itself: one for all layers then, otherwise one for each, which
  // starts with other random state.
  std::unique_ptr<ArrayModel> model;
  bool good = true;
  Comparison worst;
  uint64_t ran = 0, foretold = 0, many_passes = 0, many_parts = 0;
  nlohmann::json results = nlohmann::json::array();
  fmt::print("{} stall {}\n{:<16}{:<14}{:<13}{:>7}{:>9}{:>8}{:>10}{:>8}\n", config_name, stall,
             "dataflow", "op", "pass", "passed", "refused", "failed", "roofline", "s");
  for (const Case& test : cases) {
    const auto begin = std::chrono::steady_clock::now();
    uint64_t passed = 0, refused = 0, failed = 0;
    int64_t cycles = 0;
    double fractions = 0;
    uint64_t loaded_at = first;
    const bool padded = test.dataflow == "row-stationary";
    const int64_t macs = max_macs > 0 ? max_macs : DefaultMacs(config.value().pe_count(), padded);
    for (uint64_t seed = first; seed < first + count; ++seed) {
      // A new array, with other random state before its reset, for every forty layers.
      const bool fresh = model == nullptr || ((seed - first) % kLayersOnAnArray == 0 && coverage_file.empty());
      if (fresh) {
        loaded_at = seed;
        auto loaded = LoadModel(library.value(), static_cast<uint32_t>(seed), "");
        if (!loaded.ok()) return fmt::print(stderr, "{}\n", loaded.error().message), 3;
        model = std::move(loaded.value());
      }
      const Outcome outcome =
          RunOne(config.value(), *model, fresh, test, seed, macs, stall, predict, verbose, values);
      if (outcome.failure.empty()) {
        ++passed;
        foretold += outcome.foretold;
        cycles += outcome.cycles;
        fractions += outcome.roofline_fraction;
        ++ran;
        worst.worst_share = std::max(worst.worst_share, outcome.comparison.worst_share);
        worst.worst_ulp = std::max(worst.worst_ulp, outcome.comparison.worst_ulp);
        worst.overflowed += outcome.comparison.overflowed;
        worst.inserted_nan += outcome.comparison.inserted_nan;
        many_passes += outcome.passes >= 3;
        many_parts += outcome.parts >= 2;
        continue;
      }
      ++(outcome.refused ? refused : failed);
      fmt::print("{} seed {}: {}\n  replay: build/bin/sweep --config {} --dataflow {} --op {} "
                 "--pass {} --first {} --count {} --stall {} --max-macs {}{}{}{}\n",
                 outcome.refused ? "REFUSED" : "FAILED", seed, outcome.failure, config_name,
                 test.dataflow, ToString(test.op), ToString(test.pass), loaded_at, seed - loaded_at + 1, stall, macs,
                 assertions ? " --assert" : "", predict ? " --predict" : "", values_name.empty() ? "" : " --values " + values_name);
      std::fflush(stdout);
    }
    good = good && passed == count;
    fmt::print("{:<16}{:<14}{:<13}{:>7}{:>9}{:>8}{:>10.3f}{:>8.1f}\n", test.dataflow,
               ToString(test.op), ToString(test.pass), passed, refused, failed,
               passed == 0 ? 0.0 : fractions / static_cast<double>(passed),
               std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
    std::fflush(stdout);
    results.push_back({{"config", config.value().name}, {"stall", stall},
                       {"dataflow", test.dataflow}, {"op", ToString(test.op)},
                       {"pass", ToString(test.pass)}, {"passed", passed}, {"refused", refused},
                       {"failed", failed}, {"cycles", cycles}, {"first_seed", first}});
  }
  const auto share = [&](uint64_t count_of) {
    return ran == 0 ? 0.0 : 100 * static_cast<double>(count_of) / static_cast<double>(ran);
  };
  fmt::print("passes: >=3 in {:.0f} %, several parts {:.0f} %\n", share(many_passes), share(many_parts));
  if (config.value().floating_point()) {
    fmt::print("largest error: {:.3g} of its bound, {:.3g} ulp; {} outputs overflow, {} are NaN by inserted zeros\n",
               worst.worst_share, worst.worst_ulp, worst.overflowed, worst.inserted_nan);
  }
  if (foretold != 0) fmt::print("errors that the model foretold: {} runs\n", foretold);
  if (!json_file.empty()) {
    const auto written = WriteFileAtomically(json_file, results.dump(1) + "\n");
    if (!written.ok()) return fmt::print(stderr, "{}\n", written.error().message), 2;
  }
  if (!coverage_file.empty()) model->WriteCoverage(coverage_file.c_str());
  return good ? 0 : 1;
}

}  // namespace
}  // namespace ecoflow

int main(int argc, char** argv) { return ecoflow::Main(argc, argv); }
