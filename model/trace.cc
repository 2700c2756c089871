// SPDX-License-Identifier: Apache-2.0
#include "model/trace.h"

#include <xxhash.h>

#include <algorithm>
#include <cstring>

#include "isa/pe_fsm.h"

namespace ecoflow {
namespace {

// Flags of a slot before range checks.
enum RawFlag : uint16_t {
  kFirst = 1,         // all reduced levels are at their first index
  kFirstButOne = 2,   // all but level 1
  kFinal = 4,         // all are at their last
  kFinalButOne = 8,
  kBelowIndex = 16,   // index 2 or 3 >= ChainInMin
  kAboveIndex = 32,   // index 2 or 3 < ChainOutMax
  kRawPassEnd = 64,
};

// Pieces have at least so many slots, where the next level would not make them far longer.
constexpr int64_t kPieceSlots = 32, kShortPieceSlots = 8, kLongPieceSlots = 512;
constexpr int64_t kMaxSlots = int64_t{1} << 30;  // of a pass
constexpr int32_t kSafe = 1 << (kCoordinateBits - 1);

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

  // Pieces end where a level from `cut` on steps.
  std::size_t cut = 0;
  for (int64_t slots = 1; cut < levels && slots < kPieceSlots; ++cut) {
    const bool by_param = image.mode.ParamLevel == static_cast<int64_t>(cut);
    const int64_t longer = slots * ((by_param ? param_last : image.levels[cut].files.Last) + 1);
    if (slots >= kShortPieceSlots && longer > kLongPieceSlots) break;
    slots = longer;
  }

  // With bases of zero coordinates are offsets from their bases.
  PeFsm fsm(program.image, hw_.num_levels(), hw_.psum_depth, param_last, {});
  std::array<bool, 3> reset{};
  std::vector<RawSlot> slots;
  for (int64_t count = 0;; fsm.Next()) {
    if (++count > kMaxSlots) {
      endless_ = true;
      break;
    }

    const PeImage::Record& record = fsm.record();
    RawSlot slot{};
    slot.ifmap_offset = static_cast<uint16_t>(fsm.ifmap_offset());
    slot.filter_offset = static_cast<uint16_t>(fsm.filter_offset());
    slot.ifmap_free = static_cast<uint16_t>(record.files.IfmapRelease);
    slot.filter_free = static_cast<uint16_t>(record.files.FilterRelease);
    slot.psum = static_cast<uint16_t>(fsm.psum());
    slot.offset = fsm.coordinates();
    const NestSlot nest = fsm.slot();
    const auto flag = [&](bool holds, RawFlag f) {
      if (holds) slot.flags |= f;
    };
    flag(nest.first, kFirst);
    flag(nest.first_but_1, kFirstButOne);
    flag(nest.final, kFinal);
    flag(nest.final_but_1, kFinalButOne);
    flag(nest.below, kBelowIndex);
    flag(nest.above, kAboveIndex);
    flag(fsm.pass_end(), kRawPassEnd);
    slots.push_back(slot);

    if (fsm.step() >= static_cast<int>(cut)) {
      std::array<int32_t, 3> shift{};
      const RawPiece* piece = Intern(image, std::move(slots), reset, shift);
      program.pieces.push_back({piece, shift});
      slots.clear();
      reset = {};
    }
    if (fsm.pass_end()) break;
    const std::array<int64_t, 3> resets = {record.coordinates.YReset, record.coordinates.XReset, record.coordinates.ZReset};
    for (std::size_t k = 0; k < 3; ++k) reset[k] = reset[k] || (resets[k] != 0 && !slots.empty());
  }
  return program;
}

// Offsets are stored relative to the first slot unless the coordinate is set back inside.
const TraceTable::RawPiece* TraceTable::Intern(const PeImage& image, std::vector<RawSlot> slots,
                                               std::array<bool, 3> reset,
                                               std::array<int32_t, 3>& shift) {
  const auto kinds = CoordinateRanges(image).kinds;
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
  const CoordinateRanges ranges(image);
  const auto& [kinds, limits] = ranges;
  const std::array<int64_t, 3> bases = {param.YBase, param.XBase, param.ZBase};
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
    value[k] = SignedCoordinate(bases[k] + at.shift[k]);
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
    // Of a check that is the same throughout the piece any of its values will do.
    const RangeChecks checks = CheckRanges(ranges, {value[0] + raw.offset[0], value[1] + raw.offset[1],
                                                    value[2] + raw.offset[2]});
    const auto has = [&](RawFlag f) { return (raw.flags & f) != 0; };
    const SlotMeaning meaning =
        MeaningOf(image, param, {has(kFirst), has(kFirstButOne), has(kFinal), has(kFinalButOne),
                                 has(kBelowIndex), has(kAboveIndex)}, checks);
    Slot slot;
    slot.ifmap_free = active ? raw.ifmap_free : 0;
    slot.filter_free = active ? raw.filter_free : 0;
    slot.ifmap_words = slot.ifmap_free;
    slot.filter_words = slot.filter_free;
    if (meaning.multiplies && need_ifmap) {
      slot.ifmap_words = std::max<uint16_t>(slot.ifmap_words, raw.ifmap_offset + 1);
    }
    if (meaning.multiplies && need_filter) {
      slot.filter_words = std::max<uint16_t>(slot.filter_words, raw.filter_offset + 1);
    }
    slot.psum = meaning.result && hw_.adder_latency > 1 ? raw.psum : 0;
    const auto flag = [&](bool holds, SlotFlag f) {
      if (holds) slot.flags = static_cast<uint16_t>(slot.flags | f);
    };
    flag(meaning.multiplies, kSlotMac);
    flag(!need_ifmap || !need_filter, kSlotStream);
    flag((!need_ifmap || !need_filter) && image.mode.StreamNarrow != 0, kSlotStreamNarrow);
    flag(meaning.from_below, kSlotChainIn);
    flag(meaning.from_below && image.mode.ChainAtEnd != 0 && hw_.link_latency() > 0, kSlotLink);
    flag(meaning.to_above, kSlotChainOut);
    flag(meaning.ends && !meaning.to_above, kSlotOut);
    flag(meaning.result, kSlotLive);
    flag(meaning.result && !meaning.starts, kSlotContinues);
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
