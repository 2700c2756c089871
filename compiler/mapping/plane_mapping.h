// SPDX-License-Identifier: Apache-2.0
// A plane per PE, for depthwise layers: a PE computes everything of one result channel whose sums
// have a single input channel (grouping, Sec. 4.1.1: several results on one PE). It keeps a window of
// input rows in its ifmap file, which the sweep over the map slides along; both input networks
// fill the file, `wide_words` and `narrow_words` in turn; likewise the file of a gradient's errors.
//
// Forward passes sweep over the results and multiply the window with the kernel, held in the filter
// file. Filter gradients sweep over the errors, each taken from the filter file once, and keep one
// psum for each element of the window.
#pragma once

#include <array>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>

#include "base/result.h"
#include "compiler/dataflow/direct.h"
#include "compiler/mapping/cost.h"
#include "gen/config/hw_config.h"

namespace ecoflow {

struct PlaneMapping {
  DirectProblem problem;
  bool gradient = false;  // the window are the results, the sweep the kernel (the errors)

  std::array<int64_t, 2> window = {1, 1}, window_step = {1, 1};
  std::array<int64_t, 2> sweep = {1, 1}, sweep_step = {1, 1};
  int64_t images = 1;
  int64_t bands = 1;        // of the sweep's rows, on PEs of their own; `sweep` has the rows of one

  int64_t chunks = 1;       // of the sweep's columns: one pass each
  int64_t columns = 1;      // of the sweep in a chunk
  int64_t wide_words = 1, narrow_words = 0;  // of the input, in turn
  int64_t error_wide = 0, error_narrow = 1;  // of a gradient's errors, in turn

  // Input of a pass: images of rows x width words, in raster order.
  int64_t rows() const { return (sweep[0] - 1) * sweep_step[0] + (window[0] - 1) * window_step[0] + 1; }
  int64_t width() const { return (columns - 1) * sweep_step[1] + (window[1] - 1) * window_step[1] + 1; }
  int64_t words() const { return images * rows() * width(); }
  int64_t turn() const { return wide_words + narrow_words; }
  int64_t turns() const { return (words() + turn() - 1) / turn(); }
  int64_t fillers() const { return turns() * turn() - words(); }
  // Words from the first that the window needs to the last.
  int64_t resident() const {
    return (window[0] - 1) * window_step[0] * width() + (window[1] - 1) * window_step[1] + 1;
  }
  // Words freed when the sweep steps to the next row, and at the end of an image.
  int64_t row_release() const { return sweep_step[0] * width() - (columns - 1) * sweep_step[1]; }
  int64_t image_release() const {
    return (rows() - (sweep[0] - 1) * sweep_step[0]) * width() - (columns - 1) * sweep_step[1];
  }

  // Errors of a pass; the last turn is filled up.
  int64_t errors() const { return images * sweep[0] * columns; }
  int64_t error_turn() const { return error_wide + error_narrow; }
  int64_t error_turns() const { return (errors() + error_turn() - 1) / error_turn(); }
  int64_t error_fillers() const { return error_turns() * error_turn() - errors(); }

  int64_t SweepRows() const { return gradient ? problem.kernel[0] : problem.out[0]; }
  bool LastBandIsShort() const { return bands * sweep[0] > SweepRows(); }
  bool LastChunkIsShort() const { return chunks * columns > sweep[1]; }

  int64_t channels() const { return problem.groups * problem.outc; }
  int64_t units() const { return channels() * bands; }  // a band of a channel on a PE
  int64_t slots() const {  // words of the accumulator: the bands and chunks of a gradient add up
    return gradient && bands * chunks > 1 ? channels() * window[0] * window[1] : 0;
  }
  int64_t rounds(int64_t pes) const { return (units() + pes - 1) / pes; }
  Cost cost;  // estimated
};

// The mapping with the fewest estimated cycles; none when the problem is not depthwise or a window
// does not fit.
std::optional<PlaneMapping> MapPlanes(const DirectProblem& problem, bool gradient,
                                      const HwConfig& config, Objective better = FewestCycles);

nlohmann::ordered_json ToJson(const PlaneMapping& mapping);

}  // namespace ecoflow
