// SPDX-License-Identifier: Apache-2.0
// What a mapping is estimated to cost, and which of two is better.
#pragma once

#include <tuple>

namespace ecoflow {

struct Cost {
  double cycles = 0;
  double words = 0;  // on all networks: GIN, GON and Local; a multicast counts once
};

// Whether the first is better. Mappings of equal cost: the one found first stays.
using Objective = bool (*)(const Cost&, const Cost&);

inline bool FewestCycles(const Cost& a, const Cost& b) {
  return std::tie(a.cycles, a.words) < std::tie(b.cycles, b.words);
}
inline bool FewestWords(const Cost& a, const Cost& b) {
  return std::tie(a.words, a.cycles) < std::tie(b.words, b.cycles);
}

}  // namespace ecoflow
