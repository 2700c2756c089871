// SPDX-License-Identifier: Apache-2.0
#include "model/array.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/result.h"

namespace ecoflow {
namespace {

constexpr std::size_t kTags = 256;  // that a beat can name
constexpr unsigned kNoWord = 3;  // xor of a destination in a queue
constexpr unsigned kIfmapHead = kDestIfmap ^ kNoWord, kFilterHead = kDestFilter ^ kNoWord;
constexpr unsigned kStreamHead = kDestStream ^ kNoWord;
constexpr uint16_t kTrue = 0xffff;
constexpr std::size_t kVector = 16;  // columns are padded to a multiple

// The loops over PEs, for the vectors of the machine at hand.
#if defined(__x86_64__) && __GNUC__ >= 12 && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__)
#define ECO_VECTORS __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define ECO_VECTORS
#endif

int PassLoops(const Schedule& schedule) {
  int loops = 0;
  for (const PassDescriptor& d : schedule.passes) loops = std::max(loops, d.pass_loops);
  return loops;
}

template <typename Part, typename List>
const Part* Look(Position<Part>& at, List& list, std::size_t part) {
  at.seen = std::max(at.seen, part);
  return list.At(part);
}

template <typename Part, typename List>
void Advance(Position<Part>& at, List& list) {
  ++at.part;
  at.now = Look(at, list, at.part);
  at.item = at.used = 0;
}

}  // namespace

TimingArray::TimingArray(const Schedule& schedule, const HwConfig& hw)
    : traces(hw),
      config_parts(schedule, hw, traces),
      wide_parts(schedule.wide, hw.wide_lanes(), PassLoops(schedule)),
      narrow_parts(schedule.narrow, hw.narrow_lanes(), PassLoops(schedule)),
      gon_parts(schedule.gon, hw, PassLoops(schedule)),
      progress(static_cast<std::size_t>(hw.pe_count())),
      hw_(hw),
      rows_(hw.rows),
      columns_(hw.columns),
      pes_(static_cast<std::size_t>(hw.pe_count())),
      lanes_{static_cast<uint32_t>(hw.wide_lanes()), static_cast<uint32_t>(hw.narrow_lanes())},
      gon_lanes_(static_cast<std::size_t>(hw.gon_lanes())),
      blocks_((pes_ + kBlockPes - 1) / kBlockPes),
      queue_bytes_(static_cast<std::size_t>(hw.queue_depth) / 4),
      pending_(static_cast<std::size_t>(hw.rows)),
      padded_columns_((static_cast<std::size_t>(hw.columns) + kVector - 1) / kVector * kVector),
      tag_words_(padded_columns_ * queue_bytes_ / 8) {
  // Stages of rtl/pe/eco_pe_psum.sv: a product meets the psum from below in the multiplier's last stage,
  // its sum is ready in stage EndPos, goes on in stage GoPos and is in the output queue one cycle later. At an
  // adder for the link it meets the psum from below in stage EndPos + 1.
  const int end_stage = hw.multiplier_stages + hw.adder_latency;
  const int go_stage = end_stage + hw.link_latency();
  const int below_stage = hw.multiplier_stages;
  const int last_below_stage = hw.link_latency() > 0 ? end_stage + 1 : below_stage;
  below_bit_ = static_cast<uint16_t>(1 << (last_below_stage - 1));
  start_bit_ = static_cast<uint16_t>(1 << (last_below_stage - below_stage));
  up_bit_ = static_cast<uint16_t>(1 << (go_stage - 1));
  out_bit_ = static_cast<uint16_t>(1 << go_stage);
  hazard_ = static_cast<std::size_t>(hw.adder_latency - 1);
  gon_hazard_ = static_cast<uint8_t>((1 << (hw.accumulator_latency() - 1)) - 1);

  std::memset(blocks_.data(), 0, blocks_.size() * sizeof(PeBlock));
  for (PeBlock& block : blocks_) {
    for (auto& stage : block.slot) std::fill(stage, stage + kBlockPes, kIdleSlot);
    std::fill(block.now, block.now + kBlockPes, traces.slots()[kIdleSlot]);
  }
  for (std::size_t pe = 0; pe < pes_; ++pe) lane(kAboveRoom, pe) = static_cast<uint16_t>(hw.queue_depth);
  const std::size_t room = blocks_.size() * kBlockPes + padded_columns_;
  for (auto* row : {&at_.above_valid, &at_.below_valid, &at_.pipe_below, &at_.pipe_above, &at_.head[0],
                    &at_.head[1], &at_.pop[0], &at_.pop[1]}) {
    row->resize(room);
  }
  for (int network : {0, 1}) {
    queue_[network] = std::make_unique<std::byte[]>(room * queue_bytes_);
    xbus_[network].resize(static_cast<std::size_t>(rows_), XBusState{});
    xbus_ready_[network] = ~uint64_t{0};
    row_tags_[network].resize(kTags);
    col_tags_[network].resize(kTags * static_cast<std::size_t>(rows_) * tag_words_);
    // The place of a queue above which there is no room for a beat, in each queue of 64 bits.
    const uint64_t place = uint64_t{3} << (2 * (static_cast<uint32_t>(hw.queue_depth) - lanes_[network]));
    for (std::size_t bit = 0; bit < 64; bit += 8 * queue_bytes_) places_[network] |= place << bit;
  }
  run_.running = 1;
  counters.pe.resize(pes_ * kNumPeCounters);

  gin_at[0].now = wide_parts.At(0);
  gin_at[1].now = narrow_parts.At(0);
  NextBeat(0);
  NextBeat(1);
  gon_.rows.resize(static_cast<std::size_t>(rows_));
  gon_at.now = gon_parts.At(0);
  NextCommand();
}

void TimingArray::AddCounts() {
  uncounted_ = 0;
  for (std::size_t pe = 0; pe < pes_; ++pe) {
    for (std::size_t k = 0; k < kNumPeCounters; ++k) {
      counters.pe[pe * kNumPeCounters + k] += lane(static_cast<Lane>(kCount0 + k), pe);
    }
  }
  ForgetCounts(kNumPeCounters);
}

void TimingArray::ForgetCounts(std::size_t counts) {
  for (PeBlock& block : blocks_) std::memset(block.lane[kCount0], 0, counts * sizeof(block.lane[0]));
}

void TimingArray::ClearCounters() {
  uncounted_ = 0;
  ForgetCounts(kNumPeCounters);
  std::vector<uint64_t> pe = std::move(counters.pe);
  std::fill(pe.begin(), pe.end(), 0);
  counters = {};
  counters.pe = std::move(pe);
  config_seen = config_at;
  gin_at[0].seen = gin_at[0].part;
  gin_at[1].seen = gin_at[1].part;
  gon_at.seen = gon_at.part;
  for (PeProgress& p : progress) p.starts = p.entered_before = p.entered_first = 0;
}

bool TimingArray::Finished() {
  return run_.running == 0 && config_parts.At(config_at) == nullptr && beat_[0].valid == 0 &&
         beat_[1].valid == 0 && gon_.port.valid == 0;
}

std::string TimingArray::StreamError() const {
  for (const std::string* error : {&config_parts.error(), &wide_parts.error(),
                                   &narrow_parts.error(), &gon_parts.error(), &error_}) {
    if (!error->empty()) return *error;
  }
  return "";
}

std::string TimingArray::Waiting() {
  return fmt::format("configuration {}, wide {}, narrow {}, GON {}", config_parts.At(config_at) != nullptr,
                     beat_[0].valid != 0, beat_[1].valid != 0, gon_.port.valid != 0);
}

// ---------------------------------------------------------------- streams

void TimingArray::NextBeat(int network) {
  auto& at = gin_at[network];
  GinParts& list = gin_parts(network);
  BeatState& beat = beat_[network];
  beat = {};
  if (at.now != nullptr && at.item == at.now->runs.size()) Advance(at, list);
  if (at.now == nullptr) return;
  const GinRun* run = &at.now->runs[at.item];
  beat = {1, run->row, run->col, at.now->destination, 0};
  while (true) {
    const uint32_t take = std::min(lanes_[network] - beat.count, run->words - at.used);
    beat.count += take;
    at.used += take;
    if (at.used == run->words) {
      ++at.item;
      at.used = 0;
    }
    if (beat.count == lanes_[network] || at.item != at.now->runs.size() || !at.now->joins) return;
    // The beat goes on in the next part when that begins with the same tags.
    const GinPart* next = Look(at, list, at.part + 1);
    if (next == nullptr || next->descriptor != at.now->descriptor) return;
    run = &next->runs.front();
    if (run->row != beat.row || run->col != beat.col) return;
    Advance(at, list);
  }
}

void TimingArray::NextCommand() {
  gon_.port = {};
  if (gon_at.now != nullptr && gon_at.item == gon_at.now->commands.size()) Advance(gon_at, gon_parts);
  if (gon_at.now != nullptr) gon_.port = {gon_at.now->commands[gon_at.item++], 1};
  gon_.now = gon_at.now;
  gon_.item = gon_at.item;
}

// ---------------------------------------------------------------- configuration

bool TimingArray::ConfigReady() const {
  if (port_.left == 0) return true;
  if (port_.scatter != 0) {
    return port_.row >= rows_ || (pending_[port_.row] >> (port_.col & 63) & 1) == 0;
  }
  const unsigned count = port_.col_high - port_.col_low + 1u;
  const uint64_t columns = (count >= 64 ? ~uint64_t{0} : (uint64_t{1} << count) - 1) << port_.col_low;
  for (int row = port_.row_low; row <= port_.row_high && row < rows_; ++row) {
    if ((pending_[static_cast<std::size_t>(row)] & columns) != 0) return false;
  }
  return true;
}

void TimingArray::Configure(uint64_t word) {
  if (port_.left == 0) {
    port_.row_low = port_.row = static_cast<uint8_t>(word);
    port_.row_high = static_cast<uint8_t>(word >> 8);
    port_.col_low = port_.col = static_cast<uint8_t>(word >> 16);
    port_.col_high = static_cast<uint8_t>(word >> 24);
    port_.address = static_cast<uint8_t>(word >> 32 & 63);
    port_.scatter = static_cast<uint8_t>(word >> 38 & 1);
    port_.left = static_cast<uint32_t>(word >> 39 & 0xffff);
    return;
  }
  if (port_.address == kCfgEnable) run_.enabling = 1;
  ConfigureWord(word);
  if (--port_.left == 0) {  // what is left in the registers decides nothing
    port_ = {};
  }
}

void TimingArray::ConfigureWord(uint64_t word) {
  if (port_.scatter != 0) {
    Write(port_.row, port_.col, word);
    if (port_.col == port_.col_high) {
      port_.col = port_.col_low;
      ++port_.row;
    } else {
      ++port_.col;
    }
    return;
  }
  if (port_.address >= kCfgParam) {  // image words are in the traces
    for (int row = port_.row_low; row <= port_.row_high; ++row) {
      for (int col = port_.col_low; col <= port_.col_high; ++col) Write(row, col, word);
    }
  }
  port_.address = (port_.address + 1) & 63;
}

void TimingArray::Write(int row, int col, uint64_t word) {
  if (row >= rows_ || col >= columns_) return;
  const auto pe = static_cast<std::size_t>(row * columns_ + col);
  const uint64_t id_mask = (uint64_t{1} << hw_.id_bits) - 1;
  const auto set_row = [&](std::vector<uint64_t>& rows) {
    for (std::size_t tag = 0; tag < kTags; ++tag) rows[tag] &= ~(uint64_t{1} << row);
    for (int k = 0; k < hw_.ids_per_controller; ++k) {
      rows[word >> (k * hw_.id_bits) & id_mask] |= uint64_t{1} << row;
    }
  };
  const auto set_column = [&](std::vector<uint64_t>& columns) {
    const auto set = [&](std::size_t tag, int value) {
      uint64_t* of_tag = &columns[(static_cast<std::size_t>(row) * kTags + tag) * tag_words_];
      std::memset(reinterpret_cast<std::byte*>(of_tag) + static_cast<std::size_t>(col) * queue_bytes_,
                  value, queue_bytes_);
    };
    for (std::size_t tag = 0; tag < kTags; ++tag) set(tag, 0);
    for (int k = 0; k < hw_.ids_per_controller; ++k) set(word >> (k * hw_.id_bits) & id_mask, 0xff);
  };
  switch (port_.address) {
    case kCfgParam:
      lane(kArriving, pe) = kTrue;
      pending_[static_cast<std::size_t>(row)] |= uint64_t{1} << col;
      progress[pe].next = static_cast<int>(word);
      break;
    case kCfgLoader:
      for (std::size_t file : {0, 1}) {
        const uint16_t wide = word >> (24 * file) & 0xfff, narrow = word >> (24 * file + 12) & 0xfff;
        const auto of_file = [&](Lane first, std::size_t step) -> uint16_t& {
          return lane(static_cast<Lane>(first + step), pe);
        };
        turns_ = turns_ || (wide != 0 && narrow != 0);
        of_file(kIfmapWide, 2 * file) = wide;
        of_file(kIfmapNarrow, 2 * file) = narrow;
        const bool narrow_first = (word >> (48 + file) & 1) != 0;
        of_file(kTurnIfmap, file) = narrow_first ? kTrue : 0;
        of_file(kLeftIfmap, file) = narrow_first ? narrow : wide;
      }
      break;
    case kCfgColWide: set_column(col_tags_[0]); break;
    case kCfgColNarrow: set_column(col_tags_[1]); break;
    case kCfgRowWide: set_row(row_tags_[0]); break;
    case kCfgRowNarrow: set_row(row_tags_[1]); break;
    default: break;
  }
}

// ---------------------------------------------------------------- PEs

namespace {

struct PeConstants {
  uint16_t ifmap_depth, filter_depth, queue_depth;
  uint16_t below_bit, start_bit, up_bit, out_bit;
  std::size_t hazard;
};

// One clock of the PEs of a block. Returns whether one has an event. What no PE of the run needs is
// left out: hazards of the adder, loaders that take turns, psums between PEs.
template <bool kHazard, bool kTurns, bool kChains>
[[gnu::always_inline]] inline bool StepBlock(PeBlock& block, const PeConstants& hw,
                                             uint16_t* __restrict above_valid,
                                             const uint16_t* __restrict below_valid,
                                             uint16_t* __restrict pipe_below,
                                             const uint16_t* __restrict pipe_above,
                                             const uint16_t* __restrict wide_head,
                                             const uint16_t* __restrict narrow_head,
                                             uint16_t* __restrict wide_pop,
                                             uint16_t* __restrict narrow_pop) {
  auto& lane = block.lane;
  const uint16_t* const now = block.now[0].data();
  const uint16_t ifmap_depth = hw.ifmap_depth, filter_depth = hw.filter_depth;
  const uint16_t queue_depth = hw.queue_depth;
  const uint16_t below_bit = hw.below_bit, up_bit = hw.up_bit, out_bit = hw.out_bit;
  const auto links = static_cast<uint16_t>(hw.start_bit - 1);  // psums that are taken later than at a start
  const bool hazard1 = hw.hazard > 0, hazard2 = hw.hazard > 1, hazard3 = hw.hazard > 2;
  uint16_t events = 0;
#pragma GCC ivdep
  for (std::size_t k = 0; k < kBlockPes; ++k) {
    using U = uint16_t;
    const auto when = [](bool holds) { return static_cast<U>(holds ? kTrue : 0); };
    const auto choose = [](U condition, U yes, U no) {
      return static_cast<U>((yes & condition) | (no & static_cast<U>(~condition)));
    };
    const U half0 = now[4 * k], half1 = now[4 * k + 1], half2 = now[4 * k + 2], half3 = now[4 * k + 3];
    const auto flag = [&](SlotFlag f) {
      constexpr U kLow = (1 << kSlotHalfFlags) - 1;
      return f <= kLow ? when((half0 & static_cast<U>(f << kSlotWordBits)) != 0)
                       : when((half1 & static_cast<U>(f >> kSlotHalfFlags << kSlotWordBits)) != 0);
    };
    constexpr U kWords = (1 << kSlotWordBits) - 1;

    // The loaders.
    const U ifmap = lane[kFileIfmap][k], filter = lane[kFileFilter][k];
    const U wide = wide_head[k], narrow = narrow_head[k];
    U turn_a = lane[kTurnIfmap][k], turn_b = lane[kTurnFilter][k];
    const U load_a = when(choose(turn_a, narrow, wide) == kIfmapHead) & when(ifmap < ifmap_depth);
    const U load_b = when(choose(turn_b, narrow, wide) == kFilterHead) & when(filter < filter_depth);
    const U load_narrow = (load_a & turn_a) | (load_b & turn_b);
    const U load_wide =
        (load_a & static_cast<U>(~turn_a)) | (load_b & static_cast<U>(~turn_b));
    // The turn of a network ends after its words, if the other has any.
    const auto next_turn = [&](U load, U& turn, U& left, U wide_words, U narrow_words) {
      const U other = choose(turn, wide_words, narrow_words);
      const U counts = load & when(other != 0);
      left = static_cast<U>(left + counts);
      const U over = counts & when(left == 0);
      turn ^= over;
      left = choose(over, other, left);
    };
    if constexpr (kTurns) {
      U left_a = lane[kLeftIfmap][k], left_b = lane[kLeftFilter][k];
      next_turn(load_a, turn_a, left_a, lane[kIfmapWide][k], lane[kIfmapNarrow][k]);
      next_turn(load_b, turn_b, left_b, lane[kFilterWide][k], lane[kFilterNarrow][k]);
      lane[kTurnIfmap][k] = turn_a;
      lane[kTurnFilter][k] = turn_b;
      lane[kLeftIfmap][k] = left_a;
      lane[kLeftFilter][k] = left_b;
    }

    // What the slot waits for, first cause first.
    const U below = lane[kBelowPsums][k], room = lane[kAboveRoom][k], claimed = lane[kOutClaimed][k];
    const U stream = flag(kSlotStream), from_narrow = flag(kSlotStreamNarrow);
    const U chain_in = flag(kSlotChainIn), chain_out = flag(kSlotChainOut), out = flag(kSlotOut);
    const U idle = flag(kSlotIdle);
    U go = static_cast<U>(~idle);
    const auto count = [&](PeCounter cause, U condition) {
      U& counter = lane[kCount0 + std::size_t{cause}][k];
      counter = static_cast<U>(counter - condition);
    };
    count(kCntIdle, idle);
    const auto wait = [&](PeCounter cause, U condition) {
      count(cause, go & condition);
      go &= static_cast<U>(~condition);
    };
    wait(kCntIfmap, when((half0 & kWords) > ifmap));
    wait(kCntFilter, when((half1 & kWords) > filter));
    wait(kCntStream, stream & when(choose(from_narrow, narrow, wide) != kStreamHead));
    if constexpr (kChains) {
      wait(kCntPsum, chain_in & when(below == 0));
      wait(kCntLocal, chain_out & when(room == 0));
    }
    wait(kCntOutput, out & when(claimed == queue_depth));
    if constexpr (kHazard) {
      const U psum = static_cast<U>((half2 >> kSlotWordBits) + 1);
      const U r0 = lane[kRecent0][k], r1 = lane[kRecent1][k], r2 = lane[kRecent2][k];
      if constexpr (kChains) {
        // Psums from below are taken in order.
        const U at_start = chain_in & static_cast<U>(~flag(kSlotLink));
        wait(kCntAdder, at_start & when((pipe_below[k] & links) != 0));
      }
      wait(kCntAdder, flag(kSlotContinues) & (when(r0 == psum) | when(r1 == psum) | when(r2 == psum)));
      lane[kRecent0][k] = hazard1 ? static_cast<U>(go & flag(kSlotLive) & psum) : U{0};
      lane[kRecent1][k] = hazard2 ? r0 : 0;
      lane[kRecent2][k] = hazard3 ? r1 : 0;
    }
    const U mac = go & flag(kSlotMac);
    count(kCntIssued, mac);
    count(kCntMasked, static_cast<U>(go ^ mac));

    // What it takes and frees.
    const U take = go & stream;
    narrow_pop[k] = load_narrow | (take & from_narrow);
    wide_pop[k] = static_cast<U>(load_wide | (take & static_cast<U>(~from_narrow)));
    lane[kFileIfmap][k] = static_cast<U>(ifmap - (half2 & kWords & go) - load_a);
    lane[kFileFilter][k] = static_cast<U>(filter - (half3 & kWords & go) - load_b);

    // Psums on their way. Bits past the last stage go away.
    const auto move_on = [](U pipe, U enters, U last) {
      return static_cast<U>((pipe << 1 | (enters & 1)) & (2 * last - 1));
    };
    const auto one = [](bool holds) { return static_cast<U>(holds ? 1 : 0); };
    if constexpr (kChains) {
      const U takes_psum = go & chain_in, sends_up = go & chain_out, pipe_up = lane[kPipeUp][k];
      lane[kAboveRoom][k] = static_cast<U>(room + sends_up + one((pipe_above[k] & below_bit) != 0));
      lane[kBelowPsums][k] = static_cast<U>(below + takes_psum + below_valid[k]);
      const U arrives = one((pipe_up & up_bit) != 0);
      above_valid[k] = arrives;
      count(kCntLocalWords, static_cast<U>(-arrives));
      const U at_start = takes_psum & static_cast<U>(~flag(kSlotLink)) & links;
      pipe_below[k] = static_cast<U>(move_on(pipe_below[k], takes_psum, below_bit) + (at_start & links));
      lane[kPipeUp][k] = move_on(pipe_up, sends_up, up_bit);
    }
    const U sends_out = go & out, pipe_out = lane[kPipeOut][k];
    lane[kOutClaimed][k] = static_cast<U>(claimed - sends_out);
    lane[kOutWords][k] = static_cast<U>(lane[kOutWords][k] + one((pipe_out & out_bit) != 0));
    lane[kPipeOut][k] = move_on(pipe_out, sends_out, out_bit);

    // All stages move when ISSUE is empty or its slot is issued. The first slot of a pass frees the pass
    // word when it enters ADDRESS.
    const U move = go | idle;
    const U taken = move & lane[kFirst][k];
    const U pending = lane[kPending][k], started = lane[kStarted][k];
    lane[kFirst][k] &= static_cast<U>(~move);
    lane[kPending][k] = (pending & static_cast<U>(~taken)) | lane[kArriving][k];
    lane[kStarted][k] = started & static_cast<U>(~taken);
    lane[kArriving][k] = 0;
    lane[kMove][k] = move;
    lane[kWaits][k] = pending & static_cast<U>(~started);
    lane[kEvent][k] = taken & kTaken;
    events |= taken;
  }
  return events != 0;
}

template <bool kHazard, bool kTurns, bool kChains>
ECO_VECTORS bool StepBlocks(std::vector<PeBlock>& blocks, PeRows& at, const PeConstants& hw) {
  bool events = false;
  std::size_t pe = 0;
  for (PeBlock& block : blocks) {
    events |= StepBlock<kHazard, kTurns, kChains>(
        block, hw, &at.above_valid[pe], &at.below_valid[pe], &at.pipe_below[pe], &at.pipe_above[pe],
        &at.head[0][pe], &at.head[1][pe], &at.pop[0][pe], &at.pop[1][pe]);
    pe += kBlockPes;
  }
  return events;
}

// Slots go on to the next stage; the slot in LOOPS to the next of its piece. Returns whether there are
// events.
ECO_VECTORS bool MoveSlots(std::vector<PeBlock>& blocks) {
  uint32_t events = 0;
  for (PeBlock& block : blocks) {
#pragma GCC ivdep
    for (std::size_t k = 0; k < kBlockPes; ++k) {
      const auto mask = [](uint16_t condition) {
        return static_cast<uint32_t>(static_cast<int32_t>(static_cast<int16_t>(condition)));
      };
      const uint32_t move = mask(block.lane[kMove][k]), waits = mask(block.lane[kWaits][k]);
      const auto blend = [&](uint32_t yes, uint32_t no) { return (yes & move) | (no & ~move); };
      const uint32_t loops = block.slot[kLoops][k], address = block.slot[kAddress][k];
      const uint32_t issue = block.slot[kIssue][k], left = block.left[k];
      block.slot[kIssue][k] = blend(address, issue);
      block.slot[kAddress][k] = blend(loops, address);
      const uint32_t empty = loops == kIdleSlot ? ~uint32_t{0} : 0;
      const uint32_t last = left == 0 ? ~uint32_t{0} : 0;
      const uint32_t leaves = move & ~empty, next = leaves & ~last;
      block.slot[kLoops][k] = loops - next;
      block.left[k] = left + next;
      const uint32_t event = (empty & waits & kBegins) | (leaves & last & kEnds);
      block.lane[kEvent][k] = static_cast<uint16_t>(block.lane[kEvent][k] | event);
      events |= event;
    }
  }
  return events != 0;
}

}  // namespace

void TimingArray::StepLoops(PeBlock& block, std::size_t k, std::size_t pe) {
  const uint16_t events = block.lane[kEvent][k];
  const auto columns = static_cast<std::size_t>(columns_);
  if ((events & kTaken) != 0) pending_[pe / columns] &= ~(uint64_t{1} << (pe % columns));
  if ((events & (kBegins | kEnds)) == 0) return;
  PeProgress& p = progress[pe];
  uint32_t piece = kIdleSlot;
  if ((events & kEnds) != 0 && p.piece + 1 < traces[p.trace].size()) {
    if (p.starts == 0) ++p.entered_before;
    if (p.starts == 1) ++p.entered_first;
    piece = traces[p.trace][++p.piece];
  } else if (block.lane[kWaits][k] != 0) {
    p.trace = p.next;
    p.next = -1;
    p.piece = 0;
    if (++p.starts == 1) p.entered_first = 1;
    piece = traces[p.trace][0];
    block.lane[kStarted][k] = block.lane[kFirst][k] = kTrue;
  }
  block.slot[kLoops][k] = piece;
  block.left[k] = traces.Left(piece);
}

void TimingArray::HandleEvents() {
  for (std::size_t b = 0; b < blocks_.size(); ++b) {
    PeBlock& block = blocks_[b];
    for (std::size_t k = 0; k < kBlockPes; k += 4) {
      uint64_t four;
      std::memcpy(&four, &block.lane[kEvent][k], sizeof(four));
      if (four == 0) continue;
      for (std::size_t i = k; i < k + 4; ++i) {
        if (block.lane[kEvent][i] != 0) StepLoops(block, i, b * kBlockPes + i);
      }
    }
  }
}

void TimingArray::StepPes() {
  if (traces.chains()) {  // neighbours as they were before this clock
    const auto columns = static_cast<std::size_t>(columns_);
    std::memcpy(at_.below_valid.data(), at_.above_valid.data() + columns, pes_ * sizeof(uint16_t));
    std::memcpy(at_.pipe_above.data() + columns, at_.pipe_below.data(),
                (pes_ - columns) * sizeof(uint16_t));
  }
  const PeConstants hw = {static_cast<uint16_t>(hw_.ifmap_depth),
                          static_cast<uint16_t>(hw_.filter_depth),
                          static_cast<uint16_t>(hw_.queue_depth),
                          below_bit_, start_bit_, up_bit_, out_bit_, hazard_};
  if (run_.running == 0 || uncounted_ == UINT16_MAX) AddCounts();
  ++uncounted_;
  static constexpr std::array kSteps = {
      StepBlocks<false, false, false>, StepBlocks<false, false, true>, StepBlocks<false, true, false>,
      StepBlocks<false, true, true>,   StepBlocks<true, false, false>, StepBlocks<true, false, true>,
      StepBlocks<true, true, false>,   StepBlocks<true, true, true>};
  const std::size_t step = 4u * (hazard_ != 0 || start_bit_ != 1) + 2u * turns_ + traces.chains();
  bool events = kSteps[step](blocks_, at_, hw);
  if (run_.running == 0) ForgetCounts(kCntGated);  // only words on Local links still count
  events = MoveSlots(blocks_) || events;
  if (events) HandleEvents();
  const PackedSlot* const slots = traces.slots();
  std::size_t left = pes_;
  for (PeBlock& block : blocks_) {
    const std::size_t count = std::min(left, kBlockPes);
    left -= count;
#pragma GCC unroll 8
    for (std::size_t k = 0; k < count; ++k) block.now[k] = slots[block.slot[kIssue][k]];
  }
}

// ---------------------------------------------------------------- queues

namespace {

// The X-buses of a network, and for each row and tag the columns that listen.
struct Buses {
  const XBusState* bus;
  const uint64_t* columns;
  std::size_t row_words;  // of these, 64 bits each
  std::size_t row_pes;
};

// Words lie side by side, none of them 0: above the highest is where the next belongs.
template <typename Queue>
ECO_VECTORS void StepQueue(Queue* __restrict queue, uint16_t* __restrict head,
                           const uint16_t* __restrict pop, std::size_t count, const Buses& buses,
                           uint64_t fires) {
  for (std::size_t b = 0; b < count; b += kBlockPes) {
    for (std::size_t k = b; k < b + kBlockPes; ++k) {
      const Queue words = pop[k] != 0 ? static_cast<Queue>(queue[k] >> 2) : queue[k];
      queue[k] = words;
      head[k] = static_cast<uint16_t>(words & 3);
    }
  }
  constexpr auto kPairs = static_cast<Queue>(0x5555555555555555u);
  for (; fires != 0; fires &= fires - 1) {
    const auto row = static_cast<std::size_t>(std::countr_zero(fires));
    const XBusBeat& beat = buses.bus[row].beats[0];
    const auto words = static_cast<Queue>((0x5555555555555555u * (beat.destination ^ kNoWord)) &
                                          ((uint64_t{1} << (2 * beat.count)) - 1));
    const uint64_t* const tag = buses.columns + (row * kTags + beat.tag) * buses.row_words;
    for (std::size_t col = 0; col < buses.row_words * 8 / sizeof(Queue); col += kVector) {
      std::array<Queue, kVector> columns;
      std::memcpy(columns.data(), tag + col * sizeof(Queue) / 8, sizeof(columns));
      Queue* const of_row = queue + row * buses.row_pes + col;
      uint16_t* const heads = head + row * buses.row_pes + col;
#pragma GCC unroll 1
      for (std::size_t k = 0; k < kVector; ++k) {
        const Queue now = of_row[k];
        const auto taken = static_cast<Queue>((now | now >> 1) & kPairs);
        const auto next = static_cast<Queue>((taken | taken << 1) + 1);
        const auto sum = static_cast<Queue>(now | (static_cast<Queue>(words * next) & columns[k]));
        of_row[k] = sum;
        heads[k] = static_cast<uint16_t>(sum & 3);
      }
    }
  }
}

}  // namespace

// Rows whose first beat waits for a PE: its queue has no room for a whole beat.
uint64_t TimingArray::BusyRows(int network) const {
  const std::size_t row_bytes = static_cast<std::size_t>(columns_) * queue_bytes_;
  uint64_t busy = 0;
  for (uint64_t rows = xbus_rows_[network][0]; rows != 0; rows &= rows - 1) {
    const auto row = static_cast<std::size_t>(std::countr_zero(rows));
    const std::byte* queues = queue_[network].get() + row * row_bytes;
    const uint64_t* columns =
        &col_tags_[network][(row * kTags + xbus_[network][row].beats[0].tag) * tag_words_];
    uint64_t words = 0;
    for (std::size_t k = 0; k < tag_words_; ++k) {
      uint64_t some;
      std::memcpy(&some, queues + 8 * k, sizeof(some));
      words |= some & columns[k];
    }
    if ((words & places_[network]) != 0) busy |= rows & -rows;
  }
  return busy;
}

// PEs take words; the X-buses of the rows in `fires` give theirs.
template <typename Queue>
void TimingArray::StepQueues(const uint64_t fires[2]) {
  for (int n : {0, 1}) {
    const Buses buses = {xbus_[n].data(), col_tags_[n].data(), tag_words_,
                         static_cast<std::size_t>(columns_)};
    StepQueue(queue<Queue>(n), at_.head[n].data(), at_.pop[n].data(), blocks_.size() * kBlockPes,
              buses, fires[n]);
  }
}

// The first beat leaves rows in `fires`; `beat`, if any, enters the rows in `takes`.
void TimingArray::StepBeats(int network, uint64_t fires, uint64_t takes) {
  auto& rows = xbus_rows_[network];
  xbus_ready_[network] = ~rows[1];
  const BeatState& beat = beat_[network];
  for (uint64_t moving = fires | takes; moving != 0; moving &= moving - 1) {
    const uint64_t bit = moving & -moving;
    XBusState& bus = xbus_[network][static_cast<std::size_t>(std::countr_zero(moving))];
    if ((fires & bit) != 0) {
      std::copy(bus.beats + 1, bus.beats + bus.level, bus.beats);
      bus.beats[--bus.level] = {};
    }
    if ((takes & bit) != 0) {
      bus.beats[bus.level++] = {beat.col, beat.destination, static_cast<uint8_t>(beat.count)};
    }
    for (int k : {0, 1}) rows[k] = bus.level > k ? rows[k] | bit : rows[k] & ~bit;
  }
}

// ---------------------------------------------------------------- GON

bool TimingArray::GonHeld() const {
  const unsigned waits = gon_.order[0].waits;
  if (waits == 0 || gon_.orders == 0) return false;
  unsigned back = 0;  // commands taken since
  for (unsigned cycles = gon_.taken_before; cycles != 0; cycles &= cycles - 1, ++back) {
    if ((waits >> back & 1) != 0) return true;
  }
  return false;
}

bool TimingArray::GonHasWords() const {
  if (gon_.orders == 0) return false;
  for (std::size_t k = 0; k < gon_lanes_; ++k) {
    const uint16_t pe = gon_.order[0].pe[k];
    if (pe != kNoPe && gon_row(pe).words[k] == 0) return false;
  }
  return true;
}

// Rows whose PEs give the words of the first request.
template <typename HasWord>
uint64_t TimingArray::GonGives(HasWord has_word) const {
  uint64_t gives = 0;
  for (uint64_t rows = gon_rows_[0]; rows != 0; rows &= rows - 1) {
    const GonState::Row& row = gon_.rows[static_cast<std::size_t>(std::countr_zero(rows))];
    bool all = true;
    for (std::size_t k = 0; k < gon_lanes_ && all; ++k) {
      const uint16_t pe = row.request[0][k];
      all = pe == kNoPe || (has_word(pe) && row.words[k] < GonState::kWords);
    }
    if (all) gives |= rows & -rows;
  }
  return gives;
}

bool TimingArray::GonSends() const {
  if (gon_.taken.valid == 0 || gon_.orders == GonState::kOrders) return false;
  for (std::size_t k = 0; k < gon_lanes_; ++k) {
    const uint16_t pe = gon_.taken.word.pe[k];
    if (pe != kNoPe && (gon_.ready >> (pe / columns_) & 1) == 0) return false;
  }
  return true;
}

void TimingArray::StepGon(bool takes, uint64_t gives, bool sends) {
  gon_.ready = ~gon_rows_[1];
  // The accumulators always move: nobody makes the output wait.
  const int end_stages = 2 + hw_.accumulator_latency();
  if ((run_.end >> (end_stages - 1) & 1) != 0) run_.running = 0;
  run_.end = static_cast<uint8_t>((run_.end << 1 | (takes && gon_.order[0].end != 0)) & ((1 << end_stages) - 1));
  gon_.taken_before = static_cast<uint8_t>((gon_.taken_before << 1 | takes) & gon_hazard_);
  uint64_t changed = gives;
  for (uint64_t rows = gives; rows != 0; rows &= rows - 1) {
    GonState::Row& row = gon_.rows[static_cast<std::size_t>(std::countr_zero(rows))];
    for (std::size_t k = 0; k < gon_lanes_; ++k) {
      const uint16_t pe = row.request[0][k];
      if (pe == kNoPe) continue;
      ++row.words[k];
      --lane(kOutClaimed, pe);
      --lane(kOutWords, pe);
    }
    std::copy(row.request.begin() + 1, row.request.begin() + row.requests, row.request.begin());
    row.request[--row.requests] = {};
  }
  if (takes) {
    counters.output += gon_.order[0].outputs;
    for (std::size_t k = 0; k < gon_lanes_; ++k) {
      if (const uint16_t pe = gon_.order[0].pe[k]; pe != kNoPe) --gon_row(pe).words[k];
    }
    std::copy(gon_.order.begin() + 1, gon_.order.begin() + static_cast<std::ptrdiff_t>(gon_.orders),
              gon_.order.begin());
    gon_.order[--gon_.orders] = {};
  }
  const bool free = gon_.taken.valid == 0 || sends;
  if (sends) {
    const GonWord& word = gon_.order[gon_.orders++] = gon_.taken.word;
    uint64_t named = 0;
    for (std::size_t k = 0; k < gon_lanes_; ++k) {
      if (word.pe[k] != kNoPe) named |= uint64_t{1} << (word.pe[k] / columns_);
    }
    changed |= named;
    for (; named != 0; named &= named - 1) {
      const auto r = static_cast<std::size_t>(std::countr_zero(named));
      auto& request = gon_.rows[r].request[gon_.rows[r].requests++];
      request.fill(kNoPe);
      for (std::size_t k = 0; k < gon_lanes_; ++k) {
        if (word.pe[k] != kNoPe && word.pe[k] / static_cast<std::size_t>(columns_) == r) request[k] = word.pe[k];
      }
    }
  }
  CountGonRows(changed);
  if (free) {
    gon_.taken = gon_.port;
    if (gon_.port.valid != 0) {
      quiet_ = 0;
      NextCommand();
    }
  }
}

void TimingArray::CountGonRows(uint64_t rows) {
  for (; rows != 0; rows &= rows - 1) {
    const uint64_t bit = rows & -rows;
    const int requests = gon_.rows[static_cast<std::size_t>(std::countr_zero(rows))].requests;
    for (int k : {0, 1}) gon_rows_[k] = requests > k ? gon_rows_[k] | bit : gon_rows_[k] & ~bit;
  }
}

// ---------------------------------------------------------------- clock

void TimingArray::Step() {
  // What moves in this cycle, from registers alone.
  const bool gon_held = GonHasWords() && GonHeld();
  const bool gon_takes = GonTakes(), gon_sends = GonSends();
  const uint64_t gon_gives = GonGives([&](uint16_t pe) { return lane(kOutWords, pe) != 0; });

  uint64_t fires[2] = {};  // rows whose first beat goes to the PEs
  bool go[2];
  for (std::size_t n : {0, 1}) {
    fires[n] = xbus_rows_[n][0] & ~BusyRows(static_cast<int>(n));
    go[n] = run_.enabled != 0 && beat_[n].valid != 0 &&
            (row_tags_[n][beat_[n].row] & ~xbus_ready_[n]) == 0;
  }
  const ConfigPart* configured = nullptr;
  if (ConfigReady()) {
    configured = config_parts.At(config_at);
    config_seen = config_at + 1;
  }
  const bool configure = configured != nullptr;

  if (run_.running != 0) {
    ++counters.cycles;
    counters.config += configure;
    if (go[0]) counters.wide += beat_[0].count;
    if (go[1]) counters.narrow += beat_[1].count;
    if (gon_takes) counters.gon += gon_.order[0].words;
    counters.gon_held += gon_held;
  }
  ++quiet_;
  if (configure || go[0] || go[1] || gon_takes || gon_gives != 0) quiet_ = 0;

  StepPes();
  switch (queue_bytes_) {
    case 2: StepQueues<uint16_t>(fires); break;
    case 4: StepQueues<uint32_t>(fires); break;
    default: StepQueues<uint64_t>(fires); break;
  }
  for (std::size_t n : {0, 1}) {
    StepBeats(static_cast<int>(n), fires[n], go[n] ? row_tags_[n][beat_[n].row] : 0);
    if (go[n]) NextBeat(static_cast<int>(n));
  }
  StepGon(gon_takes, gon_gives, gon_sends);

  run_.enabled = run_.enabling;
  if (configure) {
    Configure(configured->word);
    ++config_at;
  }
}

// ---------------------------------------------------------------- state

namespace {

template <typename T>
void Put(std::vector<uint64_t>& state, const T* values, std::size_t count) {
  const std::size_t at = state.size(), bytes = count * sizeof(T);
  state.resize(at + (bytes + 7) / 8);
  std::memcpy(state.data() + at, values, bytes);
}

template <typename T>
void Get(const uint64_t*& state, T* values, std::size_t count) {
  std::memcpy(values, state, count * sizeof(T));
  state += (count * sizeof(T) + 7) / 8;
}

template <typename Part>
void Put(std::vector<uint64_t>& state, const Position<Part>& at) {
  state.push_back(reinterpret_cast<uint64_t>(at.now));
  state.push_back(at.item | uint64_t{at.used} << 32);
}

template <typename Part>
void Get(const uint64_t*& state, Position<Part>& at) {
  at.now = reinterpret_cast<const Part*>(*state++);
  at.item = static_cast<uint32_t>(*state);
  at.used = static_cast<uint32_t>(*state++ >> 32);
}

}  // namespace

void TimingArray::Save(std::vector<uint64_t>& state) const {
  state.clear();
  for (const PeBlock& block : blocks_) {
    Put(state, &block.lane[0][0], kNumStateLanes * kBlockPes);
    std::array<uint32_t, kNumStages * kBlockPes> slots;
    for (std::size_t k = 0; k < slots.size(); ++k) slots[k] = traces.Canonical((&block.slot[0][0])[k]);
    Put(state, slots.data(), slots.size());
  }
  Put(state, at_.above_valid.data(), pes_);
  Put(state, at_.pipe_below.data(), pes_);
  for (const auto& queue : queue_) Put(state, queue.get(), pes_ * queue_bytes_);
  for (const auto& bus : xbus_) Put(state, bus.data(), bus.size());
  Put(state, xbus_ready_, 2);
  Put(state, beat_, 2);
  Put(state, &run_, 1);
  Put(state, gin_at[0]);
  Put(state, gin_at[1]);
}

void TimingArray::SetGon(const GonState& state) {
  gon_ = state;
  gon_at.now = state.now;
  gon_at.item = state.item;
  CountGonRows(rows_ == 64 ? ~uint64_t{0} : (uint64_t{1} << rows_) - 1);
}

namespace {

uint16_t SavedLane(const std::vector<uint64_t>& state, Lane name, std::size_t pe) {
  constexpr std::size_t kBlockWords = kBlockPes * (kNumStateLanes * sizeof(uint16_t) + kNumStages * sizeof(uint32_t)) / 8;
  uint16_t value;
  std::memcpy(&value,
              reinterpret_cast<const std::byte*>(state.data() + pe / kBlockPes * kBlockWords) +
                  (name * kBlockPes + pe % kBlockPes) * sizeof(value),
              sizeof(value));
  return value;
}

}  // namespace

bool TimingArray::GonWaits(const std::vector<uint64_t>& state) const {
  return gon_.ready == ~gon_rows_[1] && gon_.taken_before == 0 && !GonTakes() && !GonSends() &&
         (gon_.taken.valid != 0 || gon_.port.valid == 0) &&
         GonGives([&](uint16_t pe) { return SavedLane(state, kOutWords, pe) != 0; }) == 0;
}

bool TimingArray::PortWaits(const std::vector<uint64_t>& state) {
  if (config_parts.At(config_at) == nullptr) return true;
  if (port_.left == 0 || port_.scatter == 0 || port_.row >= rows_ || port_.col >= columns_) return false;
  const auto pe = static_cast<std::size_t>(port_.row * columns_ + port_.col);
  return (SavedLane(state, kPending, pe) | SavedLane(state, kArriving, pe)) != 0;
}

void TimingArray::Restore(const std::vector<uint64_t>& saved) {
  const uint64_t* state = saved.data();
  for (PeBlock& block : blocks_) {
    Get(state, &block.lane[0][0], kNumStateLanes * kBlockPes);
    Get(state, &block.slot[0][0], kNumStages * kBlockPes);
    for (std::size_t k = 0; k < kBlockPes; ++k) {
      block.now[k] = traces.slots()[block.slot[kIssue][k]];
      block.left[k] = traces.Left(block.slot[kLoops][k]);
    }
  }
  Get(state, at_.above_valid.data(), pes_);
  Get(state, at_.pipe_below.data(), pes_);
  for (const auto& queue : queue_) Get(state, queue.get(), pes_ * queue_bytes_);
  for (int n : {0, 1}) {
    for (std::size_t pe = 0; pe < pes_; ++pe) {
      at_.head[n][pe] = static_cast<uint16_t>(queue_[n][pe * queue_bytes_]) & 3;
    }
  }
  for (auto& bus : xbus_) Get(state, bus.data(), bus.size());
  Get(state, xbus_ready_, 2);
  Get(state, beat_, 2);
  Get(state, &run_, 1);
  Get(state, gin_at[0]);
  Get(state, gin_at[1]);
  for (int n : {0, 1}) {
    for (int k : {0, 1}) {
      xbus_rows_[n][k] = 0;
      for (std::size_t row = 0; row < xbus_[n].size(); ++row) {
        xbus_rows_[n][k] |= uint64_t{xbus_[n][row].level > k} << row;
      }
    }
  }
  std::fill(pending_.begin(), pending_.end(), 0);
  const auto columns = static_cast<std::size_t>(columns_);
  for (std::size_t pe = 0; pe < pes_; ++pe) {
    if ((lane(kPending, pe) | lane(kArriving, pe)) != 0) pending_[pe / columns] |= uint64_t{1} << (pe % columns);
  }
}

}  // namespace ecoflow
