// SPDX-License-Identifier: Apache-2.0
#include "compiler/schedule/plane_schedule.h"

#include <algorithm>

#include "base/ints.h"
#include "compiler/schedule/element.h"
#include "compiler/schedule/program.h"
#include "compiler/schedule/setup.h"

namespace ecoflow {
namespace {

// Loop levels of the program: window columns and rows, sweep columns and rows, images.
enum Level { kWindowX, kWindowY, kSweepX, kSweepY, kImage };

// The pass loops that every stream starts with, outermost first; chunks of a gradient add up.
enum PassLoop { kRound, kChunk, kPassLoops };

LoopNest PassNest(const PlaneMapping& m, const HwConfig& hw) {
  return {.loops = {{"round", m.rounds(hw.pe_count())}, {"chunk", m.chunks}}};
}

// The unit of a PE: its band of the sweep's rows, its group and its result channel in the group. Neighbours have
// different channels, so that their sums go to different accumulators.
struct Unit {
  int number, band, channel, group, o;
};
Unit AddUnit(LoopNest& nest, const PlaneMapping& m, const HwConfig& hw, int row, int col) {
  Unit unit{};
  unit.number = nest.Affine("unit", 0, {{kRound, hw.pe_count()}, {row, hw.columns}, {col, 1}});
  unit.band = nest.Quotient("band", unit.number, m.channels());
  unit.channel = nest.Remainder("channel", unit.number, m.channels());
  unit.group = nest.Quotient("group", unit.channel, m.problem.outc);
  unit.o = nest.Remainder("o", unit.channel, m.problem.outc);
  return unit;
}

Result<std::vector<uint64_t>> Program(const PlaneMapping& m, const HwConfig& hw) {
  ProgramBuilder program(hw);
  program.Loop(kWindowX, m.window[1]).Loop(kWindowY, m.window[0]);
  program.Loop(kSweepX, m.columns).Loop(kSweepY, m.sweep[0]).Loop(kImage, m.images);
  const Moving kernel_or_psum = m.gradient ? Moving::kPsum : Moving::kFilter;
  program.Move(kernel_or_psum, kWindowX, 1).Move(kernel_or_psum, kWindowY, m.window[1]);
  if (m.gradient) {
    program.Sum({kSweepX, kSweepY, kImage}).Free(Moving::kFilter, kSweepX, 1);
    program.FreeAtEnd(Moving::kFilter, 1 + m.error_fillers());
  } else {
    program.Sum({kWindowX, kWindowY}).FreeAtEnd(Moving::kFilter, m.window[0] * m.window[1]);
  }
  program.Move(Moving::kIfmap, kWindowX, m.window_step[1]);
  program.Move(Moving::kIfmap, kWindowY, m.window_step[0] * m.width());
  program.Free(Moving::kIfmap, kSweepX, m.sweep_step[1]).Free(Moving::kIfmap, kSweepY, m.row_release());
  program.Free(Moving::kIfmap, kImage, m.image_release());
  program.FreeAtEnd(Moving::kIfmap, m.image_release() + m.fillers());
  // Z counts rows or columns of the sweep, up to the last that exists.
  const RangeKind missing = m.gradient ? kRangeOperand : kRangeResult;
  if (m.LastBandIsShort()) program.Check(Moving::kZ, missing, m.sweep[0]).Move(Moving::kZ, kSweepY, 1);
  if (m.LastChunkIsShort()) program.Check(Moving::kZ, missing, m.columns).Move(Moving::kZ, kSweepX, 1);
  program.Check(Moving::kY, kRangeOperand, m.problem.in[0]);
  program.Check(Moving::kX, kRangeOperand, m.problem.in[1]);
  program.Move(Moving::kY, kWindowY, m.window_step[0]).Move(Moving::kY, kSweepY, m.sweep_step[0]);
  program.Move(Moving::kX, kWindowX, m.window_step[1]).Move(Moving::kX, kSweepX, m.sweep_step[1]);
  return program.Words();
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
  setup.filter_wide = m.gradient ? m.error_wide : 0;
  setup.filter_narrow = m.gradient ? m.error_narrow : 1;
  return setup.Words();
}

PassDescriptor PassWords(const PlaneMapping& m, const HwConfig& hw) {
  PassDescriptor d{.nest = PassNest(m, hw), .pass_loops = kPassLoops};
  LoopNest& nest = d.nest;
  const int row = nest.AddLoop("row", hw.rows);
  const int col = nest.AddLoop("column", hw.columns);
  const Unit unit = AddUnit(nest, m, hw, row, col);
  const int y_base = nest.Affine("y_base", -m.problem.pad[0], {{unit.band, m.sweep[0] * m.sweep_step[0]}});
  const int x_base = nest.Affine("x_base", -m.problem.pad[1],
                                 {{kChunk, m.columns * m.sweep_step[1]}});
  d.active = {{{unit.number, 0, m.units()}}};
  d.fields = {{"YBase", y_base}, {"XBase", x_base}};
  if (m.LastBandIsShort() || m.LastChunkIsShort()) {
    const int missing =
        m.LastBandIsShort()
            ? nest.Affine("missing_negative", m.SweepRows() - m.sweep[0], {{unit.band, -m.sweep[0]}}, 0)
            : nest.Affine("missing_negative", m.sweep[1] - m.columns, {{kChunk, -m.columns}}, 0);
    d.fields.push_back({"ZBase", nest.Affine("z_base", 0, {{missing, -1}})});
  }
  d.from_below = d.to_above = {{{row, hw.rows, hw.rows + 1}}};
  return d;
}

// Input planes in raster order: of every turn, the words of one network.
GinDescriptor Inputs(const PlaneMapping& m, const HwConfig& hw, bool wide) {
  const DirectProblem& p = m.problem;
  GinDescriptor d{.nest = PassNest(m, hw)};
  LoopNest& nest = d.nest;
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

  const Unit unit = AddUnit(nest, m, hw, row, col);
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
  const int y = nest.Affine("y", -p.pad[0], {{unit.band, m.sweep[0] * m.sweep_step[0]}, {row_in, 1}});
  const int x = nest.Affine("x", -p.pad[1], {{kChunk, m.columns * m.sweep_step[1]}, {col_in, 1}});
  // A gradient sums over the images, a forward pass has them as its batch.
  Reads(d, p.Input(), {.group = unit.group, .batch = m.gradient ? -1 : image,
                       .red = m.gradient ? image : -1, .row = y, .col = x});
  d.row_tag = row;
  d.col_tag = col;
  d.destination = kDestIfmap;
  return d;
}

// The kernel of a forward pass, all of it before a pass.
GinDescriptor Kernel(const PlaneMapping& m, const HwConfig& hw) {
  const DirectProblem& p = m.problem;
  GinDescriptor d{.nest = PassNest(m, hw)};
  LoopNest& nest = d.nest;
  const int64_t lanes = hw.narrow_lanes();
  const int piece = nest.AddLoop("piece", CeilDiv(p.kernel[0] * p.kernel[1], lanes));
  const int row = nest.AddLoop("row", hw.rows);
  const int col = nest.AddLoop("column", hw.columns);
  const int word = nest.AddLoop("word", lanes);

  const Unit unit = AddUnit(nest, m, hw, row, col);
  const int number = nest.Affine("number", 0, {{piece, lanes}, {word, 1}});
  nest.Keep(unit.number, 0, m.units());
  nest.Keep(number, 0, p.kernel[0] * p.kernel[1]);
  Reads(d, p.Kernel(), {.group = unit.group, .outc = unit.o,
                        .row = nest.Quotient("kernel_row", number, p.kernel[1]),
                        .col = nest.Remainder("kernel_column", number, p.kernel[1])});
  d.row_tag = row;
  d.col_tag = col;
  d.destination = kDestFilter;
  return d;
}

// The errors of a gradient, row by row of the sweep: of every turn, the words of one network. A turn goes with
// the row in which it begins.
GinDescriptor Errors(const PlaneMapping& m, const HwConfig& hw, bool wide) {
  const DirectProblem& p = m.problem;
  GinDescriptor d{.nest = PassNest(m, hw)};
  LoopNest& nest = d.nest;
  const int64_t share = wide ? m.error_wide : m.error_narrow, turn = m.error_turn();
  const int step = nest.AddLoop("step", m.images * m.sweep[0]);
  const int turn_in_step = nest.AddLoop("turn", CeilDiv(m.columns, turn));
  const int row = nest.AddLoop("row", hw.rows);
  const int col = nest.AddLoop("column", hw.columns);
  const int word = nest.AddLoop("word", share);

  const Unit unit = AddUnit(nest, m, hw, row, col);
  const int first = nest.AddRegister({"first_turn", turn - 1, {{step, m.columns}}, turn});
  const int turn_number = nest.Affine("turn_number", 0, {{first, 1}, {turn_in_step, 1}});
  const int begin = nest.Affine("begin", 0, {{turn_number, turn}, {step, -m.columns}});
  const int number = nest.Affine("number", wide ? 0 : m.error_wide, {{turn_number, turn}, {word, 1}});
  nest.Keep(unit.number, 0, m.units());
  nest.Keep(begin, 0, m.columns);
  const int sweep_row = nest.Quotient("sweep_row", number, m.columns);
  const int in_row = nest.Remainder("in_row", number, m.columns);
  const int row_in_band = nest.Remainder("row_in_band", sweep_row, m.sweep[0]);
  const int error_row = nest.Affine("error_row", 0, {{unit.band, m.sweep[0]}, {row_in_band, 1}});
  Reads(d, p.Kernel(), {.group = unit.group, .outc = unit.o,
                        .red = nest.Quotient("image", sweep_row, m.sweep[0]),
                        .row = error_row,
                        .col = nest.Affine("error_column", 0, {{kChunk, m.columns}, {in_row, 1}})});
  d.row_tag = row;
  d.col_tag = col;
  d.destination = kDestFilter;
  return d;
}

GonDescriptor Results(const PlaneMapping& m, const HwConfig& hw) {
  const DirectProblem& p = m.problem;
  GonDescriptor d{.nest = PassNest(m, hw)};
  LoopNest& nest = d.nest;
  const int image = nest.AddLoop("image", m.gradient ? 1 : m.images);
  const int y_in_pass = nest.AddLoop("y", m.gradient ? p.out[0] : m.sweep[0]);
  const int x_in_pass = nest.AddLoop("x", m.gradient ? p.out[1] : m.columns);
  const int row = nest.AddLoop("row", hw.rows);
  const int col = nest.AddLoop("column", hw.columns);

  const Unit unit = AddUnit(nest, m, hw, row, col);
  const int y = nest.Affine("y_result", 0, {{unit.band, m.gradient ? 0 : m.sweep[0]}, {y_in_pass, 1}});
  const int x = nest.Affine("x_result", 0, {{kChunk, m.gradient ? 0 : m.columns}, {x_in_pass, 1}});
  nest.Keep(unit.number, 0, m.units());
  Writes(d, p.Results(), {.group = unit.group, .batch = image, .outc = unit.o, .row = y, .col = x});
  if (m.slots() > 0) {
    d.first = {{{unit.band, 0, 1}}, {{kChunk, 0, 1}}};
    d.last = {{{unit.band, m.bands - 1, m.bands}}, {{kChunk, m.chunks - 1, m.chunks}}};
  }
  d.slot = nest.Affine("slot", 0, {{y, p.out[1] * m.channels()}, {x, m.channels()}, {unit.channel, 1}});
  d.row = row;
  d.col = col;
  return d;
}

}  // namespace

Result<Schedule> SchedulePlanes(const PlaneMapping& m, const HwConfig& hw) {
  Schedule schedule;
  schedule.setup = Setup(m, hw);
  ECO_ASSIGN(auto program, Program(m, hw));
  schedule.programs.push_back(std::move(program));
  schedule.passes.push_back(PassWords(m, hw));
  // The kernel comes first in each pass, errors first in each row of the sweep.
  for (const bool wide : {true, false}) {
    auto& network = wide ? schedule.wide : schedule.narrow;
    const bool errors = m.gradient && (wide ? m.error_wide : m.error_narrow) > 0;
    if (errors) network.push_back(Errors(m, hw, wide));
    if (!m.gradient && !wide) network.push_back(Kernel(m, hw));
    if ((wide ? m.wide_words : m.narrow_words) == 0) continue;
    network.push_back(Inputs(m, hw, wide));
    if (network.size() > 1) network.back().turn_loops = m.gradient ? 3 : 2;
  }
  schedule.gon.push_back(Results(m, hw));
  schedule.num_passes = NumPasses(schedule.passes[0]);
  return schedule;
}

}  // namespace ecoflow
