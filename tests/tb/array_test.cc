// SPDX-License-Identifier: Apache-2.0
// The Verilated array without the compiler: random IDs, beats, commands and programs, far from what layers use.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <vector>

#include "isa/array_errors.h"
#include "isa/pe_fsm.h"
#include "tests/tb/array_fixture.h"

namespace ecoflow {
namespace {

// done_o comes so many cycles after the last word.
constexpr uint64_t kDoneDelay = 4;

class ArrayTest : public ArrayFixture {
 protected:
  static void SetUpTestSuite() { Build("mutants.json"); }
};

// Every PE squares what it is sent, first on the wide, then on the narrow network; all controllers hold five
// random IDs; sums are made of the squares in random slots of both accumulators.
class BeatTest : public ArrayTest {
 protected:
  // What is to be driven, and what must come out; how many words for each PE, how many of them zero.
  struct Load {
    std::vector<Output> expected;
    std::array<std::vector<int64_t>, 2> count;
    uint32_t zeros = 0;
  };
  Load RandomLoad(uint32_t seed) {
    Load load;
    const int pes = hw_.pe_count();
    const int most = seed % 2 == 0 ? 30 : 6;  // few IDs: many PEs are named
    std::array<std::vector<std::vector<int>>, 2> row_ids, col_ids;
    for (std::size_t n = 0; n < 2; ++n) {
      const auto ids = [&](std::vector<std::vector<int>>& all) {
        uint64_t word = 0;
        all.emplace_back();
        for (int k = 0; k < hw_.ids_per_controller; ++k) {
          // All ones is the ID that no beat carries.
          all.back().push_back(static_cast<int>(Pick(0, 5) == 0 ? 31 : Pick(0, most)));
          word |= static_cast<uint64_t>(all.back().back()) << (k * hw_.id_bits);
        }
        return word;
      };
      for (int r = 0; r < hw_.rows; ++r) {
        Configure(r, r, 0, 0, n == 0 ? kCfgRowWide : kCfgRowNarrow, false, {ids(row_ids[n])});
      }
      std::vector<uint64_t> words;
      for (int pe = 0; pe < pes; ++pe) words.push_back(ids(col_ids[n]));
      // In two rectangles, the second of which begins at any column.
      const int cut = static_cast<int>(Pick(1, hw_.columns));
      for (const auto& [low, high] : {std::pair{0, cut - 1}, {cut, hw_.columns - 1}}) {
        if (low > high) continue;
        std::vector<uint64_t> part;
        for (int pe = 0; pe < pes; ++pe) {
          if (pe % hw_.columns >= low && pe % hw_.columns <= high) part.push_back(words[static_cast<std::size_t>(pe)]);
        }
        Configure(0, hw_.rows - 1, low, high, n == 0 ? kCfgColWide : kCfgColNarrow, true, part);
      }
    }
    // Beats, and for each PE what it is sent, in the order of the beats.
    std::vector<std::pair<int, uint32_t>> squares;  // PE, square
    auto& count = load.count;
    for (std::size_t n = 0; n < 2; ++n) {
      count[n].assign(static_cast<std::size_t>(pes), 0);
      for (int b = 0; b < 120; ++b) {
        Beat beat{static_cast<uint8_t>(Pick(0, most)), static_cast<uint8_t>(Pick(0, most)), {}};
        const int64_t size = Pick(1, n == 0 ? hw_.wide_lanes() : hw_.narrow_lanes());
        for (int64_t k = 0; k < size; ++k) beat.words.push_back(Word());
        bool named = false;
        const auto holds = [](const std::vector<int>& ids, int tag) {
          return std::find(ids.begin(), ids.end(), tag) != ids.end();
        };
        for (int pe = 0; pe < pes; ++pe) {
          if (!holds(row_ids[n][static_cast<std::size_t>(pe / hw_.columns)], beat.row) ||
              !holds(col_ids[n][static_cast<std::size_t>(pe)], beat.col)) {
            continue;
          }
          named = true;
          for (const uint16_t word : beat.words) {
            squares.emplace_back(pe, Square(word));
            load.zeros += word == 0;
          }
          count[n][static_cast<std::size_t>(pe)] += static_cast<int64_t>(beat.words.size());
        }
        if (named) beats_[n].push_back(beat);
      }
    }
    ConfigureAll(kCfgEnable, {0});
    // A PE that is sent nothing has no pass.
    for (std::size_t n = 0; n < 2; ++n) {
      PeImage image = Squares(n == 1);
      image.mode.ParamLevel = static_cast<int64_t>(seed % kMaxLevels);
      ConfigureAll(0, Encode(image).value());
      for (int pe = 0; pe < pes; ++pe) {
        const int64_t words = count[n][static_cast<std::size_t>(pe)];
        if (words == 0) continue;
        ParamWord pass;
        pass.Active = 1;
        pass.ParamLast = words - 1;
        Configure(pe / hw_.columns, pe / hw_.columns, pe % hw_.columns, pe % hw_.columns, kCfgParam, false,
                  {Encode(pass).value()});
      }
    }

    // Commands: lane by lane, sums in slots.
    auto& expected = load.expected;
    std::array<std::map<uint32_t, uint32_t>, 2> slots;
    std::array<uint32_t, 2> slot{};
    for (std::size_t n = 0; n < squares.size();) {
      Command command;
      Output output;
      const bool both = n + 1 < squares.size() && squares[n].first != squares[n + 1].first && Pick(0, 2) != 0;
      const auto only = static_cast<std::size_t>(Pick(0, 1));
      for (std::size_t k = 0; k < 2; ++k) {
        if (!both && k != only) continue;
        const auto& [pe, square] = squares[n++];
        command.lanes[k] = Single(pe, k).lanes[k];
        Command::Lane& lane = command.lanes[k];
        if (Pick(0, 1) == 0) slot[k] = static_cast<uint32_t>(Pick(0, hw_.slots_per_lane() - 1));
        lane.slot = slot[k];
        lane.first = !slots[k].contains(slot[k]) || Pick(0, 4) == 0;
        lane.last = Pick(0, 2) == 0;
        const uint32_t sum = square + (lane.first ? 0 : slots[k][slot[k]]);
        if (lane.last) {
          output.lanes |= 1u << k;
          output.words[k] = sum;
        } else {
          slots[k][slot[k]] = sum;
        }
      }
      command.end = n == squares.size();
      commands_.push_back(command);
      if (output.lanes != 0) expected.push_back(output);
    }
    return load;
  }

  void RunAndCheck(const Load& load, uint32_t seed) {
    ASSERT_EQ(Run(load.expected.size(), seed % 3 == 0 ? 0 : 0.4), load.expected);
    Wait(40);  // the last command may keep its sum
    const uint64_t cycles = cycles_ - kDoneDelay;
    EXPECT_EQ(Stat(0), cycles);
    EXPECT_EQ(Stat(1), config_words_);
    EXPECT_EQ(Stat(2), words_[0]);
    EXPECT_EQ(Stat(3), words_[1]);
    EXPECT_EQ(Stat(4), gon_words_);
    EXPECT_EQ(ArrayErrorText(Stat(kStatErrors)), "");
    uint64_t gated = 0;
    const auto counters = Counters();
    for (std::size_t pe = 0; pe < counters.size(); ++pe) {
      uint64_t sum = 0;
      for (std::size_t k = kCntIssued; k <= kCntAdder; ++k) sum += counters[pe][k];
      EXPECT_EQ(sum, cycles);
      EXPECT_EQ(counters[pe][kCntIssued], load.count[0][pe] + load.count[1][pe]);
      gated += counters[pe][kCntGated];
    }
    EXPECT_EQ(gated, load.zeros);
    EXPECT_FALSE(model_->AssertionFailed());
  }
};

TEST_F(BeatTest, RandomBeatsReachTheNamedPes) {
  for (uint32_t seed = 1; seed <= 6; ++seed) {
    SCOPED_TRACE(seed);
    Start(seed);
    RunAndCheck(RandomLoad(seed), seed);
    if (HasFailure()) return;
  }
}

// A clear or a reset in any cycle of a run leaves a machine that does the next one right, counters and all.
TEST_F(BeatTest, ClearInAnyCycleLeavesAFreshArray) {
  Start(1);
  for (uint32_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE(seed);
    const Load cut = RandomLoad(seed);
    Run(cut.expected.size(), seed % 2 == 0 ? 0 : 0.4, Pick(0, 900));
    if (seed % 3 == 0) {
      model_->Reset();
    } else {
      model_->Clear();
    }
    Forget();
    RunAndCheck(RandomLoad(seed + 1000), seed);
    if (HasFailure()) return;
    model_->Clear();
    Forget();
  }
}

// What a PE does with a program, written down step by step.
struct Program {
  PeImage image;
  ParamWord pass;
};
struct Executed {
  std::vector<std::vector<uint32_t>> sums;  // slot by slot, what leaves
  uint32_t issued = 0, masked = 0;
  bool defined = true;  // no sum goes on that never began
};

Executed Execute(const Program& program, const std::vector<uint16_t>& stream) {
  const PeImage& image = program.image;
  Executed result;
  std::array<int64_t, kMaxLevels> index{}, last{};
  for (std::size_t l = 0; l < kMaxLevels; ++l) {
    last[l] = image.mode.ParamLevel == static_cast<int64_t>(l) ? program.pass.ParamLast : image.levels[l].files.Last;
  }
  const auto wrap = [](int64_t value) { return value & 0x7fff; };
  int64_t y = wrap(program.pass.YBase), x = wrap(program.pass.XBase), z = wrap(program.pass.ZBase), p = 0;
  std::array<int64_t, 4> psum{-1, -1, -1, -1};
  for (std::size_t slot = 0;; ++slot) {
    std::array<bool, kMaxLevels> at_end{};
    std::size_t step = kMaxLevels;
    for (std::size_t l = kMaxLevels; l-- > 0;) {
      const int64_t end = last[l] - (l == 1 && index[3] < image.limit.Ragged);
      at_end[l] = index[l] == end;
      if (!at_end[l]) step = l;
    }
    bool ok = program.pass.Active != 0, mac = true;
    const auto check = [&](int64_t kind, bool inside) {
      if (kind == kRangeResult) ok = ok && inside;
      if (kind == kRangeOperand) mac = mac && inside;
    };
    check(image.mode.YKind, y < image.limit.YLimit);
    check(image.mode.XKind, x < image.limit.XLimit);
    check(image.mode.ZKind, z < image.limit.ZLimit);
    mac = mac && ok;
    bool first = true, final_slot = true;
    for (std::size_t l = 0; l < kMaxLevels; ++l) {
      if ((image.mode.ReduceMask >> l & 1) == 0) continue;
      const bool circular = l == 1 && image.mode.ZKind == kRangeCircular;
      first = first && (index[l] == 0 || (circular && z == 0x7fff));
      final_slot = final_slot && (at_end[l] || (circular && z == 0));
    }
    result.sums.emplace_back();
    ++(mac ? result.issued : result.masked);
    if (ok) {
      int64_t& kept = psum[static_cast<std::size_t>(p)];
      if (!first && kept < 0) result.defined = false;
      const uint32_t square = mac ? static_cast<uint32_t>(static_cast<int16_t>(stream[slot % stream.size()]) *
                                                          static_cast<int16_t>(stream[slot % stream.size()])) : 0;
      const uint32_t sum = (first ? 0 : static_cast<uint32_t>(kept)) + square;
      if (final_slot) {
        result.sums.back().push_back(sum);
        // The file keeps what was there: only sums that stay are written.
      } else {
        kept = sum;
      }
    }
    if (step == kMaxLevels) return result;
    const auto& record = image.levels[step];
    y = wrap((record.coordinates.YReset != 0 ? program.pass.YBase : y) + record.coordinates.YDelta);
    x = wrap((record.coordinates.XReset != 0 ? program.pass.XBase : x) + record.coordinates.XDelta);
    z = wrap((record.coordinates.ZReset != 0 ? program.pass.ZBase : z) + record.coordinates.ZDelta);
    p = ((record.files.PsumReset != 0 ? 0 : p) + record.files.PsumDelta) & 3;
    ++index[step];
    for (std::size_t l = 0; l < step; ++l) index[l] = 0;
  }
}

// Random loops, coordinates, limits, sums; all PEs take the same stream, each from its own base.
// The FSM that proof and cycle model run does slot by slot what is written down here.
void ExpectFsmAgrees(const Program& program, const HwConfig& hw, const Executed& done) {
  const ParamWord& pass = program.pass;
  PeFsm fsm(program.image, hw.num_levels(), hw.psum_depth, pass.ParamLast,
            {pass.YBase, pass.XBase, pass.ZBase});
  uint32_t issued = 0;
  for (std::size_t slot = 0;; ++slot, fsm.Next()) {
    ASSERT_LT(slot, done.sums.size());
    const SlotMeaning meaning =
        MeaningOf(program.image, pass, fsm.slot(), CheckRanges(CoordinateRanges(program.image), fsm.coordinates()));
    ASSERT_EQ(meaning.ends, !done.sums[slot].empty()) << "slot " << slot;
    issued += meaning.multiplies;
    if (!fsm.pass_end()) continue;
    EXPECT_EQ(slot + 1, done.sums.size());
    break;
  }
  EXPECT_EQ(issued, done.issued);
}

TEST_F(ArrayTest, RandomProgramsDoWhatIsWrittenDown) {
  const int pes = hw_.pe_count();
  for (uint32_t seed = 1; seed <= 30; ++seed) {
    SCOPED_TRACE(seed);
    Start(seed);
    const bool narrow = seed % 2 == 0;
    std::vector<Program> programs(static_cast<std::size_t>(pes));
    std::vector<Executed> done;
    std::vector<uint16_t> stream;
    for (bool good = false; !good;) {
      PeImage image = Squares(narrow);
      int64_t slots = 1;
      for (std::size_t l = 0; l <= kMaxLevels; ++l) {
        auto& [files, coordinates] = image.levels[l];
        if (l < kMaxLevels) files.Last = slots < 60 ? Pick(0, 3) : 0;
        slots *= files.Last + 1;
        files.PsumReset = Pick(0, 1);
        files.PsumDelta = Pick(-2, 2);
        coordinates.YReset = Pick(0, 1), coordinates.XReset = Pick(0, 1), coordinates.ZReset = Pick(0, 1);
        const int64_t wide = Pick(0, 1) == 0 ? 3 : 16383;
        for (int64_t* delta : {&coordinates.YDelta, &coordinates.XDelta, &coordinates.ZDelta}) *delta = Pick(-wide, wide);
      }
      image.mode.ReduceMask = Pick(0, 2) == 0 ? 0 : Pick(0, 127);
      image.mode.YKind = Pick(0, 2), image.mode.XKind = Pick(0, 2), image.mode.ZKind = Pick(0, 3);
      image.limit.YLimit = Pick(0, 1) == 0 ? Pick(0, 32767) : Pick(0, 8);
      image.limit.XLimit = Pick(0, 1) == 0 ? Pick(0, 32767) : Pick(0, 8);
      image.limit.ZLimit = Pick(0, 1) == 0 ? Pick(0, 16383) : Pick(0, 8);
      if (image.levels[1].files.Last > 0) image.limit.Ragged = Pick(0, 3);
      // The pass word may shorten a loop: not of the level that may be ragged.
      if (Pick(0, 1) == 0) image.mode.ParamLevel = Pick(2, 6);
      stream.clear();
      for (int64_t k = 0; k < slots * 4; ++k) stream.push_back(Word());
      const int64_t param_last = Pick(0, 3);
      done.clear();
      good = true;
      for (Program& program : programs) {
        program.image = image;
        program.pass.Active = Pick(0, 9) != 0;
        program.pass.ParamLast = param_last;
        const int64_t wide = Pick(0, 1) == 0 ? 8 : 8191;
        program.pass.YBase = Pick(-2 * wide, 2 * wide), program.pass.XBase = Pick(-2 * wide, 2 * wide);
        program.pass.ZBase = Pick(-wide, wide);
        done.push_back(Execute(program, stream));
        good = good && done.back().defined;
      }
    }
    for (std::size_t pe = 0; pe < programs.size(); ++pe) ExpectFsmAgrees(programs[pe], hw_, done[pe]);
    if (HasFailure()) return;
    stream.resize(done[0].sums.size());
    // All take everything.
    for (const int address : {kCfgColWide, kCfgColNarrow, kCfgRowWide, kCfgRowNarrow}) {
      ConfigureAll(address, {0x1ffffe0});
    }
    ConfigureAll(0, Encode(programs[0].image).value());
    std::vector<uint64_t> passes;
    for (const Program& program : programs) passes.push_back(Encode(program.pass).value());
    ConfigureAll(kCfgParam, passes, true);
    ConfigureAll(kCfgEnable, {0});
    const auto lanes = static_cast<std::size_t>(narrow ? hw_.narrow_lanes() : hw_.wide_lanes());
    for (std::size_t n = 0; n < stream.size(); n += lanes) {
      Beat beat;
      for (std::size_t k = n; k < std::min(n + lanes, stream.size()); ++k) beat.words.push_back(stream[k]);
      beats_[narrow].push_back(beat);
    }
    std::vector<Output> expected;
    for (std::size_t slot = 0; slot < stream.size(); ++slot) {
      for (int pe = 0; pe < pes; ++pe) {
        for (const uint32_t sum : done[static_cast<std::size_t>(pe)].sums[slot]) {
          const auto lane = static_cast<std::size_t>(Pick(0, 1));
          commands_.push_back(Single(pe, lane));
          Output output{1u << lane, {}};
          output.words[lane] = sum;
          expected.push_back(output);
        }
      }
    }
    ASSERT_EQ(Run(expected.size(), seed % 3 == 0 ? 0 : 0.3), expected);
    Wait(30);  // slots without a result may follow
    const auto counters = Counters();
    for (std::size_t pe = 0; pe < counters.size(); ++pe) {
      EXPECT_EQ(counters[pe][kCntIssued], done[pe].issued);
      EXPECT_EQ(counters[pe][kCntMasked], done[pe].masked);
    }
    EXPECT_FALSE(model_->AssertionFailed());
    if (HasFailure()) return;
  }
}

// Both files take words in turns from both networks, turns of all lengths; products of word k with word k.
TEST_F(ArrayTest, LoadersTakeTurns) {
  for (uint32_t seed = 1; seed <= 8; ++seed) {
    SCOPED_TRACE(seed);
    Start(seed);
    for (const int address : {kCfgColWide, kCfgColNarrow, kCfgRowWide, kCfgRowNarrow}) {
      ConfigureAll(address, {0x1ffffe0});
    }
    const int64_t words = 700;
    PeImage image = Squares(false);
    image.mode.IfmapDirect = image.mode.FilterDirect = 0;
    image.levels[0].files.Last = words - 1;
    for (const std::size_t l : {0, kMaxLevels}) {
      image.levels[l].files.IfmapRelease = image.levels[l].files.FilterRelease = 1;
    }
    uint64_t loader = 0;
    std::array<std::vector<uint16_t>, 2> operand;  // ifmap, filter
    std::array<std::array<int64_t, 2>, 2> turns{};
    std::array<std::size_t, 2> turn{};
    for (std::size_t file = 0; file < 2; ++file) {
      for (int64_t& length : turns[file]) length = Pick(0, 1) == 0 ? Pick(1, 4) : Pick(200, 600);
      turn[file] = static_cast<std::size_t>(Pick(0, 1));
      if (Pick(0, 3) == 0) turns[file][1 - turn[file]] = 0;  // one network fills the file
      loader |= static_cast<uint64_t>(turns[file][0]) << (24 * file) | static_cast<uint64_t>(turns[file][1]) << (24 * file + 12);
      loader |= static_cast<uint64_t>(turn[file]) << (48 + file);
      for (int64_t k = 0; k < words; ++k) operand[file].push_back(Word());
    }
    std::array<int64_t, 2> left = {turns[0][turn[0]], turns[1][turn[1]]};
    for (std::size_t k = 0; k < static_cast<std::size_t>(words); ++k) {
      for (std::size_t file = 0; file < 2; ++file) {
        auto& queue = beats_[turn[file]];
        const auto lanes = static_cast<std::size_t>(turn[file] == 0 ? hw_.wide_lanes() : hw_.narrow_lanes());
        if (queue.empty() || queue.back().dest != file || queue.back().words.size() == lanes || Pick(0, 3) == 0) {
          queue.push_back({0, 0, {}, static_cast<uint8_t>(file)});
        }
        queue.back().words.push_back(operand[file][k]);
        if (--left[file] > 0) continue;
        if (turns[file][1 - turn[file]] != 0) turn[file] = 1 - turn[file];
        left[file] = turns[file][turn[file]];
      }
    }
    ConfigureAll(kCfgLoader, {loader});
    ConfigureAll(0, Encode(image).value());
    ParamWord pass;
    pass.Active = 1;
    ConfigureAll(kCfgEnable, {0});
    ConfigureAll(kCfgParam, {Encode(pass).value()});
    std::vector<Output> expected;
    for (std::size_t k = 0; k < static_cast<std::size_t>(words); ++k) {
      for (int pe = 0; pe < hw_.pe_count(); ++pe) {
        commands_.push_back(Single(pe, 0));
        expected.push_back({1, {static_cast<uint32_t>(static_cast<int16_t>(operand[0][k]) * static_cast<int16_t>(operand[1][k])), 0}});
      }
    }
    ASSERT_EQ(Run(expected.size(), seed % 2 == 0 ? 0 : 0.2), expected);
    EXPECT_FALSE(model_->AssertionFailed());
  }
}

// Loops up to the longest, on every level, ragged too; passes that compute nothing.
TEST_F(ArrayTest, LongLoopsTakeTheirSteps) {
  for (uint32_t seed = 0; seed < 3 * kMaxLevels + 2; ++seed) {
    SCOPED_TRACE(seed);
    Start(seed + 1);
    PeImage image = Squares(false);
    image.mode.IfmapDirect = image.mode.FilterDirect = 0;
    const bool ragged = seed >= 3 * kMaxLevels;
    const std::size_t level = ragged ? 3 : seed % kMaxLevels;
    const bool longest = seed < 2 * kMaxLevels;  // an even and an odd number of steps: a bit that flips twice is back
    const bool again = !ragged && !longest && level + 1 < kMaxLevels;  // starts anew three times
    const int64_t last = ragged ? Pick(500, 1500) : longest ? 16383 - seed / kMaxLevels : Pick(600, 2500);
    image.levels[level].files.Last = last;
    if (again) image.levels[level + 1].files.Last = 2;
    if (ragged) image.levels[1].files.Last = 2, image.limit.Ragged = Pick(1, 1023);
    const int64_t shorter = ragged ? std::min(image.limit.Ragged, last + 1) : 0;
    const int64_t slots = (last + 1) * (ragged || again ? 3 : 1) - shorter;
    ConfigureAll(0, Encode(image).value());
    ConfigureAll(kCfgParam, {Encode(ParamWord()).value()});
    Run(0, 0);
    Wait(slots + 60);
    for (const PeCounts& counts : Counters()) {
      EXPECT_EQ(counts[kCntMasked], slots);
      EXPECT_EQ(counts[kCntIssued], 0u);
    }
    EXPECT_FALSE(model_->AssertionFailed());
    if (HasFailure()) return;
  }
}

// Thresholds of all sizes; the index of chains and the ragged loop's pass the small ones only. What a masked pass takes
// from below or sends up is nothing.
TEST_F(ArrayTest, ThresholdsOfAllSizesKeepTheSlots) {
  Start(1);
  for (uint32_t seed = 1; seed <= 24; ++seed) {
    SCOPED_TRACE(seed);
    PeImage image = Squares(false);
    image.mode.IfmapDirect = image.mode.FilterDirect = 0;
    image.mode.ChainInMin = Pick(0, 16383);
    image.mode.ChainOutMax = Pick(0, 16383);
    image.mode.ChainOuter = Pick(0, 1);
    image.mode.ParamLevel = 4;
    image.limit.Ragged = Pick(0, 1023);
    image.levels[1].files.Last = 2;
    ParamWord pass;
    pass.ParamLast = Pick(0, 2047);
    // Index 3 stays at zero: level 1 is shorter throughout, or not at all.
    const int64_t slots = (image.limit.Ragged > 0 ? 2 : 3) * (pass.ParamLast + 1);
    ConfigureAll(0, Encode(image).value());
    ConfigureAll(kCfgParam, {Encode(pass).value()});
    Run(0, 0);
    Wait(slots + 60);
    for (const PeCounts& counts : Counters()) EXPECT_EQ(counts[kCntMasked], slots);
    EXPECT_FALSE(model_->AssertionFailed());
    if (HasFailure()) return;
    model_->Clear();
    Forget();
  }
}

// A header may announce many words; those beyond the last address or the last PE go nowhere and are reported.
TEST_F(ArrayTest, LongBurstsOfConfigurationEndWhereTheySay) {
  for (uint32_t seed = 1; seed <= 2; ++seed) {
    Start(seed, false);
    PeImage image = Squares(false);
    image.mode.IfmapDirect = image.mode.FilterDirect = 0;
    image.levels[0].files.Last = 9;
    const auto words = Encode(image).value();
    ConfigureAll(0, words);
    const auto beyond = static_cast<std::size_t>(seed == 1 ? 16384 : 40000 + Pick(0, 9));
    ConfigureAll(0, std::vector<uint64_t>(beyond, ~uint64_t{0}), true);  // the first words reach the PEs
    ConfigureAll(0, words);
    ConfigureAll(kCfgRowNarrow, {0, 0, 0, 0, 0, 0, 0, 0, 0, ~uint64_t{0}, ~uint64_t{0}});
    ConfigureAll(kCfgParam, {Encode(ParamWord()).value()});
    Run(0, 0);
    Wait(60);
    for (const PeCounts& counts : Counters()) EXPECT_EQ(counts[kCntMasked], 10u);
    EXPECT_EQ(ArrayErrorText(Stat(kStatErrors)), ArrayErrorText(1 << kErrHeader | 1 << kErrAddress));
    if (HasFailure()) return;
  }
}

// A counter of a PE that passes its bits says so, and no other number changes.
TEST_F(ArrayTest, CounterThatWrapsSetsItsError) {
  if (std::getenv("ECOFLOW_NETLIST") != nullptr) GTEST_SKIP() << "a netlist has the counters of its own configuration";
  HwConfig narrow = hw_;
  narrow.counter_bits = 8;
  const auto library = BuildModel(narrow, {}, [](const std::string&) {});
  ASSERT_TRUE(library.ok());
  Start(1, false);
  auto loaded = LoadModel(library.value(), 1, "");
  ASSERT_TRUE(loaded.ok());
  model_ = std::move(loaded.value());
  struct Case {
    int64_t slots, waits;  // masked ones; idle cycles before the end of the run
    bool wraps;
  };
  for (const Case& test : {Case{255, 0, false}, {256, 0, true}, {255, 100, false}, {10, 300, true}, {200, 0, false}}) {
    SCOPED_TRACE(testing::Message() << test.slots << " slots, " << test.waits << " cycles");
    model_->Clear();  // and with it the error of the run before
    Forget();
    PeImage image = Squares(false);
    image.mode.IfmapDirect = image.mode.FilterDirect = 0;
    image.levels[0].files.Last = test.slots - 1;
    ConfigureAll(0, Encode(image).value());
    ConfigureAll(kCfgParam, {Encode(ParamWord()).value()});
    Run(0, 0);
    Wait(test.slots + 20 + test.waits);
    EXPECT_EQ(Stat(kStatErrors), uint64_t{test.wraps} << kErrCounter);
    commands_.push_back({{}, true});
    Run(0, 0);
    Wait(12);
    const uint64_t cycles = cycles_ - kDoneDelay;
    EXPECT_EQ(Stat(kStatCycles), cycles);
    EXPECT_EQ(Stat(kStatConfig), config_words_);
    EXPECT_EQ(ArrayErrorText(Stat(kStatErrors)), test.wraps ? kArrayErrors[kErrCounter] : std::string());
    for (const PeCounts& counts : Counters()) {
      EXPECT_EQ(counts[kCntMasked], static_cast<uint64_t>(test.slots) % 256);
      EXPECT_EQ(counts[kCntIdle], (cycles - static_cast<uint64_t>(test.slots)) % 256);
      for (const std::size_t k : {kCntIssued, kCntStream, kCntPsum, kCntAdder, kCntGated, kCntLocalWords}) EXPECT_EQ(counts[k], 0u);
    }
    if (HasFailure()) return;
  }
}

// The counters leave when the passes before are through, as often as asked for.
TEST_F(ArrayTest, CountersWaitForThePassesBefore) {
  for (uint32_t seed = 1; seed <= 12; ++seed) {
    SCOPED_TRACE(seed);
    Start(seed);
    for (const int address : {kCfgColWide, kCfgColNarrow, kCfgRowWide, kCfgRowNarrow}) {
      ConfigureAll(address, {0x1ffffe0});
    }
    const int64_t slots = Pick(1, 12), passes = Pick(1, 4);
    PeImage image = Squares(false);
    image.levels[0].files.Last = slots - 1;
    ConfigureAll(0, Encode(image).value());
    ConfigureAll(kCfgEnable, {0});
    ParamWord pass;
    pass.Active = 1;
    std::vector<uint32_t> squares;
    std::vector<Output> expected;
    const auto ask = [&](uint32_t issued) {
      ConfigureAll(kCfgDump, {0});
      for (int pe = 0; pe < hw_.pe_count(); ++pe) {
        for (std::size_t k = 0; k < kNumPeCounters; ++k) {
          commands_.push_back(Single(pe, 0));
          expected.push_back({1, {k == kCntIssued ? issued : 0, 0}});
        }
      }
    };
    for (int64_t p = 0; p < passes; ++p) {
      ConfigureAll(kCfgParam, {Encode(pass).value()});
      for (int64_t k = 0; k < slots; ++k) {
        const uint16_t word = Word();
        beats_[0].push_back({0, 0, {word}});
        for (int pe = 0; pe < hw_.pe_count(); ++pe) {
          commands_.push_back(Single(pe, 0));
          expected.push_back({1, {Square(word), 0}});
        }
      }
      if (Pick(0, 1) == 0 || p + 1 == passes) ask(static_cast<uint32_t>((p + 1) * slots));
      if (p + 1 == passes) ask(static_cast<uint32_t>((p + 1) * slots));
    }
    auto got = Run(expected.size(), seed % 2 == 0 ? 0 : 0.3);
    ASSERT_EQ(got.size(), expected.size());
    // Of the counters only the products are compared: when the rest counts is not fixed.
    for (std::size_t n = 0; n < got.size(); ++n) {
      const bool counter = expected[n].words[0] == 0 && expected[n].lanes == 1 && got[n].words[0] != 0;
      if (!counter) { EXPECT_EQ(got[n], expected[n]) << n; }
    }
    EXPECT_FALSE(model_->AssertionFailed());
    if (HasFailure()) return;
  }
}

// Each fault of what comes in sets its bit, and nothing but a clear takes it back.
class ErrorTest : public ArrayTest {
 protected:
  void Begin() {
    Start(1, false);
    for (const int address : {kCfgColWide, kCfgColNarrow, kCfgRowWide, kCfgRowNarrow}) {
      ConfigureAll(address, {0x1ffffe0});  // all hold ID 0
    }
    ConfigureAll(kCfgEnable, {0});
    Run(0, 0);
    Wait(5);
    ASSERT_EQ(ArrayErrorText(Stat(kStatErrors)), "");
  }
  void Expect(ArrayError error) {
    Run(0, 0);
    Wait(12);
    EXPECT_EQ(ArrayErrorText(Stat(kStatErrors)), ArrayErrorText(uint64_t{1} << error));
    model_->Clear();
    Wait(5);
    EXPECT_EQ(ArrayErrorText(Stat(kStatErrors)), "");
  }
};

TEST_F(ErrorTest, BeatThatNamesNobody) {
  for (const std::size_t n : {0, 1}) {
    for (const auto& [row, col] : {std::pair{7, 0}, {0, 7}, {7, 7}}) {
      Begin();
      beats_[n].push_back({static_cast<uint8_t>(row), static_cast<uint8_t>(col), {1}});
      Expect(n == 0 ? kErrWideNobody : kErrNarrowNobody);
    }
  }
}

TEST_F(ErrorTest, BeatWithoutDestinationOrWords) {
  for (const std::size_t n : {0, 1}) {
    Begin();
    beats_[n].push_back({0, 0, {1}, 3});
    Expect(n == 0 ? kErrWideForm : kErrNarrowForm);
    Begin();
    beats_[n].push_back({0, 0, {}});
    Expect(n == 0 ? kErrWideForm : kErrNarrowForm);
  }
  Begin();
  beats_[1].push_back({0, 0, {1, 2, 3}});
  Expect(kErrNarrowForm);
}

// Neither hangs: what does not exist is left out.
TEST_F(ErrorTest, CommandForAPeOrSlotThatDoesNotExist) {
  const auto command = [&](uint32_t row, uint32_t col, uint32_t slot, bool last) {
    Begin();
    Command bad = Single(0, 1);
    bad.lanes[1].row = row;
    bad.lanes[1].col = col;
    bad.lanes[1].slot = slot;
    bad.lanes[1].last = last;
    bad.end = true;
    commands_.push_back(bad);
    Run(0, 0);
    Wait(20);
    EXPECT_TRUE(pins_.done);
    Expect(kErrGonPe);
  };
  command(static_cast<uint32_t>(hw_.rows), 0, 0, true);
  command(0, static_cast<uint32_t>(hw_.columns), 0, true);
  command(0, 0, static_cast<uint32_t>(hw_.slots_per_lane()), false);
}

TEST_F(ErrorTest, TwoLanesThatNameOnePe) {
  Begin();
  ConfigureAll(0, Encode(Squares(false)).value());
  ParamWord pass;
  pass.Active = 1;
  ConfigureAll(kCfgParam, {Encode(pass).value()});
  beats_[0].push_back({0, 0, {3}});
  Command command = Single(1, 0);
  command.lanes[1] = command.lanes[0];
  commands_.push_back(command);
  EXPECT_EQ(Run(1, 0), (std::vector<Output>{{3, {9, 9}}}));
  Expect(kErrGonTwice);
}

TEST_F(ErrorTest, ConfigurationForWhatIsNotThere) {
  Begin();
  Configure(0, hw_.rows, 0, 0, kCfgLoader, false, {0});
  Expect(kErrHeader);
  Begin();
  Configure(0, 0, 0, hw_.columns, kCfgLoader, false, {0});
  Expect(kErrHeader);
  Begin();
  config_.push_back(ConfigHeader(0, 0, 0, 0, kCfgLoader, false, 1) & ~(uint64_t{0xffff} << 39));  // no words
  Expect(kErrHeader);
  Begin();
  Configure(0, 0, 0, 0, kCfgLoader, true, {0, 0});  // one PE, two words
  Expect(kErrHeader);
  for (const int address : {40, 47, 56, 63}) {
    Begin();
    Configure(0, 0, 0, 0, address, false, {0});
    Expect(kErrAddress);
  }
  Begin();
  ConfigureAll(kCfgRowNarrow, std::vector<uint64_t>(20, 0));
  Expect(kErrAddress);
}

// A scatter ends with the last PE of its rectangle, no word earlier or later.
TEST_F(ErrorTest, ScatterOfOneWordMoreThanPes) {
  Begin();
  for (int row_lo = 0; row_lo < hw_.rows; ++row_lo) {
    for (int row_hi = row_lo; row_hi < hw_.rows; ++row_hi) {
      for (int col_lo = 0; col_lo < hw_.columns; ++col_lo) {
        for (int col_hi = col_lo; col_hi < hw_.columns; ++col_hi) {
          std::vector<uint64_t> words(static_cast<std::size_t>((row_hi - row_lo + 1) * (col_hi - col_lo + 1)));
          Configure(row_lo, row_hi, col_lo, col_hi, kCfgLoader, true, words);
          Run(0, 0);
          Wait(5);
          EXPECT_EQ(ArrayErrorText(Stat(kStatErrors)), "");
          words.push_back(0);
          Configure(row_lo, row_hi, col_lo, col_hi, kCfgLoader, true, words);
          Expect(kErrHeader);
          if (HasFailure()) return;
        }
      }
    }
  }
}

// A slot that waits for a word, or frees words, that its file can never hold; a psum beyond the file.
TEST_F(ErrorTest, ProgramThatNoFileCanHold) {
  const auto program = [&](auto change) {
    Begin();
    PeImage image = Squares(false);
    image.levels[0].files.Last = 1;
    change(image);
    ParamWord pass;
    pass.Active = 1;
    ConfigureAll(0, Encode(image).value());
    ConfigureAll(kCfgLoader, {uint64_t{1} << 12 | uint64_t{1} << 36 | uint64_t{3} << 48});  // narrow
    ConfigureAll(kCfgParam, {Encode(pass).value()});
    beats_[0].push_back({0, 0, {1, 1}});
    // Its first slot finds a word in each file.
    if (image.mode.IfmapDirect == 0) beats_[1].push_back({0, 0, {1}, kDestIfmap});
    if (image.mode.FilterDirect == 0) beats_[1].push_back({0, 0, {1}, kDestFilter});
    Expect(kErrProgram);
  };
  program([](PeImage& image) {
    image.mode.IfmapDirect = 0;
    image.levels[0].files.IfmapDelta = hw_.ifmap_depth;
  });
  program([](PeImage& image) {
    image.mode.FilterDirect = 0;
    image.levels[0].files.FilterDelta = hw_.filter_depth;
  });
  program([](PeImage& image) { image.levels[0].files.IfmapRelease = hw_.ifmap_depth + 1; });
  program([](PeImage& image) { image.levels[0].files.FilterRelease = hw_.filter_depth + 1; });
  // Every bit of a step and of a release; a step back from the start of a file is one beyond its end.
  for (const int64_t words : {85, 170, 255, -1, -86, -171}) {
    program([words](PeImage& image) {
      image.mode.IfmapDirect = 0;
      image.levels[0].files.IfmapDelta = words;
    });
    program([words](PeImage& image) {
      image.mode.FilterDirect = 0;
      image.levels[0].files.FilterDelta = words;
    });
  }
  for (const int64_t words : {85, 170, 255, 341, 511}) {
    program([words](PeImage& image) { image.levels[0].files.FilterRelease = words; });
    if (words < 256) program([words](PeImage& image) { image.levels[0].files.IfmapRelease = words; });
  }
}

// A run that waits for what never comes.
TEST_F(ErrorTest, NothingMovesForALongTime) {
  Begin();
  commands_.push_back(Single(0, 0));
  Run(0, 0);
  Wait((int64_t{1} << 20) - 100);
  EXPECT_EQ(ArrayErrorText(Stat(kStatErrors)), "");
  Wait(200);
  Expect(kErrQuiet);
}

}  // namespace
}  // namespace ecoflow
