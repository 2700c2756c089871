// SPDX-License-Identifier: Apache-2.0
// Simulation speed: clock cycles a second of the Verilated array with all PEs at work.
//   build/bin/sim_speed [--benchmark_repetitions=5]
#include <benchmark/benchmark.h>

#include "compiler/compiler.h"
#include "tb/model/model_cache.h"
#include "tb/run/run.h"

namespace ecoflow {
namespace {

void SimSpeed(benchmark::State& state, const char* config_name) {
  const HwConfig config = LoadHwConfig(config_name).value();
  Layer layer;  // ResNet-50 CONV3 with fewer channels
  layer.input = {1, 20, 57, 57};
  layer.output_channels = 64;
  layer.kernel = {3, 3};
  layer.strides = {2, 2};
  const CompiledLayer compiled = Compile(config, layer, Pass::kInputGrad, "ecoflow").value();
  const auto model =
      LoadModel(BuildModel(config, {}, [](const std::string&) {}).value(), 1, "").value();
  const auto error = RandomTensor(64 * 28 * 28, 1, config.floating_point());
  const auto filter = RandomTensor(64 * 20 * 9, 2, config.floating_point());
  int64_t cycles = 0;
  for (auto _ : state) {
    cycles += RunOnArray(compiled, *model, error, filter, {}).value().cycles;
  }
  state.counters["cycles/s"] = benchmark::Counter(static_cast<double>(cycles), benchmark::Counter::kIsRate);
}
BENCHMARK_CAPTURE(SimSpeed, ecoflow_13x15, "ecoflow_13x15")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(SimSpeed, ecoflow_13x15_bf16, "ecoflow_13x15_bf16")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(SimSpeed, ecoflow_4x4, "ecoflow_4x4")->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace ecoflow

BENCHMARK_MAIN();
