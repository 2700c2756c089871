// What a PE does in a pass, slot by slot, resolved ahead of time: the FSM of rtl/pe/eco_pe.sv runs
// once per program; range checks are applied piece by piece to each pass word.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "compiler/image/pe_image.h"
#include "gen/config/hw_config.h"

namespace ecoflow {

// One slot of the FSM: what it waits for, takes and frees.
struct Slot {
  uint16_t ifmap_words = 0;   // words that the ifmap file must hold
  uint16_t filter_words = 0;
  uint16_t ifmap_free = 0;    // words that it frees
  uint16_t filter_free = 0;
  uint16_t flags = 0;
  uint16_t psum = 0;          // address in the psum file, where the adder takes several cycles
  uint32_t reserved = 0;      // no padding: slots are compared byte by byte
  const Slot* next = nullptr;  // in the piece
};

enum SlotFlag : uint16_t {
  kSlotMac = 1,             // multiplies; otherwise masked
  kSlotStream = 2,          // takes a stream word
  kSlotStreamNarrow = 4,    // of the narrow queue
  kSlotChainIn = 8,         // takes a psum from below
  kSlotChainOut = 16,       // sends its psum up
  kSlotOut = 32,            // sends its psum out
  kSlotLive = 64,           // its result exists
  kSlotContinues = 128,     // adds to a psum that an earlier slot left
  kSlotPieceEnd = 256,      // the last slot of its piece
  kSlotPassEnd = 512,       // the last slot of the pass
};

// The slots of a pass in pieces. What is left of a piece is stored once for all pieces that end alike,
// so that the address of a slot says how the piece goes on, and nothing else.
using Trace = std::vector<const Slot*>;

class TraceTable {
 public:
  explicit TraceTable(const HwConfig& hw) : hw_(hw) {}

  // The trace of the pass that `word` starts under `program`; equal traces have equal numbers.
  int Find(const std::vector<uint64_t>& program, int64_t program_number, uint64_t word);
  // A pass was longer than any that could be run; its trace is cut off.
  bool endless() const { return endless_; }
  const Trace& operator[](int number) const { return *traces_[static_cast<std::size_t>(number)]; }

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

  struct SlotHash {
    std::size_t operator()(const Slot& slot) const;
  };
  struct SlotEqual {
    bool operator()(const Slot& a, const Slot& b) const;
  };

  const Program& Run(const std::vector<uint64_t>& words, int64_t number, int64_t param_last);
  const RawPiece* Intern(const PeImage& image, std::vector<RawSlot> slots,
                         std::array<bool, 3> reset, std::array<int32_t, 3>& shift);
  const Slot* Resolve(const Program& program, const PieceAt& at, const ParamWord& param);

  const HwConfig& hw_;
  bool endless_ = false;
  std::map<std::pair<int64_t, int64_t>, Program> programs_;  // by number and last index of the pass
  std::unordered_map<std::vector<int64_t>, std::unique_ptr<RawPiece>, Hash> raw_;
  std::unordered_map<std::vector<int64_t>, const Slot*, Hash> resolved_;  // by piece and checks
  std::unordered_set<Slot, SlotHash, SlotEqual> slots_;
  std::unordered_map<std::vector<int64_t>, int, Hash> trace_numbers_;
  std::map<std::pair<int64_t, uint64_t>, int> words_;  // by program number and pass word
  std::vector<std::unique_ptr<Trace>> traces_;
};

}  // namespace ecoflow
