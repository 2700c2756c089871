// SPDX-License-Identifier: Apache-2.0
// What a mapping is estimated to cost, and which of two is better.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <tuple>

namespace ecoflow {

struct Cost {
  double cycles = 0;
  double words = 0;  // on all networks: GIN, GON and Local; a multicast counts once

  int64_t WholeCycles() const { return std::llround(std::min(cycles, 0x1p62)); }
};

// Cycles of a PE that adds `times` products to each of `psums` psums, one product to each in turn: a sum
// can go on when the adder has its last one, `adder_latency` cycles later.
inline int64_t CyclesInTurn(int64_t psums, int64_t times, int64_t adder_latency) {
  return (times - 1) * std::max(psums, adder_latency) + psums;
}

// What the GON makes PEs wait after a burst of `sums`, of which the output queue holds some; `take`:
// cycles in which the GON takes one from every PE that sends it some.
inline double WaitAfterBurst(int64_t sums, int64_t queue_depth, double take) {
  return std::max(0.0, static_cast<double>(sums - queue_depth) * take - static_cast<double>(sums));
}

// Cycles in which the configuration port brings the words of a pass: `alike` headers and words where rows or columns
// are alike, else one for each of `pes` (WordsOnPort).
inline double PortCycles(int64_t alike, int64_t pes) { return static_cast<double>(std::min(2 * alike, pes + 1)); }

// Cycles up to which a mapping is worth trying beside one of `best` cycles: what estimates may be off by is a share of the
// cycles, up to so many, and a few of short runs (docs/architecture.md, "Choice of a mapping").
inline double WorthTrying(double best) { return best + std::min(0.1 * best, 300000.0) + 10000; }

// Whether the first is better. Mappings of equal cost: the one found first stays.
using Objective = bool (*)(const Cost&, const Cost&);

inline bool FewestCycles(const Cost& a, const Cost& b) {
  return std::tie(a.cycles, a.words) < std::tie(b.cycles, b.words);
}
inline bool FewestWords(const Cost& a, const Cost& b) {
  return std::tie(a.words, a.cycles) < std::tie(b.words, b.cycles);
}

}  // namespace ecoflow
