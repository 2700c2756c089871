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

// The pass loops that every stream starts with, outermost first.
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
  program.Move(Moving::kFilter, kWindowX, 1).Move(Moving::kFilter, kWindowY, m.window[1]);
  program.Sum({kWindowX, kWindowY}).FreeAtEnd(Moving::kFilter, m.window[0] * m.window[1]);
  program.Move(Moving::kIfmap, kWindowX, m.window_step[1]);
  program.Move(Moving::kIfmap, kWindowY, m.window_step[0] * m.width());
  program.Free(Moving::kIfmap, kSweepX, m.sweep_step[1]).Free(Moving::kIfmap, kSweepY, m.row_release());
  program.Free(Moving::kIfmap, kImage, m.image_release());
  program.FreeAtEnd(Moving::kIfmap, m.image_release() + m.fillers());
  // Z counts rows or columns of the sweep, up to the last that exists.
  if (m.LastBandIsShort()) program.Check(Moving::kZ, kRangeResult, m.sweep[0]).Move(Moving::kZ, kSweepY, 1);
  if (m.LastChunkIsShort()) program.Check(Moving::kZ, kRangeResult, m.columns).Move(Moving::kZ, kSweepX, 1);
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
  setup.filter_narrow = 1;
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
            ? nest.Affine("missing_negative", m.problem.out[0] - m.sweep[0], {{unit.band, -m.sweep[0]}}, 0)
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
  const int turn = nest.AddLoop("turn", m.turns());
  const int piece = nest.AddLoop("piece", CeilDiv(share, lanes));
  const int row = nest.AddLoop("row", hw.rows);
  const int col = nest.AddLoop("column", hw.columns);
  const int word = nest.AddLoop("word", lanes);

  const Unit unit = AddUnit(nest, m, hw, row, col);
  const int in_share = nest.Affine("word_in_turn", 0, {{piece, lanes}, {word, 1}});
  const int number = nest.Affine("number", wide ? 0 : m.wide_words, {{turn, m.turn()}, {in_share, 1}});
  nest.Keep(unit.number, 0, m.units());
  nest.Keep(in_share, 0, share);
  const int rows = nest.Quotient("rows", number, m.width());
  const int image = nest.Quotient("image", rows, m.rows());
  const int row_in = nest.Remainder("row_in_image", rows, m.rows());
  const int col_in = nest.Remainder("column_in_row", number, m.width());
  const int y = nest.Affine("y", -p.pad[0], {{unit.band, m.sweep[0] * m.sweep_step[0]}, {row_in, 1}});
  const int x = nest.Affine("x", -p.pad[1], {{kChunk, m.columns * m.sweep_step[1]}, {col_in, 1}});
  Reads(d, p.Input(), {.group = unit.group,
                       .batch = image, .row = y, .col = x});
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

GonDescriptor Results(const PlaneMapping& m, const HwConfig& hw) {
  const DirectProblem& p = m.problem;
  GonDescriptor d{.nest = PassNest(m, hw)};
  LoopNest& nest = d.nest;
  const int image = nest.AddLoop("image", m.images);
  const int y_in_pass = nest.AddLoop("y", m.sweep[0]);
  const int x_in_pass = nest.AddLoop("x", m.columns);
  const int row = nest.AddLoop("row", hw.rows);
  const int col = nest.AddLoop("column", hw.columns);

  const Unit unit = AddUnit(nest, m, hw, row, col);
  const int y = nest.Affine("y_result", 0, {{unit.band, m.sweep[0]}, {y_in_pass, 1}});
  const int x = nest.Affine("x_result", 0, {{kChunk, m.columns}, {x_in_pass, 1}});
  nest.Keep(unit.number, 0, m.units());
  Writes(d, p.Results(), {.group = unit.group, .batch = image, .outc = unit.o, .row = y, .col = x});
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
  // The kernel comes first in each pass.
  schedule.narrow.push_back(Kernel(m, hw));
  schedule.wide.push_back(Inputs(m, hw, true));
  if (m.narrow_words > 0) {
    schedule.narrow.push_back(Inputs(m, hw, false));
    schedule.narrow.back().turn_loops = kPassLoops;
  }
  schedule.gon.push_back(Results(m, hw));
  schedule.num_passes = NumPasses(schedule.passes[0]);
  return schedule;
}

}  // namespace ecoflow
