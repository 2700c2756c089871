// SPDX-License-Identifier: Apache-2.0
#include "isa/pe_fsm.h"

#include <algorithm>
#include <string_view>

namespace ecoflow {
namespace {

int BitsOf(std::string_view group, std::string_view name) {
  for (const ImageField& field : ImageFields()) {
    if (field.group == group && field.name == name) return field.bits;
  }
  CHECK(false);
}

// Indices and offsets are as wide as the fields that they are compared with and moved by.
const int32_t kIndexMask = (1 << BitsOf("LevelFiles", "Last")) - 1;
const int kOffsetMask = (1 << BitsOf("LevelFiles", "IfmapDelta")) - 1;

}  // namespace

std::array<int64_t, 3> CoordinateKinds(const PeImage& image) {
  return {image.mode.YKind, image.mode.XKind, image.mode.ZKind};
}

std::array<int64_t, 3> CoordinateLimits(const PeImage& image) {
  return {image.limit.YLimit, image.limit.XLimit, image.limit.ZLimit};
}

RangeChecks CheckRanges(const PeImage& image, const std::array<int32_t, 3>& value) {
  const auto kinds = CoordinateKinds(image), limits = CoordinateLimits(image);
  RangeChecks checks;
  for (std::size_t k = 0; k < 3; ++k) {
    const int32_t now = value[k] & kCoordinateMask;  // compared without a sign
    if (kinds[k] == kRangeResult && now >= limits[k]) checks.result = false;
    if (kinds[k] == kRangeOperand && now >= limits[k]) checks.operand = false;
    if (kinds[k] == kRangeCircular) {
      checks.circular_first = now == kCoordinateMask;
      checks.circular_final = now == 0;
    }
  }
  return checks;
}

SlotMeaning MeaningOf(const PeImage& image, const ParamWord& param, const NestSlot& slot,
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

PeFsm::PeFsm(const PeImage& image, int num_levels, int psum_depth, int64_t param_last,
             const std::array<int64_t, 3>& base)
    : image_(image), levels_(num_levels), all_((1u << num_levels) - 1),
      kept_(~static_cast<uint32_t>(image.mode.ReduceMask) & all_), zero_(all_) {
  int psums = 2;
  while (psums < psum_depth) psums *= 2;
  psum_mask_ = psums - 1;
  for (int l = 0; l < num_levels; ++l) {
    const auto at = static_cast<std::size_t>(l);
    last_[at] = static_cast<int32_t>(l == image.mode.ParamLevel ? param_last : image.levels[at].files.Last);
  }
  for (std::size_t k = 0; k < 3; ++k) base_[k] = coordinate_[k] = SignedCoordinate(base[k]);
  Settle();
}

void PeFsm::Settle() {
  at_end_ = 0;
  for (int l = 0; l < levels_; ++l) {
    const auto at = static_cast<std::size_t>(l);
    const int32_t end = last_[at] - (l == 1 && index_[3] < image_.limit.Ragged);
    at_end_ |= static_cast<uint32_t>(index_[at] == (end & kIndexMask)) << l;
  }
  step_ = 0;
  while (step_ < levels_ && (at_end_ >> step_ & 1) != 0) ++step_;
}

NestSlot PeFsm::slot() const {
  const uint32_t first = zero_ | kept_, final = at_end_ | kept_;
  return {first == all_, (first | 2) == all_, final == all_, (final | 2) == all_,
          index_[2] >= image_.mode.ChainInMin, index_[2] < image_.mode.ChainOutMax};
}

void PeFsm::Next() {
  const PeImage::Record& r = record();
  std::fill_n(index_.begin(), step_, 0);
  int32_t& stepping = index_[static_cast<std::size_t>(step_)];
  stepping = (stepping + 1) & kIndexMask;
  zero_ = (zero_ | ((1u << step_) - 1)) & ~(1u << step_);
  const auto moved = [](int64_t reset, int64_t now, int64_t delta, int mask) {
    return static_cast<int>(((reset != 0 ? 0 : now) + delta) & mask);
  };
  offset_[0] = moved(r.files.IfmapReset, offset_[0], r.files.IfmapDelta, kOffsetMask);
  offset_[1] = moved(r.files.FilterReset, offset_[1], r.files.FilterDelta, kOffsetMask);
  psum_ = moved(r.files.PsumReset, psum_, r.files.PsumDelta, psum_mask_);
  const auto move = [&](std::size_t k, int64_t reset, int64_t delta) {
    coordinate_[k] = SignedCoordinate((reset != 0 ? base_[k] : coordinate_[k]) + delta);
  };
  move(0, r.coordinates.YReset, r.coordinates.YDelta);
  move(1, r.coordinates.XReset, r.coordinates.XDelta);
  move(2, r.coordinates.ZReset, r.coordinates.ZDelta);
  Settle();
}

}  // namespace ecoflow
