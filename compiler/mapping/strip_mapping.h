// SPDX-License-Identifier: Apache-2.0
// Where the symbol columns of a transposed convolution sit in the array (Sec. 4.1.1).
//
// A PE takes one error column of the symbolic outer product with the columns that the circular
// shift brings it: error element (oy, ox) and its T-1 left neighbours. PE columns hold neighbouring
// ox; `groups` such blocks side by side work on different channels (expansion). PE rows hold
// consecutive positions of a stack of all error rows: a run is a set of rows whose labels meet.
// What does not fit the array becomes further passes: bands of the stack, tiles of channels, blocks
// of filters (Algorithm 1: N, R, T, Q, P).
//
// An adder of several cycles asks for sums in turn. Then `turn` channels take turns, weight by weight. The
// FSM has no level left for what is ragged, so that a round of passes shares the errors: one pass for each
// kind of kernel rows, of label columns, and for the channels that are left.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>

#include "base/ints.h"
#include "base/result.h"
#include "compiler/dataflow/transposed.h"
#include "compiler/mapping/cost.h"
#include "gen/config/hw_config.h"

namespace ecoflow {

// What takes turns of a channel.
enum class Inner { kNone, kColumns, kShifts };

// Label columns of a PE, and the shifts of theirs that a pass multiplies.
struct LabelKind {
  int64_t first = 0, columns = 0;
  int64_t first_shift = 0, shifts = 0;
  Inner inner = Inner::kNone;

  int64_t parts() const { return inner == Inner::kShifts ? shifts : 1; }  // psums of a label
  int64_t turn() const { return inner == Inner::kColumns ? columns : parts(); }
  int64_t outer_columns() const { return inner == Inner::kColumns ? 1 : columns; }
  int64_t outer_shifts() const { return inner == Inner::kShifts ? 1 : shifts; }
};
struct LabelKinds {
  std::array<LabelKind, 3> kind;
  std::size_t size = 0;

  const LabelKind* begin() const { return kind.data(); }
  const LabelKind* end() const { return kind.data() + size; }
  const LabelKind& operator[](int64_t k) const { return kind[static_cast<std::size_t>(k)]; }
  // The most of any kind.
  template <typename Extent>
  int64_t Most(Extent extent) const {
    int64_t most = 0;
    for (const LabelKind& k : *this) most = std::max<int64_t>(most, (k.*extent)());
    return most;
  }
};

struct StripMapping {
  TransposedProblem problem;

  // Geometry of the labels, from stride and dilation: errors `reach[axis]` apart meet in labels
  // `period[axis]` taps apart.
  int64_t reach_y = 1, reach_x = 1;
  int64_t period_y = 1, period_x = 1;
  int64_t shifts = 1;      // T: error elements of a row that one PE multiplies
  int64_t columns_j = 1;   // label columns per PE: min(period_x, kernel width)

  // Label columns that the last shift does not reach. They come first: what it needs may still be
  // on its way then.
  int64_t ragged_columns() const { return shifts * period_x - std::max(problem.kernel[1], period_x); }

  // Kernel rows are done residue by residue modulo `row_step`: all at once (1), or rows whose labels meet
  // one after the other (period_y). Rows of a residue, at most; residues that have one less.
  int64_t row_step = 1;
  int64_t residues() const { return std::min(row_step, problem.kernel[0]); }
  int64_t residue_rows() const { return CeilDiv(problem.kernel[0], row_step); }
  int64_t ragged_residues() const {
    return residue_rows() * row_step - std::max(problem.kernel[0], row_step);
  }

  // Columns of the array.
  int64_t width = 1;       // U: neighbouring error columns in a block of PE columns
  int64_t blocks = 1;      // G: blocks side by side, each with its own channels
  bool circular = false;   // the shift wraps round inside the block (small maps)
  int64_t classes_x = 1;   // error columns modulo reach_x
  int64_t segments = 1;    // blocks of `width` that a class needs

  // Rows of the array: stack position = (((class*segments + segment)*batch + n)*classes_y
  // + oy mod reach_y)*run + oy div reach_y.
  int64_t classes_y = 1;
  int64_t run = 1;         // rows whose labels meet
  int64_t stack = 1;       // rows in all
  int64_t bands = 1;       // passes over the stack
  bool chain = true;       // labels climb the column; false: each row's part goes out by itself

  // Channels and filters.
  int64_t filters = 1;     // nf: filters held in a PE at a time
  int64_t filter_blocks = 1;
  int64_t channels = 1;    // channels of a tile in turns, per block of columns
  int64_t channel_tiles = 1;
  int64_t turn = 1;        // channels that take turns
  // Where channels are too few, something of each takes turns: parts of the filters, which meet in the accumulator, or by
  // kind of label columns these or their shifts.
  int64_t filter_turn = 1;
  std::array<Inner, 3> inner = {Inner::kNone, Inner::kNone, Inner::kNone};  // of label_kinds()
  bool fillers = false;  // ragged columns are taken as the others and multiply fillers
  int64_t joined = 0;    // full columns whose last shift is done apart, so that they take turns with the ragged ones
  bool inner_turns() const;
  bool in_turn() const { return turn > 1 || filter_turn > 1 || inner_turns(); }
  int64_t part_filters() const { return filters / filter_turn; }
  int64_t left = 0;        // channels of a tile that turns leave over, a shorter turn of their own
  int64_t turns() const { return channels / turn; }  // of a tile, per block of columns

  // Passes of a round: kinds of label columns, of residues, of channels. Without turns the FSM knows what is ragged.
  LabelKinds label_kinds() const;  // in the order of their passes
  int64_t column_kinds() const;
  int64_t row_kinds() const { return ragged_residues() > 0 ? 2 : 1; }
  int64_t channel_kinds() const { return left > 0 ? 2 : 1; }
  int64_t pass_residues() const {  // the most of a pass
    return std::max(residues() - ragged_residues(), ragged_residues());
  }
  int64_t round() const { return row_kinds() * column_kinds() * channel_kinds(); }
  // Steps of Z from an error to its neighbour: in turns one for each filter.
  int64_t z_step() const { return in_turn() && shifts > 1 ? part_filters() : 1; }

  bool errors_wide = false;  // errors on the wide network, weights on the narrow one; or the other way

  // Network: a word reaches `fan` neighbouring columns by one tag; it is sent shifts / fan times.
  int64_t fan = 1;

  // Accumulator.
  int64_t slot_window = 1;  // label rows that can be live at a time
  int64_t slots = 0;        // words used, 0: every sum is complete when it leaves

  int64_t passes() const {
    return problem.groups * channel_tiles * bands * filter_blocks * round();
  }
  Cost cost;  // estimated
};

// Searches the best parameters by estimated cost. Fails (bad input) when the layer
// cannot run on the array. `fillers`: products with words of no element are allowed.
Result<StripMapping> MapStrips(const TransposedProblem& problem, const HwConfig& config,
                               Objective better = FewestCycles, bool fillers = false);

// As MapStrips with the width given (tests and the worked example).
Result<StripMapping> MapStripsWithWidth(const TransposedProblem& problem, const HwConfig& config,
                                        int64_t width);

nlohmann::ordered_json ToJson(const StripMapping& mapping);

}  // namespace ecoflow
