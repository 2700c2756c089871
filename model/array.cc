#include "model/array.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/result.h"

namespace ecoflow {
namespace {

constexpr int kPipeBits = 10;  // of each kind of psum on its way
constexpr std::size_t kTags = 256;  // that a beat can name
constexpr unsigned kNoWord = 3;  // xor of a destination in PeState::queue
constexpr unsigned kFileHead[2] = {kDestIfmap ^ kNoWord, kDestFilter ^ kNoWord};
constexpr unsigned kStreamHead = kDestStream ^ kNoWord;

// Order of eco_pkg::Cnt*.

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
      lanes_{static_cast<uint32_t>(hw.wide_lanes()), static_cast<uint32_t>(hw.narrow_lanes())},
      pe_(static_cast<std::size_t>(hw.pe_count())),
      pending_(static_cast<std::size_t>(hw.rows)),
      loaders_(pe_.size()) {
  // Stages of rtl/pe/eco_pe.sv: a slot meets the psum from below in stage AddPos, its sum is ready
  // in stage EndPos.
  const int add_stage = hw.multiplier_stages + 1;
  const int end_stage = add_stage + hw.adder_latency - 1;
  const uint32_t stages = (1u << end_stage) - 1;
  below_bit_ = 1u << (add_stage - 1);
  up_bit_ = 1u << (kPipeBits + end_stage - 1);
  out_bit_ = 1u << (2 * kPipeBits + end_stage - 1);
  pipe_mask_ = stages | stages << kPipeBits | stages << (2 * kPipeBits);
  hazard_ = static_cast<std::size_t>(hw.adder_latency - 1);

  std::memset(pe_.data(), 0, pe_.size() * sizeof(PeState));
  for (PeState& s : pe_) s.above_room = static_cast<uint8_t>(hw.queue_depth);
  for (int network : {0, 1}) {
    xbus_[network].resize(static_cast<std::size_t>(rows_));
    row_tags_[network].resize(kTags);
    col_tags_[network].resize(kTags * static_cast<std::size_t>(rows_));
  }
  port_.running = 1;
  counters.pe.resize(pe_.size() * kNumPeCounters);

  gin_at[0].now = wide_parts.At(0);
  gin_at[1].now = narrow_parts.At(0);
  NextBeat(0);
  NextBeat(1);
  gon_at.now = gon_parts.At(0);
  NextCommand();
}

void TimingArray::ClearCounters() {
  std::vector<uint32_t> pe = std::move(counters.pe);
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
  return port_.running == 0 && config_parts.At(config_at) == nullptr && beat_[0].valid == 0 &&
         beat_[1].valid == 0 && command_.valid == 0;
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
                     beat_[0].valid != 0, beat_[1].valid != 0, command_.valid != 0);
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
  command_ = {};
  if (gon_at.now != nullptr && gon_at.item == gon_at.now->commands.size()) Advance(gon_at, gon_parts);
  if (gon_at.now == nullptr) return;
  const GonWord& word = gon_at.now->commands[gon_at.item++];
  command_ = {1, word.end, word.lanes, word.outputs, {}};
  std::copy(word.pe.begin(), word.pe.end(), command_.pe);
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
  --port_.left;
  if (port_.address == kCfgEnable) port_.enabled = 1;
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
  PeState& s = pe_[pe];
  const auto set_ids = [&](std::vector<uint64_t>& table, std::size_t at, int bit) {
    const uint64_t mask = (uint64_t{1} << hw_.id_bits) - 1;
    for (std::size_t tag = 0; tag < kTags; ++tag) table[at + tag] &= ~(uint64_t{1} << bit);
    for (int k = 0; k < hw_.ids_per_controller; ++k) {
      table[at + (word >> (k * hw_.id_bits) & mask)] |= uint64_t{1} << bit;
    }
  };
  const std::size_t of_row = static_cast<std::size_t>(row) * kTags;
  switch (port_.address) {
    case kCfgParam:
      s.pending = 1;
      pending_[static_cast<std::size_t>(row)] |= uint64_t{1} << col;
      progress[pe].next = static_cast<int>(word);
      break;
    case kCfgLoader:
      for (std::size_t file : {0, 1}) {
        auto& words = loaders_[pe].words[file];
        words[0] = word >> (24 * file) & 0xfff;
        words[1] = word >> (24 * file + 12) & 0xfff;
        s.turn[file] = word >> (48 + file) & 1;
        s.load_left[file] = words[s.turn[file]];
      }
      break;
    case kCfgColWide: set_ids(col_tags_[0], of_row, col); break;
    case kCfgColNarrow: set_ids(col_tags_[1], of_row, col); break;
    case kCfgRowWide: set_ids(row_tags_[0], 0, row); break;
    case kCfgRowNarrow: set_ids(row_tags_[1], 0, row); break;
    default: break;
  }
}

// ---------------------------------------------------------------- PEs

void TimingArray::NextPiece(std::size_t pe, PeState& s) {
  PeProgress& p = progress[pe];
  ++(p.starts == 0 ? p.entered_before : p.entered_first);
  s.slot = traces[p.trace][++p.piece];
}

template <bool kHazard>
void TimingArray::StepPes() {
  const auto files = std::array{static_cast<uint16_t>(hw_.ifmap_depth),
                                static_cast<uint16_t>(hw_.filter_depth)};
  const auto queue_depth = static_cast<uint8_t>(hw_.queue_depth);
  const uint32_t running = port_.running;
  PeState* const pes = pe_.data();
  const auto columns = static_cast<std::size_t>(columns_);
  const uint32_t below_bit = below_bit_, up_bit = up_bit_, out_bit = out_bit_, pipe_mask = pipe_mask_;
  uint32_t* count = counters.pe.data();
  std::array<uint8_t, 64> freed{};  // by the row above: an entry of its psum queue
  const int last_row = rows_ - 1;
  std::size_t pe = 0;
  for (int row = 0; row <= last_row; ++row) {
    for (std::size_t col = 0; col < columns; ++col, ++pe, count += kNumPeCounters) {
      PeState& s = pes[pe];
      const auto head = [&](unsigned network) {
        return static_cast<unsigned>(network != 0 ? s.queue[1] : s.queue[0]) & 3;
      };
      const bool load_a = head(s.turn[0]) == kFileHead[0] && s.file_words[0] < files[0];
      const bool load_b = head(s.turn[1]) == kFileHead[1] && s.file_words[1] < files[1];
      unsigned pop = 0;  // bit: network
      if (load_a) pop |= 1u << s.turn[0];
      if (load_b) pop |= 1u << s.turn[1];
      uint32_t entering = 0;
      uint8_t recent = 0;

      std::size_t cause = kCntIdle;
      if (s.slot == nullptr) {
        if (s.pending != 0) {
          PeProgress& p = progress[pe];
          s.pending = 0;
          pending_[static_cast<std::size_t>(row)] &= ~(uint64_t{1} << col);
          p.trace = p.next;
          p.next = -1;
          p.piece = 0;
          if (++p.starts == 1) p.entered_first = 1;
          s.slot = traces[p.trace][0];
        }
      } else {
        const Slot& slot = *s.slot;
        const unsigned flags = slot.flags;
        const unsigned stream = (flags & kSlotStreamNarrow) != 0;
        bool busy = false;
        if constexpr (kHazard) {
          if ((flags & kSlotContinues) != 0) {
            for (std::size_t k = 0; k < hazard_; ++k) busy |= s.recent[k] == slot.psum + 1;
          }
        }
        if (slot.ifmap_words > s.file_words[0]) {
          cause = kCntIfmap;
        } else if (slot.filter_words > s.file_words[1]) {
          cause = kCntFilter;
        } else if ((flags & kSlotStream) != 0 && head(stream) != kStreamHead) {
          cause = kCntStream;
        } else if ((flags & kSlotChainIn) != 0 && s.below_psums == 0) {
          cause = kCntPsum;
        } else if ((flags & kSlotChainOut) != 0 && s.above_room == 0) {
          cause = kCntLocal;
        } else if ((flags & kSlotOut) != 0 && s.out_claimed == queue_depth) {
          cause = kCntOutput;
        } else if (kHazard && busy) {
          cause = kCntAdder;
        } else {
          cause = (flags & kSlotMac) != 0 ? kCntIssued : kCntMasked;
          if ((flags & kSlotStream) != 0) pop |= 1u << stream;
          s.file_words[0] = static_cast<uint16_t>(s.file_words[0] - slot.ifmap_free);
          s.file_words[1] = static_cast<uint16_t>(s.file_words[1] - slot.filter_free);
          if ((flags & (kSlotChainIn | kSlotChainOut | kSlotOut)) != 0) {
            if ((flags & kSlotChainIn) != 0) {
              --s.below_psums;
              entering |= 1;
            }
            if ((flags & kSlotChainOut) != 0) {
              --s.above_room;
              entering |= 1u << kPipeBits;
            }
            if ((flags & kSlotOut) != 0) {
              ++s.out_claimed;
              entering |= 1u << (2 * kPipeBits);
            }
          }
          if constexpr (kHazard) {
            if ((flags & kSlotLive) != 0) recent = static_cast<uint8_t>(slot.psum + 1);
          }
          if ((flags & (kSlotPieceEnd | kSlotPassEnd)) == 0) {
            s.slot = slot.next;
          } else if ((flags & kSlotPassEnd) != 0) {
            s.slot = nullptr;
          } else {
            NextPiece(pe, s);
          }
        }
      }
      count[cause] += running;
      if constexpr (kHazard) {
        s.recent[2] = hazard_ > 2 ? s.recent[1] : 0;
        s.recent[1] = hazard_ > 1 ? s.recent[0] : 0;
        s.recent[0] = recent;
      }

      const auto loaded = [&](std::size_t file) {
        ++s.file_words[file];
        if (s.load_left[file] != 1) {
          --s.load_left[file];
        } else {
          const auto& words = loaders_[pe].words[file];
          if (words[s.turn[file] ^ 1] != 0) s.turn[file] ^= 1;
          s.load_left[file] = words[s.turn[file]];
        }
      };
      if (load_a) loaded(0);
      if (load_b) loaded(1);
      if ((pop & 1) != 0) {
        s.queue[0] >>= 2;
        --s.level[0];
      }
      if ((pop & 2) != 0) {
        s.queue[1] >>= 2;
        --s.level[1];
      }

      // Psums on their way. The row below has not stepped yet, the row above has.
      const uint32_t pipe = s.pipe;
      s.above_room = static_cast<uint8_t>(s.above_room + freed[col]);
      freed[col] = (pipe & below_bit) != 0;
      if (row != last_row) {
        s.below_psums = static_cast<uint8_t>(s.below_psums + pes[pe + columns].above_valid);
      }
      if ((pipe | entering | s.above_valid) != 0) {
        s.above_valid = (pipe & up_bit) != 0;
        count[kCntLocalWords] += s.above_valid;
        s.out_words = static_cast<uint8_t>(s.out_words + ((pipe & out_bit) != 0));
        s.pipe = (pipe << 1 & pipe_mask) | entering;
      }
    }
  }
}

// ---------------------------------------------------------------- clock

void TimingArray::Step() {
  // What moves in this cycle, from registers alone.
  bool gon_pop = taken_.valid != 0;
  for (unsigned k = 0; k < taken_.lanes; ++k) gon_pop = gon_pop && pe_[taken_.pe[k]].out_words != 0;

  uint64_t fires[2] = {};  // rows whose X-bus gives its beat to the PEs
  bool go[2];
  for (std::size_t n : {0, 1}) {
    const auto room = static_cast<uint8_t>(static_cast<uint32_t>(hw_.queue_depth) - lanes_[n]);
    uint64_t busy = 0;
    for (std::size_t row = 0; row < xbus_[n].size(); ++row) {
      const XBusState& bus = xbus_[n][row];
      if (bus.valid == 0) continue;
      const PeState* pes = &pe_[row * static_cast<std::size_t>(columns_)];
      uint64_t columns = col_tags_[n][row * kTags + bus.tag];
      while (columns != 0 && pes[std::countr_zero(columns)].level[n] <= room) columns &= columns - 1;
      (columns == 0 ? fires[n] : busy) |= uint64_t{1} << row;
    }
    go[n] = port_.enabled != 0 && beat_[n].valid != 0 && (row_tags_[n][beat_[n].row] & busy) == 0;
  }
  const ConfigPart* configured = nullptr;
  if (ConfigReady()) {
    configured = config_parts.At(config_at);
    config_seen = config_at + 1;
  }
  const bool configure = configured != nullptr;

  if (port_.running != 0) {
    ++counters.cycles;
    counters.config += configure;
    if (go[0]) counters.wide += beat_[0].count;
    if (go[1]) counters.narrow += beat_[1].count;
    if (gon_pop) counters.gon += taken_.lanes;
  }
  ++quiet_;
  if (configure || go[0] || go[1] || gon_pop) quiet_ = 0;

  hazard_ == 0 ? StepPes<false>() : StepPes<true>();

  for (std::size_t n : {0, 1}) {
    for (uint64_t rows = fires[n]; rows != 0; rows &= rows - 1) {
      const auto row = static_cast<std::size_t>(std::countr_zero(rows));
      XBusState& bus = xbus_[n][row];
      PeState* pes = &pe_[row * static_cast<std::size_t>(columns_)];
      const uint64_t words = (0x5555555555555555u * (bus.destination ^ kNoWord)) &
                             ((uint64_t{1} << (2 * bus.count)) - 1);
      for (uint64_t columns = col_tags_[n][row * kTags + bus.tag]; columns != 0;
           columns &= columns - 1) {
        PeState& s = pes[std::countr_zero(columns)];
        s.queue[n] |= words << (2 * s.level[n]);
        s.level[n] = static_cast<uint8_t>(s.level[n] + bus.count);
      }
      bus = {};
    }
    if (go[n]) {
      const BeatState& beat = beat_[n];
      for (uint64_t rows = row_tags_[n][beat.row]; rows != 0; rows &= rows - 1) {
        xbus_[n][static_cast<std::size_t>(std::countr_zero(rows))] = {
            1, beat.col, beat.destination, static_cast<uint8_t>(beat.count)};
      }
      NextBeat(static_cast<int>(n));
    }
  }

  // The accumulators always move: nobody makes the output wait.
  if ((port_.end & 4) != 0) port_.running = 0;
  port_.end = static_cast<uint8_t>((port_.end << 1 | (gon_pop && taken_.end != 0)) & 7);
  if (gon_pop) {
    counters.output += taken_.outputs;
    for (unsigned k = 0; k < taken_.lanes; ++k) {
      --pe_[taken_.pe[k]].out_claimed;
      --pe_[taken_.pe[k]].out_words;
    }
  }
  if (taken_.valid == 0 || gon_pop) {
    taken_ = command_;
    if (command_.valid != 0) {
      quiet_ = 0;
      NextCommand();
    }
  }

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
  Put(state, pe_.data(), pe_.size());
  for (const auto& bus : xbus_) Put(state, bus.data(), bus.size());
  Put(state, beat_, 2);
  Put(state, &command_, 1);
  Put(state, &taken_, 1);
  Put(state, &port_, 1);
  Put(state, gin_at[0]);
  Put(state, gin_at[1]);
  Put(state, gon_at);
}

void TimingArray::Restore(const std::vector<uint64_t>& saved) {
  const uint64_t* state = saved.data();
  Get(state, pe_.data(), pe_.size());
  for (auto& bus : xbus_) Get(state, bus.data(), bus.size());
  Get(state, beat_, 2);
  Get(state, &command_, 1);
  Get(state, &taken_, 1);
  Get(state, &port_, 1);
  Get(state, gin_at[0]);
  Get(state, gin_at[1]);
  Get(state, gon_at);
  for (std::size_t pe = 0; pe < pe_.size(); ++pe) {
    const auto row = pe / static_cast<std::size_t>(columns_);
    const uint64_t bit = uint64_t{1} << (pe % static_cast<std::size_t>(columns_));
    if (pe % static_cast<std::size_t>(columns_) == 0) pending_[row] = 0;
    if (pe_[pe].pending != 0) pending_[row] |= bit;
  }
}

}  // namespace ecoflow
