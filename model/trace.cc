// SPDX-License-Identifier: Apache-2.0
#include "model/trace.h"

#include <xxhash.h>

#include <algorithm>
#include <cstring>

namespace ecoflow {
namespace {

// Flags of a slot before range checks.
enum RawFlag : uint16_t {
  kFirst = 1,         // all reduced levels are at their first index
  kFirstButOne = 2,   // all but level 1
  kFinal = 4,         // all are at their last
  kFinalButOne = 8,
  kBelowIndex = 16,   // index 2 >= ChainInMin
  kAboveIndex = 32,   // index 2 < ChainOutMax
  kRawPassEnd = 64,
};

// Pieces have at least so many slots, where the next level would not make them far longer.
constexpr int64_t kPieceSlots = 32, kShortPieceSlots = 8, kLongPieceSlots = 512;
constexpr int64_t kMaxSlots = int64_t{1} << 30;  // of a pass
constexpr int64_t kIndexMask = (1 << 14) - 1, kOffsetMask = (1 << 9) - 1;
constexpr int32_t kCoordinateMask = (1 << 15) - 1, kSafe = 1 << 14;

std::array<int64_t, 3> Kinds(const PeImage& image) {
  return {image.mode.YKind, image.mode.XKind, image.mode.ZKind};
}

int32_t SignExtend15(int64_t value) {
  const auto low = static_cast<int32_t>(value & kCoordinateMask);
  return low >= kSafe ? low - 2 * kSafe : low;
}

}  // namespace

std::size_t TraceTable::Hash::operator()(const std::vector<int64_t>& key) const {
  return XXH3_64bits(key.data(), key.size() * sizeof(int64_t));
}

PackedSlot Pack(const Slot& slot) {
  // No file holds as many words as can be asked for.
  const auto half = [](int words, int above) {
    return static_cast<uint16_t>(std::min(words, (1 << kSlotWordBits) - 1) | above << kSlotWordBits);
  };
  constexpr int kLow = (1 << kSlotHalfFlags) - 1;
  return {half(slot.ifmap_words, slot.flags & kLow),
          half(slot.filter_words, slot.flags >> kSlotHalfFlags), half(slot.ifmap_free, slot.psum),
          half(slot.filter_free, 0)};
}

TraceTable::TraceTable(const HwConfig& hw) : hw_(hw) {
  Slot idle;
  idle.flags = kSlotIdle;
  Store({idle});
}

int TraceTable::Find(const std::vector<uint64_t>& program, int64_t program_number, uint64_t word) {
  const auto [known, fresh] = words_.try_emplace({program_number, word}, 0);
  if (!fresh) return known->second;
  const ParamWord param = DecodeParam(word);
  const Program& run = Run(program, program_number, param.ParamLast);
  auto trace = std::make_unique<Trace>();
  std::vector<int64_t> key;
  for (const PieceAt& at : run.pieces) {
    trace->push_back(Resolve(run, at, param));
    key.push_back(trace->back());
  }
  const auto [number, is_new] =
      trace_numbers_.try_emplace(std::move(key), static_cast<int>(traces_.size()));
  if (is_new) traces_.push_back(std::move(trace));
  return known->second = number->second;
}

const TraceTable::Program& TraceTable::Run(const std::vector<uint64_t>& words, int64_t number,
                                           int64_t param_last) {
  const PeImage image = DecodeImage(words);
  const auto levels = static_cast<std::size_t>(hw_.num_levels());
  const bool param = image.mode.ParamLevel < hw_.num_levels();
  const auto [place, fresh] = programs_.try_emplace({number, param ? param_last : 0});
  Program& program = place->second;
  if (!fresh) return program;
  program.image = image;

  int psum_mask = 1;
  while (psum_mask < hw_.psum_depth) psum_mask *= 2;
  psum_mask = std::max(psum_mask, 2) - 1;
  std::array<int64_t, kMaxLevels> index{}, last{};
  for (std::size_t l = 0; l < levels; ++l) last[l] = image.levels[l].files.Last;
  if (param) last[static_cast<std::size_t>(image.mode.ParamLevel)] = param_last;
  // Pieces end where a level from `cut` on steps.
  std::size_t cut = 0;
  for (int64_t slots = 1; cut < levels && slots < kPieceSlots; ++cut) {
    const int64_t longer = slots * (last[cut] + 1);
    if (slots >= kShortPieceSlots && longer > kLongPieceSlots) break;
    slots = longer;
  }

  unsigned zero = (1u << levels) - 1;
  int64_t ifmap = 0, filter = 0, psum = 0;
  std::array<int32_t, 3> offset{};
  std::array<bool, 3> reset{};
  std::vector<RawSlot> slots;
  int64_t count = 0;
  for (bool done = false; !done;) {
    unsigned at_last = 0;
    for (std::size_t l = 0; l < levels; ++l) {
      int64_t end = last[l];
      if (l == 1 && index[3] < image.limit.Ragged) --end;
      at_last |= static_cast<unsigned>(index[l] == (end & kIndexMask)) << l;
    }
    std::size_t step = 0;
    while (step < levels && (at_last >> step & 1) != 0) ++step;
    done = step == levels;
    if (++count > kMaxSlots) {
      endless_ = true;
      break;
    }

    const unsigned all = (1u << levels) - 1;
    const unsigned kept = ~static_cast<unsigned>(image.mode.ReduceMask) & all;
    const auto& a = image.levels[step].files;
    const auto& b = image.levels[step].coordinates;
    RawSlot slot{};
    slot.ifmap_offset = static_cast<uint16_t>(ifmap);
    slot.filter_offset = static_cast<uint16_t>(filter);
    slot.ifmap_free = static_cast<uint16_t>(a.IfmapRelease);
    slot.filter_free = static_cast<uint16_t>(a.FilterRelease);
    slot.psum = static_cast<uint16_t>(psum);
    slot.offset = offset;
    const auto flag = [&](bool holds, RawFlag f) {
      if (holds) slot.flags |= f;
    };
    flag((zero | kept) == all, kFirst);
    flag((zero | kept | 2) == all, kFirstButOne);
    flag((at_last | kept) == all, kFinal);
    flag((at_last | kept | 2) == all, kFinalButOne);
    flag(index[2] >= image.mode.ChainInMin, kBelowIndex);
    flag(index[2] < image.mode.ChainOutMax, kAboveIndex);
    flag(done, kRawPassEnd);
    slots.push_back(slot);

    if (step >= cut) {
      std::array<int32_t, 3> shift{};
      const RawPiece* piece = Intern(image, std::move(slots), reset, shift);
      program.pieces.push_back({piece, shift});
      slots.clear();
      reset = {};
    }
    if (done) break;
    for (std::size_t l = 0; l < step; ++l) index[l] = 0;
    index[step] = (index[step] + 1) & kIndexMask;
    zero = (zero | ((1u << step) - 1)) & ~(1u << step);
    ifmap = ((a.IfmapReset != 0 ? 0 : ifmap) + a.IfmapDelta) & kOffsetMask;
    filter = ((a.FilterReset != 0 ? 0 : filter) + a.FilterDelta) & kOffsetMask;
    psum = ((a.PsumReset != 0 ? 0 : psum) + a.PsumDelta) & psum_mask;
    const std::array<std::pair<int64_t, int64_t>, 3> moves = {
        {{b.YReset, b.YDelta}, {b.XReset, b.XDelta}, {b.ZReset, b.ZDelta}}};
    for (std::size_t k = 0; k < 3; ++k) {
      if (moves[k].first != 0) {
        offset[k] = 0;
        if (!slots.empty()) reset[k] = true;
      }
      offset[k] = SignExtend15(offset[k] + moves[k].second);
    }
  }
  return program;
}

// Offsets are stored relative to the first slot unless the coordinate is set back inside.
const TraceTable::RawPiece* TraceTable::Intern(const PeImage& image, std::vector<RawSlot> slots,
                                               std::array<bool, 3> reset,
                                               std::array<int32_t, 3>& shift) {
  const auto kinds = Kinds(image);
  RawPiece piece;
  std::vector<int64_t> key;
  for (std::size_t k = 0; k < 3; ++k) {
    shift[k] = reset[k] || kinds[k] == kRangeOff ? 0 : slots.front().offset[k];
    piece.low[k] = INT32_MAX;
    piece.high[k] = INT32_MIN;
    for (RawSlot& slot : slots) {
      slot.offset[k] = kinds[k] == kRangeOff ? 0 : slot.offset[k] - shift[k];
      piece.low[k] = std::min(piece.low[k], slot.offset[k]);
      piece.high[k] = std::max(piece.high[k], slot.offset[k]);
    }
  }
  for (const RawSlot& s : slots) {
    key.push_back(int64_t{s.ifmap_offset} | int64_t{s.filter_offset} << 16 |
                  int64_t{s.ifmap_free} << 32 | int64_t{s.filter_free} << 48);
    key.push_back(int64_t{s.psum} | int64_t{s.flags} << 16 | int64_t{s.offset[0]} << 32);
    key.push_back(static_cast<int64_t>(static_cast<uint32_t>(s.offset[1])) | int64_t{s.offset[2]} << 32);
  }
  auto& place = raw_[std::move(key)];
  if (!place) {
    piece.number = static_cast<int>(raw_.size());
    piece.slots = std::move(slots);
    place = std::make_unique<RawPiece>(std::move(piece));
  }
  return place.get();
}

uint32_t TraceTable::Resolve(const Program& program, const PieceAt& at, const ParamWord& param) {
  const PeImage& image = program.image;
  const RawPiece& piece = *at.piece;
  const auto kinds = Kinds(image);
  const std::array<int64_t, 3> bases = {param.YBase, param.XBase, param.ZBase};
  const std::array<int64_t, 3> limits = {image.limit.YLimit, image.limit.XLimit, image.limit.ZLimit};
  const bool active = param.Active != 0;

  // What a range check comes to: the same throughout the piece, or by the coordinate's value.
  enum Check : int64_t { kInside, kOutside, kByValue };
  std::array<int32_t, 3> value{};  // of the coordinate where the offset is zero
  std::array<int64_t, 3> check{};
  std::vector<int64_t>& key = key_;
  key.assign({piece.number, param.Active | param.FromBelow << 1 | param.ToAbove << 2,
              static_cast<int64_t>(program.image.mode.IfmapDirect | program.image.mode.FilterDirect << 1 |
                                   program.image.mode.StreamNarrow << 2 |
                                   program.image.mode.ChainAtEnd << 3 | kinds[0] << 4 |
                                   kinds[1] << 6 | kinds[2] << 8)});
  for (std::size_t k = 0; k < 3; ++k) {
    if (!active || kinds[k] == kRangeOff) continue;
    value[k] = SignExtend15(bases[k] + at.shift[k]);
    const int32_t low = value[k] + piece.low[k], high = value[k] + piece.high[k];
    const bool plain = low >= -kSafe && high < kSafe && limits[k] <= kSafe;
    check[k] = kByValue;
    if (kinds[k] == kRangeCircular) {
      if (plain && (high < -1 || low > 0)) check[k] = kOutside;
    } else if (plain && low >= 0 && high < limits[k]) {
      check[k] = kInside;
    } else if (plain && (high < 0 || low >= limits[k])) {
      check[k] = kOutside;
    }
    key.push_back(check[k]);
    if (check[k] == kByValue) {
      key.push_back(value[k]);
      key.push_back(limits[k]);
    }
  }
  const auto [known, fresh] = resolved_.try_emplace(key, 0);
  if (!fresh) return known->second;

  const bool need_ifmap = image.mode.IfmapDirect == 0, need_filter = image.mode.FilterDirect == 0;
  std::vector<Slot> slots;
  for (const RawSlot& raw : piece.slots) {
    bool result = active, operand = true, circular_first = false, circular_final = false;
    for (std::size_t k = 0; k < 3 && active; ++k) {
      const int32_t now = (value[k] + raw.offset[k]) & kCoordinateMask;
      const bool outside = check[k] == kByValue ? now >= limits[k] : check[k] == kOutside;
      if (kinds[k] == kRangeResult && outside) result = false;
      if (kinds[k] == kRangeOperand && outside) operand = false;
      if (kinds[k] == kRangeCircular && check[k] == kByValue) {
        circular_first = now == kCoordinateMask;
        circular_final = now == 0;
      }
    }
    const bool mac = result && operand;
    const bool first = (raw.flags & (circular_first ? kFirstButOne : kFirst)) != 0;
    const bool final_slot = (raw.flags & (circular_final ? kFinalButOne : kFinal)) != 0;
    const bool start = result && first, end = result && final_slot;
    const bool chain_in = (image.mode.ChainAtEnd != 0 ? end : start) && param.FromBelow != 0 &&
                          (raw.flags & kBelowIndex) != 0;
    const bool chain_out = end && param.ToAbove != 0 && (raw.flags & kAboveIndex) != 0;
    Slot slot;
    slot.ifmap_free = active ? raw.ifmap_free : 0;
    slot.filter_free = active ? raw.filter_free : 0;
    slot.ifmap_words = slot.ifmap_free;
    slot.filter_words = slot.filter_free;
    if (mac && need_ifmap) {
      slot.ifmap_words = std::max<uint16_t>(slot.ifmap_words, raw.ifmap_offset + 1);
    }
    if (mac && need_filter) {
      slot.filter_words = std::max<uint16_t>(slot.filter_words, raw.filter_offset + 1);
    }
    slot.psum = result && hw_.adder_latency > 1 ? raw.psum : 0;
    const auto flag = [&](bool holds, SlotFlag f) {
      if (holds) slot.flags = static_cast<uint16_t>(slot.flags | f);
    };
    flag(mac, kSlotMac);
    flag(!need_ifmap || !need_filter, kSlotStream);
    flag((!need_ifmap || !need_filter) && image.mode.StreamNarrow != 0, kSlotStreamNarrow);
    flag(chain_in, kSlotChainIn);
    flag(chain_out, kSlotChainOut);
    flag(end && !chain_out, kSlotOut);
    flag(result, kSlotLive);
    flag(result && !start, kSlotContinues);
    flag((raw.flags & kRawPassEnd) != 0, kSlotPassEnd);
    slots.push_back(slot);
  }
  return known->second = Store(slots);
}

// Number of the first slot; equal pieces are stored once.
uint32_t TraceTable::Store(const std::vector<Slot>& piece) {
  const std::size_t first = slots_.size();
  slots_.resize(first + piece.size());
  canonical_.resize(slots_.size());
  left_.resize(slots_.size());
  uint32_t next = 0;
  for (std::size_t k = slots_.size(); k-- > first;) {
    slots_[k] = Pack(piece[k - first]);
    left_[k] = static_cast<uint32_t>(slots_.size() - 1 - k);
    chains_ = chains_ || (piece[k - first].flags & (kSlotChainIn | kSlotChainOut)) != 0;
    next = canonical_[k] =
        known_slots_.try_emplace({slots_[k], next}, static_cast<uint32_t>(k)).first->second;
  }
  if (next != first) {
    slots_.resize(first);
    canonical_.resize(first);
    left_.resize(first);
  }
  return next;
}

}  // namespace ecoflow
