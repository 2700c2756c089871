// SPDX-License-Identifier: Apache-2.0
// What would wrap in a PE is refused, against a walk with numbers of any size.
#include "compiler/schedule/widths.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>

#include "compiler/compiler.h"
#include "isa/pe_image.h"

namespace ecoflow {
namespace {

// One pass of one PE.
Schedule OnePass(const PeImage& image, int64_t y_base) {
  Schedule schedule;
  schedule.programs = {Encode(image).value()};
  PassDescriptor d;
  d.nest.AddLoop("row", 1);
  d.nest.AddLoop("column", 1);
  d.fields = {{"YBase", d.nest.Affine("y_base", y_base, {})}};
  schedule.passes = {d};
  return schedule;
}

PeImage EmptyImage(const HwConfig& hw) {
  PeImage image;
  image.mode.ParamLevel = kNoParamLevel;
  image.levels.resize(static_cast<std::size_t>(hw.num_levels()) + 1);
  return image;
}

// Whether every range check of Y comes out as it would without a width.
bool NeverWraps(const PeImage& image, int levels, int64_t y_base) {
  std::vector<int64_t> index(static_cast<std::size_t>(levels), 0);
  for (int64_t y = y_base;;) {
    if (y > 32767 || y < image.limit.YLimit - 32768) return false;
    std::size_t step = 0;
    for (; step < index.size(); ++step) {
      const bool shorter = step == 1 && index[3] < image.limit.Ragged;
      if (index[step] < image.levels[step].files.Last - shorter) break;
      index[step] = 0;
    }
    if (step == index.size()) return true;
    ++index[step];
    y = (image.levels[step].coordinates.YReset != 0 ? y_base : y) + image.levels[step].coordinates.YDelta;
  }
}

class WidthsTest : public ::testing::Test {
 protected:
  int64_t Pick(int64_t low, int64_t high) {
    return std::uniform_int_distribution<int64_t>(low, high)(random_);
  }
  PeImage RandomImage() {
    PeImage image = EmptyImage(hw_);
    image.mode.YKind = Pick(0, 1) == 0 ? kRangeResult : kRangeOperand;
    image.limit.YLimit = Pick(1, 32767);
    for (PeImage::Record& record : image.levels) {
      record.files.Last = Pick(0, 2);
      record.coordinates.YReset = Pick(0, 2) == 0;
      record.coordinates.YDelta = Pick(-4000, 4000);
    }
    return image;
  }

  HwConfig hw_ = LoadHwConfig("ecoflow_4x4").value();
  std::mt19937_64 random_{7};
};

TEST_F(WidthsTest, CoordinatesAreRefusedJustWhenTheyWrap) {
  int refused = 0;
  for (int round = 0; round < 4000; ++round) {
    const PeImage image = RandomImage();
    const int64_t base = Pick(-16384, 16383);
    const bool fits = CheckWidths(OnePass(image, base), hw_).ok();
    ASSERT_EQ(fits, NeverWraps(image, hw_.num_levels(), base)) << "round " << round;
    refused += !fits;
  }
  EXPECT_GT(refused, 400);
  EXPECT_LT(refused, 3600);
}

// Bases of many PEs and passes: bounds of variables, which may say that everything fits, are wider than what they are.
TEST_F(WidthsTest, CoordinatesOfManyPassesAreRefusedJustWhenTheyWrap) {
  int refused = 0, wider = 0;
  for (int round = 0; round < 4000; ++round) {
    const PeImage image = RandomImage();
    Schedule schedule = OnePass(image, 0);
    PassDescriptor d;
    const int pass = d.nest.AddLoop("pass", Pick(1, 3));
    const int row = d.nest.AddLoop("row", Pick(1, 3));
    const int column = d.nest.AddLoop("column", Pick(1, 3));
    const auto factor = [&] { return Pick(-4000, 4000); };
    const int place = d.nest.Remainder("place", d.nest.Affine("sum", 0, {{row, Pick(1, 3)}, {column, 1}}), Pick(2, 4));
    const int base = d.nest.Affine("y_base", Pick(-8192, 8191), {{pass, factor()}, {row, factor()}, {place, factor()}});
    d.pass_loops = 1;
    d.fields = {{"YBase", base}};
    schedule.passes = {d};
    bool fits = true;
    int64_t low = std::numeric_limits<int64_t>::max();
    for (NestCursor cursor(d.nest); !cursor.done(); cursor.Next()) {
      fits = fits && cursor[base] >= -16384 && cursor[base] < 16384 && NeverWraps(image, hw_.num_levels(), cursor[base]);
      low = std::min(low, cursor[base]);
    }
    ASSERT_EQ(CheckWidths(schedule, hw_).ok(), fits) << "round " << round;
    refused += !fits;
    wider += low > d.nest.Bounds(base).low;
  }
  EXPECT_GT(refused, 400);
  EXPECT_LT(refused, 3600);
  EXPECT_GT(wider, 400);
}

TEST_F(WidthsTest, RaggedLevelsNeverWrapUnnoticed) {
  int wraps = 0;
  for (int round = 0; round < 4000; ++round) {
    PeImage image = RandomImage();
    image.levels[1].files.Last = Pick(1, 3);
    image.limit.Ragged = Pick(1, 2);
    const int64_t base = Pick(-16384, 16383);
    if (NeverWraps(image, hw_.num_levels(), base)) continue;
    ++wraps;
    ASSERT_FALSE(CheckWidths(OnePass(image, base), hw_).ok()) << "round " << round;
  }
  EXPECT_GT(wraps, 400);
}

TEST_F(WidthsTest, RaggedLevelOfOneIndexIsRefused) {
  PeImage image = EmptyImage(hw_);
  image.limit.Ragged = 1;
  const Status status = CheckWidths(OnePass(image, 0), hw_);
  ASSERT_FALSE(status.ok());
  EXPECT_NE(status.error().message.find("ragged"), std::string::npos) << status.error().message;
  image.levels[1].files.Last = 1;
  EXPECT_TRUE(CheckWidths(OnePass(image, 0), hw_).ok());
}

// Pads of 4096 before a map of 5 with strides of 4000: it compiled, was proved and hung.
TEST_F(WidthsTest, WrapLayerIsRefused) {
  Layer layer;
  layer.op = Op::kConvTranspose;
  layer.input = {1, 1, 5, 1};
  layer.output_channels = 1;
  layer.kernel = {4000, 1};
  layer.strides = {4000, 1};
  layer.dilations = {5, 1};
  layer.pads = {4096, 0, 0, 0};
  const auto compiled = Compile(hw_, layer, Pass::kForward, "ecoflow");
  ASSERT_FALSE(compiled.ok());
  EXPECT_NE(compiled.error().message.find("coordinate Y"), std::string::npos) << compiled.error().message;
}

// Of 512 words three lanes can share 510: a schedule for 512 was refused by its own proof.
TEST_F(WidthsTest, AccumulatorWordsThatLanesCannotShareAreLeftAlone) {
  hw_.gon_bits = 96;
  int64_t compiled = 0;
  for (const int words : {64, 256, 512}) {
    hw_.accumulator_words = words;
    ASSERT_LT(hw_.accumulator_slots(), words);
    for (const char* dataflow : {"auto", "ecoflow", "row-stationary"}) {
      for (const Pass pass : {Pass::kForward, Pass::kInputGrad, Pass::kFilterGrad}) {
        Layer layer;
        layer.input = {2, 8, 12, 12};
        layer.output_channels = 24;
        layer.kernel = {4, 4};
        layer.strides = {2, 2};
        const auto result = Compile(hw_, layer, pass, dataflow);
        if (result.ok()) ++compiled;
        EXPECT_TRUE(result.ok() || result.error().message.find("internal") == std::string::npos)
            << words << " words, " << dataflow << ", " << ToString(pass) << ": " << result.error().message;
      }
    }
  }
  EXPECT_GT(compiled, 20);
}

}  // namespace
}  // namespace ecoflow
