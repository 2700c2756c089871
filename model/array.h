// SPDX-License-Identifier: Apache-2.0
// The array of rtl/top/eco_array.sv, register by register, without data: a word in a queue is its
// destination, a psum is a token. One Step() is one clock.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
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

// Registers of the PEs, 16 bits each, by name and then PE by PE: one clock is the same work for all
// of them, which compilers make vector instructions of. PEs come in blocks so that all registers of a
// block lie at fixed distances. A condition is 0 or kTrue.
enum Lane : std::size_t {
  kFileIfmap, kFileFilter,    // words in the files
  kLeftIfmap, kLeftFilter,    // words left in the turn of the loader
  kTurnIfmap, kTurnFilter,    // condition: the loader's turn is the narrow network's
  kBelowPsums, kAboveRoom, kOutClaimed, kOutWords,
  kPipeUp, kPipeOut,          // psums on their way, a bit for each stage
  kPending,                   // condition: a pass word waits
  kRecent0, kRecent1, kRecent2,  // psum addresses of the last slots + 1, for the adder; 0 none
  kNumStateLanes,
  // The loader's words in a turn: file, network. Set up before the first pass.
  kIfmapWide = kNumStateLanes, kIfmapNarrow, kFilterWide, kFilterNarrow,
  // Of one clock.
  kIssue,  // condition: the slot is done
  kEvent,  // condition: that ends its piece, or a pass begins
  kCount0,  // PeCounter, since the last AddCounts
  kNumLanes = kCount0 + kNumPeCounters
};
inline constexpr std::size_t kBlockPes = 32;
struct alignas(64) PeBlock {
  uint16_t lane[kNumLanes][kBlockPes];
  PackedSlot now[kBlockPes];    // slots at hand
  uint32_t slot[kBlockPes];     // their numbers
};
// What PEs share with their neighbours or the X-buses: plain rows, with room for a row too many and a
// block too many.
struct PeRows {
  std::vector<uint16_t> above_valid, below_valid;  // the psum on its way up; that of the row below
  std::vector<uint16_t> pipe_below, pipe_above;    // psums taken from below: a bit for each stage
  std::vector<uint16_t> head[2], pop[2];           // of the queues: wide, narrow
};

struct XBusState {
  uint8_t valid, tag, destination, count;
};
struct BeatState {
  uint8_t valid, row, col, destination;
  uint32_t count;
};
struct CommandState {
  uint8_t valid, end, lanes, outputs;
  uint16_t pe[kMaxGonLanes];
  bool operator==(const CommandState&) const = default;
};
struct PortState {
  uint32_t left;
  uint8_t scatter, address, row_low, row_high, col_low, col_high, row, col;
  bool operator==(const PortState&) const = default;
};
struct RunState {
  uint8_t enabled, running;
  uint8_t end;    // the last command on its way: a bit for each stage
};
// Where the GON stands in its stream; its registers.
struct GonState {
  CommandState command, taken;  // at the port; in the GON's register
  const GonPart* now;
  uint32_t item;
  bool operator==(const GonState&) const = default;
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
  // Completes `counters.pe`, which is behind by what the blocks have counted.
  void AddCounts();

  // Everything that decides the future, given the parts still to come; but the state of the GON and of
  // the configuration port, which often only wait.
  void Save(std::vector<uint64_t>& state) const;
  void Restore(const std::vector<uint64_t>& state);
  GonState gon() const { return {command_, taken_, gon_at.now, gon_at.item}; }
  void SetGon(const GonState& state);
  const PortState& port() const { return port_; }
  void SetPort(const PortState& state) { port_ = state; }
  // Whether they wait in `state` for what only a PE can do: where that is so after a while in which
  // neither moved, they waited throughout.
  bool GonWaits(const std::vector<uint64_t>& state) const;
  bool PortWaits(const std::vector<uint64_t>& state);

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
  bool PassWaits(std::size_t pe) const { return lane(kPending, pe) != 0; }

 private:
  void NextBeat(int network);
  void NextCommand();
  uint16_t lane(Lane name, std::size_t pe) const {
    return blocks_[pe / kBlockPes].lane[name][pe % kBlockPes];
  }
  uint16_t& lane(Lane name, std::size_t pe) {
    return blocks_[pe / kBlockPes].lane[name][pe % kBlockPes];
  }
  void ForgetCounts(std::size_t counts);
  void StepPes();
  void HandleEvents();
  uint32_t SlotAfterEvent(std::size_t pe);
  uint64_t BusyRows(int network) const;
  template <typename Queue>
  void StepQueues(const uint64_t fires[2]);
  template <typename Queue>
  Queue* queue(int network) const { return reinterpret_cast<Queue*>(queue_[network].get()); }
  bool ConfigReady() const;
  void Configure(uint64_t word);
  void ConfigureWord(uint64_t word);
  void Write(int row, int col, uint64_t word);
  GinParts& gin_parts(int network) { return network == 0 ? wide_parts : narrow_parts; }

  const HwConfig& hw_;
  const int rows_, columns_;
  const std::size_t pes_;
  const uint32_t lanes_[2];
  uint16_t below_bit_, up_bit_, out_bit_;
  std::size_t hazard_;  // slots that the adder still works on
  bool turns_ = false;  // a file is loaded from both networks
  std::vector<PeBlock> blocks_;
  PeRows at_;
  // Two bits a word, Destination ^ 3, the head lowest; 0 none. 16, 32 or 64 bits for each PE.
  std::unique_ptr<std::byte[]> queue_[2];
  std::size_t queue_bytes_;  // of one PE
  int uncounted_ = 0;        // clocks since AddCounts
  std::vector<XBusState> xbus_[2];
  uint64_t xbus_rows_[2] = {};  // where they are valid
  BeatState beat_[2]{};
  CommandState command_{}, taken_{};  // at the port; in the GON's register
  PortState port_{};
  RunState run_{};
  std::vector<uint64_t> pending_;  // of each row, a bit for each PE
  std::vector<uint64_t> row_tags_[2];  // tag -> rows
  // Row, tag -> ones or zeros for each column, as wide as a queue; padded to whole vectors.
  std::vector<uint64_t> col_tags_[2];
  const std::size_t padded_columns_, tag_words_;
  uint64_t places_[2] = {};  // of queues whose words leave no room for a beat
  int64_t quiet_ = 0;
  std::string error_;
};

}  // namespace ecoflow
