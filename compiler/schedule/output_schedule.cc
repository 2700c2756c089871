// SPDX-License-Identifier: Apache-2.0
#include "compiler/schedule/output_schedule.h"

#include <algorithm>

#include "base/ints.h"
#include "compiler/schedule/setup.h"
#include "isa/pe_image.h"

namespace ecoflow {
namespace {

// Loop levels of the program.
enum Level { kFilter, kTapColumn, kTapRow, kChannel };

// The pass loops that every stream starts with, outermost first.
struct PassLoops {
  int group, set_round, round;
};

PassLoops AddPassLoops(LoopNest& nest, const OutputMapping& m) {
  PassLoops loops{};
  loops.group = nest.AddLoop("group", m.problem.groups);
  loops.set_round = nest.AddLoop("set_round", m.set_rounds());
  loops.round = nest.AddLoop("round", m.rounds());
  return loops;
}

// Kernel rows and channels that a physical row of an expanded line does, in turn.
int64_t RowStep(const OutputMapping& m) { return m.expand_rows ? m.expansion : 1; }
int64_t ChannelStep(const OutputMapping& m) { return m.expand_rows ? 1 : m.expansion; }

// What a line computes: variables for its number, image, result row, first result column.
struct Line {
  int number, batch, y, x;
};

Line AddLine(LoopNest& nest, const OutputMapping& m, int round, int line_row, int in_row) {
  Line line{};
  line.number = nest.Affine("line", 0, {{round, m.lines_per_round()},
                                        {line_row, m.lines_per_row}, {in_row, 1}});
  const int row = nest.Quotient("map_row", line.number, m.chunks);
  const int chunk = nest.Remainder("chunk", line.number, m.chunks);
  line.y = nest.Remainder("y", row, m.problem.out[0]);
  line.batch = nest.Quotient("batch", row, m.problem.out[0]);
  line.x = nest.Affine("x0", 0, {{chunk, m.width}});
  return line;
}

int AddAddress(LoopNest& nest, const TensorAddress& at, std::vector<Term> terms) {
  return nest.Affine("address", at.base, std::move(terms));
}

Result<std::vector<uint64_t>> Program(const OutputMapping& m, const HwConfig& hw) {
  const DirectProblem& p = m.problem;
  PeImage image;
  image.mode.FilterDirect = 1;  // kernel elements, one a cycle
  image.mode.StreamNarrow = 1;
  image.mode.ReduceMask = (1 << kTapColumn) | (1 << kTapRow) | (1 << kChannel);
  image.mode.YKind = kRangeOperand;
  image.mode.XKind = kRangeOperand;
  image.mode.ZKind = kRangeResult;  // Z counts filters, up to the last one that exists
  image.mode.ChainAtEnd = 1;
  image.mode.ChainOutMax = (1 << 14) - 1;
  image.mode.ParamLevel = kNoParamLevel;
  image.limit.YLimit = p.in[0];
  image.limit.XLimit = p.in[1];
  image.limit.ZLimit = m.filters;

  image.levels.resize(static_cast<std::size_t>(hw.num_levels()) + 1);
  const auto level = [&](int l) -> PeImage::Record& {
    return image.levels[static_cast<std::size_t>(l)];
  };
  level(kFilter).files.Last = m.filters - 1;
  level(kTapColumn).files.Last = p.kernel[1] - 1;
  level(kTapRow).files.Last = p.kernel[0] / RowStep(m) - 1;
  level(kChannel).files.Last = p.red / ChannelStep(m) - 1;
  level(kFilter).files.PsumDelta = 1;
  level(kFilter).coordinates.ZDelta = 1;
  level(kTapColumn).coordinates.XDelta = p.dilation[1];
  level(kTapRow).coordinates.YDelta = p.dilation[0] * RowStep(m);
  for (int l = kTapColumn; l <= hw.num_levels(); ++l) {
    level(l).files.IfmapRelease = 1;
    level(l).files.PsumReset = 1;
    level(l).coordinates.ZReset = 1;
    if (l >= kTapRow) level(l).coordinates.XReset = 1;
    if (l >= kChannel) level(l).coordinates.YReset = 1;
  }
  return Encode(image);
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
  PassDescriptor d;
  LoopNest& nest = d.nest;
  const PassLoops pass = AddPassLoops(nest, m);
  const int row = nest.AddLoop("row", m.sets * m.line_rows * m.expansion);
  const int col = nest.AddLoop("column", m.lines_per_row * m.width);
  d.pass_loops = pass.round + 1;

  const int line_row = nest.Quotient("row_of_lines", row, m.expansion);
  const int part = nest.Affine("part", 0, {{row, 1}, {line_row, -m.expansion}});
  const int set = nest.Quotient("set", line_row, m.line_rows);
  const int row_in_set = nest.Affine("row_in_set", 0, {{line_row, 1}, {set, -m.line_rows}});
  const int in_row = nest.Quotient("line_in_row", col, m.width);
  const Line line = AddLine(nest, m, pass.round, row_in_set, in_row);
  const int x = nest.Affine("x", 0, {{line.x, 1}, {col, 1}, {in_row, -m.width}});
  const int y_base = nest.Affine("y_base", -p.pad[0],
                                 {{line.y, p.stride[0]},
                                  {part, m.expand_rows ? p.dilation[0] : 0}});
  const int x_base = nest.Affine("x_base", -p.pad[1], {{x, p.stride[1]}});
  // Z starts as far from the limit as filters exist; beyond it where no result does.
  const int block = nest.Affine("block", 0, {{pass.set_round, m.sets}, {set, 1}});
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
  GinDescriptor d;
  LoopNest& nest = d.nest;
  const PassLoops pass = AddPassLoops(nest, m);
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

  const Line line = AddLine(nest, m, pass.round, line_row, in_row);
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
  d.address = AddAddress(nest, p.input_at,
                         {{pass.group, p.input_at.group}, {line.batch, p.input_at.batch},
                          {r, p.input_at.red}, {y, p.input_at.row}, {x, p.input_at.col}});
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
  nest.Keep(line.number, 0, m.lines());
  nest.Keep(number, 0, words);
  nest.Keep(v, 0, m.width);
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
  d.real = {{{y, 0, p.in[0]}}, {{x, 0, p.in[1]}}};
  d.operand = p.input_operand;
  d.destination = kDestIfmap;
  return d;
}

// Kernel elements: every row of an expanded line gets its own taps, every set its own filters.
GinDescriptor Kernel(const OutputMapping& m, const HwConfig& hw) {
  const DirectProblem& p = m.problem;
  GinDescriptor d;
  LoopNest& nest = d.nest;
  const PassLoops pass = AddPassLoops(nest, m);
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
  const int filter = nest.Affine("filter", 0, {{pass.set_round, m.sets * m.filters},
                                               {set, m.filters}, {f, 1}});
  d.address = AddAddress(nest, p.kernel_at,
                         {{pass.group, p.kernel_at.group}, {filter, p.kernel_at.outc},
                          {r, p.kernel_at.red}, {i, p.kernel_at.row}, {j, p.kernel_at.col}});
  d.row_tag = nest.Affine("row_tag", 0, {{set, m.expansion}, {part, 1}});
  d.col_tag = nest.Affine("col_tag", 0, {});
  nest.Keep(f, 0, m.filters);
  d.real = {{{filter, 0, p.outc}}};
  d.operand = 1 - p.input_operand;
  d.destination = kDestStream;
  return d;
}

// Results: filter by filter, as the PEs finish them; the top row of each line sends.
GonDescriptor Results(const OutputMapping& m) {
  const DirectProblem& p = m.problem;
  GonDescriptor d;
  LoopNest& nest = d.nest;
  const PassLoops pass = AddPassLoops(nest, m);
  const int f = nest.AddLoop("filter", m.filters);
  const int set = nest.AddLoop("set", m.sets);
  const int line_row = nest.AddLoop("row_of_lines", m.line_rows);
  const int col = nest.AddLoop("column", m.lines_per_row * m.width);

  const int in_row = nest.Quotient("line_in_row", col, m.width);
  const Line line = AddLine(nest, m, pass.round, line_row, in_row);
  const int x = nest.Affine("x", 0, {{line.x, 1}, {col, 1}, {in_row, -m.width}});
  const int filter = nest.Affine("filter_number", 0, {{pass.set_round, m.sets * m.filters},
                                                      {set, m.filters}, {f, 1}});
  nest.Keep(line.number, 0, m.lines());
  nest.Keep(x, 0, p.out[1]);
  nest.Keep(filter, 0, p.outc);
  d.row = nest.Affine("row", 0, {{set, m.line_rows * m.expansion}, {line_row, m.expansion}});
  d.col = col;
  d.slot = nest.Affine("slot", 0, {});
  d.address = AddAddress(nest, p.result_at,
                         {{pass.group, p.result_at.group}, {line.batch, p.result_at.batch},
                          {filter, p.result_at.outc}, {line.y, p.result_at.row},
                          {x, p.result_at.col}});
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
  schedule.num_passes = m.passes();
  return schedule;
}

}  // namespace ecoflow
