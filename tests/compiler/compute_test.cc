// SPDX-License-Identifier: Apache-2.0
// The functional executor against the golden model, on every mapping family and on random layers,
// and on schedules with a planted mistake.
#include "compiler/verify/compute.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "compiler/compiler.h"
#include "tb/golden/golden.h"
#include "tb/run/run.h"
#include "tests/e2e/random_layers.h"

namespace ecoflow {
namespace {

constexpr std::array kPasses = {Pass::kForward, Pass::kInputGrad, Pass::kFilterGrad};

int64_t Elements(const std::array<int64_t, 4>& s) { return s[0] * s[1] * s[2] * s[3]; }

// Operands of a layer, what the golden model makes of them, what a schedule does.
struct Comparison {
  explicit Comparison(const CompiledLayer& compiled)
      : config(compiled.config), elements(Elements(ResultShape(compiled.layer, compiled.pass))) {
    const auto operands = PassOperands(compiled.pass);
    first = RandomTensor(Elements(TensorShape(compiled.layer, operands[0])), 1);
    second = RandomTensor(Elements(TensorShape(compiled.layer, operands[1])), 2);
    golden = Golden(compiled.layer, compiled.pass, first, second);
  }
  Result<std::vector<int32_t>> Compute(const Schedule& schedule) const {
    return ComputeResult(schedule, config, first, second, elements, {});
  }

  HwConfig config;
  int64_t elements;
  std::vector<int16_t> first, second;
  std::vector<int32_t> golden;
};

Layer MakeLayer(std::array<int, 4> input, int filters, int group, bool border) {
  Layer layer;
  layer.input = input;
  layer.output_channels = filters;
  layer.group = group;
  layer.kernel = {3, 3};
  layer.strides = {2, 2};
  if (border) layer.pads = {1, 0, 1, 1};
  return layer;
}

struct Family {
  const char* name;
  const char* family;
  Layer layer;
  Pass pass;
  const char* dataflow;
  bool crosses = false;
  const char* borders = "";  // of matrix products, if any will not do
};

class ComputeTest : public ::testing::TestWithParam<Family> {
 protected:
  // The family's first mapping, whether or not another is faster.
  CompiledLayer Compiled() const {
    const Family& f = GetParam();
    CompiledLayer compiled = BeginCompile(LoadHwConfig("ecoflow_4x4").value(), f.layer, f.pass, f.dataflow, "cycles").value();
    const std::vector<Candidate> candidates = Candidates(compiled).value();
    const auto wanted = std::find_if(candidates.begin(), candidates.end(), [&](const Candidate& candidate) {
      const auto& mapping = candidate.mapping;
      return mapping.at("family") == f.family && (mapping.contains("cross") && !mapping.at("cross").is_null()) == f.crosses &&
             (*f.borders == 0 || mapping.at("borders") == f.borders);
    });
    CHECK(wanted != candidates.end());
    const Status made = MakeSchedule(*wanted, compiled.config, compiled.schedule);
    EXPECT_TRUE(made.ok()) << made.error().message;
    compiled.mapping = wanted->mapping;
    return compiled;
  }
};
const Layer kSome = MakeLayer({2, 5, 17, 13}, 60, 1, true);
const Layer kBorderless = MakeLayer({2, 12, 13, 11}, 40, 1, false);
const Layer kBordered = [] {
  Layer layer = MakeLayer({2, 12, 7, 7}, 40, 1, true);
  layer.strides = {1, 1};
  return layer;
}();
const Layer kPointwise = [] {
  Layer layer = MakeLayer({2, 12, 13, 11}, 40, 1, false);
  layer.kernel = {1, 1};
  layer.strides = {1, 1};
  return layer;
}();
const Layer kFewChannels = MakeLayer({2, 2, 9, 9}, 24, 1, true);
const Layer kDepthwise = MakeLayer({2, 40, 13, 11}, 40, 40, true);
INSTANTIATE_TEST_SUITE_P(Families, ComputeTest,
                         ::testing::Values(
    Family{"strips", "strips", kSome, Pass::kInputGrad, "ecoflow"},
    Family{"gradients", "results per PE", kSome, Pass::kFilterGrad, "ecoflow"},
    Family{"rows", "row-stationary", kSome, Pass::kForward, "row-stationary"},
    Family{"padded", "row-stationary", kSome, Pass::kInputGrad, "row-stationary"},
    Family{"product", "matrix product", kBorderless, Pass::kForward, "ecoflow"},
    Family{"parts", "matrix product", kBordered, Pass::kForward, "ecoflow"},
    Family{"product_gradient", "matrix product", kPointwise, Pass::kFilterGrad, "auto"},
    Family{"tiles_that_cross", "tile per PE", kBorderless, Pass::kFilterGrad, "auto", true},
    Family{"scatter", "matrix product", kBorderless, Pass::kInputGrad, "auto"},
    Family{"scatter_dropped", "matrix product", kFewChannels, Pass::kInputGrad, "auto", false, "dropped"},
    Family{"plane", "plane per PE", kDepthwise, Pass::kForward, "ecoflow"},
    Family{"tiles", "tile per PE", kDepthwise, Pass::kFilterGrad, "ecoflow"}),
                         [](const auto& test) { return test.param.name; });

TEST_P(ComputeTest, EqualsTheGoldenModel) {
  const CompiledLayer compiled = Compiled();
  const Comparison comparison(compiled);
  double share = 0;
  ComputeOptions options;
  options.progress = [&](double now) {
    EXPECT_GT(now, share);
    share = now;
  };
  const auto result = ComputeResult(compiled.schedule, compiled.config, comparison.first,
                                    comparison.second, comparison.elements, options);
  ASSERT_TRUE(result.ok()) << result.error().message;
  EXPECT_EQ(result.value(), comparison.golden);
  EXPECT_EQ(share, 1);
}

TEST_P(ComputeTest, AWrongElementIsAnotherResult) {
  const CompiledLayer compiled = Compiled();
  const Comparison comparison(compiled);
  Schedule schedule = compiled.schedule;
  for (Register& reg : schedule.wide[0].nest.registers) {
    if (reg.name == "address") reg.cap = 1;
  }
  const auto result = comparison.Compute(schedule);
  ASSERT_TRUE(result.ok()) << result.error().message;
  EXPECT_NE(result.value(), comparison.golden);
}

TEST_P(ComputeTest, SumsThatTheAccumulatorTreatsWronglyAreAnotherResult) {
  const CompiledLayer compiled = Compiled();
  const Comparison comparison(compiled);
  Schedule schedule = compiled.schedule;
  for (GonDescriptor& d : schedule.gon) {
    d.slot = d.nest.Affine("never", 0, {});
    const Condition never = {{{d.slot, 1, 2}}};
    if (d.last.empty()) {
      d.last = never;  // every sum was complete when it left its PE: now it stays behind
    } else {
      d.first = never;  // sums are added to what their slot holds from the ones before
    }
  }
  const auto result = comparison.Compute(schedule);
  ASSERT_TRUE(result.ok()) << result.error().message;
  EXPECT_NE(result.value(), comparison.golden);
}

TEST_P(ComputeTest, ResultsFiledElsewhereAreAnotherResult) {
  const CompiledLayer compiled = Compiled();
  const Comparison comparison(compiled);
  Schedule schedule = compiled.schedule;
  for (GonDescriptor& d : schedule.gon) {  // in reverse order
    d.address = d.nest.Affine("reverse", comparison.elements - 1, {{d.address, -1}});
  }
  const auto result = comparison.Compute(schedule);
  ASSERT_TRUE(result.ok()) << result.error().message;
  EXPECT_NE(result.value(), comparison.golden);
}

TEST_P(ComputeTest, ElementsThatDoNotExistAreRefused) {
  const CompiledLayer compiled = Compiled();
  const Comparison comparison(compiled);
  Schedule schedule = compiled.schedule;
  for (Register& reg : schedule.wide[0].nest.registers) {
    if (reg.name == "address") reg.base += 1'000'000;
  }
  auto result = comparison.Compute(schedule);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code, ExitCode::kBadInput);
  EXPECT_NE(result.error().message.find("does not exist"), std::string::npos);

  schedule = compiled.schedule;
  for (GonDescriptor& d : schedule.gon) {
    d.address = d.nest.Affine("none", comparison.elements, {});
  }
  result = comparison.Compute(schedule);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code, ExitCode::kMachinery);

  schedule = compiled.schedule;
  for (GonDescriptor& d : schedule.gon) d.row = d.nest.Affine("row", compiled.config.rows, {});
  result = comparison.Compute(schedule);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().message,
            "image.json: the schedule is damaged: PE 4,0 does not exist");
}

TEST(Compute, RandomLayersEqualTheGoldenModel) {
  const HwConfig config = LoadHwConfig("ecoflow_4x4").value();
  for (uint64_t seed = 0; seed < 180; ++seed) {
    const Op op = seed % 2 == 0 ? Op::kConv : Op::kConvTranspose;
    const Pass pass = kPasses[seed / 2 % 3];
    const char* dataflow = std::array{"ecoflow", "row-stationary", "auto"}[seed / 6 % 3];
    const bool padded = std::string(dataflow) == "row-stationary";
    const Layer layer = RandomLayer(seed, op, pass, padded, 20000);
    const auto compiled = Compile(config, layer, pass, dataflow);
    ASSERT_TRUE(compiled.ok()) << ToJsonText(layer) << compiled.error().message;
    const Comparison comparison(compiled.value());
    const auto result = comparison.Compute(compiled.value().schedule);
    ASSERT_TRUE(result.ok()) << ToJsonText(layer) << result.error().message;
    ASSERT_EQ(result.value(), comparison.golden) << ToJsonText(layer);
  }
}

}  // namespace
}  // namespace ecoflow
