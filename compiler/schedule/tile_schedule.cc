// SPDX-License-Identifier: Apache-2.0
#include "compiler/schedule/tile_schedule.h"

#include <algorithm>

#include "compiler/schedule/element.h"
#include "compiler/schedule/program.h"
#include "compiler/schedule/setup.h"

namespace ecoflow {
namespace {

// Loops of the program, innermost first: tile, filters, kernel, summed channels and, of those that are too many for
// one level, blocks.
enum Loop { kTileX, kTileY, kFilter, kKernelX, kKernelY, kRed, kRedBlock };
// A single filter takes no level: some arrays have five.
int LevelOf(const TileMapping& m, Loop loop) { return m.filters == 1 && loop > kFilter ? loop - 1 : loop; }
// One where no level is left; too many for one level are refused then.
int64_t RedBlocks(const TileMapping& m, const HwConfig& hw) {
  if (LevelOf(m, kRedBlock) >= hw.num_levels()) return 1;
  int64_t blocks = CeilDiv(m.red(), most::LevelFiles::Last + 1);
  while (m.red() % blocks != 0) ++blocks;
  return blocks;
}

// The pass loops that every stream starts with, outermost first. Passes of a round are chunks, whose sums add up, or
// units that go on into each other; words of these count summed channels from pass to pass in place of passes.
enum PassLoop { kRound, kPass, kPassLoops };

LoopNest PassNest(const TileMapping& m, const HwConfig& hw) {
  return {.loops = {{"round", CeilDiv(m.rounds(hw), m.passes_on)}, {"pass", m.chunk_passes() * m.passes_on}}};
}
LoopNest WordNest(const TileMapping& m, const HwConfig& hw) {
  return {.loops = {{"round", CeilDiv(m.rounds(hw), m.passes_on)}, {"pass", m.chunk_passes()}}};
}
// The pass of words of the summed channel `red_on`, and the channel in it.
int PassOf(LoopNest& nest, const TileMapping& m, int red_on) {
  return m.passes_on == 1 ? kPass : nest.Quotient("pass_on", red_on, m.red());
}
int RedOf(LoopNest& nest, const TileMapping& m, int red_on) {
  return m.passes_on == 1 ? red_on : nest.Remainder("red", red_on, m.red());
}

// What the block at a place of the array computes. Neighbours have different channels, so that their sums go to
// different accumulators; the place on the map varies slowest.
struct Unit {
  int number, channel, group, outc, batch, block_x, chunk, band, red_part, block_y;  // channel, outc: of its first filter
  Condition exists;
};
// Of those apart, the one of a copy.
int AddChunk(LoopNest& nest, const TileMapping& m, int copy) {
  if (m.chunks == 1) return nest.Affine("zero", 0, {});
  if (m.chunks_apart == 1) return kPass;
  const int apart = nest.Remainder("chunk_apart", copy, m.chunks_apart);
  return m.chunk_passes() == 1 ? apart : nest.Affine("chunk", 0, {{kPass, m.chunks_apart}, {apart, 1}});
}
// Of units that cross: the one of a group, channel and window of those side by side.
Unit AddCrossed(LoopNest& nest, const TileMapping& m, int group, int outc, int window) {
  Unit unit{};
  const int rounds = nest.Quotient("outc_rounds", kRound, m.window_rounds());
  const int in_round = nest.Quotient("group_in_round", group, m.copies());
  unit.group = nest.Affine("group", 0, {{nest.Quotient("group_round", rounds, m.outc_rounds()), m.cross.groups / m.copies()},
                                        {in_round, 1}});
  unit.outc = nest.Affine("outc", 0, {{nest.Remainder("outc_round", rounds, m.outc_rounds()), m.cross.outc * m.filters},
                                      {outc, m.filters}});
  const int number = nest.Affine("window", 0, {{nest.Remainder("window_round", kRound, m.window_rounds()), m.cross.windows},
                                               {window, 1}});
  unit.number = number;
  unit.batch = nest.Remainder("batch", number, m.problem.batch);
  const int place = nest.Quotient("place", number, m.problem.batch);
  unit.block_x = nest.Remainder("block_x", place, m.Blocks(1));
  unit.block_y = nest.Quotient("block_y", place, m.Blocks(1));
  const int copy = m.copies() > 1 ? nest.Remainder("copy", group, m.copies()) : nest.Affine("zero", 0, {});
  unit.chunk = AddChunk(nest, m, copy);
  const int bands = nest.Quotient("bands", copy, m.chunks_apart);
  unit.band = nest.Remainder("band", bands, m.bands);
  unit.red_part = nest.Quotient("red_part", bands, m.bands);
  if (m.copies() > 1) {
    unit.channel = nest.Affine("channel", 0, {{unit.batch, m.problem.groups * m.problem.outc}, {unit.group, m.problem.outc},
                                              {unit.outc, 1}});
  }
  unit.exists = {{{group, 0, m.cross.groups}}, {{unit.group, 0, m.problem.groups}}};
  return unit;
}
// Units that do not exist are kept only where `all` are asked for.
Unit AddUnit(LoopNest& nest, const TileMapping& m, const HwConfig& hw, int pass, int block_row, int block_col, bool all = false) {
  const DirectProblem& p = m.problem;
  const int64_t across = m.BlocksOnArray(hw, 1);
  if (m.crossed()) {
    const int pe = nest.Affine("pe", 0, {{block_row, across}, {block_col, 1}});
    const int line = nest.Quotient("line", pe, m.cross.inner());
    const int group = nest.Quotient("group_in_array", line, m.cross.lines_of_group());
    const int outer = nest.Remainder("line_of_group", line, m.cross.lines_of_group());
    const int inner = nest.Remainder("in_line", pe, m.cross.inner());
    Unit unit = m.cross.windows_inside ? AddCrossed(nest, m, group, outer, inner) : AddCrossed(nest, m, group, inner, outer);
    if (!all) nest.keep.insert(nest.keep.end(), unit.exists.begin(), unit.exists.end());
    return unit;
  }
  Unit unit{};
  const int64_t blocks = m.BlocksOnArray(hw, 0) * across;
  std::vector<Term> number = {{kRound, blocks * m.passes_on}, {block_row, across}, {block_col, 1}};
  if (m.passes_on > 1) number.push_back({pass, blocks});
  unit.number = nest.Affine("unit", 0, std::move(number));
  unit.exists = {{{unit.number, 0, m.units()}}};
  if (!all) nest.Keep(unit.number, 0, m.units());
  unit.channel = nest.Remainder("channel", unit.number, m.channels());
  unit.outc = nest.Remainder("outc", unit.channel, p.outc);
  const int maps = nest.Quotient("maps", unit.channel, p.outc);
  unit.group = nest.Remainder("group", maps, p.groups);
  unit.batch = nest.Quotient("batch", maps, p.groups);
  const int place = nest.Quotient("place", unit.number, m.channels());
  unit.block_x = nest.Remainder("block_x", place, m.Blocks(1));
  const int lines = nest.Quotient("lines", place, m.Blocks(1));
  unit.chunk = AddChunk(nest, m, lines);
  const int bands = nest.Quotient("bands", lines, m.chunks_apart);
  unit.band = nest.Remainder("band", bands, m.bands);
  const int parts = nest.Quotient("parts", bands, m.bands);
  unit.red_part = nest.Remainder("red_part", parts, m.red_parts);
  unit.block_y = nest.Quotient("block_y", parts, m.red_parts);
  return unit;
}

// The same for words that units share which cross: of a group's window (input) or channel.
Unit AddSharing(LoopNest& nest, const TileMapping& m, const HwConfig& hw, int pass, int row, int col, bool input) {
  if (!m.crossed()) return AddUnit(nest, m, hw, pass, row, col);
  const int none = nest.Affine("none", 0, {});
  Unit unit = input ? AddCrossed(nest, m, row, none, col) : AddCrossed(nest, m, row, col, none);
  nest.keep.insert(nest.keep.end(), unit.exists.begin(), unit.exists.end());
  return unit;
}

// A PE of the array: its tile in its block.
struct Place {
  int row, col, tile_y, tile_x;
  Unit unit;
};
Place AddPlace(LoopNest& nest, const TileMapping& m, const HwConfig& hw, int row, int col, bool all = false) {
  Place place{};
  place.row = row;
  place.col = col;
  const int block_row = nest.Quotient("block_row", place.row, m.block[0]);
  const int block_col = nest.Quotient("block_column", place.col, m.block[1]);
  place.unit = AddUnit(nest, m, hw, kPass, block_row, block_col, all);
  place.tile_y = nest.Affine("tile_y", 0, {{place.row, 1}, {block_row, -m.block[0]}, {place.unit.block_y, m.block[0]}});
  place.tile_x = nest.Affine("tile_x", 0, {{place.col, 1}, {block_col, -m.block[1]}, {place.unit.block_x, m.block[1]}});
  return place;
}

// Rows of the kernel that a block takes, or a tile: the first, negative, and how many more. Registers of mappings that
// crop; `index` of what has its first results `step` input rows apart.
struct CroppedRows {
  int first_negative, more;
};
CroppedRows AddRows(LoopNest& nest, const TileMapping& m, int index, int64_t step) {
  const DirectProblem& p = m.problem;
  const int first_negative = nest.AddRegister(
      {"first_row_negative", step - p.stride[0] - p.pad[0], {{index, step}}, p.dilation[0], 0, 0});
  const int last = nest.AddRegister({"last_row", p.in[0] - 1 + p.pad[0], {{index, -step}}, p.dilation[0], 0, m.rows - 1});
  return {first_negative, nest.Affine("more_rows", 0, {{last, 1}, {first_negative, 1}})};
}

// What may be missing at the end of a tile, of a PE's filters or of the kernel: `size` of a loop.
struct Count {
  Moving coordinate;
  const char* field;  // of the pass word: what is missing
  RangeKind kind;
  Loop loop;
  int64_t size;
};
std::vector<Count> Counts(const TileMapping& m) {
  std::vector<std::pair<Moving, const char*>> free = {{Moving::kZ, "ZBase"}};
  if (!m.HasBorder(0)) free.push_back({Moving::kY, "YBase"});
  if (!m.HasBorder(1)) free.push_back({Moving::kX, "XBase"});
  std::vector<Count> counts;
  const auto add = [&](RangeKind kind, Loop loop, int64_t size) {
    CHECK(counts.size() < free.size());
    const auto& [coordinate, field] = free[counts.size()];
    counts.push_back({coordinate, field, kind, loop, size});
  };
  if (m.TilesAreShort(1)) add(kRangeResult, kTileX, m.tile[1]);
  if (m.FiltersAreShort()) add(kRangeResult, kFilter, m.filters);
  if (m.TilesAreShort(0) || (m.SomeAreMissing() && counts.empty())) add(kRangeResult, kTileY, m.tile[0]);
  if (m.LastBandIsShort()) add(kRangeOperand, kKernelY, m.rows);
  if (m.LastChunkIsShort()) add(kRangeOperand, kKernelX, m.columns);
  return counts;
}

Result<std::vector<uint64_t>> Program(const TileMapping& m, const HwConfig& hw) {
  const DirectProblem& p = m.problem;
  ProgramBuilder program(hw);
  const auto level = [&](Loop loop) { return LevelOf(m, loop); };
  program.Loop(kTileX, m.tile[1]).Loop(kTileY, m.tile[0]).Loop(level(kKernelX), m.columns);
  program.Move(Moving::kPsum, kTileX, 1).Move(Moving::kPsum, kTileY, m.tile[1]);
  if (m.filters > 1) program.Loop(kFilter, m.filters).Move(Moving::kPsum, kFilter, m.tile_results());
  if (m.crop) {
    program.ParamLoop(level(kKernelY));
  } else {
    program.Loop(level(kKernelY), m.rows);
  }
  const int64_t red_blocks = RedBlocks(m, hw);
  program.Sum({level(kKernelX), level(kKernelY), level(kRed)}).Loop(level(kRed), m.red() / red_blocks);
  if (red_blocks > 1) program.Sum({level(kRedBlock)}).Loop(level(kRedBlock), red_blocks);
  program.Free(Moving::kFilter, kFilter, 1).FreeAtEnd(Moving::kFilter, 1 + m.kernel_fillers());
  program.Move(Moving::kIfmap, kTileX, p.stride[1]).Move(Moving::kIfmap, kTileY, p.stride[0] * m.Extent(1));
  program.Free(Moving::kIfmap, level(kKernelX), p.dilation[1]).Free(Moving::kIfmap, level(kKernelY), m.row_release());
  program.Free(Moving::kIfmap, level(kRed), m.channel_release());
  program.FreeAtEnd(Moving::kIfmap, m.channel_release() + m.input_fillers());
  for (const Count& count : Counts(m)) {
    program.Check(count.coordinate, count.kind, count.size).Move(count.coordinate, level(count.loop), 1);
  }
  if (m.HasBorder(0)) {
    program.Check(Moving::kY, kRangeOperand, p.in[0]);
    program.Move(Moving::kY, kTileY, p.stride[0]).Move(Moving::kY, level(kKernelY), p.dilation[0]);
  }
  if (m.HasBorder(1)) {
    program.Check(Moving::kX, kRangeOperand, p.in[1]);
    program.Move(Moving::kX, kTileX, p.stride[1]).Move(Moving::kX, level(kKernelX), p.dilation[1]);
  }
  return program.Words();
}

// Tags of an axis: for each block of the array intervals of its tiles, then all of a block where no interval is. One
// tile is its own interval. Of the kernel's tags: the first, and from a block's to the next.
int64_t KernelTag(const TileMapping& m, const HwConfig& hw, int axis) {
  return m.KernelHasTag(axis) ? m.BlocksOnArray(hw, axis) * m.IntervalTags(axis) : m.block[axis] - 1;
}
int64_t KernelTagStep(const TileMapping& m, int axis) { return m.KernelHasTag(axis) ? 1 : m.IntervalTags(axis); }

// Of the tile at place `at` of an axis, those of its input elements.
IdList InputTags(const TileMapping& m, int axis, int64_t at) {
  IdList tags;
  const int64_t block = at / m.block[axis], tile = at % m.block[axis], step = m.TileStep(axis);
  for (int64_t first = 0; first <= tile; ++first) {
    for (int64_t last = tile; last < m.block[axis]; ++last) {
      // Elements of tiles first to last and of no other.
      const int64_t low = std::max(last * step, first == 0 ? 0 : (first - 1) * step + m.Extent(axis));
      const int64_t high = std::min(first * step + m.Extent(axis),
                                    last == m.block[axis] - 1 ? m.BlockExtent(axis) : (last + 1) * step);
      if (low < high) tags.push_back(block * m.IntervalTags(axis) + first + last);
    }
  }
  return tags;
}

// Tags of units that cross, of a network that carries the words of inner indices, of lines or both.
void CrossIdsOf(ArraySetup& setup, const TileMapping& m, const HwConfig& hw, bool wide, bool of_inner, bool of_lines) {
  const CrossTags tags = TagsOf(m.cross, hw);
  const auto add = [](IdList& ids, int64_t tag) {
    if (std::find(ids.begin(), ids.end(), tag) == ids.end()) ids.push_back(tag);
  };
  const int64_t inner = m.cross.inner();
  for (int64_t pe = 0; pe < m.cross.units(); ++pe) {
    const int64_t row = pe / hw.columns, line = pe / inner, group = line / m.cross.lines_of_group();
    IdList& of_row = (wide ? setup.row_wide : setup.row_narrow)[static_cast<std::size_t>(row)];
    IdList& of_pe = wide ? setup.PeWide(row, pe % hw.columns) : setup.PeNarrow(row, pe % hw.columns);
    if (of_inner) {
      add(of_row, tags.GroupRowTag(group));
      add(of_pe, group % tags.groups_in_row * inner + pe % inner);
    }
    if (of_lines) {
      add(of_row, tags.LineRowTag(line * inner / hw.columns, ((line + 1) * inner - 1) / hw.columns));
      add(of_pe, tags.groups_in_row * inner + line % tags.lines_in_row);
    }
  }
}
// The same of the words for an inner index or a line, by variables.
void CrossTagsOf(GinDescriptor& d, const TileMapping& m, const HwConfig& hw, int group, int index, bool of_line) {
  const CrossTags tags = TagsOf(m.cross, hw);
  LoopNest& nest = d.nest;
  const int64_t inner = m.cross.inner();
  if (!of_line) {
    d.row_tag = nest.Affine("row_tag", tags.GroupRowTag(0), {{group, 1}});
    d.col_tag = nest.Affine("column_tag", 0, {{nest.Remainder("group_in_row", group, tags.groups_in_row), inner}, {index, 1}});
    return;
  }
  const int line = nest.Affine("line", 0, {{group, m.cross.lines_of_group()}, {index, 1}});
  const int first = nest.AddRegister({"first_row", 0, {{line, inner}}, hw.columns});
  const int last = nest.AddRegister({"last_row", inner - 1, {{line, inner}}, hw.columns});
  d.row_tag = nest.Affine("row_tag", -tags.span, {{first, 1}, {last, 1}});
  d.col_tag = nest.Affine("column_tag", tags.groups_in_row * inner, {{nest.Remainder("line_in_row", line, tags.lines_in_row), 1}});
}

std::vector<uint64_t> Setup(const TileMapping& m, const HwConfig& hw) {
  ArraySetup setup(hw);
  const bool input_wide = m.input_wide > 0, input_narrow = m.input_narrow > 0;
  const bool kernel_wide = m.kernel_wide > 0, kernel_narrow = m.kernel_narrow > 0;
  // Of a controller at place `at` of an axis.
  const auto tags = [&](int axis, int64_t at, bool input, bool kernel) {
    const bool intervals = input || (axis == 0 && m.crops_tiles());
    IdList ids = intervals ? InputTags(m, axis, at) : IdList{};
    const int64_t own = KernelTag(m, hw, axis) + at / m.block[axis] * KernelTagStep(m, axis);
    if (kernel && std::find(ids.begin(), ids.end(), own) == ids.end()) ids.push_back(own);
    return ids;
  };
  if (m.crossed()) {
    const bool inside = m.cross.windows_inside;
    CrossIdsOf(setup, m, hw, true, inside ? input_wide : kernel_wide, inside ? kernel_wide : input_wide);
    CrossIdsOf(setup, m, hw, false, inside ? input_narrow : kernel_narrow, inside ? kernel_narrow : input_narrow);
  }
  for (int64_t row = 0; !m.crossed() && row < m.BlocksOnArray(hw, 0) * m.block[0]; ++row) {
    const auto at = static_cast<std::size_t>(row);
    setup.row_wide[at] = tags(0, row, input_wide, kernel_wide);
    setup.row_narrow[at] = tags(0, row, input_narrow, kernel_narrow);
    for (int64_t col = 0; col < m.BlocksOnArray(hw, 1) * m.block[1]; ++col) {
      setup.PeWide(row, col) = tags(1, col, input_wide, kernel_wide);
      setup.PeNarrow(row, col) = tags(1, col, input_narrow, kernel_narrow);
    }
  }
  setup.ifmap_wide = m.input_wide;
  setup.ifmap_narrow = m.input_narrow;
  setup.filter_wide = m.kernel_wide;
  setup.filter_narrow = m.kernel_narrow;
  return setup.Words();
}

PassDescriptor PassWords(const TileMapping& m, const HwConfig& hw) {
  const DirectProblem& p = m.problem;
  PassDescriptor d{.nest = PassNest(m, hw), .pass_loops = kPassLoops, .round_loops = m.passes_on > 1 ? 1 : 0};
  LoopNest& nest = d.nest;
  const int row = nest.AddLoop("row", m.BlocksOnArray(hw, 0) * m.block[0]);
  const int col = nest.AddLoop("column", m.BlocksOnArray(hw, 1) * m.block[1]);
  const Place at = AddPlace(nest, m, hw, row, col, true);
  std::vector<Term> y_terms = {{at.tile_y, m.TileStep(0)}, {at.unit.band, m.rows * p.dilation[0]}};
  if (m.crop) {
    const CroppedRows cropped = m.crops_tiles() ? AddRows(nest, m, at.tile_y, m.TileStep(0))
                                                : AddRows(nest, m, at.unit.block_y, m.BlockStep(0));
    y_terms.push_back({cropped.first_negative, -p.dilation[0]});
    // PEs without a unit have no more.
    const int negative = nest.Affine("more_rows_negative", 0, {{cropped.more, -1}}, 0);
    d.fields.push_back({"ParamLast", nest.Affine("param_last", 0, {{negative, -1}})});
  }
  d.active = at.unit.exists;
  if (m.HasBorder(0)) d.fields.push_back({"YBase", nest.Affine("y_base", -p.pad[0], y_terms)});
  if (m.HasBorder(1)) {
    d.fields.push_back({"XBase", nest.Affine("x_base", -p.pad[1], {{at.tile_x, m.TileStep(1)},
                                                                   {at.unit.chunk, m.columns * p.dilation[1]}})});
  }
  // What is missing of `whole` behind place `index`, counted in `step`; all results where the PE has no unit that exists.
  const auto missing = [&](const Count& count, int64_t whole, int index, int64_t step) {
    std::vector<Term> terms = {{nest.Affine("missing_negative", whole - count.size, {{index, -step}}, 0), -1}};
    if (m.SomeAreMissing() && count.kind == kRangeResult) {
      terms.push_back({nest.Affine("no_channel_negative", p.outc - 1, {{at.unit.outc, -1}}, 0), -count.size});
      terms.push_back({nest.Affine("no_window_negative", m.windows() - 1, {{at.unit.number, -1}}, 0), -count.size});
    }
    d.fields.push_back({count.field, nest.Affine("missing", 0, std::move(terms), count.size)});
  };
  for (const Count& count : Counts(m)) {
    switch (count.loop) {
      case kTileX: missing(count, p.out[1], at.tile_x, m.tile[1]); break;
      case kTileY: missing(count, p.out[0], at.tile_y, m.tile[0]); break;
      case kFilter: missing(count, p.outc, at.unit.outc, 1); break;
      case kKernelY: missing(count, p.kernel[0], at.unit.band, m.rows); break;
      default: missing(count, p.kernel[1], at.unit.chunk, m.columns); break;
    }
  }
  d.from_below = d.to_above = {{{at.row, hw.rows, hw.rows + 1}}};
  return d;
}

// The summed channel of the layer, by number in a unit.
int AddRed(LoopNest& nest, const TileMapping& m, const Unit& unit, int red) {
  return m.red_parts == 1 ? red : nest.Affine("red_of_layer", 0, {{unit.red_part, m.red()}, {red, 1}});
}

// Reads the input element at a place of a unit's block, its border included.
void ReadsInput(GinDescriptor& d, const TileMapping& m, const Unit& unit, int red, int y_in_block, int x_in_block,
                const CroppedRows* cropped = nullptr) {
  const DirectProblem& p = m.problem;
  LoopNest& nest = d.nest;
  std::vector<Term> y_terms = {{unit.block_y, m.BlockStep(0)}, {unit.band, m.rows * p.dilation[0]}, {y_in_block, 1}};
  if (cropped != nullptr) y_terms.push_back({cropped->first_negative, -p.dilation[0]});
  const int y = nest.Affine("y", -p.pad[0], y_terms);
  if (m.crops_tiles()) nest.Keep(y, -m.rows_outside(), p.in[0] + m.rows_outside());
  const int x = nest.Affine("x", -p.pad[1], {{unit.block_x, m.BlockStep(1)},
                                             {unit.chunk, m.columns * p.dilation[1]}, {x_in_block, 1}});
  Reads(d, p.Input(), {.group = unit.group, .batch = unit.batch, .red = AddRed(nest, m, unit, red), .row = y, .col = x});
  d.destination = kDestIfmap;
}

// The input of blocks, row by row, each element to the tiles that need it; of every turn of a row that both networks
// carry, the words of one.
GinDescriptor InputsOfBlocks(const TileMapping& m, const HwConfig& hw, bool wide) {
  const DirectProblem& p = m.problem;
  GinDescriptor d{.nest = WordNest(m, hw)};
  LoopNest& nest = d.nest;
  const int64_t pitch = m.steps_of_channel();  // rows of two channels that go together
  const int64_t together = CeilDiv(m.BlockExtent(0), pitch * p.dilation[0]);
  const int64_t lanes = wide ? hw.wide_lanes() : hw.narrow_lanes();
  const bool both = m.input_on_both();
  // Columns of a segment or a turn; the last segment has all that are left.
  const int64_t columns = both ? m.input_turn() : m.segment() * p.dilation[1];
  const int64_t segments = both ? 1 : m.segments(), turns = both ? m.BlockExtent(1) / columns : 1;
  const int64_t most_columns = both ? (wide ? m.input_wide : m.input_narrow)
                                    : std::max(columns, m.BlockExtent(1) - (segments - 1) * columns);
  const int step = nest.AddLoop("step", m.steps());
  const int segment = nest.AddLoop("segment", segments);
  const int newer = nest.AddLoop("newer", together);
  const int row_in_step = nest.AddLoop("row_in_step", p.dilation[0]);
  const int turn = nest.AddLoop("turn", turns);
  const int piece = nest.AddLoop("piece", CeilDiv(most_columns, lanes));
  const int block_row = nest.AddLoop("block_row", m.BlocksOnArray(hw, 0));
  const int block_col = nest.AddLoop("block_column", m.BlocksOnArray(hw, 1));
  const int word = nest.AddLoop("word", lanes);

  const int newest = nest.Quotient("newest_red", step, pitch);
  const int red_on = nest.Affine("red_on", 1 - together, {{newest, 1}, {newer, 1}});
  nest.Keep(red_on, 0, m.red_on());
  const Unit unit = AddUnit(nest, m, hw, PassOf(nest, m, red_on), block_row, block_col);
  const int first_row = nest.Remainder("first_row", step, pitch);
  const int y = nest.Affine("y_in_block", (together - 1) * pitch * p.dilation[0],
                            {{first_row, p.dilation[0]}, {newer, -pitch * p.dilation[0]}, {row_in_step, 1}});
  const int in_segment = nest.Affine("column_in_segment", 0, {{piece, lanes}, {word, 1}});
  const int x = nest.Affine("x_in_block", both && !wide ? m.input_wide : 0,
                            {{segment, columns}, {turn, columns}, {in_segment, 1}});
  if (both) {
    nest.Keep(in_segment, 0, most_columns);
  } else {
    nest.keep.push_back({{in_segment, 0, columns}, {segment, segments - 1, segments}});
  }
  nest.Keep(y, 0, m.BlockExtent(0));
  nest.Keep(x, 0, m.BlockExtent(1));
  CroppedRows cropped{};
  if (m.crop) {
    cropped = AddRows(nest, m, unit.block_y, m.BlockStep(0));
    const int beyond = nest.Affine("rows_beyond", 0, {{y, 1}, {cropped.more, -p.dilation[0]}});
    nest.Keep(beyond, -m.rows * p.dilation[0], m.BlockExtent(0) - (m.rows - 1) * p.dilation[0]);
  }
  // Tiles from `first` to `last` hold the element.
  const auto tag = [&](int axis, int at, int block) {
    const int last = nest.AddRegister({"last_tile", 0, {{at, 1}}, m.TileStep(axis), 0, m.block[axis] - 1});
    Register first{"first_tile_negative", m.Extent(axis) - 1, {{at, -1}}, m.TileStep(axis), 0, 0};
    if (axis == 0 && m.crop) {
      first.base -= (m.rows - 1) * p.dilation[0];
      first.terms.push_back({cropped.more, p.dilation[0]});
    }
    const int first_negative = nest.AddRegister(std::move(first));
    if (m.TileStep(axis) > m.Extent(axis)) {
      nest.Keep(nest.Affine("tiles", 0, {{last, 1}, {first_negative, 1}}), 0, m.block[axis]);
    }
    return nest.Affine("interval", 0, {{block, m.IntervalTags(axis)}, {last, 1}, {first_negative, -1}});
  };
  d.row_tag = tag(0, y, block_row);
  d.col_tag = tag(1, x, block_col);
  ReadsInput(d, m, unit, RedOf(nest, m, red_on), y, x, m.crop ? &cropped : nullptr);
  return d;
}

// The input of tiles that have it for themselves, in raster order: of every turn, the words of one network.
GinDescriptor InputsInTurns(const TileMapping& m, const HwConfig& hw, bool wide) {
  const DirectProblem& p = m.problem;
  GinDescriptor d{.nest = WordNest(m, hw)};
  LoopNest& nest = d.nest;
  const int64_t lanes = wide ? hw.wide_lanes() : hw.narrow_lanes();
  const int64_t share = wide ? m.input_wide : m.input_narrow;
  const int64_t row_words = p.dilation[0] * m.Extent(1), channel_words = m.Extent(0) * m.Extent(1);
  // Turns go in step with the kernel's rows and their segments, so that these can be sent between them: the first word of
  // a step is the first that the step's row or segment does not leave to the next.
  const int64_t segments = m.segments(), segment_words = m.segment() * p.dilation[1];
  const auto first_turn_of = [&](int64_t step, int64_t segment) {
    return CeilDiv(step / m.rows * channel_words + step % m.rows * row_words + segment * segment_words, m.input_turn());
  };
  int64_t most = 1;  // turns of a step
  for (int64_t step = 0; step < std::min(2 * m.input_turn(), m.red()) * m.rows; ++step) {
    most = std::max(most, first_turn_of(step + 1, 0) - first_turn_of(step, segments - 1));
    for (int64_t k = 1; k < std::min(segments, m.input_turn() + 1); ++k) {
      most = std::max(most, first_turn_of(step, k) - first_turn_of(step, k - 1));
    }
  }
  const int64_t turns = CeilDiv(m.input_words(), m.input_turn());
  const int step = nest.AddLoop("step", m.steps());
  const int segment = nest.AddLoop("segment", segments);
  const int turn_in_step = nest.AddLoop("turn", most);
  const int piece = nest.AddLoop("piece", CeilDiv(share, lanes));
  // Of units that cross: all that have words of their own.
  const int row = nest.AddLoop(m.crossed() ? "group" : "row", m.crossed() ? m.cross.groups : hw.rows);
  const int col = nest.AddLoop(m.crossed() ? "window" : "column", m.crossed() ? m.cross.windows : hw.columns);
  const int word = nest.AddLoop("word", lanes);

  const Unit unit = AddSharing(nest, m, hw, kPass, row, col, true);
  const auto first_turn = [&](int of_step, int of_segment) {
    const int channel = nest.Quotient("red_of_step", of_step, m.rows);
    const int kernel_row = nest.Remainder("kernel_row", of_step, m.rows);
    std::vector<Term> terms = {{channel, channel_words}, {kernel_row, row_words}};
    if (segments > 1) terms.push_back({of_segment, segment_words});
    return nest.AddRegister({"first_turn", m.input_turn() - 1, std::move(terms), m.input_turn()});
  };
  const int first = first_turn(step, segment);
  int next_step = segment, next_segment = segment;
  if (segments > 1) {
    const int part = nest.Affine("next_part", 1, {{step, segments}, {segment, 1}});
    next_step = nest.Quotient("next_step", part, segments);
    next_segment = nest.Remainder("next_segment", part, segments);
  } else {
    next_step = nest.Affine("next_step", 1, {{step, 1}});
  }
  const int next = first_turn(next_step, next_segment);
  const int turn = nest.Affine("turn_number", 0, {{first, 1}, {turn_in_step, 1}});
  const int beyond = nest.Affine("turn_of_next_step", 0, {{turn, 1}, {next, -1}});
  const int in_share = nest.Affine("word_in_turn", 0, {{piece, lanes}, {word, 1}});
  const int number = nest.Affine("number", wide ? 0 : m.input_wide, {{turn, m.input_turn()}, {in_share, 1}});
  nest.Keep(beyond, -turns, 0);
  nest.Keep(in_share, 0, share);
  const int rows = nest.Quotient("rows", number, m.Extent(1));
  if (m.crossed()) {
    CrossTagsOf(d, m, hw, row, col, !m.cross.windows_inside);
  } else {
    d.row_tag = row;
    d.col_tag = col;
  }
  ReadsInput(d, m, unit, nest.Quotient("red", rows, m.Extent(0)), nest.Remainder("y_in_tile", rows, m.Extent(0)),
             nest.Remainder("x_in_tile", number, m.Extent(1)));
  return d;
}

// The kernel, row by row: of every turn, the words of one network. A turn goes with the row in which it begins.
GinDescriptor Kernel(const TileMapping& m, const HwConfig& hw, bool wide) {
  const DirectProblem& p = m.problem;
  GinDescriptor d{.nest = WordNest(m, hw)};
  LoopNest& nest = d.nest;
  const int64_t share = wide ? m.kernel_wide : m.kernel_narrow, turn = m.kernel_turn();
  const int step = nest.AddLoop("step", m.steps());
  const int segment = nest.AddLoop("segment", m.segments());
  const int64_t row_words = m.columns * m.filters, segment_words = m.segment() * m.filters;
  const int turn_in_segment = nest.AddLoop("turn", CeilDiv(segment_words, turn));
  const int block_row = nest.AddLoop(m.crossed() ? "group" : "block_row", m.crossed() ? m.cross.groups : m.BlocksOnArray(hw, 0));
  const int block_col = nest.AddLoop(m.crossed() ? "outc" : "block_column", m.crossed() ? m.cross.outc : m.BlocksOnArray(hw, 1));
  const int word = nest.AddLoop("word", share);

  const int channel_on = nest.Quotient("channel_of_step", step, m.steps_of_channel());
  const int row_of_step = nest.Remainder("row_of_step", step, m.steps_of_channel());
  nest.Keep(channel_on, 0, m.red_on());
  nest.Keep(row_of_step, 0, m.rows);
  const Unit unit = AddSharing(nest, m, hw, PassOf(nest, m, channel_on), block_row, block_col, false);
  const int channel = RedOf(nest, m, channel_on);
  // Elements of the segment; a turn goes with the one in which it begins.
  const int row_begins = nest.Affine("row_begins", 0, {{channel, m.rows * row_words}, {row_of_step, row_words}});
  const int in_row = nest.Affine("words_to_segment_end", segment_words, {{segment, segment_words}}, row_words);
  const int first = nest.AddRegister({"first_turn", turn - 1, {{row_begins, 1}, {segment, segment_words}}, turn});
  const int turn_number = nest.Affine("turn_number", 0, {{first, 1}, {turn_in_segment, 1}});
  const int to_end = nest.Affine("to_end", 0, {{turn_number, -turn}, {row_begins, 1}, {in_row, 1}});
  nest.Keep(to_end, 1, segment_words + 1);
  const int number = nest.Affine("number", wide ? 0 : m.kernel_wide, {{turn_number, turn}, {word, 1}});
  const int tap = m.filters > 1 ? nest.Quotient("tap", number, m.filters) : number;
  const int rows = nest.Quotient("rows", tap, m.columns);
  const int row_in_band = nest.Remainder("row_in_band", rows, m.rows);
  const int col_in_chunk = nest.Remainder("column_in_chunk", tap, m.columns);
  int outc = unit.outc;
  if (m.filters > 1) outc = nest.Affine("filter", 0, {{outc, 1}, {nest.Remainder("filter_in_pe", number, m.filters), 1}});
  const int red = AddRed(nest, m, unit, nest.Quotient("red", rows, m.rows));
  Reads(d, p.Kernel(), {.group = unit.group, .outc = outc, .red = red,
                        .row = nest.Affine("kernel_row", 0, {{unit.band, m.rows}, {row_in_band, 1}}),
                        .col = nest.Affine("kernel_column", 0, {{unit.chunk, m.columns}, {col_in_chunk, 1}})});
  if (m.crossed()) {
    CrossTagsOf(d, m, hw, block_row, block_col, m.cross.windows_inside);
  } else {
    d.row_tag = nest.Affine("row_tag", KernelTag(m, hw, 0), {{block_row, KernelTagStep(m, 0)}});
    d.col_tag = nest.Affine("column_tag", KernelTag(m, hw, 1), {{block_col, KernelTagStep(m, 1)}});
  }
  d.destination = kDestFilter;
  return d;
}

// The same where each unit has rows of its own, on one network.
GinDescriptor CroppedKernel(const TileMapping& m, const HwConfig& hw, bool wide) {
  const DirectProblem& p = m.problem;
  GinDescriptor d{.nest = WordNest(m, hw)};
  LoopNest& nest = d.nest;
  const int64_t lanes = wide ? hw.wide_lanes() : hw.narrow_lanes();
  const int step = nest.AddLoop("step", m.steps());
  const int segment = nest.AddLoop("segment", m.segments());
  const int piece = nest.AddLoop("piece", CeilDiv(m.segment(), lanes));
  const int block_row = nest.AddLoop("block_row", m.BlocksOnArray(hw, 0));
  const int block_col = nest.AddLoop("block_column", m.BlocksOnArray(hw, 1));
  const int word = nest.AddLoop("word", lanes);

  const int channel_on = nest.Quotient("channel_of_step", step, m.steps_of_channel());
  const Unit unit = AddUnit(nest, m, hw, PassOf(nest, m, channel_on), block_row, block_col);
  const CroppedRows cropped = AddRows(nest, m, unit.block_y, m.BlockStep(0));
  const int channel = RedOf(nest, m, channel_on);
  const int row_of_step = nest.Remainder("row_of_step", step, m.steps_of_channel());
  const int in_segment = nest.Affine("column_in_segment", 0, {{piece, lanes}, {word, 1}});
  const int col_in_chunk = nest.Affine("column_in_chunk", 0, {{segment, m.segment()}, {in_segment, 1}});
  nest.Keep(channel_on, 0, m.red_on());
  nest.Keep(nest.Affine("rows_to_come", 0, {{cropped.more, 1}, {row_of_step, -1}}), 0, m.rows);
  nest.Keep(in_segment, 0, m.segment());
  nest.Keep(col_in_chunk, 0, m.columns);
  const int row = nest.Affine("kernel_row", 0, {{cropped.first_negative, -1}, {row_of_step, 1}});
  Reads(d, p.Kernel(), {.group = unit.group, .outc = unit.outc, .red = AddRed(nest, m, unit, channel), .row = row,
                        .col = nest.Affine("kernel_column", 0, {{unit.chunk, m.columns}, {col_in_chunk, 1}})});
  if (m.crops_tiles()) {
    // Tiles from `first` to `last` meet the row.
    const int last = nest.AddRegister({"last_tile", p.in[0] - 1 + p.pad[0], {{row, -1}, {unit.block_y, -m.BlockStep(0)}},
                                       m.TileStep(0), 0, m.block[0] - 1});
    const int first_negative = nest.AddRegister({"first_tile_negative", m.rows_outside() - p.pad[0],
                                                 {{row, 1}, {unit.block_y, m.BlockStep(0)}}, m.TileStep(0), 0, 0});
    d.row_tag = nest.Affine("interval", 0, {{block_row, m.IntervalTags(0)}, {last, 1}, {first_negative, -1}});
  } else {
    d.row_tag = nest.Affine("row_tag", KernelTag(m, hw, 0), {{block_row, KernelTagStep(m, 0)}});
  }
  d.col_tag = nest.Affine("column_tag", KernelTag(m, hw, 1), {{block_col, KernelTagStep(m, 1)}});
  d.destination = kDestFilter;
  return d;
}

GonDescriptor Results(const TileMapping& m, const HwConfig& hw) {
  const DirectProblem& p = m.problem;
  GonDescriptor d{.nest = PassNest(m, hw)};
  LoopNest& nest = d.nest;
  // The windows of a block's first tiles come first.
  const int line = nest.AddLoop("line", m.block[0]);
  const int filter = nest.AddLoop("filter", m.filters);
  const int y_in_tile = nest.AddLoop("y", m.tile[0]);
  const int x_in_tile = nest.AddLoop("x", m.tile[1]);
  const int block_row = nest.AddLoop("block_row", m.BlocksOnArray(hw, 0));
  const int col = nest.AddLoop("column", m.BlocksOnArray(hw, 1) * m.block[1]);
  const int row = nest.Affine("row", 0, {{block_row, m.block[0]}, {line, 1}});
  const Place at = AddPlace(nest, m, hw, row, col);
  const int y = nest.Affine("y_result", 0, {{at.tile_y, m.tile[0]}, {y_in_tile, 1}});
  const int x = nest.Affine("x_result", 0, {{at.tile_x, m.tile[1]}, {x_in_tile, 1}});
  const int outc = m.filters > 1 ? nest.Affine("outc_of_result", 0, {{at.unit.outc, 1}, {filter, 1}}) : at.unit.outc;
  Writes(d, p.Results(), {.group = at.unit.group, .batch = at.unit.batch, .outc = outc, .row = y, .col = x});
  if (m.slots(hw) > 0) {
    d.first = {{{at.unit.band, 0, 1}}, {{at.unit.chunk, 0, 1}}, {{at.unit.red_part, 0, 1}}};
    d.last = {{{at.unit.band, m.bands - 1, m.bands}},
              {{at.unit.chunk, m.chunks - 1, m.chunks}},
              {{at.unit.red_part, m.red_parts - 1, m.red_parts}}};
  }
  // Words that leave together have neighbouring slots, which lie in different accumulators.
  d.slot = m.units_meet()
               ? nest.Affine("slot", 0, {{y, p.out[1] * m.channels()}, {x, m.channels()}, {at.unit.channel, 1}, {filter, 1}})
               : nest.Affine("slot", 0, {{filter, m.tile_results() * hw.pe_count()}, {y_in_tile, m.tile[1] * hw.pe_count()},
                                         {x_in_tile, hw.pe_count()}, {at.row, hw.columns}, {at.col, 1}});
  d.row = at.row;
  d.col = at.col;
  return d;
}

Result<Schedule> SchedulePart(const TileMapping& m, const HwConfig& hw) {
  Schedule schedule;
  schedule.setup = Setup(m, hw);
  ECO_ASSIGN(auto program, Program(m, hw));
  schedule.programs.push_back(std::move(program));
  schedule.passes.push_back(PassWords(m, hw));
  // The kernel comes first in each of its rows.
  for (const bool wide : {true, false}) {
    auto& network = wide ? schedule.wide : schedule.narrow;
    if ((wide ? m.kernel_wide : m.kernel_narrow) > 0) {
      network.push_back(m.crop ? CroppedKernel(m, hw, wide) : Kernel(m, hw, wide));
    }
    if ((wide ? m.input_wide : m.input_narrow) == 0) continue;
    network.push_back(m.in_turns() ? InputsInTurns(m, hw, wide) : InputsOfBlocks(m, hw, wide));
    if (network.size() > 1) network.back().turn_loops = kPassLoops + 2;
  }
  schedule.gon.push_back(Results(m, hw));
  schedule.num_passes = NumPasses(schedule.passes[0]);
  return schedule;
}

}  // namespace

Result<Schedule> ScheduleTiles(const TileParts& mapping, const HwConfig& hw) {
  Schedule schedule;
  for (const TileMapping& part : mapping.parts) {
    ECO_ASSIGN(Schedule next, SchedulePart(part, hw));
    if (schedule.passes.empty()) {
      schedule = std::move(next);
      continue;
    }
    CHECK(next.setup == schedule.setup);
    AppendParts(schedule, std::move(next));
  }
  return schedule;
}

}  // namespace ecoflow
