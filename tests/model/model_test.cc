// SPDX-License-Identifier: Apache-2.0
// The cycle model without the RTL: structures of nests, skipping, zeros, damaged schedules. That
// its numbers are those of the RTL is the work of `sweep --predict`.
#include <gtest/gtest.h>

#include <map>

#include "compiler/dataflow/transposed.h"
#include "model/cycle_model.h"
#include "model/gated.h"
#include "model/nest_structure.h"
#include "tb/golden/golden.h"
#include "tb/run/run.h"
#include "tests/e2e/random_layers.h"

namespace ecoflow {
namespace {

constexpr std::array kPasses = {Pass::kForward, Pass::kInputGrad, Pass::kFilterGrad};

int64_t Elements(const std::array<int64_t, 4>& s) { return s[0] * s[1] * s[2] * s[3]; }

CompiledLayer CompileRandom(uint64_t seed, const char* dataflow) {
  const Op op = seed % 2 == 0 ? Op::kConv : Op::kConvTranspose;
  const Pass pass = kPasses[seed / 2 % 3];
  const bool padded = std::string(dataflow) == "row-stationary";
  const HwConfig config = LoadHwConfig("ecoflow_4x4").value();
  return Compile(config, RandomLayer(seed, op, pass, padded, 20000), pass, dataflow).value();
}

// Checks that parts of a nest with equal signatures have equal items; returns parts, signatures.
std::array<std::size_t, 2> CheckStructure(const LoopNest& nest, int outer, NestStructure& structure,
                                          const std::function<std::string(const NestCursor&)>& item) {
  std::map<std::vector<int64_t>, std::string> walked;
  std::vector<int64_t> indices(static_cast<std::size_t>(outer), 0);
  std::size_t parts = 0;
  for (bool more = true; more;) {
    std::vector<int64_t> signature;
    structure.Append(indices, signature);
    std::string items;
    NestCursor cursor(nest);
    for (cursor.Seek(indices); !cursor.done(); cursor.Next()) items += item(cursor) + ";";
    const auto [known, fresh] = walked.try_emplace(signature, items);
    EXPECT_EQ(known->second, items) << nest.loops[0].name;
    ++parts;
    more = false;
    for (std::size_t l = indices.size(); l-- > 0 && !more;) {
      more = ++indices[l] < nest.loops[l].bound;
      if (!more) indices[l] = 0;
    }
  }
  return {parts, walked.size()};
}

TEST(NestStructure, PartsWithEqualSignaturesAreAlike) {
  std::size_t parts = 0, distinct = 0;
  for (uint64_t seed = 0; seed < 120; ++seed) {
    const CompiledLayer compiled = CompileRandom(seed, seed % 3 == 0 ? "row-stationary" : "ecoflow");
    const Schedule& schedule = compiled.schedule;
    for (const auto* network : {&schedule.wide, &schedule.narrow}) {
      for (const GinDescriptor& d : *network) {
        const int outer = static_cast<int>(d.nest.loops.size()) - 2;
        NestStructure structure(d.nest, outer);
        structure.AddValue(d.row_tag);
        structure.AddValue(d.col_tag);
        const auto [p, s] = CheckStructure(d.nest, outer, structure, [&](const NestCursor& cursor) {
          return fmt::format("{},{}", cursor[d.row_tag], cursor[d.col_tag]);
        });
        parts += p;
        distinct += s;
      }
    }
    for (const GonDescriptor& d : schedule.gon) {
      const int outer = static_cast<int>(d.nest.loops.size()) - 2;
      NestStructure structure(d.nest, outer);
      structure.AddCondition(d.real);
      structure.AddCondition(d.first);
      structure.AddCondition(d.last);
      structure.AddValue(d.row);
      structure.AddValue(d.col);
      structure.AddValue(d.slot, 2);
      const auto [p, s] = CheckStructure(d.nest, outer, structure, [&](const NestCursor& cursor) {
        return fmt::format("{},{},{},{},{}", cursor[d.row], cursor[d.col], cursor[d.slot] % 2,
                           MovesOf(d, cursor).first, MovesOf(d, cursor).last);
      });
      parts += p;
      distinct += s;
    }
  }
  EXPECT_GT(parts, 8 * distinct);  // otherwise they are of no use
}

// By the golden model: with ones for all that is not zero, every result counts its products.
TEST(Gated, NonzeroProductsAreCounted) {
  for (uint64_t seed = 0; seed < 300; ++seed) {
    const Op op = seed % 2 == 0 ? Op::kConv : Op::kConvTranspose;
    const Pass pass = kPasses[seed / 2 % 3];
    const Layer layer = RandomLayer(seed, op, pass, false, 20000);
    const auto operands = PassOperands(pass);
    auto first = RandomTensor(Elements(TensorShape(layer, operands[0])), seed);
    auto second = RandomTensor(Elements(TensorShape(layer, operands[1])), seed + 1);
    const int64_t count = CountUngatedProducts(layer, pass, false, first, second);
    for (auto* tensor : {&first, &second}) {
      for (int16_t& value : *tensor) value = value != 0;
    }
    int64_t expected = 0;
    for (const int32_t sum : Golden(layer, pass, first, second)) expected += sum;
    ASSERT_EQ(count, expected) << ToJsonText(layer);
  }
}

// Calls visit(error, kernel element) for all pairs that a transposed problem multiplies where it is not cropped.
template <typename Visit>
void EachPair(const TransposedProblem& p, Visit visit) {
  const auto at = [](const TensorAddress& a, int64_t group, int64_t batch, int64_t outc, int64_t red, int64_t row, int64_t col) {
    return a.base + a.group * group + a.batch * batch + a.outc * outc + a.red * red + a.row * row + a.col * col;
  };
  for (int64_t g = 0; g < p.groups; ++g)
    for (int64_t f = 0; f < p.red; ++f)
      for (int64_t n = 0; n < p.batch; ++n)
        for (int64_t y = 0; y < p.in[0]; ++y)
          for (int64_t x = 0; x < p.in[1]; ++x)
            for (int64_t c = 0; c < p.outc; ++c)
              for (int64_t i = 0; i < p.kernel[0]; ++i)
                for (int64_t j = 0; j < p.kernel[1]; ++j)
                  visit(at(p.error_at, g, n, 0, f, y, x), at(p.kernel_at, g, 0, c, f, i, j));
}

// Where sums that padding cuts away are dropped, also products of these: those of the same layer with room for them.
TEST(Gated, DroppedProductsAreCounted) {
  int more = 0;
  for (uint64_t seed = 0; seed < 300; ++seed) {
    const Op op = seed % 2 == 0 ? Op::kConv : Op::kConvTranspose;
    const Pass pass = op == Op::kConv ? Pass::kInputGrad : Pass::kForward;
    Layer layer = RandomLayer(seed, op, pass, false, 20000);
    const auto operands = PassOperands(pass);
    auto first = RandomTensor(Elements(TensorShape(layer, operands[0])), seed);
    auto second = RandomTensor(Elements(TensorShape(layer, operands[1])), seed + 1);
    const TransposedProblem problem = MakeTransposedProblem(layer);
    int64_t expected = 0;  // pairs of the same summed channel
    if (!problem.empty) {
      EachPair(problem, [&](int64_t error, int64_t kernel) {
        expected += first[static_cast<std::size_t>(error)] != 0 && second[static_cast<std::size_t>(kernel)] != 0;
      });
    }
    ASSERT_EQ(CountUngatedProducts(layer, pass, false, first, second, true), expected) << ToJsonText(layer);
    more += expected > CountUngatedProducts(layer, pass, false, first, second);
  }
  EXPECT_GT(more, 50);
}

// Gated are a zero with a finite number, either way round: by the golden model of who is which, in whole numbers.
TEST(Gated, ZerosOfBf16TimesInfiniteOnesAreNotGated) {
  int64_t rare = 0;
  for (uint64_t seed = 0; seed < 300; ++seed) {
    const Layer layer = RandomLayer(seed, seed % 2 == 0 ? Op::kConv : Op::kConvTranspose, kPasses[seed / 2 % 3], false, 20000);
    const Pass pass = kPasses[seed / 2 % 3];
    const auto operands = PassOperands(pass);
    const auto first = RandomTensor(Elements(TensorShape(layer, operands[0])), seed, true, Values::kSpecial);
    const auto second = RandomTensor(Elements(TensorShape(layer, operands[1])), seed + 1, true, Values::kSpecial);
    const auto products = [&](auto one, auto other) {
      auto a = first, b = second;
      for (int16_t& bits : a) bits = one(bits);
      for (int16_t& bits : b) bits = other(bits);
      int64_t sum = 0;
      for (const int32_t value : Golden(layer, pass, a, b)) sum += value;
      return sum;
    };
    const auto any = [](int16_t) { return true; };
    const auto zero = [](int16_t bits) { return (bits & 0x7fff) == 0; };
    const auto finite = [](int16_t bits) { return (bits & 0x7fff) < 0x7f80; };
    const int64_t gated = products(zero, finite) + products(finite, zero) - products(zero, zero);
    ASSERT_EQ(CountUngatedProducts(layer, pass, true, first, second), products(any, any) - gated) << ToJsonText(layer);
    rare += products(zero, any) + products(any, zero) - products(zero, zero) - gated;
  }
  EXPECT_GT(rare, 100);
}

// Large enough to repeat themselves, on every family; with groups, streams run in turns.
TEST(CycleModel, SkippingChangesNoNumber) {
  Layer plain;
  plain.input = {2, 24, 17, 17};
  plain.output_channels = 32;
  plain.kernel = {3, 3};
  plain.strides = {2, 2};
  Layer depthwise = plain;
  depthwise.input = {2, 64, 13, 13};
  depthwise.output_channels = depthwise.group = 64;
  HwConfig config = LoadHwConfig("ecoflow_4x4").value();
  HwConfig deep = config;  // longer queues, a slower adder
  deep.queue_depth = 16;
  deep.adder_latency = 3;
  for (const auto& [layer, hw] : {std::pair{plain, config}, {depthwise, config}, {plain, deep}}) {
    for (const char* dataflow : {"ecoflow", "row-stationary", "auto"}) {
      for (const Pass pass : kPasses) {
        const CompiledLayer compiled = Compile(hw, layer, pass, dataflow).value();
        CycleModelOptions options;
        const CycleCounts with = PredictCycles(compiled.schedule, hw, options).value();
        options.skip = false;
        const CycleCounts without = PredictCycles(compiled.schedule, hw, options).value();
        EXPECT_EQ(with.cycles, without.cycles);
        EXPECT_EQ(with.config_cycles, without.config_cycles);
        EXPECT_EQ(with.wide_words, without.wide_words);
        EXPECT_EQ(with.narrow_words, without.narrow_words);
        EXPECT_EQ(with.gon_words, without.gon_words);
        EXPECT_EQ(with.output_words, without.output_words);
        EXPECT_EQ(with.pe, without.pe);
        EXPECT_EQ(without.simulated_cycles, without.cycles);
        if (dataflow != std::string("auto")) {  // which may choose what is over too soon
          EXPECT_LT(with.simulated_cycles, with.cycles) << dataflow << " " << ToString(pass);
        }
        EXPECT_EQ(with.output_words, compiled.output_words);
      }
    }
  }
}

TEST(CycleModel, AnEmptyRunEnds) {
  const HwConfig config = LoadHwConfig("ecoflow_4x4").value();
  const CycleCounts counts = PredictCycles(Schedule{}, config, {}).value();
  EXPECT_GT(counts.cycles, 0);
  EXPECT_EQ(counts.gon_words, 0);
}

TEST(CycleModel, DamagedSchedulesAreRefused) {
  const CompiledLayer compiled = CompileRandom(1, "ecoflow");
  CycleModelOptions options;
  options.watchdog_cycles = 2000;
  {
    Schedule schedule = compiled.schedule;
    schedule.gon[0].row = schedule.gon[0].address;  // a row that does not exist
    const auto result = PredictCycles(schedule, compiled.config, options);
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.error().code, ExitCode::kBadInput);
  }
  {
    Schedule schedule = compiled.schedule;
    schedule.setup.pop_back();
    const auto result = PredictCycles(schedule, compiled.config, options);
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.error().code, ExitCode::kBadInput);
  }
  {
    Schedule schedule = compiled.schedule;
    schedule.wide.clear();
    schedule.narrow.clear();  // nothing ever comes
    const auto result = PredictCycles(schedule, compiled.config, options);
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.error().code, ExitCode::kMachinery);
    EXPECT_NE(result.error().message.find("watchdog"), std::string::npos);
  }
}

}  // namespace
}  // namespace ecoflow
