// SPDX-License-Identifier: Apache-2.0
// What the random layers of large arrays are like: enough of them with several passes and several parts.
#include "tests/e2e/random_layers.h"

#include <gtest/gtest.h>

#include "choose/choose.h"

namespace ecoflow {
namespace {

TEST(RandomLayersTest, LargeArraysGetSeveralPassesAndParts) {
  const HwConfig config = LoadHwConfig("ecoflow_13x15").value();
  constexpr uint64_t kLayers = 20;  // of each dataflow, operation and pass
  int layers = 0, many_passes = 0, many_parts = 0;
  for (const std::string dataflow : {"ecoflow", "row-stationary", "auto"}) {
    for (const Op op : {Op::kConv, Op::kConvTranspose}) {
      for (const Pass pass : {Pass::kForward, Pass::kInputGrad, Pass::kFilterGrad}) {
        for (uint64_t seed = 1; seed <= kLayers; ++seed) {
          const bool padded = dataflow == "row-stationary";
          const Layer layer =
              RandomLayer(seed, op, pass, padded, DefaultMacs(config.pe_count(), padded), config.pe_count());
          const auto chosen = Choose(config, layer, pass, dataflow);
          ASSERT_TRUE(chosen.ok()) << chosen.error().message;
          const Schedule& schedule = chosen.value().compiled.schedule;
          ++layers;
          many_passes += schedule.num_passes >= 3;
          many_parts += schedule.passes.size() >= 2;
        }
      }
    }
  }
  EXPECT_GE(many_passes, 0.30 * layers);
  EXPECT_GE(many_parts, 0.10 * layers);
  RecordProperty("passes_3_or_more", many_passes);
  RecordProperty("several_parts", many_parts);
  std::printf("passes: >=3 in %d %%, several parts %d %%\n", 100 * many_passes / layers,
              100 * many_parts / layers);
}

}  // namespace
}  // namespace ecoflow
