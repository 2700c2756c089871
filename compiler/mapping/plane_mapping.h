// SPDX-License-Identifier: Apache-2.0
// A plane per PE, for depthwise layers: a PE computes everything of one result channel whose sums
// have a single input channel (grouping, Sec. 4.1.1: several results on one PE). It keeps a window of
// input rows in its ifmap file, which the sweep over the map slides along; both input networks
// fill the file, `wide_words` and `narrow_words` in turn. The window is multiplied with the kernel, held in the filter
// file. (Filter gradients, whose kernel is a map, run as tiles: tile_mapping.h.)
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

  std::array<int64_t, 2> window = {1, 1}, window_step = {1, 1};
  std::array<int64_t, 2> sweep = {1, 1}, sweep_step = {1, 1};
  int64_t images = 1;
  int64_t bands = 1;        // of the sweep's rows, on PEs of their own; `sweep` has the rows of one

  int64_t chunks = 1;       // of the sweep's columns: one pass each
  int64_t columns = 1;      // of the sweep in a chunk
  int64_t wide_words = 1, narrow_words = 0;  // of the input, in turn

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

  bool LastBandIsShort() const { return bands * sweep[0] > problem.out[0]; }
  bool LastChunkIsShort() const { return chunks * columns > sweep[1]; }

  int64_t channels() const { return problem.groups * problem.outc; }
  int64_t units() const { return channels() * bands; }  // a band of a channel on a PE
  int64_t rounds(int64_t pes) const { return (units() + pes - 1) / pes; }
  Cost cost;  // estimated
};

// The mapping with the fewest estimated cycles; none when the problem is not depthwise or a window
// does not fit.
std::optional<PlaneMapping> MapPlanes(const DirectProblem& problem, const HwConfig& config,
                                      Objective better = FewestCycles);

nlohmann::ordered_json ToJson(const PlaneMapping& mapping);

}  // namespace ecoflow
