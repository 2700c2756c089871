// SPDX-License-Identifier: Apache-2.0
#include "compiler/schedule/output_schedule.h"

#include <algorithm>

#include "base/ints.h"
#include "compiler/schedule/element.h"
#include "compiler/schedule/program.h"
#include "compiler/schedule/setup.h"

namespace ecoflow {
namespace {

// Loop levels of the program.
enum Level { kFilter, kTapColumn, kTapRow, kChannel };

// The pass loops that every stream starts with, outermost first.
enum PassLoop { kGroup, kSetRound, kRound, kPassLoops };

LoopNest PassNest(const OutputMapping& m) {
  return {.loops = {{"group", m.problem.groups}, {"set_round", m.set_rounds()}, {"round", m.rounds()}}};
}

// Kernel rows and channels that a physical row of an expanded line does, in turn.
int64_t RowStep(const OutputMapping& m) { return m.expand_rows ? m.expansion : 1; }
int64_t ChannelStep(const OutputMapping& m) { return m.expand_rows ? 1 : m.expansion; }

// What a line computes: variables for its number, image, result row, first result column.
struct Line {
  int number, batch, y, x;
};

Line AddLine(LoopNest& nest, const OutputMapping& m, int line_row, int in_row) {
  Line line{};
  line.number = nest.Affine("line", 0, {{kRound, m.lines_per_round()},
                                        {line_row, m.lines_per_row}, {in_row, 1}});
  const int row = nest.Quotient("map_row", line.number, m.chunks);
  const int chunk = nest.Remainder("chunk", line.number, m.chunks);
  line.y = nest.Remainder("y", row, m.problem.out[0]);
  line.batch = nest.Quotient("batch", row, m.problem.out[0]);
  line.x = nest.Affine("x0", 0, {{chunk, m.width}});
  return line;
}

Result<std::vector<uint64_t>> Program(const OutputMapping& m, const HwConfig& hw) {
  const DirectProblem& p = m.problem;
  ProgramBuilder program(hw);
  program.mode().FilterDirect = 1;  // kernel elements, one a cycle
  program.mode().StreamNarrow = 1;
  program.Loop(kFilter, m.filters).Loop(kTapColumn, p.kernel[1]);
  program.Loop(kTapRow, p.kernel[0] / RowStep(m)).Loop(kChannel, p.red / ChannelStep(m));
  program.Sum({kTapColumn, kTapRow, kChannel}).Move(Moving::kPsum, kFilter, 1).ChainWholePsums();
  program.Free(Moving::kIfmap, kTapColumn, 1);
  program.Check(Moving::kY, kRangeOperand, p.in[0]);
  program.Move(Moving::kY, kTapRow, p.dilation[0] * RowStep(m));
  program.Check(Moving::kX, kRangeOperand, p.in[1]).Move(Moving::kX, kTapColumn, p.dilation[1]);
  // Z counts filters, up to the last one that exists.
  program.Check(Moving::kZ, kRangeResult, m.filters).Move(Moving::kZ, kFilter, 1);
  return program.Words();
}

std::vector<uint64_t> Setup(const OutputMapping& m, const HwConfig& hw) {
  ArraySetup setup(hw);
  const int64_t set_rows = m.line_rows * m.expansion;
  for (int64_t r = 0; r < m.sets * set_rows; ++r) {
    const auto row = static_cast<std::size_t>(r);
    setup.row_wide[row] = {r % set_rows};
    setup.row_narrow[row] = {r / set_rows * m.expansion + r % m.expansion};
    for (int64_t c = 0; c < m.lines_per_row * m.width; ++c) {
      const int64_t line = c / m.width, v = c % m.width;
      const int64_t member = v / m.period;
      const int64_t run = (line * m.classes() + v % m.period) * m.runs + member / m.share;
      for (int64_t k = 0; k < std::min(m.share, m.problem.kernel[1]); ++k) {
        setup.PeWide(r, c).push_back(run * m.tags_per_run() + member % m.share + k);
      }
      setup.PeNarrow(r, c) = {0};
    }
  }
  setup.ifmap_wide = 1;
  return setup.Words();
}

PassDescriptor PassWords(const OutputMapping& m) {
  const DirectProblem& p = m.problem;
  PassDescriptor d{.nest = PassNest(m), .pass_loops = kPassLoops};
  LoopNest& nest = d.nest;
  const int row = nest.AddLoop("row", m.sets * m.line_rows * m.expansion);
  const int col = nest.AddLoop("column", m.lines_per_row * m.width);

  const int line_row = nest.Quotient("row_of_lines", row, m.expansion);
  const int part = nest.Affine("part", 0, {{row, 1}, {line_row, -m.expansion}});
  const int set = nest.Quotient("set", line_row, m.line_rows);
  const int row_in_set = nest.Affine("row_in_set", 0, {{line_row, 1}, {set, -m.line_rows}});
  const int in_row = nest.Quotient("line_in_row", col, m.width);
  const Line line = AddLine(nest, m, row_in_set, in_row);
  const int x = nest.Affine("x", 0, {{line.x, 1}, {col, 1}, {in_row, -m.width}});
  const int y_base = nest.Affine("y_base", -p.pad[0],
                                 {{line.y, p.stride[0]},
                                  {part, m.expand_rows ? p.dilation[0] : 0}});
  const int x_base = nest.Affine("x_base", -p.pad[1], {{x, p.stride[1]}});
  // Z starts as far from the limit as filters exist; beyond it where no result does.
  const int block = nest.Affine("block", 0, {{kSetRound, m.sets}, {set, 1}});
  const int less = nest.Affine("filters_missing_negative", p.outc - m.filters,
                               {{block, -m.filters}}, 0);
  const int outside = nest.Quotient("x_outside", x, p.out[1]);
  const int z_base = nest.Affine("z_base", 0, {{less, -1}, {outside, m.filters}});

  d.active = {{{line.number, 0, m.lines()}}};
  d.fields = {{"YBase", y_base}, {"XBase", x_base}, {"ZBase", z_base}};
  d.from_below = {{{part, 0, m.expansion - 1}}};
  d.to_above = {{{part, 1, m.expansion}}};
  return d;
}

// Input elements: row by row of the kernel, in the order in which the PEs use them.
GinDescriptor Inputs(const OutputMapping& m, const HwConfig& hw) {
  const DirectProblem& p = m.problem;
  GinDescriptor d{.nest = PassNest(m)};
  LoopNest& nest = d.nest;
  const int64_t lanes = hw.wide_lanes();
  const int64_t rows = p.kernel[0] / RowStep(m), channels = p.red / ChannelStep(m);
  // Without sharing a PE's words need not end with a kernel row.
  const bool flat = m.share == 1;
  const int64_t words = flat ? channels * rows * p.kernel[1] : p.kernel[1] + m.share - 1;
  const int channel_loop = nest.AddLoop("channel", flat ? 1 : channels);
  const int tap_row_loop = nest.AddLoop("tap_row", flat ? 1 : rows);
  const int piece = nest.AddLoop("piece", CeilDiv(words, lanes));
  const int line_row = nest.AddLoop("row_of_lines", m.line_rows);
  const int part = nest.AddLoop("part", m.expansion);
  const int in_row = nest.AddLoop("line_in_row", m.lines_per_row);
  const int cls = nest.AddLoop("class", m.classes());
  const int run = nest.AddLoop("run", m.runs);
  const int word = nest.AddLoop("word", lanes);

  const Line line = AddLine(nest, m, line_row, in_row);
  const int number = nest.Affine("number", 0, {{piece, lanes}, {word, 1}});
  int tap = number, tap_row = tap_row_loop, channel = channel_loop;
  if (flat) {
    tap = nest.Remainder("tap", number, p.kernel[1]);
    const int above = nest.Quotient("rows_done", number, p.kernel[1]);
    tap_row = nest.Remainder("tap_row", above, rows);
    channel = nest.Quotient("channel", above, rows);
  }
  const int r = nest.Affine("r", 0, {{channel, ChannelStep(m)}, {part, m.expand_rows ? 0 : 1}});
  const int i = nest.Affine("i", 0, {{tap_row, RowStep(m)}, {part, m.expand_rows ? 1 : 0}});
  const int y = nest.Affine("y_in", -p.pad[0], {{line.y, p.stride[0]}, {i, p.dilation[0]}});
  // First result of the run, within the line.
  const int v = nest.Affine("v", 0, {{cls, 1}, {run, m.period * m.share}});
  const int x = nest.Affine("x_in", -p.pad[1], {{line.x, p.stride[1]}, {v, p.stride[1]},
                                                {tap, p.dilation[1]}});
  nest.Keep(line.number, 0, m.lines());
  nest.Keep(number, 0, words);
  nest.Keep(v, 0, m.width);
  Reads(d, p.Input(), {.group = kGroup, .batch = line.batch, .red = r, .row = y, .col = x});
  // Members of the run that use the word: tap - member in 0..kernel-1.
  const int64_t longest = std::max(m.share, p.kernel[1]);
  const int low = nest.Affine("tag_low", 0, {{tap, 1}}, m.share - 1);
  const int high = nest.Affine("tag_high_negative", longest - 1, {{tap, -1}}, 0);
  const int run_number = nest.Affine("run_number", 0, {{in_row, m.classes() * m.runs},
                                                       {cls, m.runs}, {run, 1}});
  d.col_tag = flat ? nest.Affine("col_tag", 0, {{run_number, m.tags_per_run()}})
                   : nest.Affine("col_tag", 0, {{run_number, m.tags_per_run()}, {low, 1},
                                                {high, -1}});
  d.row_tag = nest.Affine("row_tag", 0, {{line_row, m.expansion}, {part, 1}});
  if (!flat) {
    // The last member of the run that exists, and the words that it still needs.
    Register last;
    last.name = "last_member";
    last.base = m.width - 1;
    last.terms = {{v, -1}};
    last.divisor = m.period;
    last.cap = m.share - 1;
    const int last_member = nest.AddRegister(last);
    const int beyond = nest.Affine("beyond", 0, {{number, 1}, {last_member, -1}});
    nest.Keep(beyond, -m.share, p.kernel[1]);
  }
  d.destination = kDestIfmap;
  return d;
}

// Kernel elements: every row of an expanded line gets its own taps, every set its own filters.
GinDescriptor Kernel(const OutputMapping& m, const HwConfig& hw) {
  const DirectProblem& p = m.problem;
  GinDescriptor d{.nest = PassNest(m)};
  LoopNest& nest = d.nest;
  const int64_t lanes = hw.narrow_lanes();
  const int channel = nest.AddLoop("channel", p.red / ChannelStep(m));
  const int tap_row = nest.AddLoop("tap_row", p.kernel[0] / RowStep(m));
  const int j = nest.AddLoop("tap", p.kernel[1]);
  const int piece = nest.AddLoop("piece", CeilDiv(m.filters, lanes));
  const int set = nest.AddLoop("set", m.sets);
  const int part = nest.AddLoop("part", m.expansion);
  const int word = nest.AddLoop("word", lanes);

  const int f = nest.Affine("f", 0, {{piece, lanes}, {word, 1}});
  const int r = nest.Affine("r", 0, {{channel, ChannelStep(m)}, {part, m.expand_rows ? 0 : 1}});
  const int i = nest.Affine("i", 0, {{tap_row, RowStep(m)}, {part, m.expand_rows ? 1 : 0}});
  const int filter = nest.Affine("filter", 0, {{kSetRound, m.sets * m.filters},
                                               {set, m.filters}, {f, 1}});
  nest.Keep(f, 0, m.filters);
  Reads(d, p.Kernel(), {.group = kGroup, .outc = filter, .red = r, .row = i, .col = j});
  d.row_tag = nest.Affine("row_tag", 0, {{set, m.expansion}, {part, 1}});
  d.col_tag = nest.Affine("col_tag", 0, {});
  d.destination = kDestStream;
  return d;
}

// Results: filter by filter, as the PEs finish them; the top row of each line sends.
GonDescriptor Results(const OutputMapping& m) {
  const DirectProblem& p = m.problem;
  GonDescriptor d{.nest = PassNest(m)};
  LoopNest& nest = d.nest;
  const int f = nest.AddLoop("filter", m.filters);
  const int set = nest.AddLoop("set", m.sets);
  const int line_row = nest.AddLoop("row_of_lines", m.line_rows);
  const int col = nest.AddLoop("column", m.lines_per_row * m.width);

  const int in_row = nest.Quotient("line_in_row", col, m.width);
  const Line line = AddLine(nest, m, line_row, in_row);
  const int x = nest.Affine("x", 0, {{line.x, 1}, {col, 1}, {in_row, -m.width}});
  const int filter = nest.Affine("filter_number", 0, {{kSetRound, m.sets * m.filters},
                                                      {set, m.filters}, {f, 1}});
  nest.Keep(line.number, 0, m.lines());
  d.row = nest.Affine("row", 0, {{set, m.line_rows * m.expansion}, {line_row, m.expansion}});
  d.col = col;
  d.slot = nest.Affine("slot", 0, {});
  Writes(d, p.Results(), {.group = kGroup, .batch = line.batch, .outc = filter, .row = line.y, .col = x});
  return d;
}

}  // namespace

Result<Schedule> ScheduleOutputs(const OutputMapping& m, const HwConfig& hw) {
  Schedule schedule;
  if (m.problem.empty) return schedule;
  schedule.setup = Setup(m, hw);
  ECO_ASSIGN(auto program, Program(m, hw));
  schedule.programs.push_back(std::move(program));
  schedule.passes.push_back(PassWords(m));
  schedule.wide.push_back(Inputs(m, hw));
  schedule.narrow.push_back(Kernel(m, hw));
  schedule.gon.push_back(Results(m));
  schedule.num_passes = NumPasses(schedule.passes[0]);
  return schedule;
}

}  // namespace ecoflow
