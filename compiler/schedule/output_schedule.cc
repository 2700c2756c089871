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

constexpr int64_t kPiecesAhead = 4;  // of input elements, before the kernel elements that meet them

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
  if (!m.split()) {
    program.mode().FilterDirect = 1;  // kernel elements, one a cycle
    program.mode().StreamNarrow = 1;
  }
  program.Loop(kFilter, m.filters).Loop(kTapColumn, p.kernel[1]);
  program.Loop(kTapRow, p.kernel[0] / RowStep(m)).Loop(kChannel, p.red / ChannelStep(m));
  program.Sum({kTapColumn, kTapRow, kChannel}).Move(Moving::kPsum, kFilter, 1).ChainWholePsums();
  program.Free(Moving::kIfmap, kTapColumn, 1);
  if (m.split()) program.Free(Moving::kFilter, kFilter, 1).FreeAtEnd(Moving::kFilter, 1 + m.kernel_fillers());
  program.Check(Moving::kY, kRangeOperand, p.in[0]);
  program.Move(Moving::kY, kTapRow, p.dilation[0] * RowStep(m));
  program.Check(Moving::kX, kRangeOperand, p.in[1]).Move(Moving::kX, kTapColumn, p.dilation[1]);
  // Z counts filters, up to the last one that exists.
  program.Check(Moving::kZ, kRangeResult, m.filters).Move(Moving::kZ, kFilter, 1);
  return program.Words();
}

// Which kernel elements a row gets, by set and part: its row on the narrow network.
int64_t KernelRow(const OutputMapping& m, int64_t row) {
  return row / m.row_tags() * m.expansion + row % m.expansion;
}

std::vector<uint64_t> Setup(const OutputMapping& m, const HwConfig& hw) {
  ArraySetup setup(hw);
  const int64_t set_rows = m.row_tags();
  for (int64_t r = 0; r < m.sets * set_rows; ++r) {
    const auto row = static_cast<std::size_t>(r);
    setup.row_wide[row] = {r % set_rows};
    setup.row_narrow[row] = {KernelRow(m, r)};
    if (m.split()) setup.row_wide[row].push_back(m.row_tags() + KernelRow(m, r));
    for (int64_t c = 0; c < m.lines_per_row * m.width; ++c) {
      const int64_t line = c / m.width, v = c % m.width;
      const int64_t member = v / m.period;
      const int64_t run = (line * m.classes() + v % m.period) * m.runs + member / m.share;
      for (int64_t k = 0; k < std::min(m.share, m.problem.kernel[1]); ++k) {
        setup.PeWide(r, c).push_back(run * m.tags_per_run() + member % m.share + k);
      }
      // A PE that never has a line does not free what its files would take.
      if (m.split() && r % set_rows / m.expansion * m.lines_per_row + line >= m.lines()) continue;
      setup.PeNarrow(r, c) = {0};
      if (m.split()) setup.PeWide(r, c).push_back(m.tags());
    }
  }
  setup.ifmap_wide = 1;
  setup.filter_wide = m.turn_wide;
  setup.filter_narrow = m.turn_narrow;
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

// How a PE's input elements come: sweeps (the rows of the kernel, or all at once) of pieces of a full beat.
struct Sweeps {
  // Without sharing a PE's words need not end with a kernel row.
  bool flat;
  int64_t channels, rows;  // sweeps
  int64_t words, taps;     // of a sweep: those sent, those of a PE
  int64_t pieces;
};
Sweeps SweepsOf(const OutputMapping& m, const HwConfig& hw) {
  const DirectProblem& p = m.problem;
  const int64_t rows = p.kernel[0] / RowStep(m), channels = p.red / ChannelStep(m);
  const bool flat = m.share == 1;
  const int64_t taps = flat ? channels * rows * p.kernel[1] : p.kernel[1];
  const int64_t words = taps + m.share - 1;
  return {flat, flat ? 1 : channels, flat ? 1 : rows, words, taps, CeilDiv(words, hw.wide_lanes())};
}

// Steps in which a piece of the input elements and the turns of kernel elements that go with it are sent: a line
// of each row, and a turn.
int64_t StepsOfPiece(const OutputMapping& m, const HwConfig& hw) {
  return std::max(m.lines_per_row, CeilDiv(hw.wide_lanes() * m.filters, m.turn()) + 1);
}

// Input elements: row by row of the kernel, in the order in which the PEs use them.
GinDescriptor Inputs(const OutputMapping& m, const HwConfig& hw) {
  const DirectProblem& p = m.problem;
  GinDescriptor d{.nest = PassNest(m)};
  LoopNest& nest = d.nest;
  const int64_t lanes = hw.wide_lanes();
  const int64_t rows = p.kernel[0] / RowStep(m);
  const Sweeps sweeps = SweepsOf(m, hw);
  const bool flat = sweeps.flat;
  const int64_t words = sweeps.words;
  const int channel_loop = nest.AddLoop("channel", sweeps.channels);
  const int tap_row_loop = nest.AddLoop("tap_row", sweeps.rows);
  const int piece = nest.AddLoop("piece", sweeps.pieces);
  const int in_row = nest.AddLoop("line_in_row", m.split() ? StepsOfPiece(m, hw) : m.lines_per_row);
  const int line_row = nest.AddLoop("row_of_lines", m.line_rows);
  const int part = nest.AddLoop("part", m.expansion);
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
  if (m.split()) nest.Keep(in_row, 0, m.lines_per_row);
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

// Of every turn of kernel elements, the words of one network. On the wide one turns go in step with the pieces
// of input elements, a turn with the piece in which its first element is used.
GinDescriptor KernelTurns(const OutputMapping& m, const HwConfig& hw, bool wide) {
  const DirectProblem& p = m.problem;
  GinDescriptor d{.nest = PassNest(m)};
  LoopNest& nest = d.nest;
  const Sweeps sweeps = SweepsOf(m, hw);
  const int64_t piece_words = hw.wide_lanes() * m.filters, sweep_words = sweeps.taps * m.filters;
  const int64_t turns = m.kernel_turns(), most = wide ? StepsOfPiece(m, hw) : turns;
  const int channel = nest.AddLoop("channel", wide ? sweeps.channels : 1);
  const int tap_row = nest.AddLoop("tap_row", wide ? sweeps.rows : 1);
  const int piece = nest.AddLoop("piece", wide ? sweeps.pieces : 1);
  const int turn_in_piece = nest.AddLoop("turn", most);
  const int set = nest.AddLoop("set", m.sets);
  const int part = nest.AddLoop("part", m.expansion);
  const int word = nest.AddLoop("word", wide ? m.turn_wide : m.turn_narrow);

  int turn = turn_in_piece;
  if (wide) {
    const auto first_turn = [&](const char* name, int64_t pieces_on) {
      const int in_sweep = nest.Affine("words_of_pieces", pieces_on * piece_words, {{piece, piece_words}}, sweep_words);
      return nest.AddRegister({name, m.turn() - 1,
                               {{channel, sweeps.rows * sweep_words}, {tap_row, sweep_words}, {in_sweep, 1}}, m.turn()});
    };
    const int first = first_turn("first_turn", 0), next = first_turn("next_turn", 1);
    turn = nest.Affine("turn_number", 0, {{first, 1}, {turn_in_piece, 1}});
    const int beyond = nest.Affine("beyond", 0, {{turn, 1}, {next, -1}});
    nest.Keep(beyond, -most - 1, 0);
    nest.Keep(turn, 0, turns);
  }
  const int number = nest.Affine("number", wide ? 0 : m.turn_wide, {{turn, m.turn()}, {word, 1}});
  const int f = nest.Remainder("f", number, m.filters);
  const int tap = nest.Quotient("tap", number, m.filters);
  const int j = nest.Remainder("j", tap, p.kernel[1]);
  const int above = nest.Quotient("rows_done", tap, p.kernel[1]);
  const int64_t rows = p.kernel[0] / RowStep(m);
  const int of_row = nest.Remainder("row_of_taps", above, rows);
  const int of_channel = nest.Quotient("channel_of_taps", above, rows);
  const int r = nest.Affine("r", 0, {{of_channel, ChannelStep(m)}, {part, m.expand_rows ? 0 : 1}});
  const int i = nest.Affine("i", 0, {{of_row, RowStep(m)}, {part, m.expand_rows ? 1 : 0}});
  const int filter = nest.Affine("filter", 0, {{kSetRound, m.sets * m.filters}, {set, m.filters}, {f, 1}});
  Reads(d, p.Kernel(), {.group = kGroup, .outc = filter, .red = r, .row = i, .col = j});
  if (m.kernel_fillers() > 0) d.real.push_back({{number, 0, m.kernel_words()}});
  d.row_tag = nest.Affine("row_tag", wide ? m.row_tags() : 0, {{set, m.expansion}, {part, 1}});
  d.col_tag = nest.Affine("col_tag", wide ? m.tags() : 0, {});
  d.destination = kDestFilter;
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
  if (m.split()) {
    schedule.wide.back().lead = StepsOfPiece(m, hw) * std::min<int64_t>(kPiecesAhead, hw.ifmap_depth / (2 * hw.wide_lanes()));
    schedule.wide.push_back(KernelTurns(m, hw, true));
    schedule.wide.back().turn_loops = kPassLoops + 4;
    schedule.narrow.push_back(KernelTurns(m, hw, false));
  } else {
    schedule.narrow.push_back(Kernel(m, hw));
  }
  schedule.gon.push_back(Results(m));
  schedule.num_passes = NumPasses(schedule.passes[0]);
  return schedule;
}

}  // namespace ecoflow
