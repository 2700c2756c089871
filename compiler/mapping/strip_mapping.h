// SPDX-License-Identifier: Apache-2.0
// Where the symbol columns of a transposed convolution sit in the array (Sec. 4.1.1).
//
// A PE takes one error column of the symbolic outer product with the columns that the circular
// shift brings it: error element (oy, ox) and its T-1 left neighbours. PE columns hold neighbouring
// ox; `groups` such blocks side by side work on different channels (expansion). PE rows hold
// consecutive positions of a stack of all error rows: a run is a set of rows whose labels meet.
// What does not fit the array becomes further passes: bands of the stack, tiles of channels, blocks
// of filters (Algorithm 1: N, R, T, Q, P).
#pragma once

#include <algorithm>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>

#include "base/result.h"
#include "compiler/dataflow/transposed.h"
#include "compiler/mapping/cost.h"
#include "gen/config/hw_config.h"

namespace ecoflow {

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
  int64_t channels = 1;    // channels of a tile, per block of columns
  int64_t channel_tiles = 1;

  // Network: a word reaches `fan` neighbouring columns by one tag; it is sent shifts / fan times.
  int64_t fan = 1;

  // Accumulator.
  int64_t slot_window = 1;  // label rows that can be live at a time
  int64_t slots = 0;        // words used, 0: every sum is complete when it leaves

  int64_t passes() const {
    return problem.groups * channel_tiles * bands * filter_blocks;
  }
  Cost cost;  // estimated
};

// Searches the best parameters by estimated cost. Fails (bad input) when the layer
// cannot run on the array.
Result<StripMapping> MapStrips(const TransposedProblem& problem, const HwConfig& config,
                               Objective better = FewestCycles);

// As MapStrips with the width given (tests and the worked example).
Result<StripMapping> MapStripsWithWidth(const TransposedProblem& problem, const HwConfig& config,
                                        int64_t width);

nlohmann::ordered_json ToJson(const StripMapping& mapping);

}  // namespace ecoflow
