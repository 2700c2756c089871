// SPDX-License-Identifier: Apache-2.0
// Matrix product on chains: fixed vectors x streamed items, reduced over k. A PE holds `columns`
// vectors of `depth` words of the fixed operand; of the streamed operand each item sends `depth`
// words to a row of all PE columns. An item gives each PE `columns` sums, which climb a chain of
// `chain` rows; further blocks of k meet in the accumulator. `turn` sums grow at a time, so that an adder
// of several cycles is never asked for a sum that it still works on.
//
// A direct convolution is such a product over k = (summed channel, kernel row, kernel column):
// result positions (gathered word by word) times filters, either of them fixed. Results that meet the
// same taps are a product without border zeros; a layer with borders is several products, one after
// the other: of the results that meet the same taps, or of each tap with the results that it meets, whose sums
// then meet in the accumulator; or, where that is faster, fewer ones whose border zeros are multiplied (gated).
// A transposed convolution is one over k = filter, of errors with kernel elements; each sum is
// scattered to the result element of its label, and the accumulator adds up what meets there. No
// zero is inserted; where labels reach into the padding, errors that meet results with the same taps are a part, or, where
// that is faster, the sums of labels without a result are worked out and dropped.
#pragma once

#include <array>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "base/ints.h"
#include "base/result.h"
#include "compiler/dataflow/direct.h"
#include "compiler/dataflow/transposed.h"
#include "compiler/mapping/cost.h"
#include "gen/config/hw_config.h"

namespace ecoflow {

enum class MatrixKind {
  kPositionsFixed,  // direct: positions are fixed, filters streamed
  kFiltersFixed,    // direct: filters are fixed, positions streamed
  kScatter,         // transposed: errors are fixed, (channel, kernel element) streamed
};

// How direct problems with borders are cut.
enum class Borders {
  kSections,  // by the results that meet the same taps: no border zero is multiplied
  kTaps,      // by taps: likewise
  kZeros,     // coarser ones of either, whose border zeros are multiplied
};

struct MatrixMapping {
  MatrixKind kind = MatrixKind::kPositionsFixed;
  DirectProblem direct;          // of the first two kinds
  TransposedProblem transposed;  // of the third

  bool stream_wide = true;  // network of the streamed operand; the fixed one uses the other
  int64_t chain = 1;        // PE rows that a sum climbs
  int64_t chains = 1;       // above each other, with different fixed vectors
  int64_t depth = 1;        // words of k per PE
  int64_t columns = 1;      // fixed vectors per PE
  int64_t turn = 1;         // of these, vectors that take turns word by word of k: divides `columns`
  int64_t items = 1;        // streamed in a pass, to each side
  int64_t sides = 1;        // groups of PE columns side by side, with the same fixed vectors and different items
  int64_t ring_rows = 1;    // scatter: result rows that can be live at a time
  // Words of each PE's first block that the streamed operand's network brings, before any item.
  int64_t early = 0;

  // Words of the fixed operand that the wide and the narrow network bring in turn; 0, 0: its own network alone.
  int64_t turn_wide = 0, turn_narrow = 0;

  // Streamed words that a row takes from the wide and the narrow network in turn, whatever item they belong to;
  // 0, 0: from one network alone.
  int64_t flow_wide = 0, flow_narrow = 0;

  // Numbers of passes, outermost loop first.
  int64_t item_blocks = 1, fixed_blocks = 1, depth_blocks = 1;
  int64_t slots = 0;        // words of the accumulator used

  bool one_of_parts = false;  // another part takes words before or after it
  // Direct: other parts do other taps of the same results, and the sums meet in the accumulator. By axis:
  // whether taps come before and after those of this part, and how far apart their inputs are.
  struct OtherTaps {
    bool before = false, after = false;
    int64_t distance = 1;
  };
  std::array<OtherTaps, 2> other_taps;
  // Scatter: likewise, with errors and taps of the whole layer, and where those of this part begin.
  struct WholeAxis {
    int64_t errors = 1, taps = 1, first_error = 0, first_tap = 0;
  };
  std::array<WholeAxis, 2> whole;
  bool meets_parts = false;
  TensorAddress slot_at;    // then: where the sum of a result is kept
  // Direct: of the words of k of the layer, those that this part does; 0: all. Sums of the parts meet.
  int64_t first_k = 0, words_of_k = 0;

  bool scatter() const { return kind == MatrixKind::kScatter; }
  // Scatter: whether some sums belong to no result, since padding cuts it away.
  bool drops() const { return !meets_parts && UsefulMacs(transposed) != AllMacs(transposed); }
  int64_t groups() const { return scatter() ? transposed.groups : direct.groups; }
  int64_t all_fixed() const;
  int64_t all_items() const;
  int64_t all_depth() const;
  int64_t passes() const { return groups() * item_blocks * fixed_blocks * depth_blocks; }
  int64_t side_columns(const HwConfig& hw) const { return hw.columns / sides; }
  int64_t places(const HwConfig& hw) const { return chains * side_columns(hw); }  // of fixed vectors
  int64_t step() const { return items * sides; }                                  // items of a pass
  bool flows() const { return flow_wide > 0; }
  int64_t flow() const { return flow_wide + flow_narrow; }
  // Whether the streamed words of a pass and the fixed ones of another interrupt each other. Fillers then end them, so that
  // what comes next begins a turn.
  bool interrupted() const { return flows() && (passes() > 1 || one_of_parts); }
  int64_t flow_fillers() const { return interrupted() ? CeilDiv(items * depth, flow()) * flow() - items * depth : 0; }
  // Whether each streamed word meets all vectors of a PE in turn and is freed then; otherwise an item's are, together.
  bool frees_words() const { return turn == columns; }
  bool split() const { return turn_wide > 0; }
  // Words of the fixed operand that a PE gets for a pass: whole turns, so that the last may be fillers.
  int64_t block() const { return split() ? CeilDiv(columns * depth, turn_wide + turn_narrow) * (turn_wide + turn_narrow) : columns * depth; }
  int64_t pieces() const { return split() ? block() / (turn_wide + turn_narrow) : 1; }  // turns of a block
  Cost cost;  // estimated
};

// Products that run one after the other, with the same chains and networks.
struct MatrixParts {
  std::vector<MatrixMapping> parts;
  std::string borders = "none";  // how they were cut
  Cost cost;  // estimated
};

// The best mappings of direct problems, one after the other, by estimated cost: with each operand on its own
// network, and with one on both where that may be faster. None when the array cannot run the layer so.
std::vector<MatrixParts> MapMatrix(const std::vector<DirectProblem>& problems, Borders borders,
                                   const HwConfig& config, Objective better = FewestCycles);
std::vector<MatrixParts> MapMatrix(const TransposedProblem& problem, const HwConfig& config,
                                   Objective better = FewestCycles);

// Columns of a row of labels in the accumulator: those that differ by the stride lie side by side.
int64_t ScatterRowSlots(const TransposedProblem& problem);

nlohmann::ordered_json ToJson(const MatrixParts& mapping);

}  // namespace ecoflow
