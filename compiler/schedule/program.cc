// SPDX-License-Identifier: Apache-2.0
#include "compiler/schedule/program.h"

#include <algorithm>

namespace ecoflow {
namespace {

std::size_t At(int level) { return static_cast<std::size_t>(level); }

}  // namespace

ProgramBuilder::ProgramBuilder(const HwConfig& hw) : end_(hw.num_levels()) {
  image_.mode.ParamLevel = kNoParamLevel;
  image_.levels.resize(At(end_) + 1);
  for (auto& steps : step_) steps.resize(At(end_) + 1, 0);
}

ProgramBuilder& ProgramBuilder::Loop(int level, int64_t count) {
  CHECK(level >= 0 && level < end_ && count >= 1);
  image_.levels[At(level)].files.Last = count - 1;
  return *this;
}

ProgramBuilder& ProgramBuilder::ParamLoop(int level) {
  CHECK(level >= 0 && level < end_);
  image_.mode.ParamLevel = level;
  return *this;
}

ProgramBuilder& ProgramBuilder::Ragged(int64_t steps) {
  image_.limit.Ragged = steps;
  return *this;
}

ProgramBuilder& ProgramBuilder::Sum(std::initializer_list<int> levels) {
  for (const int level : levels) image_.mode.ReduceMask |= int64_t{1} << level;
  return *this;
}

ProgramBuilder& ProgramBuilder::Move(Moving what, int level, int64_t step) {
  CHECK(level >= 0 && level < end_);
  step_[static_cast<std::size_t>(what)][At(level)] = step;
  return *this;
}

ProgramBuilder& ProgramBuilder::Free(Moving file, int level, int64_t words) {
  CHECK(file == Moving::kIfmap || file == Moving::kFilter);
  for (int l = level; l <= end_; ++l) {
    LevelFilesWord& record = image_.levels[At(l)].files;
    (file == Moving::kIfmap ? record.IfmapRelease : record.FilterRelease) = words;
  }
  return *this;
}

ProgramBuilder& ProgramBuilder::Check(Moving coordinate, RangeKind kind, int64_t limit) {
  switch (coordinate) {
    case Moving::kY: image_.mode.YKind = kind, image_.limit.YLimit = limit; break;
    case Moving::kX: image_.mode.XKind = kind, image_.limit.XLimit = limit; break;
    case Moving::kZ: image_.mode.ZKind = kind, image_.limit.ZLimit = limit; break;
    default: CHECK(false);
  }
  return *this;
}

ProgramBuilder& ProgramBuilder::ChainWholePsums() {
  image_.mode.ChainAtEnd = 1;
  image_.mode.ChainOutMax = most::Mode::ChainOutMax;
  return *this;
}

bool ProgramBuilder::Varies(int level) const {
  return level == image_.mode.ParamLevel || (level == 1 && image_.limit.Ragged > 0);
}

bool ProgramBuilder::Steps(int level) const {
  return level == end_ || Varies(level) || image_.levels[At(level)].files.Last > 0;
}

// From the last indices of the levels within to their first.
int64_t ProgramBuilder::DeltaOf(Moving what, int level, bool& reset) const {
  const std::vector<int64_t>& step = step_[static_cast<std::size_t>(what)];
  const auto moves = [&](int l) { return step[At(l)] != 0 && Steps(l); };
  bool outside = false, within = false, varies = false;
  int64_t delta = level < end_ ? step[At(level)] : 0;
  for (int l = level; l < end_; ++l) outside = outside || moves(l);
  for (int l = 0; l < level; ++l) {
    if (!moves(l)) continue;
    within = true;
    varies = varies || Varies(l);
    delta -= step[At(l)] * image_.levels[At(l)].files.Last;
  }
  reset = within && !outside;
  if (reset) return 0;
  CHECK(!varies);  // no fixed way back
  return delta;
}

Result<std::vector<uint64_t>> ProgramBuilder::Words() const {
  PeImage image = image_;
  for (int l = 0; l <= end_; ++l) {
    auto& [files, coordinates] = image.levels[At(l)];
    if (!Steps(l)) {
      files = {}, coordinates = {};
      continue;
    }
    const auto set = [&](Moving what, int64_t& reset_field, int64_t& delta_field) {
      bool reset = false;
      delta_field = DeltaOf(what, l, reset);
      reset_field = reset;
    };
    set(Moving::kIfmap, files.IfmapReset, files.IfmapDelta);
    set(Moving::kFilter, files.FilterReset, files.FilterDelta);
    set(Moving::kPsum, files.PsumReset, files.PsumDelta);
    set(Moving::kY, coordinates.YReset, coordinates.YDelta);
    set(Moving::kX, coordinates.XReset, coordinates.XDelta);
    set(Moving::kZ, coordinates.ZReset, coordinates.ZDelta);
  }
  return Encode(image);
}

}  // namespace ecoflow
