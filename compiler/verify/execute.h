// SPDX-License-Identifier: Apache-2.0
// Executes a round of passes (PassDescriptor, mostly one pass) on symbols: IDs, image, pass words and streams are read as the
// array reads them, words are element numbers instead of values, time does not exist.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <limits>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "compiler/schedule/stream.h"
#include "gen/config/hw_config.h"
#include "isa/pe_fsm.h"
#include "isa/pe_image.h"

namespace ecoflow {

// A word on its way: an element of one of the two operands, or a filler.
struct SymbolicWord {
  int64_t operand : 3 = -1;  // -1: filler
  int64_t element : 61 = -1;
};

// One slot of a PE.
struct SymbolicSlot {
  bool result_ok = false;   // it belongs to a result; otherwise its words are dropped
  bool multiplies = false;
  SymbolicWord a, b;        // the operands of the product
  int64_t psum = 0;         // its entry in the psum file
  bool starts = false, ends = false;
  bool from_below = false;  // takes the psum from below
  bool below_at_end = false;  // which then is added to the sum; otherwise the sum starts with it
  bool to_above = false;    // ends up the column
};

// What the setup says.
struct ArrayIds {
  std::vector<std::vector<int64_t>> row_wide, row_narrow;  // by row
  std::vector<std::vector<int64_t>> col_wide, col_narrow;  // by PE
  std::vector<uint64_t> loader;                            // by PE
};
Result<ArrayIds> ReadIds(const HwConfig& config, const Schedule& schedule);

class PassExecutor {
 public:
  // Reads the streams of the round of a part with these indices of the part's loops over rounds. Of one
  // with more than `most_slots` some columns are chosen (psums never leave a column), at least the
  // first and the last.
  static Result<PassExecutor> Open(const HwConfig& config, const Schedule& schedule,
                                   const ArrayIds& ids, std::size_t part,
                                   const std::vector<int64_t>& pass,
                                   int64_t most_slots = std::numeric_limits<int64_t>::max());

  // Whether the column of a PE was chosen. Only such PEs may be asked for.
  bool Chosen(std::size_t pe) const {
    return chosen_[pe % static_cast<std::size_t>(config_.columns)];
  }
  bool AllChosen() const { return std::find(chosen_.begin(), chosen_.end(), false) == chosen_.end(); }
  bool TakesPart(std::size_t pe) const { return takes_part_[pe]; }
  int64_t Slots() const;  // of all chosen PEs
  // Words that the networks bring to a PE, by destination, in order.
  const std::vector<SymbolicWord>& Received(std::size_t pe, Destination destination) const {
    return received_[pe][destination];
  }
  // Visits the slots of a PE. Fails when words and program do not fit together.
  Status Run(std::size_t pe, const std::function<Status(const SymbolicSlot&)>& visit) const;

 private:
  PassExecutor(const HwConfig& config) : config_(config) {}

  HwConfig config_;
  // What the FSM makes of a slot, the same for all PEs with the same pass word.
  struct FsmSlot {
    SlotMeaning meaning;
    uint16_t psum, ifmap_offset, filter_offset, ifmap_free, filter_free;
  };
  struct OnePass {
    PeImage image;
    std::vector<uint64_t> words;    // pass words, by PE
    std::vector<ParamWord> params;  // likewise
    // Those of pass words that several PEs have, once they are asked for.
    mutable std::unordered_map<uint64_t, std::vector<FsmSlot>> slots;
  };
  // Calls `visit` with each slot.
  template <typename Visit>
  Status EachSlot(const OnePass& pass, const ParamWord& param, const Visit& visit) const;
  const std::vector<FsmSlot>& SlotsOf(const OnePass& pass, std::size_t pe) const;
  // One pass of a PE; `taken`: words freed from the files, used from the stream, by destination.
  Status RunPass(const OnePass& pass, std::size_t pe, std::array<std::size_t, 3>& taken,
                 const std::function<Status(const SymbolicSlot&)>& visit) const;

  std::vector<OnePass> passes_;  // of the round
  std::vector<bool> takes_part_;
  std::vector<bool> chosen_;  // by column
  std::vector<std::array<std::vector<SymbolicWord>, 3>> received_;
};

}  // namespace ecoflow
