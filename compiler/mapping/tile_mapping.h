// SPDX-License-Identifier: Apache-2.0
// A tile of results per PE, for layers with few channels in a sum or few results per channel: a PE keeps one psum for
// each result of a tile of one channel (grouping, Sec. 4.1.1: several results on one PE). Kernel elements come one
// after the other; each meets the tile's window of the input, which slides along in the ifmap file. What an operand
// element is used for: a kernel element for every result of the tile, an input element for every tap.
//
// Tiles that are neighbours on the map lie on neighbouring PEs and form a block: the kernel is multicast to all of
// them, an input element to those whose windows hold it (IDs by interval, Sec. 4.2). A block is a unit of work:
// one channel, one image, one `band` of the kernel's rows and perhaps one `chunk` of its columns.
//
// Or units cross: PEs are the pairs of some result channels and some windows (tiles, of any image) of a group. A kernel
// element is multicast to all windows of its channel, an input element to all channels that meet its window. A PE may
// have several channels then, and parts of the kernel lie side by side as groups do.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <vector>

#include "base/ints.h"
#include "compiler/dataflow/direct.h"
#include "compiler/mapping/cost.h"
#include "gen/config/hw_config.h"

namespace ecoflow {

// Index 0 of a pair is vertical, 1 horizontal.
struct TileMapping {
  DirectProblem problem;
  std::array<int64_t, 2> tile = {1, 1};   // results of a PE
  std::array<int64_t, 2> block = {1, 1};  // tiles that share words, on as many rows and columns of PEs

  int64_t filters = 1;  // result channels of a PE; more than one where units cross

  int64_t bands = 1;    // of the kernel's rows, on blocks of their own
  int64_t rows = 1;     // of the kernel in a band
  int64_t chunks = 1;   // of the kernel's columns, in passes of
  int64_t chunks_apart = 1;  // each, on blocks of their own: all of them or one; where units cross any divisor
  int64_t columns = 1;  // of the kernel in a chunk
  int64_t red_parts = 1;  // of the summed channels, on blocks of their own

  // Rounds that follow each other without a gap: the first rows of one are sent with the last ones of the one before.
  int64_t passes_on = 1;

  // A block takes the rows of the kernel that meet its rows of the input only; each operand on one network then. Of these a
  // tile takes its own, if the kernel has no dilation (crops_tiles).
  bool crop = false;

  // Units that cross: groups side by side, and of each blocks of `filters` channels and windows; no windows: units share
  // nothing. A group counts once for each band and for each chunk that is apart: they have words of their own, too. The
  // PEs of an outer index are a line of neighbours; lines go on from row to row, so that any number fills the array.
  struct Cross {
    int64_t groups = 1, outc = 1, windows = 0;
    bool windows_inside = true;  // lines have a channel each, else a window
    int64_t inner() const { return windows_inside ? windows : outc; }
    int64_t lines_of_group() const { return windows_inside ? outc : windows; }
    int64_t lines() const { return groups * lines_of_group(); }
    int64_t units() const { return lines() * inner(); }
  };
  Cross cross;

  // Words of a turn of the loaders, by network. A block of several tiles takes its input from one network, or, where its
  // tiles lie one below the other, parts of each row from both.
  int64_t input_wide = 1, input_narrow = 0;
  int64_t kernel_wide = 0, kernel_narrow = 1;

  // ---- blocks
  int64_t Blocks(int axis) const { return CeilDiv(problem.out[axis], tile[axis] * block[axis]); }
  bool TilesAreShort(int axis) const { return Blocks(axis) * block[axis] * tile[axis] > problem.out[axis]; }
  bool LastBandIsShort() const { return bands * rows > problem.kernel[0]; }
  bool LastChunkIsShort() const { return chunks * columns > problem.kernel[1]; }
  bool FiltersAreShort() const { return problem.outc % filters != 0; }
  // A PE has a coordinate to count each of these with: Z, and those of axes without a border.
  bool CanCount() const {
    const int results = TilesAreShort(0) + TilesAreShort(1) + FiltersAreShort();
    const int needed = (results == 0 ? SomeAreMissing() : results) + LastBandIsShort() + LastChunkIsShort();
    return needed <= 1 + !HasBorder(0) + !HasBorder(1);
  }
  // Whether a result meets an element that is not there.
  bool HasBorder(std::size_t axis) const {
    const int64_t last = (problem.out[axis] - 1) * problem.stride[axis] + (problem.kernel[axis] - 1) * problem.dilation[axis];
    return problem.pad[axis] > 0 || last - problem.pad[axis] >= problem.in[axis];
  }
  int64_t channels() const { return problem.groups * problem.outc * problem.batch; }
  int64_t chunk_passes() const { return chunks / chunks_apart; }
  int64_t red_on() const { return passes_on * red(); }  // summed channels of passes that go on
  int64_t red() const { return problem.red / red_parts; }  // summed channels of a unit
  int64_t units() const { return channels() * copies() * Blocks(0) * Blocks(1); }
  int64_t copies() const { return bands * chunks_apart * red_parts; }  // parts of a sum apart
  int64_t tile_results() const { return tile[0] * tile[1]; }
  int64_t pe_results() const { return filters * tile_results(); }

  // ---- of an array: blocks side by side
  int64_t BlocksOnArray(const HwConfig& hw, int axis) const {
    return (axis == 0 ? hw.rows : hw.columns) / block[static_cast<std::size_t>(axis)];
  }
  int64_t rounds(const HwConfig& hw) const {
    if (crossed()) return CeilDiv(problem.groups, cross.groups / copies()) * outc_rounds() * window_rounds();
    return CeilDiv(units(), BlocksOnArray(hw, 0) * BlocksOnArray(hw, 1));
  }

  // ---- of units that cross
  bool crossed() const { return cross.windows > 0; }
  int64_t windows() const { return problem.batch * Blocks(0) * Blocks(1); }  // of a group
  int64_t outc_blocks() const { return CeilDiv(problem.outc, filters); }
  int64_t outc_rounds() const { return CeilDiv(outc_blocks(), cross.outc); }
  int64_t window_rounds() const { return CeilDiv(windows(), cross.windows); }
  // Whether a round has channels or windows that do not exist: those PEs take the words of the others, and have no result.
  bool SomeAreMissing() const {
    return crossed() && (outc_blocks() % cross.outc != 0 || windows() % cross.windows != 0);
  }
  // ---- rows of the kernel that a block takes, or a tile: from the first that any of its results needs to the last
  int64_t BlockStep(int axis) const { return block[axis] * TileStep(axis); }
  int64_t FirstRow(int64_t block_y) const { return FirstRowOf(block_y, BlockStep(0)); }
  int64_t RowsOf(int64_t block_y) const { return RowsOf(block_y, BlockStep(0)); }
  int64_t RowsOfTile(int64_t tile_y) const { return RowsOf(tile_y, TileStep(0)); }
  // Number `index` of what has its first results `step` input rows apart.
  int64_t FirstRowOf(int64_t index, int64_t step) const {
    const int64_t before = problem.pad[0] - (index + 1) * step + problem.stride[0];
    return crop && before > 0 ? CeilDiv(before, problem.dilation[0]) : 0;
  }
  int64_t RowsOf(int64_t index, int64_t step) const {
    const int64_t after = problem.in[0] - 1 + problem.pad[0] - index * step;
    if (!crop) return rows;
    return after < 0 ? 0 : std::min(rows - 1, after / problem.dilation[0]) - FirstRowOf(index, step) + 1;
  }
  // Whether tiles take rows of the kernel and of the input of their own: of every kernel row all tiles of the block from
  // one on or up to one, of the input no rows outside the map but those beside rows inside.
  bool crops_tiles() const {
    return crop && problem.dilation[0] == 1 && problem.in[0] >= problem.stride[0] &&
           (block[0] - 1) * TileStep(0) <= problem.in[0] - 1 + rows_outside();
  }
  int64_t rows_outside() const { return (tile[0] - 1) * problem.stride[0]; }  // of the input, on either side
  // Input rows of a channel that a block takes.
  int64_t InputRowsOf(int64_t block_y) const {
    const int64_t count = BlockExtent(0) - (rows - RowsOf(block_y)) * problem.dilation[0];
    if (!crops_tiles()) return count;
    const int64_t first = block_y * BlockStep(0) + FirstRow(block_y) - problem.pad[0];
    return std::min(first + count, problem.in[0] + rows_outside()) - std::max(first, -rows_outside());
  }

  // Results that a PE has of a pass: fewer of tiles at the map's edge. On average.
  double mean_results() const {
    const int64_t places = Blocks(0) * block[0] * tile[0] * Blocks(1) * block[1] * tile[1];
    return static_cast<double>(pe_results()) * static_cast<double>(problem.out[0] * problem.out[1]) / static_cast<double>(places);
  }
  // Of units that cross, what a pass takes in and sends, in words.
  int64_t crossed_words_in() const { return cross.groups * (cross.outc * kernel_words() + cross.windows * input_words()); }
  double crossed_words_out() const { return static_cast<double>(cross.units()) * mean_results(); }
  // Input elements that a block takes along an axis: none between windows that do not meet.
  int64_t BlockElements(int axis) const { return std::min(BlockExtent(axis), block[axis] * Extent(axis)); }
  // Cycles of all passes at least: of the products, and of the words on all lanes.
  int64_t LeastCycles(const HwConfig& hw) const {
    if (crop) {
      int64_t kernel_rows = 0;  // of a PE that has the tiles of all blocks below each other: the most
      for (int64_t place = 0; place < (crops_tiles() ? block[0] : 1); ++place) {
        int64_t of_place = 0;
        for (int64_t y = 0; y < Blocks(0); ++y) of_place += crops_tiles() ? RowsOfTile(y * block[0] + place) : RowsOf(y);
        kernel_rows = std::max(kernel_rows, of_place);
      }
      const int64_t blocks = BlocksOnArray(hw, 0) * BlocksOnArray(hw, 1);
      return units() / Blocks(0) * chunk_passes() * red() * columns * tile_results() * kernel_rows / blocks;
    }
    const int64_t lanes = hw.wide_lanes() + hw.narrow_lanes(), passes = rounds(hw) * chunk_passes();
    const int64_t products = CyclesInTurn(pe_results(), taps(), hw.adder_latency);
    if (crossed()) {
      // The last round may have fewer groups, channels and windows.
      const int64_t words_out = channels() * copies() * chunk_passes() * problem.out[0] * problem.out[1];
      const int64_t of_group = outc_rounds() * windows() * input_words() + window_rounds() * outc_blocks() * kernel_words();
      const int64_t words_in = problem.groups * copies() * chunk_passes() * of_group;
      return std::max({passes * products, words_in / lanes, words_out / hw.gon_lanes()});
    }
    return std::max(passes * products, units() * chunk_passes() * red() * BlockElements(0) * BlockElements(1) / lanes);
  }

  // Rectangles of PEs whose pass words differ: tiles of a block do, blocks unless they differ by channel alone.
  int64_t PassWordsApart(const HwConfig& hw) const {
    if (crossed()) return Blocks(0) * Blocks(1) == 1 && !SomeAreMissing() ? hw.rows : hw.pe_count();
    const bool places = channels() % (BlocksOnArray(hw, 0) * BlocksOnArray(hw, 1)) != 0;
    if ((block[0] > 1 && block[1] > 1) || places) return hw.pe_count();
    return std::max<int64_t>(block[0] > 1 ? hw.rows : 1, block[1] > 1 ? hw.columns : 1);
  }

  // ---- input elements of a pass
  int64_t sweep(int axis) const { return axis == 0 ? rows : columns; }
  int64_t TileStep(int axis) const { return tile[axis] * problem.stride[axis]; }  // from a tile to the next
  // That the windows of a tile hold, and those of a block.
  int64_t Extent(int axis) const {
    return (sweep(axis) - 1) * problem.dilation[axis] + (tile[axis] - 1) * problem.stride[axis] + 1;
  }
  int64_t BlockExtent(int axis) const { return Extent(axis) + (block[axis] - 1) * TileStep(axis); }
  // From the first element that a window needs to the last.
  int64_t resident() const {
    return (tile[0] - 1) * problem.stride[0] * Extent(1) + (tile[1] - 1) * problem.stride[1] + 1;
  }
  // Freed when the kernel's row ends, and at the end of a summed channel.
  int64_t row_release() const { return problem.dilation[0] * Extent(1) - (columns - 1) * problem.dilation[1]; }
  int64_t channel_release() const {
    return (Extent(0) - (rows - 1) * problem.dilation[0]) * Extent(1) - (columns - 1) * problem.dilation[1];
  }
  int64_t input_words() const { return red() * Extent(0) * Extent(1); }
  int64_t input_turn() const { return input_wide + input_narrow; }
  int64_t input_fillers() const { return CeilDiv(input_words(), input_turn()) * input_turn() - input_words(); }
  // Blocks take a beat in turn: a PE takes a word a cycle.
  bool one_tile() const { return block[0] * block[1] == 1; }
  bool in_turns() const { return one_tile() && !crop; }
  bool input_on_both() const { return input_wide > 0 && input_narrow > 0; }

  // ---- streams go step by step: a row of the kernel, then the input rows that no earlier step sent and its windows
  // begin with. The last tiles of a block are behind the first, so that the first rows of a channel, and of a pass that
  // goes on, go with the last ones of the channel before; a tile takes rows in order all the same.
  int64_t steps_of_channel() const {
    return in_turns() ? rows : std::max(rows, CeilDiv(Extent(0) - 1, problem.dilation[0]));
  }
  int64_t steps() const {
    return in_turns() ? red() * rows
                      : (red_on() - 1) * steps_of_channel() + CeilDiv(BlockExtent(0), problem.dilation[0]);
  }
  // A step has parts where the windows have one row: `segment` columns of the kernel and as many of the input.
  bool in_segments() const {
    return tile[0] * block[0] * problem.dilation[0] == 1 && (in_turns() || !input_on_both());
  }
  int64_t segment() const { return in_segments() ? std::min<int64_t>(columns, CeilDiv(16, filters)) : columns; }
  int64_t segments() const { return CeilDiv(columns, segment()); }

  // ---- kernel elements of a pass: of a tap those of all filters
  int64_t taps() const { return red() * rows * columns; }
  int64_t kernel_words() const { return taps() * filters; }
  int64_t kernel_turn() const { return kernel_wide + kernel_narrow; }
  int64_t kernel_turns() const { return CeilDiv(kernel_words(), kernel_turn()); }
  int64_t kernel_fillers() const { return kernel_turns() * kernel_turn() - kernel_words(); }

  // Whether a network carries both.
  bool shared() const { return (input_wide > 0 && kernel_wide > 0) || (input_narrow > 0 && kernel_narrow > 0); }

  // ---- tags. Input elements of a block go to intervals of its tiles; 2 * block - 1 of them follow each other. Where one
  // of them is the whole block it serves the kernel, too.
  int64_t IntervalTags(int axis) const { return 2 * block[axis] - 1; }
  bool KernelHasTag(int axis) const { return block[axis] > 1 && !AllMeet(axis); }

  // Intervals that a tile of a block is in, at most: elements begin new ones where a window begins or has ended.
  int64_t MostInputTags(int axis) const {
    const int64_t step = TileStep(axis), extent = Extent(axis), others = CeilDiv(extent, step) - 1;
    int64_t most = 1;
    for (int64_t at = 0; at < block[axis]; ++at) {
      const int64_t begin = std::min(others, block[axis] - 1 - at), ended = std::min(others, at);
      most = std::max(most, 1 + (extent % step == 0 ? std::max({begin, ended, std::min(others, begin + ended)}) : begin + ended));
    }
    return most;
  }

  // Whether any tile of a block shares elements with any other: then tags do not depend on extents.
  bool AllMeet(int axis) const {
    int64_t extent = Extent(axis);
    for (int64_t y = 0; axis == 0 && crop && y < Blocks(0); ++y) {
      extent = std::min(extent, Extent(0) - (rows - RowsOf(y)) * problem.dilation[0]);
    }
    return extent > (block[axis] - 1) * TileStep(axis);
  }

  // Words of the accumulator: units of one sum anywhere, chunks in a round.
  bool units_meet() const { return copies() > 1; }
  int64_t slots(const HwConfig& hw) const {
    if (units_meet()) return channels() * problem.out[0] * problem.out[1];
    return chunks > 1 ? hw.pe_count() * pe_results() : 0;
  }
  Cost cost;  // estimated
};

// Tags of units that cross. Words of a line go by the rows that it lies in and its number among the lines that meet in
// a row, modulo; the others by group and inner index, groups that meet in a row apart.
struct CrossTags {
  int64_t lines_in_row = 1, groups_in_row = 1;  // most that meet
  int64_t span = 0;           // rows of a line but one, at least; some lie in one row more
  int64_t interval_tags = 1;  // row tags of lines; those of groups come behind
  int64_t row_ids = 1;        // most that the controller of a row needs

  int64_t LineRowTag(int64_t first_row, int64_t last_row) const { return first_row + last_row - span; }
  int64_t GroupRowTag(int64_t group) const { return interval_tags + group; }
};
CrossTags TagsOf(const TileMapping::Cross& cross, const HwConfig& hw);

// Parts of the results that run one after the other; alike in what the array is set up for: blocks, networks, tags.
struct TileParts {
  std::vector<TileMapping> parts;
  bool exchanged = false;  // the operands have changed places
  Cost cost;               // estimated
};

// The mappings of direct problems, one after the other, with the fewest estimated cycles: of each as a whole, and of
// sections that meet fewer taps than the whole has, so that PEs spend fewer cycles on the border, where that may be
// faster; of a single problem also with the operands exchanged. None when no window fits.
std::vector<TileParts> MapTiles(const std::vector<DirectProblem>& problems, const HwConfig& config,
                                Objective better = FewestCycles);

nlohmann::ordered_json ToJson(const TileParts& mapping);

}  // namespace ecoflow
