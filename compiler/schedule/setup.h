// SPDX-License-Identifier: Apache-2.0
// Configuration words before the first pass: IDs of all controllers, loaders, enable.
#pragma once

#include <cstdint>
#include <vector>

#include "gen/config/hw_config.h"

namespace ecoflow {

inline constexpr int64_t kLongestTurn = 4095;  // words of a loader's turn

using IdList = std::vector<int64_t>;  // tags that a controller takes

// What the setup says, by row or by PE (row-major); controllers without IDs take nothing.
struct ArraySetup {
  explicit ArraySetup(const HwConfig& hw);
  IdList& PeWide(int64_t row, int64_t col) { return col_wide[Index(row, col)]; }
  IdList& PeNarrow(int64_t row, int64_t col) { return col_narrow[Index(row, col)]; }

  std::vector<IdList> row_wide, row_narrow;
  std::vector<IdList> col_wide, col_narrow;
  // Words that a file takes from the wide and the narrow network, in turn; the wide one begins unless
  // it has none.
  int64_t ifmap_wide = 0, ifmap_narrow = 0, filter_wide = 0, filter_narrow = 0;
  bool filter_narrow_first = false;

  std::vector<uint64_t> Words() const;

 private:
  std::size_t Index(int64_t row, int64_t col) const {
    return static_cast<std::size_t>(row * columns_ + col);
  }
  int rows_, columns_, ids_, id_bits_, num_tags_;
};

}  // namespace ecoflow
