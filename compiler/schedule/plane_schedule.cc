// SPDX-License-Identifier: Apache-2.0
#include "compiler/schedule/plane_schedule.h"

#include <algorithm>

#include "base/ints.h"
#include "compiler/schedule/setup.h"
#include "isa/pe_image.h"

namespace ecoflow {
namespace {

// Loop levels of the program: window columns and rows, sweep columns and rows, images.
enum Level { kWindowX, kWindowY, kSweepX, kSweepY, kImage };

// The pass loops that every stream starts with, outermost first; chunks of a gradient add up.
struct PassLoops {
  int round, chunk;
};

PassLoops AddPassLoops(LoopNest& nest, const PlaneMapping& m, const HwConfig& hw) {
  PassLoops loops{};
  loops.round = nest.AddLoop("round", m.rounds(hw.pe_count()));
  loops.chunk = nest.AddLoop("chunk", m.chunks);
  return loops;
}

// The unit of a PE, its group and its result channel in the group.
struct Unit {
  int number, group, o;
};
Unit AddUnit(LoopNest& nest, const PlaneMapping& m, const HwConfig& hw, int round, int row, int col) {
  Unit unit{};
  unit.number = nest.Affine("unit", 0, {{round, hw.pe_count()}, {row, hw.columns}, {col, 1}});
  unit.group = nest.Quotient("group", unit.number, m.problem.outc);
  unit.o = nest.Remainder("o", unit.number, m.problem.outc);
  return unit;
}

Result<std::vector<uint64_t>> Program(const PlaneMapping& m, const HwConfig& hw) {
  PeImage image;
  image.mode.ReduceMask = m.gradient ? (1 << kSweepX) | (1 << kSweepY) | (1 << kImage)
                                     : (1 << kWindowX) | (1 << kWindowY);
  image.mode.YKind = kRangeOperand;
  image.mode.XKind = kRangeOperand;
  image.mode.ParamLevel = kNoParamLevel;
  image.limit.YLimit = m.problem.in[0];
  image.limit.XLimit = m.problem.in[1];

  image.levels.resize(static_cast<std::size_t>(hw.num_levels()) + 1);
  const auto level = [&](int l) -> PeImage::Record& {
    return image.levels[static_cast<std::size_t>(l)];
  };
  level(kWindowX).files.Last = m.window[1] - 1;
  level(kWindowY).files.Last = m.window[0] - 1;
  level(kSweepX).files.Last = m.columns - 1;
  level(kSweepY).files.Last = m.sweep[0] - 1;
  level(kImage).files.Last = m.images - 1;

  const int64_t across = (m.window[1] - 1) * m.window_step[1];
  const int64_t down = (m.window[0] - 1) * m.window_step[0];
  level(kWindowX).files.IfmapDelta = m.window_step[1];
  level(kWindowX).coordinates.XDelta = m.window_step[1];
  if (m.window[0] > 1) level(kWindowY).files.IfmapDelta = m.window_step[0] * m.width() - across;
  level(kWindowY).coordinates.XDelta = -across;
  level(kWindowY).coordinates.YDelta = m.window_step[0];
  for (int l : {kWindowX, kWindowY}) {
    if (m.gradient) {
      level(l).files.PsumDelta = 1;
    } else {
      level(l).files.FilterDelta = 1;
    }
  }
  level(kSweepX).coordinates.XDelta = m.sweep_step[1] - across;
  level(kSweepX).coordinates.YDelta = -down;
  level(kSweepY).coordinates.YDelta = m.sweep_step[0] - down;
  for (int l = kSweepX; l <= hw.num_levels(); ++l) {
    level(l).files.IfmapReset = level(l).files.FilterReset = level(l).files.PsumReset = 1;
    level(l).files.IfmapRelease = l == kSweepX ? m.sweep_step[1] : l == kSweepY ? m.row_release()
                                                                        : m.image_release();
    if (m.gradient) level(l).files.FilterRelease = 1;
    if (l >= kSweepY) level(l).coordinates.XReset = 1;
    if (l >= kImage) level(l).coordinates.YReset = 1;
  }
  level(hw.num_levels()).files.IfmapRelease += m.fillers();
  if (!m.gradient) level(hw.num_levels()).files.FilterRelease = m.window[0] * m.window[1];
  return Encode(image);
}

std::vector<uint64_t> Setup(const PlaneMapping& m, const HwConfig& hw) {
  ArraySetup setup(hw);
  for (int64_t row = 0; row < hw.rows; ++row) {
    const auto at = static_cast<std::size_t>(row);
    setup.row_wide[at] = setup.row_narrow[at] = {row};
    for (int64_t col = 0; col < hw.columns; ++col) {
      setup.PeWide(row, col) = setup.PeNarrow(row, col) = {col};
    }
  }
  setup.ifmap_wide = m.wide_words;
  setup.ifmap_narrow = m.narrow_words;
  setup.filter_narrow = 1;
  return setup.Words();
}

PassDescriptor PassWords(const PlaneMapping& m, const HwConfig& hw) {
  PassDescriptor d;
  LoopNest& nest = d.nest;
  const PassLoops pass = AddPassLoops(nest, m, hw);
  const int row = nest.AddLoop("row", hw.rows);
  const int col = nest.AddLoop("column", hw.columns);
  d.pass_loops = pass.chunk + 1;
  const Unit unit = AddUnit(nest, m, hw, pass.round, row, col);
  const int y_base = nest.Affine("y_base", -m.problem.pad[0], {});
  const int x_base = nest.Affine("x_base", -m.problem.pad[1],
                                 {{pass.chunk, m.columns * m.sweep_step[1]}});
  d.active = {{{unit.number, 0, m.units()}}};
  d.fields = {{"YBase", y_base}, {"XBase", x_base}};
  d.from_below = d.to_above = {{{row, hw.rows, hw.rows + 1}}};
  return d;
}

// Input planes in raster order: of every turn, the words of one network.
GinDescriptor Inputs(const PlaneMapping& m, const HwConfig& hw, bool wide) {
  const DirectProblem& p = m.problem;
  GinDescriptor d;
  LoopNest& nest = d.nest;
  const PassLoops pass = AddPassLoops(nest, m, hw);
  const int64_t lanes = wide ? hw.wide_lanes() : hw.narrow_lanes();
  const int64_t share = wide ? m.wide_words : m.narrow_words;
  // Turns go in step with the rows of the sweep, so that errors can be sent between them: the first
  // word of a step is the first that the step's row does not leave to the next.
  const auto first_turn_of = [&](int64_t step) {
    return CeilDiv(step / m.sweep[0] * m.rows() * m.width() +
                       step % m.sweep[0] * m.sweep_step[0] * m.width(), m.turn());
  };
  int64_t most = 1;  // turns of a step
  for (int64_t step = 0; step < m.images * m.sweep[0]; ++step) {
    most = std::max(most, first_turn_of(step + 1) - first_turn_of(step));
  }
  const int step = nest.AddLoop("step", m.images * m.sweep[0]);
  const int turn_in_step = nest.AddLoop("turn", most);
  const int piece = nest.AddLoop("piece", CeilDiv(share, lanes));
  const int row = nest.AddLoop("row", hw.rows);
  const int col = nest.AddLoop("column", hw.columns);
  const int word = nest.AddLoop("word", lanes);

  const Unit unit = AddUnit(nest, m, hw, pass.round, row, col);
  const auto first_turn = [&](int of_step) {
    const int image = nest.Quotient("image_of_step", of_step, m.sweep[0]);
    const int sweep_row = nest.Remainder("sweep_row", of_step, m.sweep[0]);
    Register first{"first_turn", m.turn() - 1,
                   {{image, m.rows() * m.width()}, {sweep_row, m.sweep_step[0] * m.width()}},
                   m.turn()};
    return nest.AddRegister(first);
  };
  const int first = first_turn(step);
  const int next = first_turn(nest.Affine("next_step", 1, {{step, 1}}));
  const int turn = nest.Affine("turn_number", 0, {{first, 1}, {turn_in_step, 1}});
  const int beyond = nest.Affine("turn_of_next_step", 0, {{turn, 1}, {next, -1}});
  const int in_share = nest.Affine("word_in_turn", 0, {{piece, lanes}, {word, 1}});
  const int number = nest.Affine("number", wide ? 0 : m.wide_words, {{turn, m.turn()}, {in_share, 1}});
  nest.Keep(unit.number, 0, m.units());
  nest.Keep(beyond, -m.turns(), 0);
  nest.Keep(in_share, 0, share);
  const int rows = nest.Quotient("rows", number, m.width());
  const int image = nest.Quotient("image", rows, m.rows());
  const int row_in = nest.Remainder("row_in_image", rows, m.rows());
  const int col_in = nest.Remainder("column_in_row", number, m.width());
  const int y = nest.Affine("y", -p.pad[0], {{row_in, 1}});
  const int x = nest.Affine("x", -p.pad[1], {{pass.chunk, m.columns * m.sweep_step[1]}, {col_in, 1}});
  d.real = {{{image, 0, m.images}}, {{y, 0, p.in[0]}}, {{x, 0, p.in[1]}}};
  d.address = nest.Affine("address", p.input_at.base,
                          {{unit.group, p.input_at.group},
                           {image, m.gradient ? p.input_at.red : p.input_at.batch},
                           {y, p.input_at.row}, {x, p.input_at.col}});
  d.row_tag = row;
  d.col_tag = col;
  d.operand = p.input_operand;
  d.destination = kDestIfmap;
  return d;
}

// The kernel: all of it before a pass, or, of a gradient, the errors row by row of the sweep.
GinDescriptor Kernel(const PlaneMapping& m, const HwConfig& hw) {
  const DirectProblem& p = m.problem;
  GinDescriptor d;
  LoopNest& nest = d.nest;
  const PassLoops pass = AddPassLoops(nest, m, hw);
  const int64_t lanes = hw.narrow_lanes();
  const int64_t words = m.gradient ? m.columns : p.kernel[0] * p.kernel[1];
  const int step = nest.AddLoop("step", m.gradient ? m.images * m.sweep[0] : 1);
  const int piece = nest.AddLoop("piece", CeilDiv(words, lanes));
  const int row = nest.AddLoop("row", hw.rows);
  const int col = nest.AddLoop("column", hw.columns);
  const int word = nest.AddLoop("word", lanes);

  const Unit unit = AddUnit(nest, m, hw, pass.round, row, col);
  const int number = nest.Affine("number", 0, {{piece, lanes}, {word, 1}});
  nest.Keep(unit.number, 0, m.units());
  nest.Keep(number, 0, words);
  int image = 0, i = 0, j = 0;
  if (m.gradient) {
    image = nest.Quotient("image", step, m.sweep[0]);
    i = nest.Remainder("error_row", step, m.sweep[0]);
    j = nest.Affine("error_column", 0, {{pass.chunk, m.columns}, {number, 1}});
  } else {
    image = step;
    i = nest.Quotient("kernel_row", number, p.kernel[1]);
    j = nest.Remainder("kernel_column", number, p.kernel[1]);
  }
  d.address = nest.Affine("address", p.kernel_at.base,
                          {{unit.group, p.kernel_at.group}, {unit.o, p.kernel_at.outc},
                           {image, p.kernel_at.red}, {i, p.kernel_at.row}, {j, p.kernel_at.col}});
  d.row_tag = row;
  d.col_tag = col;
  d.operand = 1 - p.input_operand;
  d.destination = kDestFilter;
  return d;
}

GonDescriptor Results(const PlaneMapping& m, const HwConfig& hw) {
  const DirectProblem& p = m.problem;
  GonDescriptor d;
  LoopNest& nest = d.nest;
  const PassLoops pass = AddPassLoops(nest, m, hw);
  const int image = nest.AddLoop("image", m.gradient ? 1 : m.images);
  const int y = nest.AddLoop("y", p.out[0]);
  const int x_in_pass = nest.AddLoop("x", m.gradient ? p.out[1] : m.columns);
  const int row = nest.AddLoop("row", hw.rows);
  const int col = nest.AddLoop("column", hw.columns);

  const Unit unit = AddUnit(nest, m, hw, pass.round, row, col);
  const int x = nest.Affine("x_result", 0, {{pass.chunk, m.gradient ? 0 : m.columns}, {x_in_pass, 1}});
  nest.Keep(unit.number, 0, m.units());
  if (m.gradient && m.chunks > 1) {
    d.first = {{{pass.chunk, 0, 1}}};
    d.last = {{{pass.chunk, m.chunks - 1, m.chunks}}};
  }
  d.slot = nest.Affine("slot", 0, {{y, p.out[1] * hw.pe_count()}, {x_in_pass, hw.pe_count()},
                                   {row, hw.columns}, {col, 1}});
  d.row = row;
  d.col = col;
  d.address = nest.Affine("address", p.result_at.base,
                          {{unit.group, p.result_at.group}, {unit.o, p.result_at.outc},
                           {image, p.result_at.batch}, {y, p.result_at.row},
                           {x, p.result_at.col}});
  return d;
}

}  // namespace

Result<Schedule> SchedulePlanes(const PlaneMapping& m, const HwConfig& hw) {
  Schedule schedule;
  schedule.setup = Setup(m, hw);
  ECO_ASSIGN(auto program, Program(m, hw));
  schedule.programs.push_back(std::move(program));
  schedule.passes.push_back(PassWords(m, hw));
  schedule.wide.push_back(Inputs(m, hw, true));
  schedule.narrow.push_back(Kernel(m, hw));
  if (m.narrow_words > 0) {
    schedule.narrow.push_back(Inputs(m, hw, false));
    // The kernel comes first in each pass, errors first in each row of the sweep.
    schedule.narrow.back().turn_loops = m.gradient ? 3 : 2;
  }
  schedule.gon.push_back(Results(m, hw));
  schedule.num_passes = m.rounds(hw.pe_count()) * m.chunks;
  return schedule;
}

}  // namespace ecoflow
