// SPDX-License-Identifier: Apache-2.0
// Programs do what their loops say: every register of every slot, worked out from the indices.
#include "compiler/schedule/program.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

#include "compiler/schedule/element.h"
#include "compiler/schedule/stream.h"
#include "gen/config/hw_config.h"
#include "isa/pe_fsm.h"

namespace ecoflow {
namespace {

class ProgramTest : public ::testing::Test {
 protected:
  int64_t Pick(int64_t low, int64_t high) { return std::uniform_int_distribution<int64_t>(low, high)(random_); }

  std::mt19937_64 random_{7};
  HwConfig hw_ = LoadHwConfig("ecoflow_4x4").value();
};

TEST_F(ProgramTest, RegistersAreSumsOfTheIndices) {
  constexpr Moving kAll[] = {Moving::kIfmap, Moving::kFilter, Moving::kPsum, Moving::kY, Moving::kX, Moving::kZ};
  for (int k = 0; k < 200; ++k) {
    const int levels = hw_.num_levels();
    std::vector<int64_t> count;
    std::map<Moving, std::vector<int64_t>> step;
    ProgramBuilder program(hw_);
    for (int l = 0; l < levels; ++l) {
      count.push_back(Pick(1, 3));
      program.Loop(l, count.back());
    }
    for (const Moving what : kAll) {
      const bool small = what == Moving::kPsum || what == Moving::kIfmap || what == Moving::kFilter;
      for (int l = 0; l < levels; ++l) {
        step[what].push_back(Pick(0, 1) == 0 ? 0 : small ? Pick(0, 1) : Pick(-40, 40));
        if (step[what].back() != 0) program.Move(what, l, step[what].back());
      }
    }
    const auto words = program.Words();
    ASSERT_TRUE(words.ok()) << words.error().message;
    const PeImage image = DecodeImage(words.value());
    PeFsm fsm(image, levels, 1 << 10, 0, {5, -3, 2});
    std::vector<int64_t> index(static_cast<std::size_t>(levels), 0);
    for (;; fsm.Next()) {
      const auto now = [&](Moving what, int64_t base) {
        for (std::size_t l = 0; l < index.size(); ++l) base += index[l] * step[what][l];
        return base;
      };
      ASSERT_EQ(fsm.ifmap_offset(), now(Moving::kIfmap, 0));
      ASSERT_EQ(fsm.filter_offset(), now(Moving::kFilter, 0));
      ASSERT_EQ(fsm.psum(), now(Moving::kPsum, 0));
      ASSERT_EQ(fsm.coordinates()[0], now(Moving::kY, 5));
      ASSERT_EQ(fsm.coordinates()[1], now(Moving::kX, -3));
      ASSERT_EQ(fsm.coordinates()[2], now(Moving::kZ, 2));
      std::size_t l = 0;
      while (l < index.size() && index[l] + 1 == count[l]) index[l++] = 0;
      ASSERT_EQ(fsm.pass_end(), l == index.size());
      if (l == index.size()) break;
      ++index[l];
    }
  }
}

// Words that a file frees: at the level, at outer ones, at the end.
TEST_F(ProgramTest, FreesWhenTheInnerLoopsAreThrough) {
  ProgramBuilder program(hw_);
  program.Loop(0, 4).Loop(1, 3).Loop(2, 2).Free(Moving::kIfmap, 1, 2).Free(Moving::kIfmap, 2, 5);
  program.FreeAtEnd(Moving::kFilter, 7);
  const PeImage image = DecodeImage(program.Words().value());
  PeFsm fsm(image, hw_.num_levels(), 4, 0, {});
  std::vector<int64_t> ifmap, filter;
  for (;; fsm.Next()) {
    ifmap.push_back(fsm.record().files.IfmapRelease);
    filter.push_back(fsm.record().files.FilterRelease);
    if (fsm.pass_end()) break;
  }
  std::vector<int64_t> expected(24, 0);
  for (const std::size_t slot : {3, 7, 15, 19}) expected[slot] = 2;
  expected[11] = expected[23] = 5;
  EXPECT_EQ(ifmap, expected);
  std::vector<int64_t> at_end(24, 0);
  at_end[23] = 7;
  EXPECT_EQ(filter, at_end);
}

TEST_F(ProgramTest, NumbersThatDoNotFitAreRefused) {
  ProgramBuilder program(hw_);
  program.Loop(0, 2).Free(Moving::kIfmap, 0, most::LevelFiles::IfmapRelease + 1);
  EXPECT_FALSE(program.Words().ok());
  ProgramBuilder shorter(hw_);
  shorter.Loop(0, 2).Free(Moving::kIfmap, 0, most::LevelFiles::IfmapRelease);
  EXPECT_TRUE(shorter.Words().ok());
}

// Bounds are what a walk finds, or wider; those of sums and of what Keep cuts are exact.
TEST_F(ProgramTest, BoundsOfVariables) {
  for (int k = 0; k < 100; ++k) {
    LoopNest nest;
    const int a = nest.AddLoop("a", Pick(1, 5)), b = nest.AddLoop("b", Pick(1, 5));
    nest.Affine("sum", Pick(-4, 4), {{a, Pick(-3, 3)}, {b, Pick(-3, 3)}}, Pick(0, 9));
    // What is the same needs no register.
    const int64_t divisor = Pick(1, 4), modulus = Pick(1, 4);
    EXPECT_EQ(nest.Quotient("quotient", 2, divisor) == 2, divisor == 1);
    const Range of = nest.Bounds(2);
    EXPECT_EQ(nest.Remainder("remainder", 2, modulus) == 2, of.low >= 0 && of.high <= modulus);
    nest.AddRegister({"digit", Pick(-4, 4), {{2, 1}, {1, -2}}, Pick(1, 3), Pick(0, 4)});
    if (Pick(0, 1) == 0) nest.Keep(2, -2, 4);
    for (NestCursor cursor(nest); !cursor.done(); cursor.Next()) {
      for (int var = 0; var < 2 + static_cast<int>(nest.registers.size()); ++var) {
        const Range bounds = nest.Bounds(var);
        ASSERT_GE(cursor[var], bounds.low) << nest.Bounds(var).low << " " << var;
        ASSERT_LT(cursor[var], bounds.high) << var;
      }
    }
  }
  LoopNest nest;
  const int a = nest.AddLoop("a", 4);
  const int sum = nest.Affine("sum", -1, {{a, 2}});
  EXPECT_EQ(nest.Bounds(sum).low, -1);
  EXPECT_EQ(nest.Bounds(sum).high, 6);
  nest.Keep(sum, 0, 4);
  EXPECT_EQ(nest.Bounds(sum).low, 0);
  EXPECT_EQ(nest.Bounds(sum).high, 4);
}

// A range is asked for only where the loops leave the tensor.
TEST_F(ProgramTest, BordersWhereTheNestLeavesTheTensor) {
  LoopNest nest;
  const int row = nest.AddLoop("row", 4), col = nest.AddLoop("col", 4);
  const int y = nest.Affine("y", -1, {{row, 1}});
  const TensorView tensor = {0, {.base = 100, .row = 4, .col = 1}, {.row = 3, .col = 4}};
  const Condition inside = Inside(nest, tensor, {.row = y, .col = col});
  ASSERT_EQ(inside.size(), 1u);
  EXPECT_EQ(inside[0][0].var, y);
  const int address = AddAddress(nest, tensor, {.row = y, .col = col});
  for (NestCursor cursor(nest); !cursor.done(); cursor.Next()) {
    EXPECT_EQ(cursor.Holds(inside), cursor[y] >= 0 && cursor[y] < 3);
    EXPECT_EQ(cursor[address], 100 + 4 * cursor[y] + cursor[col]);
  }
}

// An index that counts phases is taken apart; registers only for parts that do not follow each other.
TEST_F(ProgramTest, PhasesOfAnIndex) {
  const TensorAddress apart = {.base = 7, .outc = 1000, .row = 30, .phase_row = 50, .phase_col = 3};
  const TensorAddress dense = {.base = 7, .outc = 6, .row = 30, .phase_row = 3, .phase_col = 1};
  for (const TensorAddress& at : {apart, dense}) {
    for (const int64_t first : {0, 4}) {
      LoopNest nest;
      const int o = nest.AddLoop("o", 24), row = nest.AddLoop("row", 2);
      const TensorView tensor = {0, at, {.outc = 24, .row = 2}, {&TensorAddress::outc, {2, 3}, first}};
      const int address = AddAddress(nest, tensor, {.outc = o, .row = row});
      EXPECT_EQ(nest.registers.size(), at.outc == 6 ? 1u : 3u);
      EXPECT_TRUE(Inside(nest, tensor, {.outc = o, .row = row}).empty());
      std::vector<int64_t> expected;
      for (int64_t channel = 0; channel < 5; ++channel) {
        for (int64_t y = 0; y < 2; ++y) {
          for (int64_t x = 0; x < 3; ++x) expected.push_back(7 + channel * at.outc + y * at.phase_row + x * at.phase_col);
        }
      }
      for (NestCursor cursor(nest); !cursor.done(); cursor.Next()) {
        ASSERT_EQ(cursor[address], expected[static_cast<std::size_t>(cursor[o] + first)] + 30 * cursor[row]);
      }
    }
  }
}

}  // namespace
}  // namespace ecoflow
