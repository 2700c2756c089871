// The array of rtl/top/eco_array.sv, register by register, without data: a word in a queue is its
// destination, a psum is a token. One Step() is one clock.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "compiler/compiler.h"
#include "compiler/image/pe_counters.h"
#include "model/parts.h"
#include "model/trace.h"

namespace ecoflow {

// Where a stream stands: the part, and how far in it.
template <typename Part>
struct Position {
  std::size_t part = 0;     // number in the list
  std::size_t seen = 0;     // highest part looked at
  const Part* now = nullptr;  // null at the end
  uint32_t item = 0, used = 0;
};

// Registers that decide what the array does next. Compared and copied byte by byte: no padding.
struct PeState {
  const Slot* slot;       // null: no pass runs
  uint64_t queue[2];      // wide, narrow: two bits a word, Destination ^ 3, the head lowest; 0 none
  uint32_t pipe;          // psums on their way: from below, up, out; kPipeBits each
  uint16_t file_words[2];   // ifmap, filter
  uint16_t load_left[2];    // words left in the turn of the loader
  uint8_t level[2];         // words in the queues
  uint8_t turn[2];          // whose turn the loader has: 0 wide, 1 narrow
  uint8_t below_psums, above_room, out_claimed, out_words;
  uint8_t pending, above_valid;
  uint8_t recent[3];      // psum addresses of the last slots + 1, for the adder; 0 none
  uint8_t zero[3];
};
static_assert(sizeof(PeState) == 56);

struct XBusState {
  uint8_t valid, tag, destination, count;
};
struct BeatState {
  uint8_t valid, row, col, destination;
  uint32_t count;
};
struct CommandState {
  uint8_t valid, end, lanes, outputs;
  uint16_t pe[4];
};
struct PortState {
  uint32_t left;
  uint8_t scatter, address, row_low, row_high, col_low, col_high, row, col;
  uint8_t enabled, running;
  uint8_t end;    // the last command on its way: a bit for each stage
  uint8_t reserved;
};

class TimingArray {
 public:
  TimingArray(const Schedule& schedule, const HwConfig& hw);

  void Step();
  // All streams are taken and the last result has left.
  bool Finished();
  // Cycles without any handshake; progress of the wide stream.
  int64_t quiet() const { return quiet_; }
  std::string StreamError() const;
  std::string Waiting();

  // Counters since ClearCounters.
  struct Counters {
    int64_t cycles = 0, config = 0, wide = 0, narrow = 0, gon = 0, output = 0;
    std::vector<uint32_t> pe;  // kNumPeCounters for each
  };
  Counters counters;
  void ClearCounters();

  // Everything that decides the future, given the parts still to come.
  void Save(std::vector<uint64_t>& state) const;
  void Restore(const std::vector<uint64_t>& state);

  // Which traces a PE runs: place in the trace, and the trace that its pass word names.
  struct PeProgress {
    int trace = -1, next = -1;
    uint32_t piece = 0;
    // Since ClearCounters: passes begun; pieces entered before the first, and in the first.
    uint32_t starts = 0, entered_before = 0, entered_first = 0;
  };

  TraceTable traces;
  ConfigParts config_parts;
  GinParts wide_parts, narrow_parts;
  GonParts gon_parts;
  // Configuration words taken; words (or the end) looked at. A word that no PE can take yet does not
  // count.
  std::size_t config_at = 0, config_seen = 0;
  Position<GinPart> gin_at[2];
  Position<GonPart> gon_at;
  std::vector<PeProgress> progress;
  bool PassWaits(std::size_t pe) const { return pe_[pe].pending != 0; }

 private:
  struct Loader {
    uint16_t words[2][2] = {};  // file, network
  };
  void NextBeat(int network);
  void NextCommand();
  template <bool kHazard>
  void StepPes();
  void NextPiece(std::size_t pe, PeState& s);
  bool ConfigReady() const;
  void Configure(uint64_t word);
  void Write(int row, int col, uint64_t word);
  GinParts& gin_parts(int network) { return network == 0 ? wide_parts : narrow_parts; }

  const HwConfig& hw_;
  const int rows_, columns_;
  const uint32_t lanes_[2];
  uint32_t below_bit_, up_bit_, out_bit_, pipe_mask_;
  std::size_t hazard_;  // slots that the adder still works on
  std::vector<PeState> pe_;
  std::vector<XBusState> xbus_[2];
  BeatState beat_[2]{};
  CommandState command_{}, taken_{};  // at the port; in the GON's register
  PortState port_{};
  std::vector<uint64_t> pending_;  // of each row, a bit for each PE
  std::vector<Loader> loaders_;
  std::vector<uint64_t> row_tags_[2];  // tag -> rows
  std::vector<uint64_t> col_tags_[2];  // row, tag -> columns
  int64_t quiet_ = 0;
  std::string error_;
};

}  // namespace ecoflow
