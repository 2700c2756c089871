// The proof must fail on schedules that are wrong: each test plants one mistake.
#include "compiler/verify/proof.h"

#include <gtest/gtest.h>

#include "compiler/image/pe_image.h"
#include "compiler/mapping/strip_mapping.h"
#include "compiler/schedule/strip_schedule.h"

namespace ecoflow {
namespace {

class ProofTest : public ::testing::Test {
 protected:
  void SetUp() override {
    config_ = LoadHwConfig("ecoflow_4x4").value();
    Layer layer;
    layer.input = {2, 5, 17, 13};
    layer.output_channels = 150;
    layer.kernel = {3, 3};
    layer.strides = {2, 2};
    layer.pads = {1, 0, 0, 1};
    problem_ = MakeTransposedProblem(layer);
    schedule_ = ScheduleStrips(MapStrips(problem_, config_).value(), config_).value();
  }
  std::string Why() const {
    const Status status = ProveTransposed(problem_, config_, schedule_);
    return status.ok() ? "" : status.error().message;
  }
  // Changes one field of every program.
  template <typename Change>
  void ChangePrograms(Change change) {
    for (auto& program : schedule_.programs) {
      PeImage image = DecodeImage(program);
      change(image);
      program = Encode(image).value();
    }
  }
  int Loop(const LoopNest& nest, const std::string& name) const {
    for (std::size_t k = 0; k < nest.loops.size(); ++k) {
      if (nest.loops[k].name == name) return static_cast<int>(k);
    }
    return -1;
  }

  HwConfig config_;
  TransposedProblem problem_;
  Schedule schedule_;
};

TEST_F(ProofTest, HoldsForTheCompilersSchedule) { EXPECT_EQ(Why(), ""); }

TEST_F(ProofTest, FindsAMissingBand) {
  for (LoopNest* nest : {&schedule_.passes[0].nest, &schedule_.wide[0].nest,
                         &schedule_.narrow[0].nest, &schedule_.gon[0].nest}) {
    auto& band = nest->loops[static_cast<std::size_t>(Loop(*nest, "band"))];
    ASSERT_GT(band.bound, 1);
    --band.bound;
  }
  EXPECT_NE(Why(), "");
}

TEST_F(ProofTest, FindsATapThatIsNotSent) {
  --schedule_.wide[0].nest.loops[static_cast<std::size_t>(Loop(schedule_.wide[0].nest, "kernel_row"))].bound;
  EXPECT_NE(Why().find("slots but receives"), std::string::npos) << Why();
}

TEST_F(ProofTest, FindsAWrongWeight) {
  for (Register& reg : schedule_.wide[0].nest.registers) {
    if (reg.name == "address") reg.base += 1;
  }
  EXPECT_NE(Why(), "");
}

TEST_F(ProofTest, FindsErrorsOutOfOrder) {
  for (Register& reg : schedule_.narrow[0].nest.registers) {
    if (reg.name != "column") continue;
    reg.base = 0;  // left to right
    reg.terms[0].factor = 1;
  }
  EXPECT_NE(Why(), "");
}

TEST_F(ProofTest, FindsAPeThatTheIdsDoNotReach) {
  // The first row loses its row ID on the narrow network.
  for (std::size_t k = 0; k + 1 < schedule_.setup.size(); ++k) {
    if (schedule_.setup[k] == ConfigHeader(0, 3, 0, 0, kCfgRowNarrow, true, 4)) {
      schedule_.setup[k + 1] = ~uint64_t{0} >> 39;
    }
  }
  EXPECT_NE(Why().find("receives 0 errors"), std::string::npos) << Why();
}

TEST_F(ProofTest, FindsAWrongBorder) {
  ChangePrograms([](PeImage& image) { image.limit.YLimit -= 3; });
  EXPECT_NE(Why(), "");
}

TEST_F(ProofTest, FindsALabelThatIsNotPassedUp) {
  ChangePrograms([](PeImage& image) { --image.mode.ChainOutMax; });
  EXPECT_NE(Why(), "");
}

TEST_F(ProofTest, FindsTwoLabelsInOnePsum) {
  ChangePrograms([](PeImage& image) { image.mode.ReduceMask |= 4; });
  EXPECT_NE(Why(), "");
}

TEST_F(ProofTest, FindsAResultFiledUnderAnother) {
  for (Register& reg : schedule_.gon[0].nest.registers) {
    if (reg.name == "address") reg.base += 1;
  }
  EXPECT_NE(Why().find("files label"), std::string::npos) << Why();
}

TEST_F(ProofTest, FindsASlotThatIsReusedTooEarly) {
  int changed = 0;
  for (Register& reg : schedule_.gon[0].nest.registers) {
    if (reg.name == "label_row" && reg.modulus > 1) {
      reg.modulus = 1;
      ++changed;
    }
  }
  ASSERT_EQ(changed, 1);
  EXPECT_NE(Why().find("accumulator slot"), std::string::npos) << Why();
}

TEST_F(ProofTest, FindsSumsThatAreNeverCompleted) {
  schedule_.gon[0].last.push_back({{0, 100, 101}});
  EXPECT_NE(Why(), "");
}

TEST_F(ProofTest, FindsTooManyErrorsForTheFile) {
  config_.filter_depth = 8;
  EXPECT_NE(Why().find("in a file of 8"), std::string::npos) << Why();
}

TEST_F(ProofTest, FindsTooManyWaitingPsums) {
  config_.queue_depth = 0;
  EXPECT_NE(Why().find("psums wait"), std::string::npos) << Why();
}

}  // namespace
}  // namespace ecoflow
