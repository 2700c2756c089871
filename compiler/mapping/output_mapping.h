// SPDX-License-Identifier: Apache-2.0
// Results per PE (Sec. 4.2, "each filter gradient to one PE"): a PE computes one element of a
// result map, for as many result channels as its psum file holds. Kernel elements are broadcast,
// one a cycle; each input element is multicast to the PEs that use it. For a filter gradient the
// kernel is the map of errors and a result one gradient; forward passes run the same way.
//
// A line is `width` neighbouring results of a row of a result map. PE rows are divided into
// `sets` (filter sets, T in Algorithm 1), these into rows of lines, each of which is `expansion`
// physical rows: the taps of one result are spread over them, its psums climb (Sec. 4.2.2).
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <vector>

#include "base/result.h"
#include "compiler/dataflow/direct.h"
#include "compiler/mapping/cost.h"
#include "gen/config/hw_config.h"

namespace ecoflow {

struct OutputMapping {
  DirectProblem problem;

  // Lines.
  int64_t width = 1;          // results of a line
  int64_t chunks = 1;         // lines that a row of the result map needs
  int64_t lines_per_row = 1;  // side by side in a PE row
  int64_t line_rows = 1;      // PE rows of lines in a filter set

  // Filters and expansion.
  int64_t filters = 1;        // result channels per PE
  int64_t filter_blocks = 1;
  int64_t sets = 1;
  int64_t expansion = 1;
  bool expand_rows = true;    // over kernel rows; false: over channels

  // Multicast: results `period` apart use the same input elements, one tap later. A run is up to
  // `share` such results of a line; tag number min(x, share-1) + ... of Tag() reaches those that
  // use element x of the run.
  int64_t period = 1;
  int64_t share = 1;
  int64_t runs = 1;           // of each class modulo period

  // Kernel elements that the wide and the narrow network bring in turn, by way of the filter file; 0, 0: the
  // narrow one brings all, each used straight from the queue.
  int64_t turn_wide = 0, turn_narrow = 0;

  bool split() const { return turn_wide > 0; }
  int64_t turn() const { return turn_wide + turn_narrow; }
  // Kernel elements that a PE gets in a pass, in whole turns, of which the last may end with fillers.
  int64_t kernel_words() const { return filters * problem.red * problem.kernel[0] * problem.kernel[1] / expansion; }
  int64_t kernel_turns() const { return (kernel_words() + turn() - 1) / turn(); }
  int64_t kernel_fillers() const { return kernel_turns() * turn() - kernel_words(); }
  int64_t row_tags() const { return line_rows * expansion; }  // of input elements

  int64_t classes() const { return period < width ? period : width; }
  int64_t tags_per_run() const {
    return share - 1 + (share < problem.kernel[1] ? share : problem.kernel[1]);
  }
  int64_t tags() const { return lines_per_row * classes() * runs * tags_per_run(); }
  int64_t lines() const { return problem.batch * problem.out[0] * chunks; }
  int64_t lines_per_round() const { return line_rows * lines_per_row; }
  int64_t rounds() const { return (lines() + lines_per_round() - 1) / lines_per_round(); }
  int64_t set_rounds() const { return (filter_blocks + sets - 1) / sets; }
  int64_t passes() const { return problem.groups * set_rounds() * rounds(); }
  Cost cost;  // estimated
};

// Searches the best parameters by estimated cost. Fails (bad input) when the layer
// cannot run on the array.
Result<OutputMapping> MapOutputs(const DirectProblem& problem, const HwConfig& config,
                                 Objective better = FewestCycles);
// Likewise, with kernel elements on both networks: the best for each length of the wide one's turn.
std::vector<OutputMapping> MapOutputsSplit(const DirectProblem& problem, const HwConfig& config,
                                           Objective better = FewestCycles);

// As MapOutputs with width and expansion given (tests and the worked example).
Result<OutputMapping> MapOutputsWith(const DirectProblem& problem, const HwConfig& config,
                                     int64_t width, int64_t expansion,
                                     Objective better = FewestCycles);

nlohmann::ordered_json ToJson(const OutputMapping& mapping);

}  // namespace ecoflow
