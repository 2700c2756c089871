// SPDX-License-Identifier: Apache-2.0
// The proof must fail on schedules that are wrong: each test plants one mistake.
#include "compiler/verify/proof.h"

#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "base/files.h"
#include "compiler/compiler.h"
#include "compiler/dataflow/transposed.h"
#include "compiler/mapping/matrix_mapping.h"
#include "compiler/mapping/row_mapping.h"
#include "compiler/mapping/strip_mapping.h"
#include "compiler/schedule/matrix_schedule.h"
#include "compiler/schedule/row_schedule.h"
#include "compiler/schedule/strip_schedule.h"
#include "isa/pe_image.h"

namespace ecoflow {
namespace {

Layer SomeLayer() {
  Layer layer;
  layer.input = {2, 5, 17, 13};
  layer.output_channels = 60;
  layer.kernel = {3, 3};
  layer.strides = {2, 2};
  layer.pads = {1, 0, 1, 1};
  return layer;
}

// Without borders: matrix products are for these.
Layer BorderlessLayer() {
  Layer layer;
  layer.input = {2, 12, 13, 11};
  layer.output_channels = 40;
  layer.kernel = {3, 3};
  layer.strides = {2, 2};
  return layer;
}

// With borders: a product for each part of them.
Layer BorderedLayer() {
  Layer layer;
  layer.input = {2, 12, 7, 7};
  layer.output_channels = 40;
  layer.kernel = {3, 3};
  layer.pads = {1, 1, 1, 1};
  return layer;
}

Layer DepthwiseLayer() {
  Layer layer;
  layer.input = {2, 40, 13, 11};
  layer.output_channels = 40;
  layer.group = 40;
  layer.kernel = {3, 3};
  layer.strides = {2, 2};
  layer.pads = {1, 1, 1, 1};
  return layer;
}

// Channels in turn, with kinds of kernel rows and label columns; some of eleven are left.
Layer ThreeChannelLayer() {
  Layer layer;
  layer.input = {2, 3, 13, 13};
  layer.output_channels = 16;
  layer.kernel = {7, 7};
  layer.strides = {4, 4};
  layer.pads = {2, 2, 2, 2};
  return layer;
}
Layer ElevenChannelLayer() {
  Layer layer = ThreeChannelLayer();
  layer.input[1] = 11;
  layer.kernel = {3, 3};
  layer.strides = {2, 2};
  return layer;
}

// Few result channels and borders: sums that padding cuts away are worked out and dropped.
Layer FewChannelsLayer() {
  Layer layer = BorderedLayer();
  layer.input = {2, 2, 9, 9};
  layer.output_channels = 24;
  return layer;
}

// A mapping family, and a layer and a pass that it runs.
struct Family {
  const char* name;
  const char* family;
  Layer (*layer)();
  Pass pass;
  const char* dataflow;
  int adder_latency = 1;
  bool exchanged = false;  // operands of tiles
  const char* borders = "";  // of matrix products, if any will not do
};

class ProofTest : public ::testing::Test {
 protected:
  void SetUp() override { Use({"strips", "strips", &SomeLayer, Pass::kInputGrad, "ecoflow"}); }
  void Use(const Family& family) {
    pass_ = family.pass;
    layer_ = family.layer();
    config_.adder_latency = family.adder_latency;
    const auto wanted = BeginCompile(config_, layer_, pass_, family.dataflow, "cycles");
    ASSERT_TRUE(wanted.ok()) << wanted.error().message;
    const auto candidates = Candidates(wanted.value());
    ASSERT_TRUE(candidates.ok()) << candidates.error().message;
    const auto is_wanted = [&](const Candidate& c) {
      return c.mapping.at("family") == family.family && c.mapping.value("exchanged", false) == family.exchanged &&
             (*family.borders == 0 || c.mapping.at("borders") == family.borders) && MakeSchedule(c, config_, schedule_).ok();
    };
    ASSERT_TRUE(std::any_of(candidates.value().begin(), candidates.value().end(), is_wanted));
    useful_macs_ = wanted.value().useful_macs;
    options_.fillers = std::string(family.dataflow) == "row-stationary" || std::string(family.borders) == "dropped";
  }
  std::string Why() const {
    const auto proof = Prove(layer_, pass_, config_, schedule_, useful_macs_, options_);
    return proof.ok() ? "" : proof.error().message;
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
  // Of strips: the words that go to the filter file.
  GinDescriptor& Errors() {
    return schedule_.narrow[0].destination == kDestFilter ? schedule_.narrow[0] : schedule_.wide[0];
  }
  int Loop(const LoopNest& nest, const std::string& name) const {
    for (std::size_t k = 0; k < nest.loops.size(); ++k) {
      if (nest.loops[k].name == name) return static_cast<int>(k);
    }
    return -1;
  }

  HwConfig config_ = LoadHwConfig("ecoflow_4x4").value();
  Layer layer_;
  Pass pass_ = Pass::kInputGrad;
  int64_t useful_macs_ = 0;
  Schedule schedule_;
  ProofOptions options_{.most_slots = 40'000'000};
};

// Kernel rows residue by residue: three residues of two rows and one of one, at stride 4.
TEST_F(ProofTest, HoldsForRowsByResidue) {
  layer_ = ThreeChannelLayer();
  config_.adder_latency = 3;
  StripMapping mapping = MapStrips(MakeTransposedProblem(layer_), config_).value();
  ASSERT_EQ(mapping.turn, 3);
  mapping.row_step = mapping.period_y;
  mapping.chain = true;
  EXPECT_EQ(mapping.round(), 4);
  schedule_ = ScheduleStrips(mapping, config_).value();
  const auto proof = Prove(layer_, pass_, config_, schedule_, UsefulMacs(mapping.problem), options_);
  ASSERT_TRUE(proof.ok()) << proof.error().message;
  EXPECT_TRUE(proof.value().complete());
}

// Label columns of three kinds: full ones alone, those with the ragged one, their last shift. All channels of each in turn.
TEST_F(ProofTest, HoldsForALastShiftApart) {
  layer_ = ThreeChannelLayer();
  layer_.kernel = {11, 11};
  layer_.strides = {4, 4};
  layer_.pads = {1, 0, 2, 1};
  config_.adder_latency = 4;
  for (const int64_t joined : {1, 2, 3}) {
    const int channels = joined == 3 ? 2 : 3;  // four columns of each: eight psums may wait
    layer_.input = {2, channels, 23, 27};
    StripMapping mapping = MapStrips(MakeTransposedProblem(layer_), config_).value();
    mapping.turn = mapping.channels = channels;
    mapping.left = 0;
    mapping.channel_tiles = mapping.filter_turn = 1;
    mapping.joined = joined;
    mapping.inner = {Inner::kColumns, Inner::kColumns, Inner::kShifts};
    mapping.row_step = mapping.period_y;
    mapping.chain = true;
    EXPECT_EQ(mapping.column_kinds(), joined == 3 ? 2 : 3);
    schedule_ = ScheduleStrips(mapping, config_).value();
    const auto proof = Prove(layer_, pass_, config_, schedule_, UsefulMacs(mapping.problem), options_);
    ASSERT_TRUE(proof.ok()) << joined << ": " << proof.error().message;
    EXPECT_TRUE(proof.value().complete());
  }
}

// Fewer channels than the adder takes cycles: label columns, shifts or parts of the filters take turns, of a channel or of
// several; ragged label columns join full ones, whose last shift is apart.
TEST_F(ProofTest, HoldsForTurnsOfColumnsShiftsAndFilters) {
  std::map<std::string, int> met;
  for (int k = 0; k < 240; ++k) {
    layer_ = ThreeChannelLayer();
    layer_.input = {1 + k % 2, 1 + k % 3, 9 + k % 7, 8 + k % 5};
    layer_.output_channels = 4 + k % 9;
    layer_.strides = {1 + k % 4, 1 + k / 2 % 5};
    layer_.kernel = {1 + k / 3 % 6, 2 + k / 5 % 10};
    layer_.pads = {k % 3 == 0, k % 4 == 0, 0, k % 2};
    if (!CheckLayer(layer_, "").ok()) continue;
    config_.adder_latency = 3 + k % 2;
    const TransposedProblem problem = MakeTransposedProblem(layer_);
    const auto mapping = MapStrips(problem, config_, FewestCycles, k % 3 == 0);
    if (problem.empty || !mapping.ok()) continue;
    const StripMapping& m = mapping.value();
    met["filters"] += m.filter_turn > 1;
    met["fillers"] += m.fillers;
    met["joined"] += m.joined > 0;
    met["joined all"] += m.joined > 0 && m.column_kinds() == 2;
    met["shifts"] += m.label_kinds().Most(&LabelKind::parts) > 1;
    met["of several channels"] += m.turn > 1 && (m.inner_turns() || m.filter_turn > 1);
    schedule_ = ScheduleStrips(m, config_).value();
    options_.fillers = m.fillers;
    const auto proof = Prove(layer_, pass_, config_, schedule_, UsefulMacs(problem), options_);
    ASSERT_TRUE(proof.ok()) << proof.error().message << ToJsonText(layer_) << ToJson(m);
    EXPECT_TRUE(proof.value().complete());
  }
  for (const char* kind : {"filters", "fillers", "joined", "joined all", "shifts", "of several channels"}) {
    EXPECT_GE(met[kind], 3) << kind;
  }
}

// Chains whose sets begin anywhere in the kernel: chains side by side, images side by side, the last one partly empty.
TEST_F(ProofTest, HoldsForChainsOfRuns) {
  const std::string arrays[] = {"ecoflow_4x4", (SourceRoot() / "tests/data/7x3.json").string(), "ecoflow_13x15"};
  std::map<std::string, int> met;
  for (int k = 0; k < 240; ++k) {
    config_ = LoadHwConfig(arrays[k % 3]).value();
    layer_ = Layer{.input = {1 + k % 4, 1 + k % 9, 8 + k % 7, 7 + k % 5}, .output_channels = 1 + k / 2 % 4};
    layer_.kernel = {3 + k / 3 % 6, 1 + k / 5 % 5};
    layer_.pads = {k % 4, k % 2, k % 3, 0};
    if (!CheckLayer(layer_, "").ok()) continue;
    pass_ = k % 2 == 0 ? Pass::kForward : Pass::kInputGrad;
    const DirectProblem problem = MakePaddedProblem(layer_, pass_);
    const auto mapping = MapRows(problem, k % 4 > 1, config_);
    ASSERT_TRUE(mapping.ok()) << mapping.error().message;
    const RowMapping& m = mapping.value();
    if (m.run == 1) continue;
    ++met["all"];
    met["chains"] += m.t > 1;
    met["images"] += m.images > 1;
    met["several begin"] += m.ways_to_begin() > 1;
    met["sets left"] += m.sets() % m.r != 0;
    met["rows left"] += m.row_chunks * m.kernel_rows != problem.kernel[0];
    met["both networks"] += m.input_on_both();
    schedule_ = ScheduleRows(m, config_).value();
    options_.fillers = true;
    const auto proof = Prove(layer_, pass_, config_, schedule_, UsefulMacs(problem), options_);
    ASSERT_TRUE(proof.ok()) << proof.error().message << ToJsonText(layer_) << ToJson(m);
    EXPECT_TRUE(proof.value().complete());
  }
  for (const char* kind : {"all", "chains", "images", "several begin", "sets left", "rows left", "both networks"}) {
    EXPECT_GE(met[kind], 3) << kind;
  }
}

class FamilyProofTest : public ProofTest, public ::testing::WithParamInterface<Family> {
 protected:
  void SetUp() override { Use(GetParam()); }
};
INSTANTIATE_TEST_SUITE_P(Families, FamilyProofTest,
                         ::testing::Values(
    Family{"strips", "strips", &SomeLayer, Pass::kInputGrad, "ecoflow"},
    Family{"strips_in_turn", "strips", &ThreeChannelLayer, Pass::kInputGrad, "ecoflow", 3},
    Family{"strips_with_channels_left", "strips", &ElevenChannelLayer, Pass::kInputGrad, "ecoflow", 4},
    Family{"product_in_turn", "matrix product", &BorderlessLayer, Pass::kForward, "ecoflow", 3},
    Family{"gradients", "results per PE", &SomeLayer, Pass::kFilterGrad, "ecoflow"},
    Family{"rows", "row-stationary", &SomeLayer, Pass::kForward, "row-stationary"},
    Family{"padded", "row-stationary", &SomeLayer, Pass::kInputGrad, "row-stationary"},
    Family{"product", "matrix product", &BorderlessLayer, Pass::kForward, "ecoflow"},
    Family{"product_gradient", "matrix product", &BorderlessLayer, Pass::kFilterGrad, "auto"},
    Family{"parts", "matrix product", &BorderedLayer, Pass::kForward, "ecoflow"},
    Family{"scatter", "matrix product", &BorderlessLayer, Pass::kInputGrad, "auto"},
    Family{"scatter_dropped", "matrix product", &FewChannelsLayer, Pass::kInputGrad, "auto", 1, false, "dropped"},
    Family{"plane", "plane per PE", &DepthwiseLayer, Pass::kForward, "ecoflow"},
    Family{"tiles", "tile per PE", &DepthwiseLayer, Pass::kFilterGrad, "ecoflow"},
    Family{"tiles_exchanged", "tile per PE", &DepthwiseLayer, Pass::kForward, "ecoflow", 1, true}),
                         [](const auto& test) { return test.param.name; });

TEST_P(FamilyProofTest, HoldsForTheCompilersScheduleAndCoversAllOfIt) {
  const auto proof = Prove(layer_, pass_, config_, schedule_, useful_macs_, options_);
  ASSERT_TRUE(proof.ok()) << proof.error().message;
  EXPECT_TRUE(proof.value().complete());
}

TEST_P(FamilyProofTest, FindsAWrongElement) {
  for (GinDescriptor* d : {&schedule_.wide[0], &schedule_.narrow[0]}) {
    const GinDescriptor kept = *d;
    for (Register& reg : d->nest.registers) {
      if (reg.name == "address") reg.base += 1;
    }
    EXPECT_NE(Why(), "");
    *d = kept;
  }
}

int64_t WordsOf(const GinDescriptor& d) {
  int64_t words = 0;
  for (NestCursor cursor(d.nest); !cursor.done(); cursor.Next()) ++words;
  return words;
}

TEST_P(FamilyProofTest, FindsWordsThatAreMissing) {
  for (GinDescriptor* d : {&schedule_.wide[0], &schedule_.narrow[0]}) {
    const GinDescriptor kept = *d;
    for (std::size_t l = static_cast<std::size_t>(schedule_.passes[0].pass_loops); l < d->nest.loops.size(); ++l) {
      if (d->nest.loops[l].bound == 1) continue;
      --d->nest.loops[l].bound;
      // The last iteration may have no word: a plane's errors come in turns, which may begin rows before.
      if (WordsOf(*d) != WordsOf(kept)) {
        EXPECT_NE(Why(), "") << d->nest.loops[l].name;
      }
      *d = kept;
    }
  }
}

TEST_P(FamilyProofTest, FindsPassesThatAreMissing) {
  for (std::size_t l = 0; l < static_cast<std::size_t>(schedule_.passes[0].pass_loops); ++l) {
    const Schedule kept = schedule_;
    const int64_t bound = schedule_.passes[0].nest.loops[l].bound;
    if (bound == 1) continue;
    for (LoopNest* nest : {&schedule_.passes[0].nest, &schedule_.wide[0].nest,
                           &schedule_.narrow[0].nest, &schedule_.gon[0].nest}) {
      --nest->loops[l].bound;
    }
    schedule_.num_passes = schedule_.num_passes / bound * (bound - 1);
    EXPECT_NE(Why(), "") << schedule_.passes[0].nest.loops[l].name;
    schedule_ = kept;
  }
}

TEST_P(FamilyProofTest, FindsAResultFiledUnderAnother) {
  for (GonDescriptor& d : schedule_.gon) {
    const GonDescriptor kept = d;
    for (Register& reg : d.nest.registers) {
      if (reg.name == "address") reg.base += 1;
    }
    EXPECT_NE(Why().find("files label"), std::string::npos) << Why();
    d = kept;
  }
}

TEST_F(ProofTest, FindsAPartThatIsMissing) {
  Use({"parts", "matrix product", &BorderedLayer, Pass::kForward, "ecoflow"});
  ASSERT_EQ(schedule_.passes.size(), 9u);  // corners, edges and the middle
  EXPECT_EQ(Why(), "");
  schedule_.num_passes -= NumPasses(schedule_.passes.back());
  schedule_.passes.pop_back();
  schedule_.wide.pop_back();
  schedule_.narrow.pop_back();
  schedule_.gon.pop_back();
  EXPECT_NE(Why().find("products are computed"), std::string::npos) << Why();
}

// Both networks bring the streamed words in turns; a part that ends within one would shift all words of the next.
TEST_F(ProofTest, FindsAPartThatEndsWithinATurn) {
  pass_ = Pass::kForward;
  int shifted = 0;
  for (const int filters : {1, 2, 4}) {
    layer_ = BorderedLayer();
    layer_.input[1] = 4;
    layer_.output_channels = filters;
    const DirectProblem problem = MakeDirectProblem(layer_, pass_);
    useful_macs_ = UsefulMacs(problem);
    for (MatrixParts& mapping : MapMatrix({problem}, Borders::kSections, config_)) {
      MatrixMapping& first = mapping.parts[0];
      if (mapping.parts.size() < 2 || !first.flows() || first.passes() > 1 || first.flow_fillers() == 0) continue;
      ++shifted;
      schedule_ = ScheduleMatrix(mapping, config_).value();
      EXPECT_EQ(Why(), "");
      first.one_of_parts = false;
      schedule_ = ScheduleMatrix(mapping, config_).value();
      EXPECT_NE(Why().find("whole turns"), std::string::npos) << Why();
    }
  }
  EXPECT_GT(shifted, 0);
}

TEST_F(ProofTest, FindsSumsThatAreDroppedOrKeptWrongly) {
  Use({"scatter_dropped", "matrix product", &FewChannelsLayer, Pass::kInputGrad, "auto", 1, false, "dropped"});
  ASSERT_EQ(Why(), "");
  GonDescriptor& d = schedule_.gon[0];
  ASSERT_FALSE(d.real.empty());
  const GonDescriptor kept = d;
  for (AnyOf& any : d.real) {
    ++any[0].low;  // results of the first row or column
    EXPECT_NE(Why().find("drops label"), std::string::npos) << Why();
    any[0].low -= 2;  // labels before it
    EXPECT_NE(Why().find("files label"), std::string::npos) << Why();
    d = kept;
  }
  // In a slot that holds a sum.
  d.slot = d.nest.Affine("slot_0", 0, {});
  EXPECT_NE(Why().find("accumulator slot"), std::string::npos) << Why();
  d = kept;
  options_.fillers = false;
  EXPECT_NE(Why().find("product of no result"), std::string::npos) << Why();
}

TEST_P(FamilyProofTest, FindsIdsThatReachTooManyPes) {
  for (std::size_t k = 0; k + 1 < schedule_.setup.size(); ++k) {
    if (schedule_.setup[k] == ConfigHeader(0, 3, 0, 0, kCfgRowNarrow, true, 4)) {
      schedule_.setup[k + 1] = schedule_.setup[k + 4];
      schedule_.setup[k + 2] = schedule_.setup[k + 4];
    }
    if (schedule_.setup[k] == ConfigHeader(0, 3, 0, 0, kCfgRowWide, true, 4)) {
      schedule_.setup[k + 1] = schedule_.setup[k + 4];
      schedule_.setup[k + 2] = schedule_.setup[k + 4];
    }
  }
  EXPECT_NE(Why(), "");
}

TEST_P(FamilyProofTest, FindsAFileThatIsTooSmall) {
  config_.psum_depth = 0;
  EXPECT_NE(Why().find("psum 0 of a file of 0"), std::string::npos) << Why();
}

TEST_P(FamilyProofTest, FindsAWrongLoopBound) {
  for (std::size_t l = 0; l < 5; ++l) {
    const Schedule kept = schedule_;
    int changed = 0;
    ChangePrograms([&](PeImage& image) {
      if (image.mode.ParamLevel == static_cast<int64_t>(l) || image.levels[l].files.Last == 0) return;
      ++changed;
      --image.levels[l].files.Last;
    });
    if (changed != 0) {
      EXPECT_NE(Why(), "") << "level " << l;
    }
    schedule_ = kept;
  }
}


TEST_F(ProofTest, FindsErrorsOutOfOrder) {
  for (Register& reg : Errors().nest.registers) {
    if (reg.name != "column") continue;
    reg.base = 0;  // left to right
    reg.terms[0].factor = 1;
  }
  EXPECT_NE(Why(), "");
}

TEST_F(ProofTest, FindsAPeThatTheIdsDoNotReach) {
  // The first row loses its row ID on the network of the errors.
  const bool narrow = &Errors() == &schedule_.narrow[0];
  for (std::size_t k = 0; k + 1 < schedule_.setup.size(); ++k) {
    if (schedule_.setup[k] == ConfigHeader(0, 3, 0, 0, narrow ? kCfgRowNarrow : kCfgRowWide, true, 4)) {
      schedule_.setup[k + 1] = ~uint64_t{0} >> 39;
    }
  }
  EXPECT_NE(Why().find("of 0 in a file"), std::string::npos) << Why();
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
