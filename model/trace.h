// SPDX-License-Identifier: Apache-2.0
// What a PE does in a pass, slot by slot, resolved ahead of time: the FSM of rtl/pe/eco_pe.sv runs
// once per program; range checks are applied piece by piece to each pass word.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "gen/config/hw_config.h"
#include "isa/pe_image.h"

namespace ecoflow {

// One slot of the FSM: what it waits for, takes and frees.
struct Slot {
  uint16_t ifmap_words = 0;   // words that the ifmap file must hold
  uint16_t filter_words = 0;
  uint16_t ifmap_free = 0;    // words that it frees
  uint16_t filter_free = 0;
  uint16_t flags = 0;
  uint16_t psum = 0;          // address in the psum file, where the adder takes several cycles
};

enum SlotFlag : uint16_t {
  kSlotMac = 1,             // multiplies; otherwise masked
  kSlotStream = 2,          // takes a stream word
  kSlotStreamNarrow = 4,    // of the narrow queue
  kSlotChainIn = 8,         // takes a psum from below
  kSlotChainOut = 16,       // sends its psum up
  kSlotOut = 32,            // sends its psum out
  kSlotPassEnd = 64,        // the last slot of the pass
  kSlotIdle = 128,          // no slot: no pass runs
  kSlotLive = 256,          // its result exists
  kSlotContinues = 512,     // adds to a psum that an earlier slot left
  kSlotLink = 1024,         // with kSlotChainIn: at the end, at the link's adder
};

// A slot as the array reads it: numbers in the low kSlotWordBits bits of four halves, above them
// flags 0 to 6, flags 7 to 13, the psum, nothing.
using PackedSlot = std::array<uint16_t, 4>;
inline constexpr int kSlotWordBits = 9, kSlotHalfFlags = 7;
PackedSlot Pack(const Slot& slot);

// The pieces of a pass: numbers of their first slots. The slots of a piece follow each other.
using Trace = std::vector<uint32_t>;
inline constexpr uint32_t kIdleSlot = 0;  // number of the slot of a PE without a pass

class TraceTable {
 public:
  explicit TraceTable(const HwConfig& hw);

  // The trace of the pass that `word` starts under `program`; equal traces have equal numbers.
  int Find(const std::vector<uint64_t>& program, int64_t program_number, uint64_t word);
  // A pass was longer than any that could be run; its trace is cut off.
  bool endless() const { return endless_; }
  const Trace& operator[](int number) const { return *traces_[static_cast<std::size_t>(number)]; }
  const PackedSlot* slots() const { return slots_.data(); }
  // Whether any slot so far takes a psum from below or sends one up.
  bool chains() const { return chains_; }
  // Of slots that go on alike to the end of their pieces, the number of the first: it says how the
  // piece goes on, and nothing else.
  uint32_t Canonical(uint32_t slot) const { return canonical_[slot]; }
  // Slots that follow in its piece.
  uint32_t Left(uint32_t slot) const { return left_[slot]; }

 private:
  // Before range checks: offsets of the coordinates from the base of the pass.
  struct RawSlot {
    uint16_t ifmap_offset, filter_offset, ifmap_free, filter_free, psum, flags;
    std::array<int32_t, 3> offset;  // Y, X, Z
  };
  struct RawPiece {
    std::vector<RawSlot> slots;
    std::array<int32_t, 3> low, high;  // range of the offsets
    int number;
  };
  struct PieceAt {
    const RawPiece* piece;
    std::array<int32_t, 3> shift;  // added to the offsets of the piece
  };
  struct Program {
    PeImage image;
    std::vector<PieceAt> pieces;
  };
  struct Hash {
    std::size_t operator()(const std::vector<int64_t>& key) const;
  };

  const Program& Run(const std::vector<uint64_t>& words, int64_t number, int64_t param_last);
  const RawPiece* Intern(const PeImage& image, std::vector<RawSlot> slots,
                         std::array<bool, 3> reset, std::array<int32_t, 3>& shift);
  uint32_t Resolve(const Program& program, const PieceAt& at, const ParamWord& param);
  uint32_t Store(const std::vector<Slot>& piece);

  const HwConfig& hw_;
  bool endless_ = false, chains_ = false;
  std::map<std::pair<int64_t, int64_t>, Program> programs_;  // by number and last index of the pass
  std::unordered_map<std::vector<int64_t>, std::unique_ptr<RawPiece>, Hash> raw_;
  std::unordered_map<std::vector<int64_t>, uint32_t, Hash> resolved_;  // by piece and checks
  std::vector<int64_t> key_;  // of the piece at hand
  std::vector<PackedSlot> slots_;
  std::vector<uint32_t> canonical_, left_;
  std::map<std::pair<PackedSlot, uint32_t>, uint32_t> known_slots_;  // by slot and what follows
  std::unordered_map<std::vector<int64_t>, int, Hash> trace_numbers_;
  std::map<std::pair<int64_t, uint64_t>, int> words_;  // by program number and pass word
  std::vector<std::unique_ptr<Trace>> traces_;
};

}  // namespace ecoflow
