// SPDX-License-Identifier: Apache-2.0
// Row-stationary mapping (Sec. 2.3 and the Eyeriss papers): a PE for each kernel row and result
// row. A PE holds a row of p filters and q channels and slides along a row of the input; input
// rows reach their PEs by diagonal multicast, psums climb the column.
//
// A PE set is `kernel_rows` by `e` PEs, for some channels and a chunk of the kernel's rows. r sets above each other add up,
// t such chains work on different filters, `images` sets side by side on different images. What does not fit is cut into
// processing passes: bands of result rows, tiles of result columns, blocks of filters, images, sets, kernel columns. Sets
// count through the chunks of the first channels, of the next ones, and so on, so that chains are full whatever the
// kernel's height. Neighbours in a chain that have the same channels are a run: they share input rows.
#pragma once

#include <algorithm>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <numeric>
#include <utility>
#include <vector>

#include "base/ints.h"
#include "base/result.h"
#include "compiler/dataflow/direct.h"
#include "compiler/mapping/cost.h"
#include "gen/config/hw_config.h"

namespace ecoflow {

struct RowMapping {
  DirectProblem problem;      // dilation 1
  bool skip_borders = false;  // products with border zeros are not issued

  int64_t p = 1, q = 1;   // filters and channels that a PE holds at a time
  int64_t r = 1, t = 1;   // sets of a chain, and chains for filters
  int64_t e = 1;          // result rows of a set
  int64_t n = 1;          // images that a pass streams through each set
  int64_t kernel_rows = 1;  // of a set
  int64_t row_chunks = 1;   // of the kernel
  int64_t run = 1;          // sets that share input rows, at most: all chunks of a channel, or 1
  int64_t taps = 1;         // kernel columns of a pass
  int64_t images = 1;       // sets side by side
  int64_t columns = 1;      // result columns of a pass

  // Words of a turn of the input's loader, by network. Filters come over the network without input, else over the
  // wide one.
  int64_t input_wide = 1, input_narrow = 0;

  // Numbers of passes, outermost loop first.
  int64_t filter_blocks = 1, bands = 1, tiles = 1, image_blocks = 1;
  int64_t set_blocks = 1, tap_chunks = 1;

  int64_t chain() const { return r * kernel_rows; }  // PEs that a psum climbs
  int64_t partials() const { return set_blocks * tap_chunks; }
  int64_t sets() const { return problem.red / q * row_chunks; }  // of a sum
  // Runs of a chain in a block of sets: first and last set of each. A run may be cut between blocks.
  std::vector<std::pair<int64_t, int64_t>> RunsOf(int64_t set_block) const {
    std::vector<std::pair<int64_t, int64_t>> runs;
    for (int64_t set = 0; set < r; set = runs.back().second + 1) {
      runs.emplace_back(set, std::min(r - 1, set + run - 1 - (set_block * r + set) % run));
    }
    return runs;
  }
  // Tags of the runs that a set is ever part of: the sum of first and last set. Of runs that follow each other without a gap,
  // all but the first and the last with the same length, no two have the same.
  std::vector<int64_t> RunTagsOf(int64_t set) const {
    std::vector<int64_t> tags;
    for (int64_t block = 0; block < ways_to_begin(); ++block) {
      for (const auto& [first, last] : RunsOf(block)) {
        if (first > set || last < set) continue;
        if (std::find(tags.begin(), tags.end(), first + last) == tags.end()) tags.push_back(first + last);
      }
    }
    return tags;
  }
  int64_t ways_to_begin() const { return std::min(set_blocks, run / std::gcd(r, run)); }  // of chains
  int64_t most_runs() const { return CeilDiv(r + run - std::gcd(r, run), run); }
  double runs() const { return static_cast<double>(r + run - std::gcd(r, run)) / static_cast<double>(run); }  // on average
  // Input rows that differ by the stride share a row tag; along it, column tags count diagonals: of a set, or, where sets
  // share them, of the chain.
  int64_t row_classes() const {
    return problem.stride[0] < kernel_rows ? problem.stride[0] : kernel_rows;
  }
  int64_t diagonals() const { return ((run > 1 ? chain() : kernel_rows) - 1) / problem.stride[0] + e; }
  int64_t run_diagonals() const { return (std::min(r, run) * kernel_rows - 1) / problem.stride[0] + e; }  // of a run
  // A tap column tile that lies apart from the next result's: only its columns are sent.
  bool gaps() const { return problem.stride[1] > taps; }
  int64_t step() const { return gaps() ? taps : problem.stride[1]; }  // columns per result
  bool filters_wide() const { return input_wide == 0 || input_narrow > 0; }
  bool input_on_both() const { return input_wide > 0 && input_narrow > 0; }
  // Input words of a PE and an image, and what fills up the last turn of the loader.
  int64_t input_words(int64_t results, int64_t of_kernel) const { return ((results - 1) * step() + of_kernel) * q; }
  int64_t input_fillers(int64_t results, int64_t of_kernel) const {
    const int64_t words = input_words(results, of_kernel), turn = input_wide + input_narrow;
    return CeilDiv(words, turn) * turn - words;
  }
  // Tags of input rows, on the buses' rows and columns; those of filters follow where a network carries both.
  int64_t input_row_tags() const { return run > 1 ? 2 * r - 1 : r * row_classes(); }
  int64_t input_col_tags() const { return images * diagonals(); }
  int64_t slots() const { return partials() == 1 ? 0 : n * columns * p * t * images * e; }
  int64_t passes() const {
    return problem.groups * filter_blocks * bands * tiles * image_blocks * partials();
  }
  Cost cost;  // estimated
};

// Searches the best parameters by estimated cost. Fails (bad input) when the layer
// cannot run on the array.
// `skip_borders` is for problems without inner zeros.
Result<RowMapping> MapRows(const DirectProblem& problem, bool skip_borders, const HwConfig& config,
                           Objective better = FewestCycles);

nlohmann::ordered_json ToJson(const RowMapping& mapping);

}  // namespace ecoflow
