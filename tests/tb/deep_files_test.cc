// SPDX-License-Identifier: Apache-2.0
// Register files of the largest size: offsets and releases up to the ends of their fields, RTL and FSM class
// against a walk written down here.
#include <gtest/gtest.h>

#include "isa/array_errors.h"
#include "isa/pe_fsm.h"
#include "tests/tb/array_fixture.h"

namespace ecoflow {
namespace {

constexpr int64_t kDepth = 256;

class DeepFilesTest : public ArrayFixture {
 protected:
  static void SetUpTestSuite() { Build("deep_files.json"); }

  // What each slot reads: words of the ifmap and of the filter, counted from the first of the pass.
  struct Walk {
    std::vector<std::array<int64_t, 2>> reads;
    std::vector<std::array<int64_t, 2>> offsets, releases;
    std::array<int64_t, 2> words{};  // that the pass needs
    bool fits = true;
    bool longest_release = false, last_entry = false;
  };
  static Walk Follow(const PeImage& image) {
    Walk walk;
    std::array<int64_t, 3> index{};
    std::array<int64_t, 2> head{}, offset{};
    for (;;) {
      std::size_t step = 0;
      while (step < 3 && index[step] == image.levels[step].files.Last) ++step;
      const LevelFilesWord& record = image.levels[step == 3 ? kMaxLevels : step].files;
      const std::array<int64_t, 2> release = {record.IfmapRelease, record.FilterRelease};
      walk.offsets.push_back(offset);
      walk.reads.push_back({head[0] + offset[0], head[1] + offset[1]});
      walk.releases.push_back(release);
      for (std::size_t f = 0; f < 2; ++f) {
        walk.fits = walk.fits && offset[f] >= 0 && offset[f] < kDepth && release[f] <= kDepth;
        walk.last_entry = walk.last_entry || offset[f] == kDepth - 1;
        walk.words[f] = std::max(walk.words[f], head[f] + offset[f] + 1);
        head[f] += release[f];
        walk.words[f] = std::max(walk.words[f], head[f]);
      }
      walk.longest_release = walk.longest_release || release[1] == kDepth;
      if (step == 3) return walk;
      offset[0] = (record.IfmapReset != 0 ? 0 : offset[0]) + record.IfmapDelta;
      offset[1] = (record.FilterReset != 0 ? 0 : offset[1]) + record.FilterDelta;
      for (std::size_t l = 0; l < step; ++l) index[l] = 0;
      ++index[step];
    }
  }

  // A step or a number of words: small, or near the end of its field.
  int64_t Reach(int64_t most) { return Pick(0, 2) == 0 ? Pick(most - 3, most) : Pick(0, 4); }
  PeImage RandomImage() {
    PeImage image = Squares(false);
    image.mode.IfmapDirect = image.mode.FilterDirect = 0;
    for (const std::size_t l : {0, 1, 2, kMaxLevels}) {
      LevelFilesWord& files = image.levels[l].files;
      if (l != kMaxLevels) files.Last = Pick(0, 3);
      files.IfmapReset = Pick(0, 1), files.FilterReset = Pick(0, 1);
      files.IfmapDelta = Reach(255) * (Pick(0, 1) == 0 ? 1 : -1);
      files.FilterDelta = Reach(255) * (Pick(0, 1) == 0 ? 1 : -1);
      files.IfmapRelease = Reach(most::LevelFiles::IfmapRelease);
      files.FilterRelease = Reach(kDepth);
    }
    return image;
  }
};

TEST_F(DeepFilesTest, EveryOffsetAndRelease) {
  int longest_releases = 0, last_entries = 0;
  for (uint32_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE(seed);
    Start(seed);
    PeImage image;
    Walk walk;
    do {
      image = RandomImage();
      walk = Follow(image);
    } while (!walk.fits || (seed % 2 == 0 && !walk.longest_release));
    longest_releases += walk.longest_release;
    last_entries += walk.last_entry;

    PeFsm fsm(image, hw_.num_levels(), hw_.psum_depth, 0, {});
    for (std::size_t slot = 0;; ++slot, fsm.Next()) {
      ASSERT_LT(slot, walk.reads.size());
      EXPECT_EQ(fsm.ifmap_offset(), walk.offsets[slot][0]);
      EXPECT_EQ(fsm.filter_offset(), walk.offsets[slot][1]);
      EXPECT_EQ(fsm.record().files.IfmapRelease, walk.releases[slot][0]);
      EXPECT_EQ(fsm.record().files.FilterRelease, walk.releases[slot][1]);
      if (fsm.pass_end()) break;
    }

    for (const int address : {kCfgColWide, kCfgColNarrow, kCfgRowWide, kCfgRowNarrow}) {
      ConfigureAll(address, {0x1ffffe0});  // all take everything
    }
    // The ifmap comes over the wide network, the filter over the narrow one.
    ConfigureAll(kCfgLoader, {1 | uint64_t{1} << 36 | uint64_t{1} << 49});
    ConfigureAll(0, Encode(image).value());
    ConfigureAll(kCfgEnable, {0});
    ParamWord pass;
    pass.Active = 1;
    ConfigureAll(kCfgParam, {Encode(pass).value()});
    std::array<std::vector<uint16_t>, 2> operand;
    for (std::size_t f = 0; f < 2; ++f) {
      for (int64_t k = 0; k < walk.words[f]; ++k) operand[f].push_back(Word());
      const auto lanes = static_cast<std::size_t>(f == 0 ? hw_.wide_lanes() : hw_.narrow_lanes());
      for (std::size_t n = 0; n < operand[f].size(); n += lanes) {
        const auto begin = operand[f].begin() + static_cast<std::ptrdiff_t>(n);
        const auto end = operand[f].begin() + static_cast<std::ptrdiff_t>(std::min(n + lanes, operand[f].size()));
        beats_[f].push_back({0, 0, {begin, end}, static_cast<uint8_t>(f == 0 ? kDestIfmap : kDestFilter)});
      }
    }
    std::vector<Output> expected;
    for (const auto& read : walk.reads) {
      const auto word = [&](std::size_t f) { return static_cast<int16_t>(operand[f][static_cast<std::size_t>(read[f])]); };
      for (int pe = 0; pe < hw_.pe_count(); ++pe) {
        commands_.push_back(Single(pe, 0));
        expected.push_back({1, {static_cast<uint32_t>(word(0) * word(1)), 0}});
      }
    }
    ASSERT_EQ(Run(expected.size(), seed % 3 == 0 ? 0 : 0.2), expected);
    EXPECT_EQ(Stat(kStatErrors), 0u);
    EXPECT_FALSE(model_->AssertionFailed());
    if (HasFailure()) return;
  }
  EXPECT_GE(longest_releases, 30);
  EXPECT_GE(last_entries, 10);
}

// One word more than the file has is an error, not a hang without a reason.
TEST_F(DeepFilesTest, AReleaseBeyondTheFileIsReported) {
  Start(1, false);
  PeImage image = Squares(false);
  image.mode.IfmapDirect = image.mode.FilterDirect = 0;
  image.levels[kMaxLevels].files.FilterRelease = kDepth + 1;
  ConfigureAll(0, Encode(image).value());
  ConfigureAll(kCfgEnable, {0});
  ParamWord pass;
  pass.Active = 1;
  ConfigureAll(kCfgParam, {Encode(pass).value()});
  Run(0, 0);
  Wait(40);
  EXPECT_EQ(Stat(kStatErrors) >> kErrProgram & 1, 1u);
}

}  // namespace
}  // namespace ecoflow
