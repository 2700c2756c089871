// Regression over random layers on the RTL: `sweep --config C --first S --count N [--stall]`.
// Prints one line per failure with the command that replays it; exit status 1 when there is one.
#include <CLI/CLI.hpp>
#include <chrono>

#include "compiler/compiler.h"
#include "tb/golden/golden.h"
#include "tb/model/model_cache.h"
#include "tb/run/report.h"
#include "tb/run/run.h"
#include "tests/e2e/random_layers.h"

namespace ecoflow {
namespace {

int64_t Elements(const std::array<int64_t, 4>& s) { return s[0] * s[1] * s[2] * s[3]; }

// Empty when the layer runs, matches and multiplies no padding; else what went wrong.
std::string RunOne(const HwConfig& config, ArrayModel& model, uint64_t seed, int64_t max_macs,
                   double stall, bool verbose) {
  Pass pass{};
  const Layer layer = RandomTransposedLayer(seed, max_macs, &pass);
  if (verbose) fmt::print("{} {} {}", seed, ToString(pass), ToJsonText(layer));
  const auto compiled = Compile(config, layer, pass, "ecoflow");
  if (!compiled.ok()) return "refused: " + compiled.error().message;
  const auto operands = PassOperands(pass);
  const auto first = RandomTensor(Elements(TensorShape(layer, operands[0])), seed * 2);
  const auto second = RandomTensor(Elements(TensorShape(layer, operands[1])), seed * 2 + 1);
  RunOptions options;
  options.stall = stall;
  options.stall_seed = static_cast<uint32_t>(seed);
  options.watchdog_cycles = 20000;
  const auto run = RunOnArray(compiled.value(), model, first, second, options);
  if (!run.ok()) return run.error().message;
  const RunReport report = MakeReport(compiled.value(), run.value(), Golden(layer, pass, first, second));
  if (report.mismatches != 0) return fmt::format("{} mismatches", report.mismatches);
  if (report.issued_macs != report.useful_macs) {
    return fmt::format("issued {} MACs, useful are {}", report.issued_macs, report.useful_macs);
  }
  int64_t accounted = report.issued_macs;
  for (const auto& [cause, count] : report.stall_cycles) accounted += count;
  if (accounted != report.cycles * report.pe_count()) {
    return fmt::format("{} PE-cycles accounted for, expected {}", accounted,
                       report.cycles * report.pe_count());
  }
  return "";
}

int Main(int argc, char** argv) {
  CLI::App app("random transposed layers on the Verilated RTL");
  std::string config_name = "ecoflow_4x4";
  uint64_t first = 1, count = 100;
  double stall = 0;
  int64_t max_macs = 60000;
  bool assertions = false, verbose = false;
  app.add_option("--config", config_name);
  app.add_option("--first", first, "first seed");
  app.add_option("--count", count, "layers");
  app.add_option("--stall", stall, "probability of random pauses");
  app.add_option("--max-macs", max_macs, "largest layer");
  app.add_flag("--assert", assertions, "check RTL assertions");
  app.add_flag("--verbose", verbose);
  CLI11_PARSE(app, argc, argv);

  const auto config = LoadHwConfig(config_name);
  if (!config.ok()) return fmt::print(stderr, "{}\n", config.error().message), 2;
  ModelOptions model_options;
  model_options.assertions = assertions;
  const auto library = BuildModel(config.value(), model_options, [](const std::string&) {});
  if (!library.ok()) return fmt::print(stderr, "{}\n", library.error().message), 3;
  const auto begin = std::chrono::steady_clock::now();
  uint64_t failed = 0;
  for (uint64_t seed = first; seed < first + count; ++seed) {
    const auto model = LoadModel(library.value(), static_cast<uint32_t>(seed), "");
    if (!model.ok()) return fmt::print(stderr, "{}\n", model.error().message), 3;
    const std::string why = RunOne(config.value(), *model.value(), seed, max_macs, stall, verbose);
    if (why.empty()) continue;
    ++failed;
    fmt::print("FAILED seed {}: {}\n  replay: sweep --config {} --first {} --count 1 --stall {} "
               "--max-macs {}{}\n", seed, why, config_name, seed, stall, max_macs,
               assertions ? " --assert" : "");
    std::fflush(stdout);
  }
  fmt::print("{}: {} passed, {} failed, stall {}, {:.1f} s\n", config_name, count - failed, failed,
             stall, std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  return failed == 0 ? 0 : 1;
}

}  // namespace
}  // namespace ecoflow

int main(int argc, char** argv) { return ecoflow::Main(argc, argv); }
