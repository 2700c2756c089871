// SPDX-License-Identifier: Apache-2.0
#include "tb/drivers/streams.h"

#include <algorithm>

#include "base/result.h"
#include "isa/pe_image.h"

namespace ecoflow {

// ---------------------------------------------------------------- configuration

ConfigStream::ConfigStream(const Schedule& schedule, const HwConfig& config)
    : schedule_(schedule), config_(config), ready_(schedule.setup.begin(), schedule.setup.end()) {
  if (ready_.empty()) Refill();
}

void ConfigStream::Pop() {
  ready_.pop_front();
  if (ready_.empty()) Refill();
}

void ConfigStream::Refill() {
  while (ready_.empty() && descriptor_ < schedule_.passes.size()) {
    const PassDescriptor& d = schedule_.passes[descriptor_];
    if (!cursor_) cursor_ = std::make_unique<NestCursor>(d.nest);
    if (cursor_->done()) {
      cursor_.reset();
      ++descriptor_;
      continue;
    }
    const std::size_t loops = d.nest.loops.size();
    const int rows = static_cast<int>(d.nest.loops[loops - 2].bound);
    const int columns = static_cast<int>(d.nest.loops[loops - 1].bound);
    const int64_t program = ProgramOf(d, *cursor_);
    if (program < 0 || program >= static_cast<int64_t>(schedule_.programs.size())) {
      error_ = fmt::format("program {} does not exist", program);
      return;
    }
    if (program != loaded_) {
      const auto& words = schedule_.programs[static_cast<std::size_t>(program)];
      ready_.push_back(ConfigHeader(0, config_.rows - 1, 0, config_.columns - 1, 0, false,
                                    static_cast<int>(words.size())));
      ready_.insert(ready_.end(), words.begin(), words.end());
      loaded_ = program;
    }
    std::vector<uint64_t> words;
    for (int k = 0; k < rows * columns; ++k, cursor_->Next()) {
      if (cursor_->done()) {
        error_ = "a pass ends before its last PE";
        ready_.clear();
        return;
      }
      words.push_back(PassWord(d, *cursor_));
    }
    for (const uint64_t word : WordsOnPort(words, rows, columns, kCfgParam)) ready_.push_back(word);
  }
}

// ---------------------------------------------------------------- global input networks

GinStream::GinStream(const std::vector<GinDescriptor>& descriptors, int lanes,
                     const std::array<const std::vector<int16_t>*, 2>& operands)
    : descriptors_(descriptors), lanes_(lanes), operands_(operands) {
  Open();
  Next();
}

int64_t GinStream::Running::Progress(int loops) const {
  int64_t least = -1;
  for (const NestCursor& cursor : cursors) {
    if (cursor.done()) continue;
    int64_t number = 0;
    for (int l = 0; l < loops; ++l) {
      number = number * descriptor->nest.loops[static_cast<std::size_t>(l)].bound + cursor[l];
    }
    if (least < 0 || number < least) least = number;
  }
  return least;
}

// Opens the next descriptor, and those that run in turns with it.
void GinStream::Open() {
  running_.clear();
  turn_loops_ = 0;
  while (descriptor_ < descriptors_.size()) {
    const GinDescriptor& d = descriptors_[descriptor_];
    if (!running_.empty() && d.turn_loops == 0) break;
    turn_loops_ = std::max(turn_loops_, d.turn_loops);
    ++descriptor_;
    Running& one = running_.emplace_back(Running{&d, {}});
    if (d.interleave < 0) {
      one.cursors.emplace_back(d.nest);
      continue;
    }
    const int64_t ways = d.nest.loops[static_cast<std::size_t>(d.interleave)].bound;
    for (int64_t k = 0; k < ways; ++k) one.cursors.emplace_back(d.nest, d.interleave, k);
  }
}

void GinStream::Pop() { Next(); }

void GinStream::Next() {
  while (!running_.empty()) {
    // Of the descriptors, the one that is least far in the loops that they share.
    Running* next = nullptr;
    int64_t progress = -1, least_due = 0;
    for (Running& one : running_) {
      const int64_t own = one.Progress(turn_loops_);
      const int64_t due = own - one.descriptor->lead;
      if (own >= 0 && (next == nullptr || due < least_due)) {
        next = &one;
        progress = own;
        least_due = due;
      }
    }
    if (next == nullptr) {
      Open();
      continue;
    }
    const GinDescriptor& d = *next->descriptor;
    // Of its cursors, the next of those that are least far in the outer loops.
    auto& cursors = next->cursors;
    auto& turn = next->turn;
    int64_t least = -1;
    for (const NestCursor& cursor : cursors) {
      if (!cursor.done() && (least < 0 || cursor.outer_count() < least)) {
        least = cursor.outer_count();
      }
    }
    passes_begun_ = least;
    while (cursors[turn].done() || cursors[turn].outer_count() != least) {
      turn = (turn + 1) % cursors.size();
    }
    NestCursor& cursor = cursors[turn];
    turn = (turn + 1) % cursors.size();

    beat_.row_tag = static_cast<int>(cursor[d.row_tag]);
    beat_.col_tag = static_cast<int>(cursor[d.col_tag]);
    beat_.destination = d.destination;
    beat_.count = 0;
    const auto& tensor = *operands_[static_cast<std::size_t>(d.operand)];
    while (beat_.count < lanes_ && !cursor.done() && cursor.outer_count() == least &&
           cursor[d.row_tag] == beat_.row_tag && cursor[d.col_tag] == beat_.col_tag &&
           (turn_loops_ == 0 || next->Progress(turn_loops_) == progress)) {
      int16_t word = 0;
      if (cursor.Holds(d.real)) {
        const int64_t address = cursor[d.address];
        if (address < 0 || address >= static_cast<int64_t>(tensor.size())) {
          error_ = fmt::format("element {} of operand {} does not exist", address, d.operand);
          done_ = true;
          return;
        }
        word = tensor[static_cast<std::size_t>(address)];
      }
      beat_.words[static_cast<std::size_t>(beat_.count++)] = word;
      cursor.Next();
    }
    return;
  }
  done_ = true;
}

// ---------------------------------------------------------------- global output network

GonStream::GonStream(const std::vector<GonDescriptor>& descriptors, const HwConfig& config)
    : descriptors_(descriptors), config_(config), lanes_(config.gon_lanes()) {
  Open();
  Next();
}

void GonStream::Open() {
  while (descriptor_ < descriptors_.size()) {
    cursor_ = std::make_unique<NestCursor>(descriptors_[descriptor_].nest);
    if (!cursor_->done()) return;
    ++descriptor_;
  }
  cursor_.reset();
}

void GonStream::Pop() { Next(); }

void GonStream::Next() {
  command_ = {};
  if (!cursor_) {
    // A run without any result still needs its end.
    if (ended_) {
      done_ = true;
    } else {
      command_.end = true;
      ended_ = true;
    }
    return;
  }
  std::vector<GonCommand::Lane> free;  // words that any lane may take
  int taken = 0;
  const auto names = [&](int row, int col) {
    const auto same = [&](const GonCommand::Lane& l) { return l.enabled && l.row == row && l.col == col; };
    return std::any_of(command_.lanes.begin(), command_.lanes.end(), same) ||
           std::any_of(free.begin(), free.end(), same);
  };
  while (cursor_ && taken < lanes_) {
    const GonDescriptor& d = descriptors_[descriptor_];
    GonCommand::Lane lane;
    lane.enabled = true;
    lane.row = static_cast<int>((*cursor_)[d.row]);
    lane.col = static_cast<int>((*cursor_)[d.col]);
    const int64_t slot_number = (*cursor_)[d.slot];
    if (lane.row < 0 || lane.row >= config_.rows || lane.col < 0 || lane.col >= config_.columns) {
      error_ = fmt::format("PE {},{} does not exist", lane.row, lane.col);
      done_ = true;
      return;
    }
    if (names(lane.row, lane.col)) break;
    const auto [real, first, last] = MovesOf(d, *cursor_);
    lane.first = first;
    lane.last = last;
    lane.address = (*cursor_)[d.address];
    if (lane.first && lane.last) {
      free.push_back(lane);
    } else {
      // A slot lives in one lane's accumulator.
      const int64_t slot = slot_number;
      if (slot < 0 || slot >= config_.accumulator_slots()) {
        error_ = fmt::format("accumulator slot {} does not exist", slot);
        done_ = true;
        return;
      }
      auto& place = command_.lanes[static_cast<std::size_t>(slot % lanes_)];
      if (place.enabled) break;
      lane.slot = slot / lanes_;
      place = lane;
    }
    ++taken;
    cursor_->Next();
    if (cursor_->done()) {
      ++descriptor_;
      Open();
    }
  }
  for (const auto& lane : free) {
    *std::find_if(command_.lanes.begin(), command_.lanes.end(),
                  [](const GonCommand::Lane& l) { return !l.enabled; }) = lane;
  }
  if (!cursor_) command_.end = ended_ = true;
}

}  // namespace ecoflow
