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
#include "isa/pe_counters.h"
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
  kArriving,                  // condition: a pass word is being written
  kPending,                   // condition: a pass word waits
  kStarted,                   // condition: the waiting pass has entered LOOPS
  kFirst,                     // condition: the slot in LOOPS is the first of its pass
  kRecent0, kRecent1, kRecent2,  // psum addresses of the last slots + 1, for the adder; 0 none
  kNumStateLanes,
  // The loader's words in a turn: file, network. Set up before the first pass.
  kIfmapWide = kNumStateLanes, kIfmapNarrow, kFilterWide, kFilterNarrow,
  // Of one clock.
  kMove,   // condition: the slots of all stages move on
  kWaits,  // condition: a pass waits that has not entered LOOPS
  kEvent,  // bits of Event
  kCount0,  // PeCounter, since the last AddCounts
  kNumLanes = kCount0 + kNumPeCounters
};
inline constexpr std::size_t kBlockPes = 32;
// What is done PE by PE: the pass word that waited has been taken; LOOPS is empty and a pass waits; the slot
// that leaves LOOPS is the last of its piece.
enum Event : uint16_t { kTaken = 1, kBegins = 2, kEnds = 4 };
// Slots are generated ahead of their issue (rtl/pe/eco_pe.sv): numbers of those in the stages.
enum Stage : std::size_t { kLoops, kAddress, kIssue, kNumStages };
struct alignas(64) PeBlock {
  uint16_t lane[kNumLanes][kBlockPes];
  PackedSlot now[kBlockPes];  // slots in ISSUE
  uint32_t slot[kNumStages][kBlockPes];
  uint32_t left[kBlockPes];   // slots that follow that in LOOPS in its piece
};
// What PEs share with their neighbours or the X-buses: plain rows, with room for a row too many and a
// block too many.
struct PeRows {
  std::vector<uint16_t> above_valid, below_valid;  // the psum on its way up; that of the row below
  std::vector<uint16_t> pipe_below, pipe_above;    // psums taken from below: a bit for each stage
  std::vector<uint16_t> head[2], pop[2];           // of the queues: wide, narrow
};

// Beats that wait in a row, the head first.
inline constexpr std::size_t kXBusBeats = 3;
struct XBusBeat {
  uint8_t tag, destination, count;
};
struct XBusState {
  XBusBeat beats[kXBusBeats];
  uint8_t level;
};
struct BeatState {
  uint8_t valid, row, col, destination;
  uint32_t count;
};
struct CommandState {
  GonWord word;
  uint8_t valid = 0;
  bool operator==(const CommandState&) const = default;
};
struct PortState {
  uint32_t left;
  uint8_t scatter, address, row_low, row_high, col_low, col_high, row, col;
  bool operator==(const PortState&) const = default;
};
struct RunState {
  uint8_t enabling, enabled, running;
  uint8_t end;    // the last command on its way: a bit for each stage
};
// The GON: where it stands in its stream, commands at the port, in its register and in order; requests and
// words of each row.
struct GonState {
  static constexpr std::size_t kOrders = 4, kRequests = 3, kWords = 2;
  struct Row {
    std::array<std::array<uint16_t, kMaxGonLanes>, kRequests> request{};  // PE of each lane
    uint8_t requests = 0;
    std::array<uint8_t, kMaxGonLanes> words{};  // of each lane
    bool operator==(const Row&) const = default;
  };
  CommandState port, taken;
  std::array<GonWord, kOrders> order{};
  std::size_t orders = 0;
  uint8_t taken_before = 0;  // bit k: a command was taken k + 1 cycles ago, while the accumulators' adder works on it
  std::vector<Row> rows;
  uint64_t ready = ~uint64_t{0};  // rows that a request may be sent to
  const GonPart* now = nullptr;
  uint32_t item = 0;
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
    int64_t cycles = 0, config = 0, wide = 0, narrow = 0, gon = 0, output = 0, gon_held = 0;
    std::vector<uint64_t> pe;  // kNumPeCounters for each
  };
  Counters counters;
  void ClearCounters();
  // Completes `counters.pe`, which is behind by what the blocks have counted.
  void AddCounts();

  // Everything that decides the future, given the parts still to come; but the state of the GON and of
  // the configuration port, which often only wait.
  void Save(std::vector<uint64_t>& state) const;
  void Restore(const std::vector<uint64_t>& state);
  const GonState& gon() const { return gon_; }
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
  // A pass word waits whose pass has not entered LOOPS.
  bool PassWaits(std::size_t pe) const {
    return lane(kStarted, pe) == 0 && (lane(kPending, pe) | lane(kArriving, pe)) != 0;
  }

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
  void StepLoops(PeBlock& block, std::size_t k, std::size_t pe);
  bool GonHasWords() const;  // of the first command, and with Held() false it is taken
  bool GonHeld() const;      // one of its sums is still in the accumulators' adder
  bool GonTakes() const { return GonHasWords() && !GonHeld(); }
  template <typename HasWord>
  uint64_t GonGives(HasWord has_word) const;
  bool GonSends() const;
  void StepGon(bool takes, uint64_t gives, bool sends);
  void CountGonRows(uint64_t rows);
  void StepBeats(int network, uint64_t fires, uint64_t takes);
  GonState::Row& gon_row(uint16_t pe) { return gon_.rows[pe / static_cast<std::size_t>(columns_)]; }
  const GonState::Row& gon_row(uint16_t pe) const { return gon_.rows[pe / static_cast<std::size_t>(columns_)]; }
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
  const std::size_t gon_lanes_;
  uint16_t below_bit_, start_bit_, up_bit_, out_bit_;
  std::size_t hazard_;  // slots that the adder still works on
  uint8_t gon_hazard_;  // ones: commands that the accumulators' adder still works on
  bool turns_ = false;  // a file is loaded from both networks
  std::vector<PeBlock> blocks_;
  PeRows at_;
  // Two bits a word, Destination ^ 3, the head lowest; 0 none. 16, 32 or 64 bits for each PE.
  std::unique_ptr<std::byte[]> queue_[2];
  std::size_t queue_bytes_;  // of one PE
  int uncounted_ = 0;        // clocks since AddCounts
  std::vector<XBusState> xbus_[2];
  uint64_t xbus_rows_[2][2] = {};  // where one beat waits at least, two
  uint64_t xbus_ready_[2];         // register: where one may come
  BeatState beat_[2]{};
  GonState gon_;
  uint64_t gon_rows_[2] = {};  // with one request at least, with two
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
