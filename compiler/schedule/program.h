// SPDX-License-Identifier: Apache-2.0
// Builds the program of a PE from what it means: loops, and what each register is as a function of their
// indices. How far a register moves when a loop steps, and where it is set back, follows.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "base/result.h"
#include "gen/config/hw_config.h"
#include "isa/pe_image.h"

namespace ecoflow {

// What moves with the loops: offsets in the files, the psum, coordinates.
enum class Moving { kIfmap, kFilter, kPsum, kY, kX, kZ };
inline constexpr std::size_t kNumMoving = 6;

class ProgramBuilder {
 public:
  explicit ProgramBuilder(const HwConfig& hw);

  // A loop of `count` steps; level 0 is the innermost one. Levels without a loop are run once.
  ProgramBuilder& Loop(int level, int64_t count);
  // A loop whose last index the pass word gives (ParamLast).
  ProgramBuilder& ParamLoop(int level);
  // Level 1 is one step shorter while the index of level 3 is below `steps`.
  ProgramBuilder& Ragged(int64_t steps);
  // The products of these levels are summed into one psum.
  ProgramBuilder& Sum(std::initializer_list<int> levels);
  // The register grows by `step` with each step of the loop: it is the sum of index * step over all loops
  // (a coordinate: plus its base). Offsets count from the first word that is not freed.
  ProgramBuilder& Move(Moving what, int level, int64_t step);
  // Words freed of a file whenever all loops within `level` are through: when it or an outer one steps, and at
  // the end of the pass. A later call for an outer level overrides.
  ProgramBuilder& Free(Moving file, int level, int64_t words);
  // Words freed at the end of the pass.
  ProgramBuilder& FreeAtEnd(Moving file, int64_t words) { return Free(file, end_, words); }
  // Range check of a coordinate.
  ProgramBuilder& Check(Moving coordinate, RangeKind kind, int64_t limit);
  // The psum from below is added when a psum ends, and every psum that ends may climb.
  ProgramBuilder& ChainWholePsums();
  // For what has no method of its own.
  ModeWord& mode() { return image_.mode; }

  // Image words. Fails (bad input) when a number does not fit its field.
  Result<std::vector<uint64_t>> Words() const;

 private:
  bool Varies(int level) const;  // its last index is not the same all through the pass
  bool Steps(int level) const;
  int64_t DeltaOf(Moving what, int level, bool& reset) const;

  PeImage image_;
  int end_;  // level number of the end of the pass
  std::array<std::vector<int64_t>, kNumMoving> step_;  // by level
};

}  // namespace ecoflow
