// SPDX-License-Identifier: Apache-2.0
// The one C++ description of the PE's FSM (rtl/pe/eco_pe_nest.sv, eco_pe_coordinate.sv, eco_pe.sv):
// which slots a pass has and what each means, with the widths of the RTL, so that what wraps there
// wraps here. The proof (verify/execute) and the cycle model (model/trace) run it; tests/tb/array_test.cc
// compares it with the RTL and keeps a description of its own.
#pragma once

#include <array>
#include <cstdint>

#include "isa/pe_image.h"

namespace ecoflow {

inline constexpr int kCoordinateBits = 15;  // Y, X, Z and their ranges
inline constexpr int32_t kCoordinateMask = (1 << kCoordinateBits) - 1;

// A coordinate as a signed number.
constexpr int32_t SignedCoordinate(int64_t value) {
  const auto low = static_cast<int32_t>(value & kCoordinateMask);
  return low > kCoordinateMask / 2 ? low - (kCoordinateMask + 1) : low;
}

// Kinds and ranges of Y, X, Z.
std::array<int64_t, 3> CoordinateKinds(const PeImage& image);
std::array<int64_t, 3> CoordinateLimits(const PeImage& image);

// A slot as the loop nest makes it, before the range checks.
struct NestSlot {
  bool first, first_but_1;  // the summed levels are at their first index: all, all but level 1
  bool final, final_but_1;  // at their last
  bool below, above;        // index 2 >= ChainInMin, < ChainOutMax
};

// What the range checks of a slot say.
struct RangeChecks {
  bool result = true, operand = true;              // in range
  bool circular_first = false, circular_final = false;  // circular shift: Z is -1, 0 (Sec. 4.1.1)
};
// Those of coordinates with these values.
RangeChecks CheckRanges(const PeImage& image, const std::array<int32_t, 3>& value);

// What a slot does.
struct SlotMeaning {
  bool result;          // it belongs to a result; otherwise its words are dropped
  bool multiplies;
  bool starts, ends;    // its psum
  bool from_below;      // takes the psum from below
  bool to_above;        // its psum ends up the column
};
SlotMeaning MeaningOf(const PeImage& image, const ParamWord& param, const NestSlot& slot,
                      const RangeChecks& checks);

// Walks the slots of one pass.
class PeFsm {
 public:
  // `image` stays alive; `base`: of Y, X, Z.
  PeFsm(const PeImage& image, int num_levels, int psum_depth, int64_t param_last,
        const std::array<int64_t, 3>& base);

  NestSlot slot() const;
  int step() const { return step_; }  // level that steps behind this slot; num_levels: the pass ends
  bool pass_end() const { return step_ == levels_; }
  // Moves and frees behind this slot.
  const PeImage::Record& record() const { return image_.levels[static_cast<std::size_t>(step_)]; }
  int ifmap_offset() const { return offset_[0]; }
  int filter_offset() const { return offset_[1]; }
  int psum() const { return psum_; }
  const std::array<int32_t, 3>& coordinates() const { return coordinate_; }  // signed
  void Next();  // not at the end of the pass

 private:
  void Settle();  // which levels are at their ends

  const PeImage& image_;
  int levels_, psum_mask_;
  int step_ = 0;
  uint32_t all_, kept_, zero_, at_end_ = 0;  // by level; kept: not summed
  std::array<int32_t, kMaxLevels> index_{}, last_{};
  std::array<int, 2> offset_{};
  int psum_ = 0;
  std::array<int32_t, 3> base_, coordinate_;
};

}  // namespace ecoflow
