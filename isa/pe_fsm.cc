// SPDX-License-Identifier: Apache-2.0
#include "isa/pe_fsm.h"

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

PeFsm::PeFsm(const PeImage& image, int num_levels, int psum_depth, int64_t param_last,
             const std::array<int64_t, 3>& base)
    : image_(image), levels_(num_levels), index_mask_(kIndexMask),
      all_((1u << num_levels) - 1), kept_(~static_cast<uint32_t>(image.mode.ReduceMask) & all_), zero_(all_) {
  int psums = 2;
  while (psums < psum_depth) psums *= 2;
  file_mask_ = {kOffsetMask, kOffsetMask, psums - 1};
  for (std::size_t k = 0; k < 3; ++k) coordinate_[k] = SignedCoordinate(base[k]);
  const auto change = [](int64_t reset, int64_t delta, int32_t from = 0) {
    return reset != 0 ? Change{0, static_cast<int32_t>(from + delta)} : Change{~0, static_cast<int32_t>(delta)};
  };
  for (int l = 0; l < num_levels; ++l) {
    const auto at = static_cast<std::size_t>(l);
    const auto& [files, moved] = image.levels[at];
    last_[at] = static_cast<int32_t>(l == image.mode.ParamLevel ? param_last : files.Last);
    moves_[at] = {{change(files.IfmapReset, files.IfmapDelta), change(files.FilterReset, files.FilterDelta),
                   change(files.PsumReset, files.PsumDelta)},
                  {change(moved.YReset, moved.YDelta, coordinate_[0]), change(moved.XReset, moved.XDelta, coordinate_[1]),
                   change(moved.ZReset, moved.ZDelta, coordinate_[2])}};
  }
  Settle(num_levels - 1);
}

}  // namespace ecoflow
