// SPDX-License-Identifier: Apache-2.0
// Drives the ports of a Verilated array without compiler and sequencers, for directed tests.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <deque>
#include <memory>
#include <random>
#include <vector>

#include "base/files.h"
#include "gen/config/hw_config.h"
#include "isa/pe_counters.h"
#include "isa/pe_image.h"
#include "tb/model/array_model.h"
#include "tb/model/model_cache.h"

namespace ecoflow {

struct Beat {
  uint8_t row = 0, col = 0;
  std::vector<uint16_t> words;
  uint8_t dest = kDestStream;
};
struct Command {
  struct Lane {
    bool enabled = false, first = true, last = true;
    uint32_t row = 0, col = 0, slot = 0;
  };
  std::array<Lane, 2> lanes;
  bool end = false;
};
struct Output {
  uint32_t lanes = 0;
  std::array<uint32_t, 2> words{};
  bool operator==(const Output&) const = default;
};

// `Build` in SetUpTestSuite; then `Start` in each test.
class ArrayFixture : public ::testing::Test {
 protected:
  // `file`: configuration in tests/data.
  static void Build(const char* file) {
    const auto config = LoadHwConfig((SourceRoot() / "tests/data" / file).string());
    ASSERT_TRUE(config.ok());
    hw_ = config.value();
    // A netlist (scripts/mutants.py) has no assertions: the model is that of the layers. Coverage
    // (scripts/coverage.py) is of what runs, not of what is checked.
    const bool assertions = std::getenv("ECOFLOW_NETLIST") == nullptr && CoverageFolder() == nullptr;
    for (const bool checked : {false, true}) {
      ModelOptions options;
      options.assertions = checked && assertions;
      options.coverage = CoverageFolder() != nullptr;
      const auto library = BuildModel(hw_, options, [](const std::string&) {});
      ASSERT_TRUE(library.ok());
      libraries_[checked] = library.value();
    }
  }

  void TearDown() override { KeepCoverage(); }

  // Where the coverage of each model goes; none when null.
  static const char* CoverageFolder() { return std::getenv("ECOFLOW_COVERAGE_FOLDER"); }
  void KeepCoverage() {
    static int number = 0;
    if (model_ == nullptr || CoverageFolder() == nullptr) return;
    model_->WriteCoverage((std::string(CoverageFolder()) + "/" + std::to_string(number++) + ".dat").c_str());
  }

  // What the array must refuse fails its assertions: such tests go without.
  void Start(uint32_t seed, bool checked = true) {
    random_.seed(seed);
    auto loaded = LoadModel(libraries_[checked], seed, "");
    ASSERT_TRUE(loaded.ok());
    KeepCoverage();
    model_ = std::move(loaded.value());
    model_->Reset();
    Forget();
  }
  // All that was to be driven, as after a reset or a clear.
  void Forget() {
    pins_ = ArrayPins();
    beats_ = {};
    config_.clear();
    commands_.clear();
    cycles_ = config_words_ = gon_words_ = 0;
    words_ = {};
  }
  int64_t Pick(int64_t low, int64_t high) {
    return low + static_cast<int64_t>(random_() % static_cast<uint64_t>(high - low + 1));
  }
  void Configure(int row_lo, int row_hi, int col_lo, int col_hi, int address, bool scatter,
                 const std::vector<uint64_t>& words) {
    config_.push_back(ConfigHeader(row_lo, row_hi, col_lo, col_hi, address, scatter,
                                   static_cast<int>(words.size())));
    config_.insert(config_.end(), words.begin(), words.end());
  }
  void ConfigureAll(int address, const std::vector<uint64_t>& words, bool scatter = false) {
    Configure(0, hw_.rows - 1, 0, hw_.columns - 1, address, scatter, words);
  }

  // Drives everything that waits, with random pauses, until all is sent and `outputs` have come.
  // Ends earlier after `cycles`.
  std::vector<Output> Run(std::size_t outputs, double stall, int64_t cycles = INT64_MAX) {
    std::vector<Output> result;
    std::uniform_real_distribution<double> chance(0, 1);
    bool config = false, gin[2] = {false, false}, gon = false;  // presented
    for (int quiet = 0; quiet < 5000 && cycles > 0; ++quiet, --cycles) {
      config = !config_.empty() && (config || chance(random_) >= stall);
      gon = !commands_.empty() && (gon || chance(random_) >= stall);
      pins_.cfg_valid = config;
      if (config) pins_.cfg_data = config_.front();
      ArrayPins::Gin* ports[2] = {&pins_.wide, &pins_.narrow};
      for (std::size_t n = 0; n < 2; ++n) {
        gin[n] = !beats_[n].empty() && (gin[n] || chance(random_) >= stall);
        ports[n]->valid = gin[n];
        if (!gin[n]) continue;
        const Beat& beat = beats_[n].front();
        ports[n]->row = beat.row;
        ports[n]->col = beat.col;
        ports[n]->dest = beat.dest;
        ports[n]->count = static_cast<uint8_t>(beat.words.size());
        std::copy(beat.words.begin(), beat.words.end(), ports[n]->words.begin());
      }
      pins_.gon_valid = gon;
      if (gon) {
        const Command& command = commands_.front();
        pins_.gon_enabled = pins_.gon_first = pins_.gon_last = 0;
        pins_.gon_end = command.end;
        for (std::size_t k = 0; k < 2; ++k) {
          const Command::Lane& lane = command.lanes[k];
          pins_.gon_enabled |= static_cast<uint32_t>(lane.enabled) << k;
          pins_.gon_first |= static_cast<uint32_t>(lane.first) << k;
          pins_.gon_last |= static_cast<uint32_t>(lane.last) << k;
          pins_.gon_row[k] = lane.row;
          pins_.gon_col[k] = lane.col;
          pins_.gon_slot[k] = lane.slot;
        }
      }
      pins_.out_ready = chance(random_) >= stall;
      model_->Settle(pins_);
      const bool done = config_.empty() && beats_[0].empty() && beats_[1].empty() && commands_.empty();
      if (done && result.size() >= outputs) break;
      cycles_ += !pins_.done;
      if (config && pins_.cfg_ready) {
        config_.pop_front();
        config_words_ += !pins_.done;
        config = false;
        quiet = 0;
      }
      for (std::size_t n = 0; n < 2; ++n) {
        if (!gin[n] || !ports[n]->ready) continue;
        words_[n] += !pins_.done ? static_cast<uint64_t>(beats_[n].front().words.size()) : 0;
        beats_[n].pop_front();
        gin[n] = false;
        quiet = 0;
      }
      if (gon && pins_.gon_ready) {
        for (const auto& lane : commands_.front().lanes) gon_words_ += !pins_.done && lane.enabled;
        commands_.pop_front();
        gon = false;
        quiet = 0;
      }
      if (pins_.out_valid && pins_.out_ready) {
        Output output{pins_.out_lanes, {}};
        for (std::size_t k = 0; k < 2; ++k) {
          if (output.lanes >> k & 1) output.words[k] = pins_.out_words[k];
        }
        result.push_back(output);
        quiet = 0;
      }
      model_->Clock();
    }
    return result;
  }

  void Wait(int64_t cycles) {
    for (int64_t n = 0; n < cycles; ++n) {
      pins_.out_ready = true;
      model_->Settle(pins_);
      cycles_ += !pins_.done;
      model_->Clock();
    }
    model_->Settle(pins_);
  }

  uint64_t Stat(uint8_t select) {
    pins_.stat_select = select;
    model_->Settle(pins_);
    return pins_.stat;
  }
  // All counters of all PEs, row by row.
  std::vector<PeCounts> Counters() {
    ConfigureAll(kCfgDump, {0});
    for (int pe = 0; pe < hw_.pe_count(); ++pe) {
      for (std::size_t k = 0; k < kNumPeCounters; ++k) commands_.push_back(Single(pe, 0));
    }
    const auto words = Run(static_cast<std::size_t>(hw_.pe_count()) * kNumPeCounters, 0.1);
    std::vector<PeCounts> result(static_cast<std::size_t>(hw_.pe_count()));
    for (std::size_t n = 0; n < words.size() && n / kNumPeCounters < result.size(); ++n) {
      result[n / kNumPeCounters][n % kNumPeCounters] = words[n].words[0];
    }
    return result;
  }
  static Command Single(int pe, std::size_t lane) {
    Command command;
    command.lanes[lane].enabled = true;
    command.lanes[lane].row = static_cast<uint32_t>(pe / hw_.columns);
    command.lanes[lane].col = static_cast<uint32_t>(pe % hw_.columns);
    return command;
  }
  // Products are squares of what comes from a stream; nothing is summed.
  static PeImage Squares(bool narrow) {
    PeImage image;
    image.mode.IfmapDirect = image.mode.FilterDirect = 1;
    image.mode.StreamNarrow = narrow;
    image.mode.ParamLevel = kNoParamLevel;
    image.levels.resize(kMaxLevels + 1);
    return image;
  }
  static uint32_t Square(uint16_t word) {
    const int32_t value = static_cast<int16_t>(word);
    return static_cast<uint32_t>(value * value);
  }
  // Zero gates the multiplier; a word of one bit is all but zero.
  uint16_t Word() {
    if (Pick(0, 3) == 0) return static_cast<uint16_t>(1u << Pick(0, 15));
    return Pick(0, 7) == 0 ? uint16_t{0} : static_cast<uint16_t>(random_());
  }

  static inline HwConfig hw_;
  static inline std::array<std::filesystem::path, 2> libraries_;  // without, with assertions
  std::mt19937_64 random_;
  std::unique_ptr<ArrayModel> model_;
  ArrayPins pins_;
  std::deque<uint64_t> config_;
  std::array<std::deque<Beat>, 2> beats_;  // wide, narrow
  std::deque<Command> commands_;
  uint64_t cycles_ = 0, config_words_ = 0, gon_words_ = 0;
  std::array<uint64_t, 2> words_{};
};

}  // namespace ecoflow
