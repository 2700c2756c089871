// SPDX-License-Identifier: Apache-2.0
// What the mapper goes for: estimates against the cycle model's counts.
#include <gtest/gtest.h>

#include "compiler/compiler.h"
#include "model/cycle_model.h"

namespace ecoflow {
namespace {

Layer SomeLayer() {
  Layer layer;
  layer.input = {2, 12, 15, 15};
  layer.output_channels = 24;
  layer.kernel = {3, 3};
  layer.strides = {2, 2};
  layer.pads = {1, 1, 1, 1};
  return layer;
}

struct Measured {
  double cycles = 0, words = 0;
  double estimated_cycles = 0, estimated_words = 0;
};

Measured Measure(Pass pass, const std::string& dataflow, const std::string& objective) {
  const HwConfig config = LoadHwConfig("ecoflow_4x4").value();
  const CompiledLayer compiled = Compile(config, SomeLayer(), pass, dataflow, objective).value();
  const CycleCounts counts = PredictCycles(compiled.schedule, config, {}).value();
  Measured m;
  m.cycles = static_cast<double>(counts.cycles);
  m.words = static_cast<double>(counts.wide_words + counts.narrow_words + counts.gon_words);
  for (const PeCounts& pe : counts.pe) m.words += static_cast<double>(pe[kCntLocalWords]);
  m.estimated_cycles = compiled.mapping.at("estimated_cycles");
  m.estimated_words = compiled.mapping.at("estimated_words");
  return m;
}

class ObjectiveTest : public ::testing::TestWithParam<std::tuple<Pass, const char*>> {};
INSTANTIATE_TEST_SUITE_P(Passes, ObjectiveTest,
                         ::testing::Combine(::testing::Values(Pass::kForward, Pass::kInputGrad,
                                                              Pass::kFilterGrad),
                                            ::testing::Values("ecoflow", "row-stationary", "auto")));

TEST_P(ObjectiveTest, FewerOfWhatIsAskedFor) {
  const auto [pass, dataflow] = GetParam();
  const Measured fast = Measure(pass, dataflow, "cycles"), thrifty = Measure(pass, dataflow, "words");
  EXPECT_LE(fast.estimated_cycles, thrifty.estimated_cycles);
  EXPECT_LE(thrifty.estimated_words, fast.estimated_words);
  EXPECT_LE(fast.cycles, 1.05 * thrifty.cycles);
  EXPECT_LE(thrifty.words, 1.05 * fast.words);
}

TEST_P(ObjectiveTest, WordsAreEstimatedWell) {
  const auto [pass, dataflow] = GetParam();
  for (const char* objective : {"cycles", "words"}) {
    const Measured m = Measure(pass, dataflow, objective);
    EXPECT_NEAR(m.estimated_words / m.words, 1, 0.3) << objective;
  }
}

TEST(ObjectiveErrorTest, UnknownOnesAreRefused) {
  const HwConfig config = LoadHwConfig("ecoflow_4x4").value();
  const auto compiled = Compile(config, SomeLayer(), Pass::kForward, "auto", "energy");
  ASSERT_FALSE(compiled.ok());
  EXPECT_EQ(compiled.error().message, "--objective energy: expected cycles or words");
}

}  // namespace
}  // namespace ecoflow
