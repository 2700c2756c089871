// SPDX-License-Identifier: Apache-2.0
#include "compiler/schedule/strip_schedule.h"

#include <algorithm>

#include "base/ints.h"
#include "compiler/schedule/element.h"
#include "compiler/schedule/program.h"
#include "compiler/schedule/setup.h"

namespace ecoflow {
namespace {

constexpr int64_t kMany = int64_t{1} << 40;

// Loop levels of the program: filters, shifts, kernel rows, label columns, channels. In turns filters and shifts share a
// level (InnerLevelsInTurn).
enum Level { kFilter, kShift, kKernelRow, kLabelColumn, kChannel };

// A pass of a round: its kind of label columns, and 1 where it is of ragged residues, of the channels that are left.
struct Kind {
  int64_t columns = 0, short_rows = 0, left_channels = 0;
};
std::vector<Kind> Kinds(const StripMapping& m) {
  std::vector<Kind> kinds;
  const int64_t outer = m.joined > 0 ? m.column_kinds() : m.row_kinds();
  const int64_t inner = m.joined > 0 ? m.row_kinds() : m.column_kinds();
  for (int64_t o = 0; o < outer; ++o) {
    for (int64_t i = 0; i < inner; ++i) {
      const int64_t columns = m.joined > 0 ? o : i, rows = m.row_kinds() - 1 - (m.joined > 0 ? i : o);
      for (int64_t channels = m.channel_kinds(); channels-- > 0;) kinds.push_back({columns, rows, channels});
    }
  }
  return kinds;
}

// The pass loops that every stream starts with, outermost first; the last three are a round. Kinds of kernel rows are
// outside, as sums leave more evenly so; but errors are freed by kinds of label columns where the last shift is apart.
enum PassLoop { kGroup, kTile, kBand, kBlock, kOuterKind, kInnerKind, kChannelKind, kPassLoops };
int ColumnKindLoop(const StripMapping& m) { return m.joined > 0 ? kOuterKind : kInnerKind; }
int RowKindLoop(const StripMapping& m) { return m.joined > 0 ? kInnerKind : kOuterKind; }

LoopNest PassNest(const StripMapping& m) {
  LoopNest nest{.loops = {{"group", m.problem.groups}, {"channel_tile", m.channel_tiles}, {"band", m.bands},
                          {"filter_block", m.filter_blocks}, {}, {}, {"channel_kind", m.channel_kinds()}}};
  nest.loops[static_cast<std::size_t>(ColumnKindLoop(m))] = {"column_kind", m.column_kinds()};
  nest.loops[static_cast<std::size_t>(RowKindLoop(m))] = {"row_kind", m.row_kinds()};
  return nest;
}

// The numbers of Kind, as registers.
struct KindOfPass {
  int short_rows, left_channels;
};
KindOfPass AddKind(LoopNest& nest, const StripMapping& m) {
  const auto kind = [&](const char* name, int loop, int64_t kinds) {
    return nest.Affine(name, kinds - 1, {{loop, -1}});
  };
  return {kind("short_rows", RowKindLoop(m), m.row_kinds()), kind("left_channels", kChannelKind, m.channel_kinds())};
}

int64_t LastColumn(const LabelKind& kind) { return kind.first + kind.columns - 1; }

// What passes of each kind of label columns have: v0, v1 and v2 by way of k and k / 2.
struct OfKind {
  int64_t base = 0;
  std::vector<Term> terms;
};
template <typename Number>
OfKind AddOfKind(LoopNest& nest, const StripMapping& m, Number number) {
  const LabelKinds kinds = m.label_kinds();
  OfKind of{.base = number(kinds[0])};
  if (m.column_kinds() == 1) return of;
  const int64_t step = number(kinds[1]) - of.base;
  if (step != 0) of.terms.push_back({ColumnKindLoop(m), step});
  if (m.column_kinds() == 2) return of;
  const int64_t bend = number(kinds[2]) - number(kinds[1]) - step;
  if (bend != 0) of.terms.push_back({nest.Quotient("last_kind", ColumnKindLoop(m), 2), bend});
  return of;
}
int AddAffine(LoopNest& nest, const char* name, const OfKind& of, int64_t base, int64_t factor, std::vector<Term> terms) {
  for (const Term& term : of.terms) terms.push_back({term.var, term.factor * factor});
  return nest.Affine(name, base + of.base * factor, std::move(terms));
}

// The result channel of place `turn` in turn `turns` of a tile and a block of columns.
int AddChannel(LoopNest& nest, const StripMapping& m, const KindOfPass& kind, int turns, int turn, int g) {
  // Passes of channels that are left have one turn.
  if (m.left > 0) {
    nest.keep.push_back({{kind.left_channels, 0, 1}, {turns, 0, 1}});
    nest.keep.push_back({{kind.left_channels, 0, 1}, {turn, 0, m.left}});
  }
  const int c = nest.Affine("c", 0, {{kTile, m.channels * m.blocks + m.left}, {turns, m.turn * m.blocks},
                                     {g, m.turn}, {turn, 1}, {kind.left_channels, m.channels}});
  nest.Keep(c, 0, m.problem.outc);
  return c;
}

AnyOf NotOfKind(const StripMapping& m, int64_t k) {
  return {{ColumnKindLoop(m), k + 1, kMany}, {ColumnKindLoop(m), -kMany, k}};
}
AnyOf OrIf(AnyOf any, const Range& range) {
  any.push_back(range);
  return any;
}

// Label columns and shifts have a loop outside of the channels in turn and one inside; a kind uses one of the two.
struct InAndOut {
  int outer = -1, inner = -1;
};
// Their sum, which is below the extent of a kind.
template <typename Extent>
int AddSum(LoopNest& nest, const StripMapping& m, const char* name, const InAndOut& loops, Inner inner, Extent extent) {
  const LabelKinds kinds = m.label_kinds();
  for (int64_t k = 0; k < m.column_kinds(); ++k) {
    const int unused = kinds[k].inner == inner ? loops.outer : loops.inner;
    if (nest.loops[static_cast<std::size_t>(unused)].bound > 1) nest.keep.push_back(OrIf(NotOfKind(m, k), {unused, 0, 1}));
  }
  const int sum = nest.Affine(name, 0, {{loops.outer, 1}, {loops.inner, 1}});
  if (m.column_kinds() > 1) {
    const int left = AddAffine(nest, "left", AddOfKind(nest, m, extent), 0, 1, {{sum, -1}});
    nest.Keep(left, 1, kMany);
  }
  return sum;
}
int64_t MostInside(const StripMapping& m, Inner inner) {
  int64_t most = 1;
  for (const LabelKind& kind : m.label_kinds()) most = std::max(most, kind.inner == inner ? kind.turn() : 1);
  return most;
}

// Label columns go from the last one of a kind to its first.
InAndOut AddColumnsOutside(LoopNest& nest, const StripMapping& m) {
  const int64_t most = m.in_turn() ? m.label_kinds().Most(&LabelKind::outer_columns) : m.columns_j;
  return {.outer = nest.AddLoop("label_column_from_last", most)};
}
void AddColumnsInTurn(LoopNest& nest, const StripMapping& m, InAndOut& columns) {
  columns.inner = nest.AddLoop("label_column_in_turn", MostInside(m, Inner::kColumns));
}
int AddLabelColumn(LoopNest& nest, const StripMapping& m, const InAndOut& columns) {
  const int from_last = AddSum(nest, m, "from_last", columns, Inner::kColumns, [](const LabelKind& k) { return k.columns; });
  if (!m.in_turn()) return nest.Affine("label_column", m.columns_j - 1, {{from_last, -1}});
  return AddAffine(nest, "label_column", AddOfKind(nest, m, &LastColumn), 0, 1, {{from_last, -1}});
}

// Kernel row `row` of residue `residue` of a pass.
int AddKernelRow(LoopNest& nest, const StripMapping& m, const KindOfPass& kind, int residue, int row) {
  const int64_t ragged = m.ragged_residues(), full = m.residues() - ragged;
  if (ragged > 0) {
    const int rows = nest.Affine("rows_or_end", 0, {{row, 1}, {kind.short_rows, 1}});
    nest.Keep(rows, 0, m.residue_rows());
    const int end = nest.Affine("residue_or_end", 0, {{residue, 1}, {kind.short_rows, full - ragged}});
    nest.Keep(end, -kMany, full);
  }
  return nest.Affine("kernel_row", 0, {{row, m.row_step}, {residue, 1}, {kind.short_rows, full}});
}

// Where a stack row stands in the map of errors.
struct StackRow {
  int position, in_run, oy, n, segment, class_x;
};

// `row` is a loop over the rows of the array; rows that hold no error are dropped.
StackRow AddStackRow(LoopNest& nest, const StripMapping& m, const HwConfig& hw, int row) {
  StackRow s{};
  s.position = nest.Affine("position", 0, {{kBand, hw.rows}, {row, 1}});
  const auto digit = [&](const char* name, int64_t divisor, int64_t modulus) {
    if (modulus == 1) return nest.Affine(name, 0, {});
    return nest.AddRegister({name, 0, {{s.position, 1}}, divisor, modulus});
  };
  int64_t unit = 1;
  s.in_run = digit("in_run", unit, m.run);
  const int class_y = digit("class_y", unit *= m.run, m.classes_y);
  s.n = digit("n", unit *= m.classes_y, m.problem.batch);
  s.segment = digit("segment", unit *= m.problem.batch, m.segments);
  s.class_x = digit("class_x", unit *= m.segments, 0);
  s.oy = nest.Affine("oy", 0, {{s.in_run, m.reach_y}, {class_y, 1}});
  return s;
}

Condition RowHoldsErrors(const StripMapping& m, const StackRow& s) {
  return {{{s.position, 0, m.stack}}, {{s.oy, 0, m.problem.in[0]}}};
}

// Error column of array column `column` (a variable) in the row's segment and class.
int AddErrorColumn(LoopNest& nest, const StripMapping& m, const StackRow& s, int column) {
  if (m.circular) return nest.Remainder("ox", column, m.problem.in[1]);
  return nest.Affine("ox", 0, {{s.class_x, 1},
                               {s.segment, m.reach_x * m.width},
                               {column, m.reach_x}});
}

// The levels of a channel, from the innermost one; errors lie in the ring shift by shift, filters inside. Then the
// level of channels.
int InnerLevels(ProgramBuilder& program, const StripMapping& m, int64_t filters) {
  program.Loop(kFilter, filters).Loop(kShift, m.shifts).Loop(kKernelRow, m.problem.kernel[0]).Loop(kLabelColumn, m.columns_j);
  program.Ragged(m.ragged_columns()).Sum({kFilter, kShift});
  program.Move(Moving::kFilter, kFilter, 1).Move(Moving::kFilter, kShift, filters);
  program.Move(Moving::kZ, kShift, m.circular ? -1 : -m.reach_x);
  program.Move(Moving::kY, kKernelRow, m.problem.dilation[0]);
  program.Move(Moving::kX, kLabelColumn, -m.problem.dilation[1]);
  return kChannel;
}

// The same in turns: what takes turns of a channel; channels.
int InnerLevelsInTurn(ProgramBuilder& program, const StripMapping& m, const Kind& kind) {
  const LabelKind label = m.label_kinds()[kind.columns];
  const int64_t dilation = m.problem.dilation[0];
  const int64_t inside = label.turn() * m.filter_turn;
  int level = 0;
  if (inside > 1) {
    program.Loop(level, inside).Move(Moving::kPsum, level, 1);
    // Errors of the parts lie one behind the other, shifts apart within a part.
    if (m.filter_turn > 1) program.Move(Moving::kFilter, level, m.part_filters() * m.shifts);
    if (label.inner == Inner::kShifts) program.Move(Moving::kFilter, level, m.filters).Move(Moving::kZ, level, -m.filters);
    if (label.inner == Inner::kColumns) program.Move(Moving::kX, level, -m.problem.dilation[1]);
    ++level;
  }
  if (m.turn > 1 || inside == 1) {
    program.Loop(level, kind.left_channels > 0 ? m.left : m.turn).Move(Moving::kPsum, level, inside);
    ++level;
  }
  program.mode().ChainOuter = level > 1;  // kernel rows are level 3 then
  program.Loop(level, m.part_filters() * label.outer_shifts());
  program.Sum({level}).Move(Moving::kFilter, level, 1);
  if (m.shifts > 1) program.Move(Moving::kZ, level, -1);
  ++level;
  program.Loop(level, m.residue_rows() - kind.short_rows).Move(Moving::kY, level, m.row_step * dilation);
  ++level;
  if (m.row_step > 1) {
    program.Loop(level, kind.short_rows > 0 ? m.ragged_residues() : m.residues() - m.ragged_residues());
    program.Move(Moving::kY, level, dilation);
    ++level;
  }
  if (label.inner == Inner::kColumns) return level;
  program.Loop(level, label.columns).Move(Moving::kX, level, -m.problem.dilation[1]);
  return level + 1;
}

// Result columns up to the last that an error reaches.
int64_t ResultColumns(const TransposedProblem& p) {
  const int64_t right_most =
      (p.in[1] - 1) * p.stride[1] + (p.kernel[1] - 1) * p.dilation[1] - p.pad[1];
  return std::min(p.out[1], right_most + 1);
}

Result<std::vector<uint64_t>> Program(const StripMapping& m, const HwConfig& hw, int64_t filters,
                                      const Kind& kind, int64_t free_shifts) {
  const TransposedProblem& p = m.problem;
  ProgramBuilder program(hw);
  program.mode().IfmapDirect = 1;  // weights, one a cycle
  program.mode().StreamNarrow = m.errors_wide;
  // Labels meet this many rows of a residue further.
  const int64_t meet = m.period_y / m.row_step;
  program.mode().ChainInMin = meet;
  program.mode().ChainOutMax = std::max<int64_t>(0, m.residue_rows() - kind.short_rows - meet);
  program.Check(Moving::kY, kRangeResult, p.out[0]);
  program.Check(Moving::kX, kRangeResult, ResultColumns(p));
  program.Check(Moving::kZ, m.circular ? kRangeCircular : kRangeOperand, p.in[1] * m.z_step());

  program.ParamLoop(m.in_turn() ? InnerLevelsInTurn(program, m, kind) : InnerLevels(program, m, filters));
  if (free_shifts > 0) program.FreeAtEnd(Moving::kFilter, filters * free_shifts);
  return program.Words();
}

std::vector<uint64_t> Setup(const StripMapping& m, const HwConfig& hw) {
  ArraySetup setup(hw);
  for (int64_t row = 0; row < hw.rows; ++row) {
    const auto at = static_cast<std::size_t>(row);
    (m.errors_wide ? setup.row_narrow : setup.row_wide)[at] = {0};
    (m.errors_wide ? setup.row_wide : setup.row_narrow)[at] = {row};
    for (int64_t col = 0; col < m.blocks * m.width; ++col) {
      (m.errors_wide ? setup.PeNarrow(row, col) : setup.PeWide(row, col)) = {col / m.width};
      IdList& errors = m.errors_wide ? setup.PeWide(row, col) : setup.PeNarrow(row, col);
      for (int64_t k = 0; k < m.fan; ++k) errors.push_back(col % m.width + k);
    }
  }
  (m.errors_wide ? setup.filter_wide : setup.filter_narrow) = 1;
  return setup.Words();
}

PassDescriptor PassWords(const StripMapping& m, const HwConfig& hw) {
  const TransposedProblem& p = m.problem;
  PassDescriptor d{.nest = PassNest(m), .pass_loops = kPassLoops, .round_loops = kPassLoops - kOuterKind};
  LoopNest& nest = d.nest;
  const int row = nest.AddLoop("row", hw.rows);
  const int col = nest.AddLoop("column", m.blocks * m.width);
  const KindOfPass kind = AddKind(nest, m);

  const StackRow s = AddStackRow(nest, m, hw, row);
  const int g = nest.Quotient("block_of_columns", col, m.width);
  const int u = nest.Affine("u", 0, {{col, 1}, {g, -m.width}});
  const int m_col = nest.Affine("m", 0, {{s.segment, m.circular ? 0 : m.width}, {u, 1}});
  const int ox = nest.Affine("ox", 0, {{s.class_x, 1}, {m_col, m.reach_x}});
  // The first kernel row and the last label column of the pass.
  const int y_base = nest.Affine("y_base", -p.pad[0],
                                 {{s.oy, p.stride[0]},
                                  {kind.short_rows, (m.residues() - m.ragged_residues()) * p.dilation[0]}});
  const OfKind last_column = m.in_turn() ? AddOfKind(nest, m, &LastColumn) : OfKind{.base = m.columns_j - 1, .terms = {}};
  const int x_base = AddAffine(nest, "x_base", last_column, -p.pad[1], p.dilation[1], {{ox, p.stride[1]}});
  const OfKind first_shift = AddOfKind(nest, m, [](const LabelKind& k) { return k.first_shift; });
  const int z_base = AddAffine(nest, "z_base", first_shift, m.z_step() - 1, -m.z_step(), {{m.circular ? u : ox, m.z_step()}});
  // Turns of this block of columns: (tile*turns + k)*blocks + g < outc / turn; or, where some channels are
  // left in each tile, all of them, and one of those that are left.
  const int left = nest.AddRegister({"turns_left", p.outc / m.turn - 1, {{g, -1}}, m.blocks});
  const int last_turn =
      m.left > 0 ? nest.Affine("last_turn", m.turns() - 1, {{kind.left_channels, 1 - m.turns()}})
                 : nest.Affine("last_turn", 0, {{left, 1}, {kTile, -m.turns()}}, m.turns() - 1);
  const int end_of_class = nest.Affine("oy_below", m.reach_y, {{s.oy, 1}});

  d.active = RowHoldsErrors(m, s);
  d.fields = {{"YBase", y_base}, {"XBase", x_base}, {"ZBase", z_base},
              {"ParamLast", last_turn}};
  if (m.chain) {
    d.from_below = {{{row, 0, hw.rows - 1}}, {{s.in_run, 0, m.run - 1}},
                    {{end_of_class, 0, p.in[0]}}, {{s.position, 0, m.stack - 1}}};
    d.to_above = {{{row, 1, kMany}}, {{s.in_run, 1, kMany}}};
  } else {
    d.from_below = d.to_above = {{{row, kMany, kMany}}};
  }
  // Without kinds, the block of filters: the last one may have a program of its own.
  const int64_t inner_kinds = m.joined > 0 ? m.row_kinds() : m.column_kinds();
  d.variant = m.round() == 1 ? kBlock
                             : nest.Affine("kind", 0, {{kOuterKind, m.channel_kinds() * inner_kinds},
                                                       {kInnerKind, m.channel_kinds()},
                                                       {kChannelKind, 1}});
  return d;
}

// Weights: channel by channel, label by label, in the order in which the PEs use them.
GinDescriptor Weights(const StripMapping& m) {
  const TransposedProblem& p = m.problem;
  GinDescriptor d{.nest = PassNest(m)};
  LoopNest& nest = d.nest;
  const int g = nest.AddLoop("block_of_columns", m.blocks);
  const int turns = nest.AddLoop("channel_turn", m.turns());
  InAndOut columns = AddColumnsOutside(nest, m);
  const int residue = nest.AddLoop("residue", m.pass_residues());
  const int row = nest.AddLoop("kernel_row_of_residue", m.residue_rows());
  InAndOut shifts{.outer = nest.AddLoop("shift", m.in_turn() ? m.label_kinds().Most(&LabelKind::outer_shifts) : m.shifts)};
  const int f = nest.AddLoop("filter", m.part_filters());
  const int turn = nest.AddLoop("channel", m.turn);
  const int filter_part = nest.AddLoop("filter_part", m.filter_turn);
  shifts.inner = nest.AddLoop("shift_in_turn", MostInside(m, Inner::kShifts));
  AddColumnsInTurn(nest, m, columns);
  const KindOfPass kind = AddKind(nest, m);
  const int c = AddChannel(nest, m, kind, turns, turn, g);
  const int j = AddLabelColumn(nest, m, columns);
  const int from_first = AddSum(nest, m, "shift_of_kind", shifts, Inner::kShifts, [](const LabelKind& k) { return k.shifts; });
  const OfKind first_shift = AddOfKind(nest, m, [](const LabelKind& k) { return k.first_shift; });
  const int t = AddAffine(nest, "t", first_shift, 0, 1, {{from_first, 1}});
  const int i = AddKernelRow(nest, m, kind, residue, row);
  const int tap_x = nest.Affine("tap_x", 0, {{j, 1}, {t, m.period_x}});
  const int filter = nest.Affine("f", 0, {{kBlock, m.filters}, {filter_part, m.part_filters()}, {f, 1}});
  if (!m.fillers) nest.Keep(tap_x, 0, p.kernel[1]);
  nest.Keep(filter, 0, p.red);
  Reads(d, p.Kernel(), {.group = kGroup, .outc = c, .red = filter, .row = i, .col = tap_x});
  d.row_tag = nest.Affine("row_tag", 0, {});
  d.col_tag = g;
  d.destination = kDestStream;
  d.interleave = g;
  return d;
}

// Errors, those of a tag's columns from right to left: a PE gets its own error first, then its left
// neighbours'. With one column to a tag, all PEs are filled side by side, as far as there is room.
GinDescriptor Errors(const StripMapping& m, const HwConfig& hw) {
  const TransposedProblem& p = m.problem;
  GinDescriptor d{.nest = PassNest(m)};
  LoopNest& nest = d.nest;
  const int64_t lanes = m.errors_wide ? hw.wide_lanes() : hw.narrow_lanes();
  const int filter_part = nest.AddLoop("filter_part", m.filter_turn);
  const int part = nest.AddLoop("part", m.shifts / m.fan);
  int back = 0, chunk = 0;
  const auto add_back = [&] { back = nest.AddLoop("error_column", m.width + m.shifts - 1); };
  const auto add_chunk = [&] { chunk = nest.AddLoop("chunk", CeilDiv(m.part_filters(), lanes)); };
  if (m.fan == 1) {
    add_chunk();
    add_back();
  } else {
    add_back();
    add_chunk();
  }
  const int row = nest.AddLoop("row", hw.rows);
  const int word = nest.AddLoop("word", lanes);

  const StackRow s = AddStackRow(nest, m, hw, row);
  const int column = nest.Affine("column", m.width - 1, {{back, -1}});
  // The tag's columns: column + part*fan .. + fan - 1.
  const int first_column = nest.Affine("first_column", 0, {{column, 1}, {part, m.fan}});
  const int ox = AddErrorColumn(nest, m, s, column);
  const int in_part = nest.Affine("in_part", 0, {{chunk, lanes}, {word, 1}});
  const int filter = nest.Affine("f", 0, {{kBlock, m.filters}, {filter_part, m.part_filters()}, {in_part, 1}});
  nest.keep = RowHoldsErrors(m, s);
  for (const int loop : {kOuterKind, kInnerKind, kChannelKind}) nest.Keep(loop, 0, 1);
  nest.Keep(first_column, 1 - m.fan, m.width);
  nest.Keep(in_part, 0, m.part_filters());
  nest.Keep(filter, 0, p.red);
  Reads(d, p.Errors(), {.group = kGroup, .batch = s.n, .red = filter, .row = s.oy, .col = ox});
  d.row_tag = row;
  d.col_tag = nest.Affine("col_tag", m.fan - 1, {{first_column, 1}});
  d.destination = kDestFilter;
  return d;
}

// Which sum of a label is its first and its last, where shifts are apart: `shift` of those in turn, column `j`.
void AddPartsOfLabel(GonDescriptor& d, const StripMapping& m, int shift, int j) {
  const LabelKinds kinds = m.label_kinds();
  if (MostInside(m, Inner::kShifts) > 1) {
    for (int64_t k = 0; k < m.column_kinds(); ++k) {
      const int64_t parts = kinds[k].parts();
      d.nest.keep.push_back(OrIf(NotOfKind(m, k), {shift, 0, parts}));
      d.last.push_back(OrIf(NotOfKind(m, k), {shift, parts - 1, parts}));
    }
    d.first.push_back({{shift, 0, 1}});
  }
  if (m.joined > 0) {
    const int64_t last_kind = m.column_kinds() - 1;
    d.first.push_back(NotOfKind(m, last_kind));
    d.last.push_back(OrIf(NotOfKind(m, last_kind - 1), {j, kinds[last_kind].first + kinds[last_kind].columns, kMany}));
  }
}

// Results, in the order in which the PEs finish them: label by label, rows from the bottom.
GonDescriptor Results(const StripMapping& m, const HwConfig& hw) {
  const TransposedProblem& p = m.problem;
  GonDescriptor d{.nest = PassNest(m)};
  LoopNest& nest = d.nest;
  const int turns = nest.AddLoop("channel_turn", m.turns());
  InAndOut columns = AddColumnsOutside(nest, m);
  const int residue = nest.AddLoop("residue", m.pass_residues());
  const int row_of_residue = nest.AddLoop("kernel_row_of_residue", m.residue_rows());
  const int wrap = nest.AddLoop("wrap", m.circular ? 2 : 1);
  const int turn = nest.AddLoop("channel", m.turn);
  const int filter_part = nest.AddLoop("filter_part", m.filter_turn);
  const int shift = nest.AddLoop("shift_in_turn", MostInside(m, Inner::kShifts));
  AddColumnsInTurn(nest, m, columns);
  const int up = nest.AddLoop("row_from_bottom", hw.rows);
  const int g = nest.AddLoop("block_of_columns", m.blocks);
  const int u = nest.AddLoop("u", m.width);

  const KindOfPass kind = AddKind(nest, m);
  const int j = AddLabelColumn(nest, m, columns);
  const int i = AddKernelRow(nest, m, kind, residue, row_of_residue);
  const int row = nest.Affine("row", hw.rows - 1, {{up, -1}});
  const StackRow s = AddStackRow(nest, m, hw, row);
  const int c = AddChannel(nest, m, kind, turns, turn, g);
  const int m_col = nest.Affine("m", 0, {{s.segment, m.circular ? 0 : m.width}, {u, 1},
                                         {wrap, p.in[1]}});
  const int y = nest.Affine("y", -p.pad[0], {{s.oy, p.stride[0]}, {i, p.dilation[0]}});
  const int x = nest.Affine("x", -p.pad[1], {{s.class_x, p.stride[1]},
                                             {m_col, p.stride[1] * m.reach_x},
                                             {j, p.dilation[1]}});
  // Rows of the label's chain above and below this one, inside the map.
  const int above = nest.AddRegister({"taps_above", p.kernel[0] - 1, {{i, -1}}, m.period_y});
  const int below = nest.Quotient("taps_below", i, m.period_y);
  const int rows_below = nest.AddRegister({"rows_below", p.in[0] - 1, {{s.oy, -1}}, m.reach_y});

  for (const AnyOf& holds : RowHoldsErrors(m, s)) nest.keep.push_back(holds);
  nest.Keep(x, 0, ResultColumns(p));
  Writes(d, p.Results(), {.group = kGroup, .batch = s.n, .outc = c, .row = y, .col = x});

  // Rows of the chain that lie in this band: `above` ones up to row 0, `below` ones to the last.
  const int above_band = nest.Affine("above_minus_row", 0, {{above, 1}, {row, -1}});
  const int run_above_band = nest.Affine("run_minus_row", 0, {{s.in_run, 1}, {row, -1}});
  const int below_band = nest.Affine("below_plus_row", 0, {{below, 1}, {row, 1}});
  const int run_below_band = nest.Affine("run_below_plus_row", 0, {{rows_below, 1}, {row, 1}});
  const AnyOf none_above = {{above, 0, 1}, {s.in_run, 0, 1}};
  const AnyOf none_in_later_band = {{below_band, 0, hw.rows}, {run_below_band, 0, hw.rows}};
  AnyOf none_above_here = none_above;
  none_above_here.push_back({row, 0, 1});
  if (m.chain) {
    nest.keep.push_back(none_above_here);  // the others send theirs up
    d.first = {none_above};
    d.last = {none_in_later_band};
  } else {
    // Bands go down the stack, labels of a band from the bottom row to the top.
    d.first = {{{above_band, -kMany, 1}, {run_above_band, -kMany, 1}},
               {{below, 0, 1}, {rows_below, 0, 1}, {row, hw.rows - 1, hw.rows}}};
    d.last = {none_in_later_band, none_above_here};
  }
  if (m.filter_turn > 1) {
    d.first.push_back({{filter_part, 0, 1}});
    d.last.push_back({{filter_part, m.filter_turn - 1, m.filter_turn}});
  }
  AddPartsOfLabel(d, m, shift, j);
  d.first.push_back({{kBlock, 0, 1}});
  d.last.push_back({{kBlock, m.filter_blocks - 1, m.filter_blocks}});
  if (m.circular) {
    // The second psum of a PE exists when one of its shifts wraps round.
    const int wrapped_tap = nest.Affine("wrapped_tap", m.period_x,
                                        {{j, 1}, {u, m.period_x}});
    nest.keep.push_back({{wrap, 0, 1}, {wrapped_tap, 0, p.kernel[1]}});
  }

  const int64_t pitch = (m.run - 1) * m.period_y + p.kernel[0];
  const int run_number = nest.Quotient("run_number", s.position, m.run);
  const int label_row = nest.AddRegister(
      {"label_row", 0, {{run_number, pitch}, {s.in_run, m.period_y}, {i, 1}}, 1, m.slot_window});
  const int64_t places = m.blocks * m.width * (m.circular ? 2 : 1);
  const int64_t channel_slots = m.slot_window * m.columns_j * places;
  d.slot = nest.Affine("slot", 0, {{turns, m.turn * channel_slots}, {turn, channel_slots},
                                   {kind.left_channels, m.channels * channel_slots},
                                   {label_row, m.columns_j * places}, {j, places},
                                   {wrap, m.blocks * m.width}, {g, m.width}, {u, 1}});
  d.row = row;
  d.col = nest.Affine("column", 0, {{g, m.width}, {u, 1}});
  return d;
}

// Shifts whose errors no later pass of the round needs: all at its end; with columns joined, all but the last one before the
// kind that multiplies only this.
int64_t FreedShifts(const StripMapping& m, const std::vector<Kind>& kinds, std::size_t k) {
  const bool last = k + 1 == kinds.size();
  if (m.joined == 0) return last ? m.shifts : 0;
  if (last) return 1;
  return kinds[k].columns + 2 == m.column_kinds() && kinds[k + 1].columns > kinds[k].columns ? m.shifts - 1 : 0;
}

}  // namespace

Result<Schedule> ScheduleStrips(const StripMapping& m, const HwConfig& hw) {
  Schedule schedule;
  if (m.problem.empty) return schedule;
  schedule.setup = Setup(m, hw);
  PassDescriptor passes = PassWords(m, hw);
  const std::vector<Kind> kinds = Kinds(m);
  for (std::size_t k = 0; k < kinds.size(); ++k) {
    ECO_ASSIGN(auto program, Program(m, hw, m.filters, kinds[k], FreedShifts(m, kinds, k)));
    schedule.programs.push_back(std::move(program));
  }
  const int64_t rest = m.problem.red - (m.filter_blocks - 1) * m.filters;
  if (rest != m.filters) {
    ECO_ASSIGN(auto shorter, Program(m, hw, rest, kinds.front(), m.shifts));
    schedule.programs.push_back(std::move(shorter));
    // 1 for the last block of filters, else 0.
    passes.variant = passes.nest.Quotient("shorter", passes.variant, m.filter_blocks - 1);
  } else if (kinds.size() == 1) {
    passes.variant = -1;
  }
  schedule.passes.push_back(std::move(passes));
  (m.errors_wide ? schedule.narrow : schedule.wide).push_back(Weights(m));
  (m.errors_wide ? schedule.wide : schedule.narrow).push_back(Errors(m, hw));
  schedule.gon.push_back(Results(m, hw));
  schedule.num_passes = NumPasses(schedule.passes[0]);
  return schedule;
}

}  // namespace ecoflow
