// SPDX-License-Identifier: Apache-2.0
// The paper's worked example of a dilated convolution: Fig. 7 and Sec. 4.2. Filter gradients of a
// 3x3 filter at stride 2; ifmap 5x5 (PE02's groups need the fifth row and column).
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "compiler/compiler.h"
#include "compiler/mapping/output_mapping.h"
#include "compiler/schedule/output_schedule.h"
#include "compiler/show.h"
#include "compiler/verify/execute.h"
#include "compiler/verify/proof.h"
#include "compiler/verify/relation.h"

namespace ecoflow {
namespace {

Layer Fig7() {
  Layer layer;
  layer.name = "fig7";
  layer.input = {1, 1, 5, 5};
  layer.kernel = {3, 3};
  layer.strides = {2, 2};
  return layer;
}

using Position = std::pair<int64_t, int64_t>;

class DilatedExampleTest : public ::testing::Test {
 protected:
  // One gradient per PE, or each spread over `expansion` PEs of a column.
  PassExecutor Map(int64_t expansion, int64_t pass = 0) {
    problem_ = MakeDirectProblem(Fig7(), Pass::kFilterGrad);
    mapping_ = MapOutputsWith(problem_, config_, 3, expansion).value();
    schedule_ = ScheduleOutputs(mapping_, config_).value();
    const ArrayIds ids = ReadIds(config_, schedule_).value();
    return PassExecutor::Open(config_, schedule_, ids, 0, {0, 0, pass}).value();
  }
  std::vector<SymbolicSlot> Slots(const PassExecutor& executor, int row, int col) const {
    std::vector<SymbolicSlot> slots;
    EXPECT_TRUE(executor.Run(static_cast<std::size_t>(row * config_.columns + col),
                             [&](const SymbolicSlot& s) -> Status {
                               slots.push_back(s);
                               return {};
                             }).ok());
    return slots;
  }
  // Ifmap elements that a PE's register file receives.
  std::vector<int64_t> Groups(const PassExecutor& executor, int row, int col) const {
    std::vector<int64_t> elements;
    for (const SymbolicWord& word :
         executor.Received(static_cast<std::size_t>(row * config_.columns + col), kDestIfmap)) {
      elements.push_back(word.element);
    }
    return elements;
  }
  static int64_t I(int64_t y, int64_t x) { return 5 * y + x; }
  static int64_t E(int64_t y, int64_t x) { return 2 * y + x; }

  HwConfig config_ = LoadHwConfig("ecoflow_4x4").value();
  DirectProblem problem_;
  OutputMapping mapping_;
  Schedule schedule_;
  Relation relation_{Fig7(), Pass::kFilterGrad};
};

TEST_F(DilatedExampleTest, ThirtySixProductsOfNineLabels) {
  Map(1);
  EXPECT_EQ(UsefulMacs(problem_), 36);
  std::map<int64_t, int> products;
  for (int64_t i = 0; i < 25; ++i) {
    for (int64_t e = 0; e < 4; ++e) {
      if (const int64_t label = relation_.ResultOf(i, e); label >= 0) ++products[label];
    }
  }
  ASSERT_EQ(products.size(), 9u);
  for (const auto& [label, count] : products) EXPECT_EQ(count, 4) << label;
}

TEST_F(DilatedExampleTest, EachGradientIsComputedByOnePe) {
  const PassExecutor executor = Map(1);
  for (int row = 0; row < 3; ++row) {
    for (int col = 0; col < 3; ++col) {
      const auto slots = Slots(executor, row, col);
      ASSERT_EQ(slots.size(), 4u);
      for (std::size_t k = 0; k < 4; ++k) {
        // Errors come in the same order to all PEs (broadcast).
        EXPECT_EQ(slots[k].b.element, static_cast<int64_t>(k));
        EXPECT_EQ(relation_.ResultOf(slots[k].a.element, slots[k].b.element), 3 * row + col);
        EXPECT_EQ(slots[k].starts, k == 0);
        EXPECT_EQ(slots[k].ends, k == 3);
        EXPECT_FALSE(slots[k].from_below || slots[k].to_above);
      }
    }
  }
}

TEST_F(DilatedExampleTest, Pe02BelongsToFourMulticastGroups) {
  const PassExecutor executor = Map(1);
  EXPECT_EQ(Groups(executor, 0, 2), (std::vector<int64_t>{I(0, 2), I(0, 4), I(2, 2), I(2, 4)}));
}

TEST_F(DilatedExampleTest, GroupOfI02IsPe00AndPe02) {
  const PassExecutor executor = Map(1);
  std::set<Position> group;
  for (int row = 0; row < 4; ++row) {
    for (int col = 0; col < 4; ++col) {
      const auto received = Groups(executor, row, col);
      if (std::count(received.begin(), received.end(), I(0, 2)) != 0) group.insert({row, col});
    }
  }
  EXPECT_EQ(group, (std::set<Position>{{0, 0}, {0, 2}}));
  // One beat reaches both: the element is sent once.
  int sent = 0;
  for (NestCursor c(schedule_.wide[0].nest); !c.done(); c.Next()) {
    sent += c.Holds(schedule_.wide[0].real) && c[schedule_.wide[0].address] == I(0, 2);
  }
  EXPECT_EQ(sent, 1);
}

TEST_F(DilatedExampleTest, ExpansionPassesPsumsUpTheColumn) {
  // Error row 0 in the upper PE of a pair, error row 1 in the lower one.
  const PassExecutor executor = Map(2);
  ASSERT_EQ(mapping_.expansion, 2);
  for (int col = 0; col < 3; ++col) {
    const auto upper = Slots(executor, 0, col), lower = Slots(executor, 1, col);
    ASSERT_EQ(upper.size(), 2u);
    ASSERT_EQ(lower.size(), 2u);
    for (int k = 0; k < 2; ++k) {
      const auto at = static_cast<std::size_t>(k);
      EXPECT_EQ(upper[at].b.element, E(0, k));
      EXPECT_EQ(lower[at].b.element, E(1, k));
      EXPECT_EQ(relation_.ResultOf(upper[at].a.element, upper[at].b.element), col);
      EXPECT_EQ(relation_.ResultOf(lower[at].a.element, lower[at].b.element), col);
    }
    EXPECT_TRUE(lower[1].ends && lower[1].to_above && !lower[1].from_below);
    EXPECT_TRUE(upper[1].ends && upper[1].from_below && !upper[1].to_above);
  }
}

TEST_F(DilatedExampleTest, ProofHoldsWithAndWithoutExpansion) {
  for (int64_t expansion : {1, 2}) {
    Map(expansion);
    const auto proof = Prove(Fig7(), Pass::kFilterGrad, config_, schedule_, 36, {});
    ASSERT_TRUE(proof.ok()) << proof.error().message;
    EXPECT_TRUE(proof.value().complete());
  }
}

TEST_F(DilatedExampleTest, ProofHoldsWithKernelElementsOnBothNetworks) {
  const auto found = MapOutputsSplit(MakeDirectProblem(Fig7(), Pass::kFilterGrad), config_);
  ASSERT_FALSE(found.empty());
  for (const OutputMapping& mapping : found) {
    ASSERT_TRUE(mapping.split());
    const Schedule schedule = ScheduleOutputs(mapping, config_).value();
    const auto proof = Prove(Fig7(), Pass::kFilterGrad, config_, schedule, 36, {});
    ASSERT_TRUE(proof.ok()) << proof.error().message;
    EXPECT_TRUE(proof.value().complete());
  }
}

TEST_F(DilatedExampleTest, ShowPrintsGroupsAndProducts) {
  const auto compiled = Compile(config_, Fig7(), Pass::kFilterGrad, "ecoflow");
  ASSERT_TRUE(compiled.ok());
  const std::string shown = ShowMapping(compiled.value()).value();
  EXPECT_NE(shown.find("PE02: {i02, i04, i22, i24}"), std::string::npos) << shown;
  EXPECT_NE(shown.find("[0,2] PE02: i02*e00 (step 0) + i04*e01 (step 1) + i22*e10 (step 2) + i24*e11"),
            std::string::npos) << shown;
}

}  // namespace
}  // namespace ecoflow
