// SPDX-License-Identifier: Apache-2.0
// The paper's worked example of a transposed convolution: Fig. 5 and Sec. 4.1.1, 4.1.2.
// Stride 2, 5x5 output, 3x3 filter, 2x2 error.
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "compiler/compiler.h"
#include "compiler/dataflow/symbolic.h"
#include "compiler/dataflow/transposed.h"
#include "compiler/mapping/strip_mapping.h"
#include "compiler/schedule/strip_schedule.h"
#include "compiler/show.h"
#include "compiler/verify/execute.h"
#include "compiler/verify/relation.h"

namespace ecoflow {
namespace {

Layer Fig5() {
  Layer layer;
  layer.name = "fig5";
  layer.input = {1, 1, 5, 5};
  layer.kernel = {3, 3};
  layer.strides = {2, 2};
  return layer;
}

class WorkedExampleTest : public ::testing::Test {
 protected:
  void SetUp() override {
    config_ = LoadHwConfig("ecoflow_4x4").value();
    problem_ = MakeTransposedProblem(Fig5());
    symbolic_ = MapSymbolically(problem_);
    mapping_ = MapStripsWithWidth(problem_, config_, 2).value();
    schedule_ = ScheduleStrips(mapping_, config_).value();
    const ArrayIds ids = ReadIds(config_, schedule_).value();
    const auto executor = PassExecutor::Open(config_, schedule_, ids, 0, {0, 0, 0, 0}).value();
    const Relation relation(Fig5(), Pass::kInputGrad);
    slots_.resize(16);
    for (std::size_t pe = 0; pe < 16; ++pe) {
      ASSERT_TRUE(executor.Run(pe, [&](const SymbolicSlot& s) -> Status {
        Product p{s, s.a.element, s.b.element, -1};
        if (s.multiplies) p.label = relation.ResultOf(p.error, p.filter);
        slots_[pe].push_back(p);
        return {};
      }).ok());
    }
  }
  struct Product : SymbolicSlot {
    int64_t filter, error, label;
  };
  const std::vector<Product>& Pe(int row, int col) const {
    return slots_[static_cast<std::size_t>(row * config_.columns + col)];
  }
  // Products of PE (row, col) as (w_ij, e_yx), in order of execution.
  std::vector<std::pair<int64_t, int64_t>> Products(int row, int col) const {
    std::vector<std::pair<int64_t, int64_t>> out;
    for (const Product& s : Pe(row, col)) {
      if (s.multiplies) out.emplace_back(s.filter, s.error);
    }
    return out;
  }
  static int64_t W(int64_t i, int64_t j) { return 3 * i + j; }
  static int64_t E(int64_t y, int64_t x) { return 2 * y + x; }
  static int64_t Gradient(int64_t y, int64_t x) { return 5 * y + x; }

  HwConfig config_;
  TransposedProblem problem_;
  SymbolicMapping symbolic_;
  StripMapping mapping_;
  Schedule schedule_;
  std::vector<std::vector<Product>> slots_;
};

TEST_F(WorkedExampleTest, OuterProductIsNineByFour) {
  EXPECT_EQ(symbolic_.filter_elements, 9);
  EXPECT_EQ(symbolic_.error_elements, 4);
  EXPECT_EQ(symbolic_.products.size(), 36u);
  EXPECT_EQ(UsefulMacs(problem_), 36);
  std::set<int64_t> labels;
  for (const auto& s : symbolic_.products) labels.insert(Gradient(s.y, s.x));
  EXPECT_EQ(labels.size(), 25u);
}

TEST_F(WorkedExampleTest, FirstSixBlocksAreUnshiftedTheLastThreeShiftByOne) {
  EXPECT_EQ(symbolic_.shift, (std::vector<int64_t>{0, 0, 0, 0, 0, 0, 1, 1, 1}));
}

TEST_F(WorkedExampleTest, ImagesComputeEveryProductOnThePaperPe) {
  std::map<std::pair<int64_t, int64_t>, std::pair<int64_t, int64_t>> place;
  for (int row = 0; row < config_.rows; ++row) {
    for (int col = 0; col < config_.columns; ++col) {
      for (const auto& product : Products(row, col)) {
        EXPECT_TRUE(place.emplace(product, std::pair(row, col)).second);
      }
    }
  }
  ASSERT_EQ(place.size(), 36u);
  for (const auto& s : symbolic_.products) {
    EXPECT_EQ(place.at({W(s.i, s.j), E(s.oy, s.ox)}), std::pair(s.pe_row, s.pe_col))
        << "w" << s.i << s.j << " e" << s.oy << s.ox;
  }
}

TEST_F(WorkedExampleTest, ThirdAndSecondBlocksMeetVertically) {
  // w22*e01 and w02*e11 are shifted so that they add up in PE00 and PE10.
  const auto has = [&](int row, int col, std::pair<int64_t, int64_t> product) {
    const auto products = Products(row, col);
    return std::find(products.begin(), products.end(), product) != products.end();
  };
  EXPECT_TRUE(has(0, 0, {W(2, 2), E(0, 1)}));
  EXPECT_TRUE(has(1, 0, {W(0, 2), E(1, 1)}));
}

TEST_F(WorkedExampleTest, Pe00IsInTheGroupsOfE00AndE01) {
  std::set<int64_t> errors;
  for (const auto& [w, e] : Products(0, 0)) errors.insert(e);
  EXPECT_EQ(errors, (std::set<int64_t>{E(0, 0), E(0, 1)}));
  EXPECT_EQ(mapping_.fan, 2);  // ceil(N / S) column IDs, Sec. 4.4
}

TEST_F(WorkedExampleTest, Gradient22TakesThreeSteps) {
  // Step 1: PE11 w00*e11, PE01 w20*e01. Step 2: PE11 w02*e10, PE01 w22*e00, each added to its own
  // psum. Step 3: PE11 sends its psum to PE01, which adds it.
  const auto of_label = [&](int row, int col) {
    std::vector<Product> out;
    for (const Product& s : Pe(row, col)) {
      if (s.multiplies && s.label == Gradient(2, 2)) out.push_back(s);
    }
    return out;
  };
  const auto lower = of_label(1, 1), upper = of_label(0, 1);
  ASSERT_EQ(lower.size(), 2u);
  ASSERT_EQ(upper.size(), 2u);
  EXPECT_EQ(lower[0].filter, W(0, 0));
  EXPECT_EQ(lower[0].error, E(1, 1));
  EXPECT_EQ(upper[0].filter, W(2, 0));
  EXPECT_EQ(upper[0].error, E(0, 1));
  EXPECT_EQ(lower[1].filter, W(0, 2));
  EXPECT_EQ(lower[1].error, E(1, 0));
  EXPECT_EQ(upper[1].filter, W(2, 2));
  EXPECT_EQ(upper[1].error, E(0, 0));
  EXPECT_TRUE(lower[0].starts && !lower[0].ends && lower[1].ends && lower[1].to_above);
  EXPECT_TRUE(upper[0].starts && upper[0].from_below && upper[1].ends && !upper[1].to_above);
  for (const auto& [row, col] : {std::pair(0, 0), std::pair(1, 0)}) EXPECT_TRUE(of_label(row, col).empty());
}

TEST_F(WorkedExampleTest, ShowPrintsGroupsProductsAndLabels) {
  const auto compiled = Compile(config_, Fig5(), Pass::kInputGrad, "ecoflow");
  ASSERT_TRUE(compiled.ok());
  const std::string shown = ShowMapping(compiled.value()).value();
  EXPECT_NE(shown.find("9 filter elements x 4 error elements"), std::string::npos);
  EXPECT_NE(shown.find("PE00: {e00, e01}"), std::string::npos);
  EXPECT_NE(shown.find("[2,2] PE11: w00*e11 (step 3) + w02*e10 (step 4)  -> up to PE01: w20*e01 "
                       "(step 7) + w22*e00 (step 8)"),
            std::string::npos);
}

}  // namespace
}  // namespace ecoflow
