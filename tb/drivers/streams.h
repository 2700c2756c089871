// SPDX-License-Identifier: Apache-2.0
// Sequencer in software: turns stream descriptors and tensors into beats for the array's ports.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "compiler/schedule/stream.h"
#include "gen/config/hw_config.h"

namespace ecoflow {

struct GinBeat {
  int row_tag = 0, col_tag = 0, destination = 0, count = 0;
  std::array<int16_t, kMaxGinLanes> words{};
};

struct GonCommand {
  struct Lane {
    bool enabled = false;
    int row = 0, col = 0;
    bool first = false, last = false;
    int64_t slot = 0;     // within the lane
    int64_t address = 0;  // element of the result
  };
  std::array<Lane, kMaxGonLanes> lanes{};
  bool end = false;
};

// A stream that meets a number out of range (only an image from a damaged file can make it) ends,
// and `error()` says why; it is empty otherwise.

// Configuration words: setup, then for every pass its program (when it changed) and pass words.
class ConfigStream {
 public:
  ConfigStream(const Schedule& schedule, const HwConfig& config);
  bool done() const { return ready_.empty(); }
  const std::string& error() const { return error_; }
  uint64_t front() const { return ready_.front(); }
  void Pop();

 private:
  void Refill();

  const Schedule& schedule_;
  const HwConfig& config_;
  std::deque<uint64_t> ready_;
  std::size_t descriptor_ = 0;
  std::unique_ptr<NestCursor> cursor_;
  int64_t loaded_ = -1;  // program in the PEs
  std::string error_;
};

// Beats of one global input network.
class GinStream {
 public:
  // `operands`: the two tensors of the pass.
  GinStream(const std::vector<GinDescriptor>& descriptors, int lanes,
            const std::array<const std::vector<int16_t>*, 2>& operands);
  bool done() const { return done_; }
  const std::string& error() const { return error_; }
  const GinBeat& front() const { return beat_; }
  void Pop();
  // Index of the pass loops (outermost `loops`) as one number, for progress.
  int64_t passes_begun() const { return passes_begun_; }

 private:
  void Open();
  void Next();

  // A descriptor under way: one cursor per interleaved iteration.
  struct Running {
    const GinDescriptor* descriptor;
    std::vector<NestCursor> cursors;
    std::size_t turn = 0;
    // Iterations of the outermost `loops`, as one number, of the cursor that is least far; -1: done.
    int64_t Progress(int loops) const;
  };

  const std::vector<GinDescriptor>& descriptors_;
  int lanes_;
  std::array<const std::vector<int16_t>*, 2> operands_;
  std::size_t descriptor_ = 0;    // the next one to open
  std::vector<Running> running_;  // descriptors that run in turns
  int turn_loops_ = 0;
  GinBeat beat_;
  bool done_ = false;
  std::string error_;
  int64_t passes_begun_ = 0;
};

// GON commands, as many words to a command as lanes, accumulator banks and PEs allow.
class GonStream {
 public:
  GonStream(const std::vector<GonDescriptor>& descriptors, const HwConfig& config);
  bool done() const { return done_; }
  const std::string& error() const { return error_; }
  const GonCommand& front() const { return command_; }
  void Pop();

 private:
  void Open();
  void Next();

  const std::vector<GonDescriptor>& descriptors_;
  const HwConfig& config_;
  int lanes_;
  std::size_t descriptor_ = 0;
  std::unique_ptr<NestCursor> cursor_;
  GonCommand command_;
  bool done_ = false;
  bool ended_ = false;
  std::string error_;
};

}  // namespace ecoflow
