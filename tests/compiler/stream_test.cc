// SPDX-License-Identifier: Apache-2.0
#include "compiler/schedule/stream.h"

#include <gtest/gtest.h>

#include <limits>
#include <nlohmann/json.hpp>
#include <random>
#include <vector>

namespace ecoflow {
namespace {

std::vector<int64_t> Collect(NestCursor cursor, int var) {
  std::vector<int64_t> values;
  for (; !cursor.done(); cursor.Next()) values.push_back(cursor[var]);
  return values;
}

TEST(NestCursorTest, WalksLoopsAndDigits) {
  LoopNest nest;
  const int i = nest.AddLoop("i", 3);
  const int j = nest.AddLoop("j", 2);
  const int value = nest.Affine("v", 100, {{i, 10}, {j, 1}});
  Register digit;
  digit.terms = {{value, 1}};
  digit.divisor = 5;
  digit.modulus = 4;
  const int d = nest.AddRegister(digit);
  EXPECT_EQ(Collect(NestCursor(nest), value), (std::vector<int64_t>{100, 101, 110, 111, 120, 121}));
  EXPECT_EQ(Collect(NestCursor(nest), d), (std::vector<int64_t>{0, 0, 2, 2, 0, 0}));
}

TEST(NestCursorTest, DivisionRoundsDownAlsoBelowZero) {
  LoopNest nest;
  const int i = nest.AddLoop("i", 5);
  Register half;
  half.base = -2;
  half.terms = {{i, 1}};
  half.divisor = 2;
  const int q = nest.AddRegister(half);
  EXPECT_EQ(Collect(NestCursor(nest), q), (std::vector<int64_t>{-1, -1, 0, 0, 1}));
}

TEST(NestCursorTest, DropsItemsThatAreNotKept) {
  // Triangle j <= i, and only rows 1 and 3: against plain loops.
  LoopNest nest;
  const int i = nest.AddLoop("i", 5);
  const int j = nest.AddLoop("j", 5);
  const int k = nest.AddLoop("k", 2);
  const int below = nest.Affine("i-j", 0, {{i, 1}, {j, -1}});
  const int all = nest.Affine("all", 0, {{i, 100}, {j, 10}, {k, 1}});
  nest.Keep(below, 0, 100);
  nest.keep.push_back({{i, 1, 2}, {i, 3, 4}});
  std::vector<int64_t> expected;
  for (int a : {1, 3}) {
    for (int b = 0; b <= a; ++b) {
      for (int c = 0; c < 2; ++c) expected.push_back(100 * a + 10 * b + c);
    }
  }
  EXPECT_EQ(Collect(NestCursor(nest), all), expected);
}

TEST(NestCursorTest, NothingKeptIsDoneAtOnce) {
  LoopNest nest;
  const int i = nest.AddLoop("i", 4);
  nest.Keep(i, 7, 9);
  EXPECT_TRUE(NestCursor(nest).done());
}

TEST(NestCursorTest, SeekFreezesTheOuterLoops) {
  LoopNest nest;
  const int i = nest.AddLoop("i", 3);
  const int j = nest.AddLoop("j", 3);
  const int sum = nest.Affine("s", 0, {{i, 10}, {j, 1}});
  nest.Keep(j, 1, 3);
  NestCursor cursor(nest);
  cursor.Seek({2});
  EXPECT_EQ(Collect(cursor, sum), (std::vector<int64_t>{21, 22}));
  cursor.Seek({1, 0});
  EXPECT_TRUE(cursor.done());
}

TEST(NestCursorTest, FixedLoopStaysAndOuterIterationsAreCounted) {
  LoopNest nest;
  const int h = nest.AddLoop("h", 2);
  const int one = nest.AddLoop("one", 1);
  const int i = nest.AddLoop("i", 2);
  const int g = nest.AddLoop("g", 3);
  const int j = nest.AddLoop("j", 2);
  const int all = nest.Affine("all", 0, {{h, 1000}, {one, 7}, {i, 100}, {g, 10}, {j, 1}});
  NestCursor cursor(nest, g, 2);
  std::vector<int64_t> values, counts;
  for (; !cursor.done(); cursor.Next()) {
    values.push_back(cursor[all]);
    counts.push_back(cursor.outer_count());
  }
  EXPECT_EQ(values, (std::vector<int64_t>{20, 21, 120, 121, 1020, 1021, 1120, 1121}));
  EXPECT_EQ(counts, (std::vector<int64_t>{0, 0, 1, 1, 2, 2, 3, 3}));
}

// The values of all variables at every item: each index counted out, each register as stream.h defines it.
std::vector<std::vector<int64_t>> CountedOut(const LoopNest& nest, const std::vector<int64_t>& outer, int fixed_loop,
                                             int64_t fixed_index) {
  int64_t total = 1;
  for (const Loop& loop : nest.loops) total *= loop.bound;
  std::vector<std::vector<int64_t>> items;
  for (int64_t n = 0; n < total; ++n) {
    std::vector<int64_t> values(nest.loops.size());
    int64_t rest = n;
    bool wanted = true;
    for (std::size_t l = nest.loops.size(); l-- > 0; rest /= nest.loops[l].bound) {
      values[l] = rest % nest.loops[l].bound;
      const bool is_fixed = static_cast<int>(l) == fixed_loop;
      if (is_fixed ? values[l] != fixed_index : l < outer.size() && values[l] != outer[l]) wanted = false;
    }
    if (!wanted) continue;
    for (const Register& reg : nest.registers) {
      int64_t value = reg.base;
      for (const Term& term : reg.terms) value += term.factor * values[static_cast<std::size_t>(term.var)];
      const auto down = [](int64_t a, int64_t b) { return (a - ((a % b) + b) % b) / b; };
      value = down(value, reg.divisor);
      if (reg.modulus > 0) value = ((value % reg.modulus) + reg.modulus) % reg.modulus;
      values.push_back(std::min(value, reg.cap));
    }
    for (const AnyOf& any : nest.keep) {
      bool holds = false;
      for (const Range& range : any) {
        const int64_t value = values[static_cast<std::size_t>(range.var)];
        holds |= value >= range.low && value < range.high;
      }
      wanted &= holds;
    }
    if (wanted) items.push_back(values);
  }
  return items;
}

TEST(NestCursorTest, RandomNestsAreThoseCountedOut) {
  std::mt19937 rng(7);
  const auto pick = [&](int low, int high) { return std::uniform_int_distribution<int>(low, high)(rng); };
  int64_t items = 0;
  for (int trial = 0; trial < 3000; ++trial) {
    LoopNest nest;
    const int loops = pick(1, 5), registers = pick(0, 5);
    for (int l = 0; l < loops; ++l) nest.AddLoop("l", pick(1, 4));
    for (int k = 0; k < registers; ++k) {
      Register reg{"r", pick(-9, 9), {}};
      for (int t = pick(0, 3); t > 0; --t) reg.terms.push_back({pick(0, loops + k - 1), pick(-4, 4)});
      if (pick(0, 3) == 0) reg.divisor = pick(1, 4);
      if (pick(0, 3) == 0) reg.modulus = pick(0, 5);
      if (pick(0, 5) == 0) reg.cap = pick(-3, 9);
      nest.AddRegister(reg);
    }
    for (int c = pick(0, 2); c > 0; --c) {
      AnyOf& any = nest.keep.emplace_back();
      for (int r = pick(1, 2); r > 0; --r) {
        const int low = pick(-3, 2);
        any.push_back({pick(0, loops + registers - 1), low, low + pick(1, 9)});
      }
    }
    const int fixed_loop = pick(0, 2) == 0 ? pick(0, loops - 1) : -1;
    const int64_t fixed_index =
        fixed_loop < 0 ? 0 : pick(0, static_cast<int>(nest.loops[static_cast<std::size_t>(fixed_loop)].bound) - 1);
    NestCursor cursor(nest, fixed_loop, fixed_index);
    std::vector<int64_t> outer;
    if (pick(0, 1) == 0) {  // from wherever it stands to an outer iteration
      for (int steps = pick(0, 5); steps > 0 && !cursor.done(); --steps) cursor.Next();
      for (int l = pick(0, loops) - 1; l >= 0; --l) {
        const Loop& loop = nest.loops[outer.size()];
        outer.push_back(pick(0, static_cast<int>(loop.bound) - 1));
      }
      cursor.Seek(outer);
    }
    for (const auto& expected : CountedOut(nest, outer, fixed_loop, fixed_index)) {
      ASSERT_FALSE(cursor.done()) << "nest " << trial;
      for (std::size_t var = 0; var < expected.size(); ++var) {
        ASSERT_EQ(cursor[static_cast<int>(var)], expected[var]) << "nest " << trial << ", variable " << var;
      }
      cursor.Next();
      ++items;
    }
    ASSERT_TRUE(cursor.done()) << "nest " << trial;
  }
  EXPECT_GT(items, 20000);
}

// What a file may say: no variable leaves the range of its type.
TEST(CheckScheduleTest, RefusesVariablesThatOverflow) {
  const HwConfig config = LoadHwConfig("ecoflow_4x4").value();
  const auto check = [&](int64_t bound, int64_t base, int64_t factor) {
    GonDescriptor d;
    const int i = d.nest.AddLoop("i", bound);
    d.row = d.col = d.slot = d.address = d.nest.Affine("v", base, {{i, factor}});
    Schedule schedule;
    schedule.gon.push_back(d);
    return CheckSchedule(schedule, config).ok();
  };
  constexpr int64_t kLeast = std::numeric_limits<int64_t>::min();
  EXPECT_TRUE(check(1000, -5, 7));
  EXPECT_FALSE(check(1000, kLeast, 1));
  EXPECT_FALSE(check(1000, 0, kLeast));
  EXPECT_FALSE(check(int64_t{1} << 39, 0, int64_t{1} << 39));
}

// Programs of parts: those that are the same are kept once, in the order of their variants.
TEST(AppendPartsTest, KeepsEqualProgramsOnce) {
  const auto part = [](std::vector<std::vector<uint64_t>> programs) {
    Schedule one;
    one.programs = std::move(programs);
    one.passes.emplace_back();
    one.num_passes = 1;
    return one;
  };
  Schedule all = part({{1, 2}, {3}});
  AppendParts(all, part({{3}}));
  AppendParts(all, part({{1, 2}, {3}}));
  AppendParts(all, part({{3}, {1, 2}}));
  EXPECT_EQ(all.programs, (std::vector<std::vector<uint64_t>>{{1, 2}, {3}, {3}, {1, 2}}));
  std::vector<int> first;
  for (const PassDescriptor& d : all.passes) first.push_back(d.first_program);
  EXPECT_EQ(first, (std::vector<int>{0, 1, 0, 2}));
  EXPECT_EQ(all.num_passes, 4);
}

// What a descriptor leaves out of its JSON comes back as it was; what is not as usual is there.
TEST(AppendPartsTest, JsonOfDescriptorsComesBack) {
  Schedule plain;
  plain.programs = {{1}};
  PassDescriptor& pass = plain.passes.emplace_back();
  pass.nest.AddLoop("row", 1);
  pass.nest.AddLoop("column", 1);
  plain.wide.emplace_back().nest.AddLoop("word", 1);
  plain.gon.emplace_back().nest.AddLoop("word", 1);
  plain.num_passes = 1;
  Schedule full = plain;
  const Condition some = {{{0, 0, 1}}};
  full.passes[0].nest.AddLoop("third", 1);
  full.passes[0].pass_loops = full.passes[0].round_loops = 1;
  full.passes[0].variant = 0;
  full.passes[0].active = full.passes[0].from_below = full.passes[0].to_above = some;
  full.wide[0].nest.keep = full.wide[0].real = some;
  full.wide[0].interleave = 0;
  full.wide[0].turn_loops = full.wide[0].lead = 1;
  full.gon[0].first = full.gon[0].last = some;
  for (const Schedule& schedule : {plain, full}) {
    const auto document = ToJson(schedule);
    Schedule back;
    ASSERT_TRUE(Read(JsonPlace(document, "image"), back).ok());
    EXPECT_EQ(ToJson(back), document);
  }
  EXPECT_FALSE(ToJson(plain)["wide"][0].contains("real"));
  EXPECT_EQ(ToJson(full)["wide"][0]["lead"], 1);
  EXPECT_EQ(ToJson(full)["passes"][0]["variant"], 0);
}

}  // namespace
}  // namespace ecoflow
