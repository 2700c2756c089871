// SPDX-License-Identifier: Apache-2.0
// The one C++ description of the PE's FSM (rtl/pe/eco_pe_nest.sv, eco_pe_coordinate.sv, eco_pe.sv):
// which slots a pass has and what each means, with the widths of the RTL, so that what wraps there
// wraps here. The proof (verify/execute) and the cycle model (model/trace) run it; tests/tb/array_test.cc
// compares it with the RTL and keeps a description of its own.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

#include "isa/pe_image.h"

namespace ecoflow {

inline constexpr int kCoordinateBits = 15;  // Y, X, Z and their ranges
inline constexpr int32_t kCoordinateMask = (1 << kCoordinateBits) - 1;

// A coordinate as a signed number.
constexpr int32_t SignedCoordinate(int64_t value) {
  constexpr int kAbove = 32 - kCoordinateBits;
  return static_cast<int32_t>(static_cast<uint32_t>(value) << kAbove) >> kAbove;
}

// Kinds and ranges of Y, X, Z.
struct CoordinateRanges {
  explicit CoordinateRanges(const PeImage& image)
      : kinds{image.mode.YKind, image.mode.XKind, image.mode.ZKind},
        limits{image.limit.YLimit, image.limit.XLimit, image.limit.ZLimit} {}
  std::array<int64_t, 3> kinds, limits;
};

// A slot as the loop nest makes it, before the range checks.
struct NestSlot {
  bool first, first_but_1;  // the summed levels are at their first index: all, all but level 1
  bool final, final_but_1;  // at their last
  bool below, above;        // index 2 or 3 >= ChainInMin, < ChainOutMax
};

// What the range checks of a slot say.
struct RangeChecks {
  bool result = true, operand = true;              // in range
  bool circular_first = false, circular_final = false;  // circular shift: Z is -1, 0 (Sec. 4.1.1)
};
// Those of coordinates with these values.
inline RangeChecks CheckRanges(const CoordinateRanges& ranges, const std::array<int32_t, 3>& value) {
  RangeChecks checks;
  for (std::size_t k = 0; k < 3; ++k) {
    const int32_t now = value[k] & kCoordinateMask;  // compared without a sign
    if (ranges.kinds[k] == kRangeResult && now >= ranges.limits[k]) checks.result = false;
    if (ranges.kinds[k] == kRangeOperand && now >= ranges.limits[k]) checks.operand = false;
    if (ranges.kinds[k] == kRangeCircular) {
      checks.circular_first = now == kCoordinateMask;
      checks.circular_final = now == 0;
    }
  }
  return checks;
}

// What a slot does.
struct SlotMeaning {
  bool result;          // it belongs to a result; otherwise its words are dropped
  bool multiplies;
  bool starts, ends;    // its psum
  bool from_below;      // takes the psum from below
  bool to_above;        // its psum ends up the column
};
inline SlotMeaning MeaningOf(const PeImage& image, const ParamWord& param, const NestSlot& slot,
                             const RangeChecks& checks) {
  SlotMeaning m{};
  m.result = param.Active != 0 && checks.result;
  m.multiplies = m.result && checks.operand;
  m.starts = m.result && (checks.circular_first ? slot.first_but_1 : slot.first);
  m.ends = m.result && (checks.circular_final ? slot.final_but_1 : slot.final);
  m.from_below = (image.mode.ChainAtEnd != 0 ? m.ends : m.starts) && param.FromBelow != 0 && slot.below;
  m.to_above = m.ends && param.ToAbove != 0 && slot.above;
  return m;
}

// Walks the slots of one pass.
class PeFsm {
 public:
  // `image` stays alive; `base`: of Y, X, Z.
  PeFsm(const PeImage& image, int num_levels, int psum_depth, int64_t param_last,
        const std::array<int64_t, 3>& base);

  NestSlot slot() const {
    const uint32_t first = zero_ | kept_, final = at_end_ | kept_;
    const auto in_chain = index_[image_.mode.ChainOuter != 0 ? 3 : 2];
    return {first == all_, (first | 2) == all_, final == all_, (final | 2) == all_,
            in_chain >= image_.mode.ChainInMin, in_chain < image_.mode.ChainOutMax};
  }
  int step() const { return step_; }  // level that steps behind this slot; num_levels: the pass ends
  bool pass_end() const { return step_ == levels_; }
  // Moves and frees behind this slot.
  const PeImage::Record& record() const { return image_.levels[static_cast<std::size_t>(step_)]; }
  int ifmap_offset() const { return file_[0]; }
  int filter_offset() const { return file_[1]; }
  int psum() const { return file_[2]; }
  const std::array<int32_t, 3>& coordinates() const { return coordinate_; }  // signed
  // Not at the end of the pass.
  void Next() {
    const auto stepped = static_cast<std::size_t>(step_);
    if (stepped > 0) {  // mostly none to set back: a loop alone becomes a call
      for (std::size_t l = 0; l < stepped; ++l) index_[l] = 0;
    }
    index_[stepped] = (index_[stepped] + 1) & index_mask_;
    zero_ = (zero_ | ((1u << step_) - 1)) & ~(1u << step_);
    const Move& move = moves_[stepped];
    for (std::size_t k = 0; k < file_.size(); ++k) {
      file_[k] = ((file_[k] & move.file[k].keep) + move.file[k].add) & file_mask_[k];
    }
    for (std::size_t k = 0; k < coordinate_.size(); ++k) {
      coordinate_[k] = SignedCoordinate((coordinate_[k] & move.coordinate[k].keep) + move.coordinate[k].add);
    }
    Settle(step_);
  }

 private:
  // Sets back (keep 0, or all bits) and adds.
  struct Change {
    int32_t keep, add;
  };
  struct Move {
    std::array<Change, 3> file;  // ifmap, filter, psum
    std::array<Change, 3> coordinate;
  };

  // Which of the levels up to `level`, those that moved, are at their ends.
  void Settle(int level) {
    for (int l = 0; l <= level; ++l) {
      const auto at = static_cast<std::size_t>(l);
      const int32_t end = last_[at] - (l == 1 && index_[3] < image_.limit.Ragged);
      at_end_ = (at_end_ & ~(1u << l)) | static_cast<uint32_t>(index_[at] == (end & index_mask_)) << l;
    }
    step_ = std::countr_one(at_end_);
  }

  const PeImage& image_;
  int levels_;
  int32_t index_mask_;
  int step_ = 0;
  uint32_t all_, kept_, zero_, at_end_ = 0;  // by level; kept: not summed
  std::array<int32_t, kMaxLevels> index_{}, last_{};
  std::array<Move, kMaxLevels> moves_{};  // behind a slot at which a level steps
  std::array<int32_t, 3> file_{}, file_mask_;  // ifmap, filter, psum
  std::array<int32_t, 3> coordinate_;
};

}  // namespace ecoflow
