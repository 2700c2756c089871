// SPDX-License-Identifier: Apache-2.0
#include "compiler/schedule/matrix_schedule.h"

#include <algorithm>
#include <numeric>
#include <tuple>

#include "base/ints.h"
#include "compiler/schedule/element.h"
#include "compiler/schedule/program.h"
#include "compiler/schedule/setup.h"

namespace ecoflow {
namespace {

constexpr int64_t kMany = int64_t{1} << 40;

// Loop levels of the program: fixed vectors of a turn, words of k, turns, items.
enum Level { kVector, kDepth, kTurn, kItem };

// The pass loops that every stream starts with, outermost first; the last adds up.
enum PassLoop { kGroup, kItemBlock, kFixedBlock, kDepthBlock, kPassLoops };

LoopNest PassNest(const MatrixMapping& m) {
  return {.loops = {{"group", m.groups()}, {"item_block", m.item_blocks}, {"fixed_block", m.fixed_blocks},
                    {"depth_block", m.depth_blocks}}};
}

// Numbers of a fixed vector, an item and a word of k, from their places. Vectors with neighbouring
// numbers lie in neighbouring columns, so that their sums go to different accumulators.
int AddFixed(LoopNest& nest, const MatrixMapping& m, const HwConfig& hw, int chain, int col, int vector) {
  const int64_t places = m.places(hw);
  return nest.Affine("fixed", 0, {{kFixedBlock, places * m.columns}, {vector, places},
                                  {chain, m.side_columns(hw)}, {col, 1}});
}
int AddItem(LoopNest& nest, const MatrixMapping& m, int item, int side) {
  return nest.Affine("item_number", 0, {{kItemBlock, m.step()}, {item, m.sides}, {side, 1}});
}
int AddDepth(LoopNest& nest, const MatrixMapping& m, int row, int word) {
  return nest.Affine("k", m.first_k, {{kDepthBlock, m.chain * m.depth}, {row, m.depth}, {word, 1}});
}

// The result position that a number stands for.
struct Position {
  int b, y, x;
};
Position AddPosition(LoopNest& nest, const DirectProblem& p, int number) {
  const int rows = nest.Quotient("rows", number, p.out[1]);
  return {nest.Quotient("b", rows, p.out[0]), nest.Remainder("y", rows, p.out[0]),
          nest.Remainder("x", number, p.out[1])};
}
// The summed channel and tap that a word of k stands for; -1 where there is one tap.
struct Tap {
  int r, i, j;
};
Tap AddTap(LoopNest& nest, const DirectProblem& p, int k) {
  const int rows = nest.Quotient("kernel_rows", k, p.kernel[1]);
  return {nest.Quotient("r", rows, p.kernel[0]), p.kernel[0] == 1 ? -1 : nest.Remainder("i", rows, p.kernel[0]),
          p.kernel[1] == 1 ? -1 : nest.Remainder("j", k, p.kernel[1])};
}

// An error of a transposed convolution, and the kernel element and channel of an item. Kernel
// elements run backwards: then the sums of a label come in the order of their errors.
struct ErrorPlace {
  int n, oy, ox;
};
ErrorPlace AddError(LoopNest& nest, const TransposedProblem& p, int number) {
  const int rows = nest.Quotient("error_rows", number, p.in[1]);
  return {nest.Quotient("n", rows, p.in[0]), nest.Remainder("oy", rows, p.in[0]),
          nest.Remainder("ox", number, p.in[1])};
}
struct KernelPlace {
  int c, i, j;
};
KernelPlace AddKernel(LoopNest& nest, const TransposedProblem& p, int item) {
  const int64_t taps = p.kernel[0] * p.kernel[1];
  const int c = nest.Quotient("c", item, taps);
  const int back = nest.Affine("tap", taps - 1, {{item, -1}, {c, taps}});
  return {c, nest.Quotient("i", back, p.kernel[1]), nest.Remainder("j", back, p.kernel[1])};
}

// Element of the input that result position `number` multiplies at `k`; of the kernel for a filter.
void AddInput(GinDescriptor& d, const DirectProblem& p, int number, int k) {
  LoopNest& nest = d.nest;
  const Tap tap = AddTap(nest, p, k);
  const Position at = AddPosition(nest, p, number);
  const auto input = [&](const char* name, std::size_t axis, int at_axis, int tap_of_axis) {
    std::vector<Term> terms = {{at_axis, p.stride[axis]}};
    if (tap_of_axis >= 0) terms.push_back({tap_of_axis, p.dilation[axis]});
    return nest.Affine(name, -p.pad[axis], std::move(terms));
  };
  const int y = input("y_in", 0, at.y, tap.i), x = input("x_in", 1, at.x, tap.j);
  Reads(d, p.Input(), {.group = kGroup, .batch = at.b, .red = tap.r, .row = y, .col = x});
}
void AddFilter(GinDescriptor& d, const DirectProblem& p, int number, int k) {
  const Tap tap = AddTap(d.nest, p, k);
  Reads(d, p.Kernel(), {.group = kGroup, .outc = number, .red = tap.r, .row = tap.i, .col = tap.j});
}
// Of a transposed convolution: the error, and the kernel element of an item, for filter `f`.
void AddErrorOperand(GinDescriptor& d, const TransposedProblem& p, int number, int f) {
  const ErrorPlace e = AddError(d.nest, p, number);
  Reads(d, p.Errors(), {.group = kGroup, .batch = e.n, .red = f, .row = e.oy, .col = e.ox});
}
void AddKernelOperand(GinDescriptor& d, const TransposedProblem& p, int item, int f) {
  const KernelPlace w = AddKernel(d.nest, p, item);
  Reads(d, p.Kernel(), {.group = kGroup, .outc = w.c, .red = f, .row = w.i, .col = w.j});
}

void AddFixedOperand(GinDescriptor& d, const MatrixMapping& m, int number, int k) {
  switch (m.kind) {
    case MatrixKind::kPositionsFixed: return AddInput(d, m.direct, number, k);
    case MatrixKind::kFiltersFixed: return AddFilter(d, m.direct, number, k);
    case MatrixKind::kScatter: return AddErrorOperand(d, m.transposed, number, k);
  }
}
void AddStreamedOperand(GinDescriptor& d, const MatrixMapping& m, int item, int k) {
  switch (m.kind) {
    case MatrixKind::kPositionsFixed: return AddFilter(d, m.direct, item, k);
    case MatrixKind::kFiltersFixed: return AddInput(d, m.direct, item, k);
    case MatrixKind::kScatter: return AddKernelOperand(d, m.transposed, item, k);
  }
}

Result<std::vector<uint64_t>> Program(const MatrixMapping& m, const HwConfig& hw) {
  ProgramBuilder program(hw);
  program.Loop(kVector, m.turn).Loop(kDepth, m.depth).Loop(kTurn, m.columns / m.turn).ParamLoop(kItem);
  program.Sum({kDepth}).Move(Moving::kPsum, kVector, 1).ChainWholePsums();
  // Words of the fixed operand lie in the order in which they are used.
  program.Move(Moving::kFilter, kVector, 1).Move(Moving::kFilter, kDepth, m.turn);
  program.Move(Moving::kFilter, kTurn, m.turn * m.depth).FreeAtEnd(Moving::kFilter, m.block());
  if (m.frees_words()) {
    program.Free(Moving::kIfmap, kDepth, 1).FreeAtEnd(Moving::kIfmap, 1 + m.flow_fillers());
  } else {
    program.Move(Moving::kIfmap, kDepth, 1).Free(Moving::kIfmap, kItem, m.depth);
    program.FreeAtEnd(Moving::kIfmap, m.depth + m.flow_fillers());
  }
  // Y counts vectors, up to the last one that exists; Z counts words of k, likewise.
  program.Check(Moving::kY, kRangeResult, m.columns);
  program.Move(Moving::kY, kVector, 1).Move(Moving::kY, kTurn, m.turn);
  program.Check(Moving::kZ, kRangeOperand, m.depth).Move(Moving::kZ, kDepth, 1);
  return program.Words();
}

// Tags of the streamed operand's network: one for a row of each chain and one for all columns of a side; then,
// where it brings words of the fixed operand, those of single rows and columns.
int64_t RowTag(const MatrixMapping& m, int64_t row) { return m.chain + row; }
int64_t ColumnTag(const MatrixMapping& m, int64_t col) { return m.sides + col; }
// Of the other network, where it brings streamed words, too.
int64_t FlowRowTag(const MatrixMapping& m, int64_t row) { return m.chains * m.chain + row; }
int64_t FlowColumnTag(const MatrixMapping& m, const HwConfig& hw, int64_t side) { return m.side_columns(hw) + side; }

std::vector<uint64_t> Setup(const MatrixMapping& m, const HwConfig& hw) {
  ArraySetup setup(hw);
  const bool tell_apart = m.early > 0 || m.split();
  for (int64_t row = 0; row < m.chains * m.chain; ++row) {
    const auto at = static_cast<std::size_t>(row);
    IdList& row_stream = (m.stream_wide ? setup.row_wide : setup.row_narrow)[at];
    row_stream = {row % m.chain};
    if (tell_apart) row_stream.push_back(RowTag(m, row));
    IdList& row_fixed = (m.stream_wide ? setup.row_narrow : setup.row_wide)[at];
    row_fixed = {row};
    if (m.flows()) row_fixed.push_back(FlowRowTag(m, row % m.chain));
    for (int64_t c = 0; c < m.sides * m.side_columns(hw); ++c) {
      const int64_t side = c / m.side_columns(hw), col = c % m.side_columns(hw);
      IdList& stream = m.stream_wide ? setup.PeWide(row, c) : setup.PeNarrow(row, c);
      stream = {side};
      if (tell_apart) stream.push_back(ColumnTag(m, col));
      IdList& fixed = m.stream_wide ? setup.PeNarrow(row, c) : setup.PeWide(row, c);
      fixed = {col};
      if (m.flows()) fixed.push_back(FlowColumnTag(m, hw, side));
    }
  }
  if (m.flows()) {
    setup.ifmap_wide = m.flow_wide;
    setup.ifmap_narrow = m.flow_narrow;
  } else (m.stream_wide ? setup.ifmap_wide : setup.ifmap_narrow) = 1;
  if (m.split()) {
    setup.filter_wide = m.turn_wide;
    setup.filter_narrow = m.turn_narrow;
    return setup.Words();
  }
  // After its first words the file takes all others from the fixed operand's network.
  (m.stream_wide ? setup.filter_wide : setup.filter_narrow) = m.early;
  (m.stream_wide ? setup.filter_narrow : setup.filter_wide) = m.early > 0 ? kLongestTurn : 1;
  setup.filter_narrow_first = m.early > 0 && !m.stream_wide;
  return setup.Words();
}

PassDescriptor PassWords(const MatrixMapping& m, const HwConfig& hw) {
  PassDescriptor d{.nest = PassNest(m), .pass_loops = kPassLoops};
  LoopNest& nest = d.nest;
  const int row = nest.AddLoop("row", m.chains * m.chain);
  const int column = nest.AddLoop("column", m.sides * m.side_columns(hw));

  const int side = nest.Quotient("side", column, m.side_columns(hw));
  const int col = nest.Remainder("column_of_side", column, m.side_columns(hw));
  const int chain = nest.Quotient("chain", row, m.chain);
  const int in_chain = nest.Remainder("in_chain", row, m.chain);
  // Y and Z start as far from their limits as vectors and words exist.
  const int64_t places = m.places(hw);
  Register left;  // vectors of this place, from this block on
  left.name = "vectors_left";
  left.base = m.all_fixed() + places - 1;
  left.terms = {{kFixedBlock, -places * m.columns}, {chain, -m.side_columns(hw)}, {col, -1}};
  left.divisor = places;
  left.cap = m.columns;
  const int vectors = nest.AddRegister(left);
  const int words = nest.Affine("words_missing_negative", m.all_depth() - m.depth,
                                {{kDepthBlock, -m.chain * m.depth}, {in_chain, -m.depth}}, 0);
  const int y_base = nest.Affine("y_base", m.columns, {{vectors, -1}}, m.columns);
  const int z_base = nest.Affine("z_base", 0, {{words, -1}}, m.depth);
  const int last = nest.AddRegister({"last_item", m.all_items() - 1, {{kItemBlock, -m.step()}, {side, -1}}, m.sides, 0,
                                     m.items - 1});
  d.fields = {{"YBase", y_base}, {"ZBase", z_base}, {"ParamLast", last}};
  d.from_below = {{{in_chain, 0, m.chain - 1}}};
  d.to_above = {{{in_chain, 1, m.chain}}};
  return d;
}

// A row of a chain, from below: the sum that it adds to comes from there, so that upper rows need their words later.
int RowFromBelow(LoopNest& nest, const MatrixMapping& m, int upwards) {
  return nest.Affine("row", m.chain - 1, {{upwards, -1}});
}

// Every item sends each row of a chain its words of k. Where the fixed operand comes over both networks, the
// items of a pass go in as many slices as there are pieces of it, one after each piece.
GinDescriptor Streamed(const MatrixMapping& m, const HwConfig& hw) {
  GinDescriptor d{.nest = PassNest(m)};
  LoopNest& nest = d.nest;
  const int64_t lanes = m.stream_wide ? hw.wide_lanes() : hw.narrow_lanes();
  const int64_t slices = m.pieces(), in_slice = CeilDiv(m.items, slices);
  const int slice = nest.AddLoop("slice", slices);
  const int of_slice = nest.AddLoop("item", in_slice);
  const int piece = nest.AddLoop("piece", CeilDiv(m.depth, lanes));
  const int side = nest.AddLoop("side", m.sides);
  const int upwards = nest.AddLoop("row_from_below", m.chain);
  const int word = nest.AddLoop("word", lanes);

  const int row = RowFromBelow(nest, m, upwards);
  const int item = nest.Affine("item_in_pass", 0, {{slice, in_slice}, {of_slice, 1}});
  const int number = AddItem(nest, m, item, side);
  const int in_pe = nest.Affine("word_in_pe", 0, {{piece, lanes}, {word, 1}});
  if (slices > 1) nest.Keep(item, 0, m.items);
  nest.Keep(number, 0, m.all_items());
  nest.Keep(in_pe, 0, m.depth);
  AddStreamedOperand(d, m, number, AddDepth(nest, m, row, in_pe));
  d.row_tag = row;
  d.col_tag = nest.Affine("col_tag", 0, {{side, 1}});
  d.destination = kDestIfmap;
  return d;
}

// Likewise over both networks: of every turn, the words of one.
GinDescriptor Flow(const MatrixMapping& m, const HwConfig& hw, bool wide) {
  GinDescriptor d{.nest = PassNest(m)};
  LoopNest& nest = d.nest;
  const bool own = wide == m.stream_wide;
  const int turn = nest.AddLoop("turn", CeilDiv(m.items * m.depth, m.flow()));
  const int side = nest.AddLoop("side", m.sides);
  const int upwards = nest.AddLoop("row_from_below", m.chain);
  const int word = nest.AddLoop("word", wide ? m.flow_wide : m.flow_narrow);

  const int row = RowFromBelow(nest, m, upwards);
  const int in_pass = nest.Affine("word_in_pass", wide ? 0 : m.flow_wide, {{turn, m.flow()}, {word, 1}});
  const int item = nest.Quotient("item_in_pass", in_pass, m.depth);
  const int in_pe = nest.Remainder("word_in_pe", in_pass, m.depth);
  const int number = AddItem(nest, m, item, side);
  if (m.flow_fillers() > 0) {
    d.real.push_back({{in_pass, 0, m.items * m.depth}});
  } else {
    nest.Keep(item, 0, m.items);
    nest.Keep(number, 0, m.all_items());
  }
  AddStreamedOperand(d, m, number, AddDepth(nest, m, row, in_pe));
  d.row_tag = nest.Affine("row_tag", own ? 0 : FlowRowTag(m, 0), {{row, 1}});
  d.col_tag = nest.Affine("col_tag", own ? 0 : FlowColumnTag(m, hw, 0), {{side, 1}});
  d.destination = kDestIfmap;
  return d;
}

// Who brings words of the fixed operand: its own network, or that of the streamed one.
enum class Bringer { kOwn, kStreams };

// Of which passes. Of the first, where both networks bring it, one row of PEs after the other: a network waits for the words
// that the other one has for the same PEs. Of others a beat to each PE in turn, as the pass before is at work and leaves
// little room.
enum class Blocks { kAll, kFirst, kLater };

// Every PE gets its own vectors.
GinDescriptor Fixed(const MatrixMapping& m, const HwConfig& hw, Bringer bringer, Blocks blocks) {
  GinDescriptor d{.nest = PassNest(m)};
  LoopNest& nest = d.nest;
  const bool streams = bringer == Bringer::kStreams, wide = streams == m.stream_wide;
  const int64_t lanes = wide ? hw.wide_lanes() : hw.narrow_lanes();
  // Of a turn of both networks, this one's share is a piece.
  const int64_t share = !m.split() ? lanes : wide ? m.turn_wide : m.turn_narrow;
  const bool by_row = blocks == Blocks::kFirst;
  const auto add_pieces = [&] {
    return nest.AddLoop("piece", m.split() ? m.pieces() : CeilDiv(streams ? m.early : m.block(), lanes));
  };
  int piece = by_row ? 0 : add_pieces();
  const int chain = nest.AddLoop("chain", m.chains);
  const int upwards = nest.AddLoop("row_from_below", m.chain);
  if (by_row) piece = add_pieces();
  const int col = nest.AddLoop("column", m.side_columns(hw));
  const int word = nest.AddLoop("word", share);

  const int row = RowFromBelow(nest, m, upwards);
  const int in_pe = m.split() ? nest.Affine("word_in_pe", wide ? 0 : m.turn_wide,
                                            {{piece, m.turn_wide + m.turn_narrow}, {word, 1}})
                              : nest.Affine("word_in_pe", 0, {{piece, lanes}, {word, 1}});
  const int64_t words = m.columns * m.depth;
  if (m.split()) {
    if (m.block() > words) d.real.push_back({{in_pe, 0, words}});
  } else {
    const bool behind_early = blocks == Blocks::kFirst && !streams;
    nest.Keep(in_pe, behind_early ? m.early : 0, streams ? m.early : words);
    if (blocks != Blocks::kAll) {
      const int later = nest.Affine("later_pass", 0, {{kGroup, 1}, {kItemBlock, 1}, {kFixedBlock, 1}, {kDepthBlock, 1}});
      nest.Keep(later, by_row ? 0 : 1, by_row ? 1 : m.passes());
    }
  }
  const int turn = nest.Quotient("turn", in_pe, m.turn * m.depth);
  const int in_turn = nest.Remainder("vector_in_turn", in_pe, m.turn);
  const int vector = nest.Affine("vector", 0, {{turn, m.turn}, {in_turn, 1}});
  const int in_vector = nest.AddRegister({"word_in_vector", 0, {{in_pe, 1}}, m.turn, m.depth});
  const int number = AddFixed(nest, m, hw, chain, col, vector);
  AddFixedOperand(d, m, number, AddDepth(nest, m, row, in_vector));
  d.row_tag = nest.Affine("row_tag", streams ? RowTag(m, 0) : 0, {{chain, m.chain}, {row, 1}});
  d.col_tag = nest.Affine("col_tag", streams ? ColumnTag(m, 0) : 0, {{col, 1}});
  d.destination = kDestFilter;
  return d;
}

// Where a sum of a direct convolution belongs.
void AddDirectResult(GonDescriptor& d, const MatrixMapping& m, int fixed, int item, int item_in_pass,
                     int place) {
  LoopNest& nest = d.nest;
  const DirectProblem& p = m.direct;
  const bool positions = m.kind == MatrixKind::kPositionsFixed;
  const Position at = AddPosition(nest, p, positions ? fixed : item);
  Writes(d, p.Results(), {.group = kGroup, .batch = at.b, .outc = positions ? item : fixed,
                          .row = at.y, .col = at.x});
  if (!m.meets_parts) {
    d.slot = nest.Affine("slot", 0, {{item_in_pass, m.slots / m.items}, {place, 1}});
    return;
  }
  d.slot = AddAddress(nest, {0, m.slot_at, {}},
                      {.group = kGroup, .batch = at.b, .outc = positions ? item : fixed, .row = at.y, .col = at.x});
  for (const int axis : {0, 1}) {
    const MatrixMapping::OtherTaps& other = m.other_taps[static_cast<std::size_t>(axis)];
    const int along = axis == 0 ? at.y : at.x;
    // Inputs of the part's first and last tap: beyond, no other tap of the result meets one.
    if (other.before) {
      const int input = nest.Affine("first_input", -p.pad[axis], {{along, p.stride[axis]}});
      d.first.push_back({{input, -kMany, other.distance}});
    }
    if (other.after) {
      const int input = nest.Affine("last_input", (p.kernel[axis] - 1) * p.dilation[axis] - p.pad[axis],
                                    {{along, p.stride[axis]}});
      d.last.push_back({{input, p.in[axis] - other.distance, kMany}});
    }
  }
}

// Where a sum of a transposed convolution belongs, and whether it is the first or last of its label.
void AddScatteredResult(GonDescriptor& d, const MatrixMapping& m, int fixed, int item, int item_in_pass) {
  LoopNest& nest = d.nest;
  const TransposedProblem& p = m.transposed;
  const ErrorPlace e = AddError(nest, p, fixed);
  const KernelPlace w = AddKernel(nest, p, item);
  const int y = nest.Affine("y", -p.pad[0], {{e.oy, p.stride[0]}, {w.i, p.dilation[0]}});
  const int x = nest.Affine("x", -p.pad[1], {{e.ox, p.stride[1]}, {w.j, p.dilation[1]}});
  const Element result = {.group = kGroup, .batch = e.n, .outc = w.c, .row = y, .col = x};
  Writes(d, p.Results(), result, m.drops() ? Outside::kDropped : Outside::kMissing);
  // Errors before and after this one that have a product of the same label.
  for (const auto& [axis, error, tap] : {std::tuple{0, e.oy, w.i}, std::tuple{1, e.ox, w.j}}) {
    const int64_t common = std::gcd(p.stride[axis], p.dilation[axis]);
    const int64_t reach = p.dilation[axis] / common, period = p.stride[axis] / common;
    const MatrixMapping::WholeAxis& whole = m.whole[static_cast<std::size_t>(axis)];
    d.first.push_back({{error, -kMany, reach - whole.first_error},
                       {tap, whole.taps - period - whole.first_tap, kMany}});
    d.last.push_back({{error, whole.errors - reach - whole.first_error, kMany},
                      {tap, -kMany, period - whole.first_tap}});
  }
  if (m.meets_parts) {
    d.slot = AddAddress(nest, {0, m.slot_at, {}}, result);
    return;
  }
  const int64_t pitch = (p.in[0] - 1) * p.stride[0] + (p.kernel[0] - 1) * p.dilation[0] + 1;
  const int rows = nest.Affine("label_row", 0, {{e.n, pitch}, {e.oy, p.stride[0]},
                                                {w.i, p.dilation[0]}});
  const int row = nest.Remainder("ring_row", rows, m.ring_rows);
  const int label = nest.Affine("label", 0, {{e.ox, p.stride[1]}, {w.j, p.dilation[1]}});
  const int column = nest.Quotient("label_column", label, p.stride[1]);
  const int offset = nest.Remainder("label_offset", label, p.stride[1]);
  const int64_t row_slots = ScatterRowSlots(p);
  const int c_in_pass = nest.Quotient("c_in_pass", item_in_pass, p.kernel[0] * p.kernel[1]);
  d.slot = nest.Affine("slot", 0, {{c_in_pass, m.ring_rows * row_slots}, {row, row_slots},
                                   {offset, row_slots / p.stride[1]}, {column, 1}});
}

// Results: item by item, vector by vector, from the tops of the chains.
GonDescriptor Results(const MatrixMapping& m, const HwConfig& hw) {
  GonDescriptor d{.nest = PassNest(m)};
  LoopNest& nest = d.nest;
  const int item = nest.AddLoop("item", m.items);
  const int vector = nest.AddLoop("vector", m.columns);
  const int chain = nest.AddLoop("chain", m.chains);
  const int side = nest.AddLoop("side", m.sides);
  const int col = nest.AddLoop("column", m.side_columns(hw));

  const int item_number = AddItem(nest, m, item, side);
  const int fixed = AddFixed(nest, m, hw, chain, col, vector);
  nest.Keep(item_number, 0, m.all_items());
  nest.Keep(fixed, 0, m.all_fixed());
  if (m.scatter()) {
    AddScatteredResult(d, m, fixed, item_number, item);
  } else {
    const int64_t of_row = m.sides * m.side_columns(hw);
    const int place = nest.Affine("place", 0, {{vector, m.chains * of_row}, {chain, of_row},
                                               {side, m.side_columns(hw)}, {col, 1}});
    AddDirectResult(d, m, fixed, item_number, item, place);
  }
  // Blocks of k before and behind this one, of this part or of others.
  const bool others_behind = !m.scatter() && m.first_k + m.all_depth() < m.direct.red * m.direct.kernel[0] * m.direct.kernel[1];
  if (m.depth_blocks > 1 || m.first_k > 0) d.first.push_back({{kDepthBlock, 0, m.first_k > 0 ? 0 : 1}});
  if (m.depth_blocks > 1 || others_behind) {
    d.last.push_back({{kDepthBlock, m.depth_blocks - 1, others_behind ? m.depth_blocks - 1 : m.depth_blocks}});
  }
  d.row = nest.Affine("row", 0, {{chain, m.chain}});
  d.col = nest.Affine("gon_column", 0, {{side, m.side_columns(hw)}, {col, 1}});
  return d;
}

Result<Schedule> SchedulePart(const MatrixMapping& m, const HwConfig& hw) {
  Schedule schedule;
  schedule.setup = Setup(m, hw);
  ECO_ASSIGN(auto program, Program(m, hw));
  schedule.programs.push_back(std::move(program));
  schedule.passes.push_back(PassWords(m, hw));
  auto& stream = m.stream_wide ? schedule.wide : schedule.narrow;
  const bool early = m.early > 0;
  if (early || m.split()) stream.push_back(Fixed(m, hw, Bringer::kStreams, early ? Blocks::kFirst : Blocks::kAll));
  // The block of the next pass comes before the items of this one, where there is room; or in pieces between the items.
  const int64_t lead = !m.flows() ? m.pieces() : m.passes() > 1 && 2 * m.block() <= hw.filter_depth ? 1 : 0;
  const int turn_loops = m.flows() ? kPassLoops : kPassLoops + 1;
  if (m.split()) stream.back().lead = lead;
  stream.push_back(m.flows() ? Flow(m, hw, m.stream_wide) : Streamed(m, hw));
  if (m.split()) stream.back().turn_loops = turn_loops;
  auto& fixed = m.stream_wide ? schedule.narrow : schedule.wide;
  if (early) fixed.push_back(Fixed(m, hw, Bringer::kOwn, Blocks::kFirst));
  if (!early || m.passes() > 1) fixed.push_back(Fixed(m, hw, Bringer::kOwn, early ? Blocks::kLater : Blocks::kAll));
  if (m.flows()) {
    fixed.back().lead = lead;
    fixed.push_back(Flow(m, hw, !m.stream_wide));
    fixed.back().turn_loops = turn_loops;
  }
  schedule.gon.push_back(Results(m, hw));
  schedule.num_passes = NumPasses(schedule.passes[0]);
  return schedule;
}

}  // namespace

Result<Schedule> ScheduleMatrix(const MatrixParts& mapping, const HwConfig& hw) {
  ECO_ASSIGN(Schedule schedule, SchedulePart(mapping.parts.front(), hw));
  for (std::size_t k = 1; k < mapping.parts.size(); ++k) {
    ECO_ASSIGN(Schedule next, SchedulePart(mapping.parts[k], hw));
    AppendParts(schedule, std::move(next));
  }
  return schedule;
}

}  // namespace ecoflow
