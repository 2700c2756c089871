// SPDX-License-Identifier: Apache-2.0
#include "compiler/schedule/row_schedule.h"

#include <algorithm>

#include "base/ints.h"
#include "compiler/schedule/element.h"
#include "compiler/schedule/program.h"
#include "compiler/schedule/setup.h"

namespace ecoflow {
namespace {

// Loop levels of the program: filters, channels, kernel columns, result columns, images.
enum Level { kFilter, kChannel, kTap, kColumn, kImage };

constexpr int64_t kMany = int64_t{1} << 40;

// The pass loops that every stream starts with, outermost first; the last two add up.
enum PassLoop { kGroup, kFilterBlock, kBand, kTile, kImageBlock, kSetBlock, kTapChunk, kPassLoops };

LoopNest PassNest(const RowMapping& m) {
  return {.loops = {{"group", m.problem.groups}, {"filter_block", m.filter_blocks}, {"band", m.bands},
                    {"tile", m.tiles}, {"image_block", m.image_blocks},
                    {"set_block", m.set_blocks}, {"tap_chunk", m.tap_chunks}}};
}

// Kernel columns and result columns of a pass: fewer in the last of each.
int AddTaps(LoopNest& nest, const RowMapping& m) {
  return nest.Affine("taps", m.problem.kernel[1], {{kTapChunk, -m.taps}}, m.taps);
}
int AddColumns(LoopNest& nest, const RowMapping& m) {
  return nest.Affine("columns", m.problem.out[1], {{kTile, -m.columns}}, m.columns);
}

// What the set at a place of a chain (a variable) has.
struct Set {
  int channels, chunk;
};
Set AddSet(LoopNest& nest, const RowMapping& m, std::vector<Term> place) {
  place.push_back({kSetBlock, m.r});
  const int number = nest.Affine("set_of_sum", 0, std::move(place));
  return {nest.Quotient("channels", number, m.row_chunks), nest.Remainder("row_chunk", number, m.row_chunks)};
}

// Where zeros are inserted: the element at place v (a variable), if there is one.
int AddReal(LoopNest& nest, Condition& real, int v, int64_t step) {
  if (step == 1) return v;
  real.push_back({{nest.Remainder("between", v, step), 0, 1}});
  return nest.Quotient("real", v, step);
}

Result<std::vector<uint64_t>> Program(const RowMapping& m, const HwConfig& hw, int64_t taps,
                                      int64_t columns) {
  ProgramBuilder program(hw);
  program.Loop(kFilter, m.p).Loop(kChannel, m.q).Loop(kTap, taps).Loop(kColumn, columns).ParamLoop(kImage);
  program.Sum({kChannel, kTap}).Move(Moving::kPsum, kFilter, 1).ChainWholePsums();
  program.Move(Moving::kFilter, kFilter, 1).Move(Moving::kFilter, kChannel, m.p);
  program.Move(Moving::kFilter, kTap, m.p * m.q).FreeAtEnd(Moving::kFilter, taps * m.q * m.p);
  program.Move(Moving::kIfmap, kChannel, 1).Move(Moving::kIfmap, kTap, m.q);
  program.Free(Moving::kIfmap, kColumn, m.step() * m.q).Free(Moving::kIfmap, kImage, taps * m.q + m.input_fillers(columns, taps));
  program.Check(Moving::kY, kRangeResult, 1);   // Y = 0: the results of this PE exist
  program.Check(Moving::kZ, kRangeOperand, 1);  // Z = 0: its kernel row, input row and channels exist
  if (m.skip_borders) {                         // X: input column
    program.Check(Moving::kX, kRangeOperand, m.problem.in[1]);
    program.Move(Moving::kX, kTap, 1).Move(Moving::kX, kColumn, m.problem.stride[1]);
  }
  return program.Words();
}

int64_t FilterRowTag(const RowMapping& m) { return m.input_on_both() ? m.input_row_tags() : 0; }
int64_t FilterColTag(const RowMapping& m) { return m.input_on_both() ? m.input_col_tags() : 0; }

// Of the input rows of a row of a chain: of all runs that its set is part of.
std::vector<int64_t> InputRowTags(const RowMapping& m, int64_t in_chain) {
  const int64_t set = in_chain / m.kernel_rows;
  if (m.run == 1) return {set * m.row_classes() + in_chain % m.kernel_rows % m.problem.stride[0]};
  return m.RunTagsOf(set);
}

std::vector<uint64_t> Setup(const RowMapping& m, const HwConfig& hw) {
  ArraySetup setup(hw);
  const auto tags = [&](bool wide, const std::vector<int64_t>& input, int64_t filter) {
    std::vector<int64_t> both;
    if ((wide ? m.input_wide : m.input_narrow) > 0) both = input;
    if (wide == m.filters_wide()) both.push_back(filter);
    return both;
  };
  for (int64_t row = 0; row < m.t * m.chain(); ++row) {
    const int64_t in_chain = row % m.chain(), i = in_chain % m.kernel_rows;
    const std::vector<int64_t> input_rows = InputRowTags(m, in_chain);
    setup.row_wide[static_cast<std::size_t>(row)] = tags(true, input_rows, FilterRowTag(m) + row);
    setup.row_narrow[static_cast<std::size_t>(row)] = tags(false, input_rows, FilterRowTag(m) + row);
    for (int64_t col = 0; col < m.images * m.e; ++col) {
      const int64_t diagonal = (m.run > 1 ? in_chain : i) / m.problem.stride[0] + col % m.e;
      const int64_t input_col = col / m.e * m.diagonals() + diagonal;
      setup.PeWide(row, col) = tags(true, {input_col}, FilterColTag(m));
      setup.PeNarrow(row, col) = tags(false, {input_col}, FilterColTag(m));
    }
  }
  setup.ifmap_wide = m.input_wide;
  setup.ifmap_narrow = m.input_narrow;
  (m.filters_wide() ? setup.filter_wide : setup.filter_narrow) = 1;
  return setup.Words();
}

PassDescriptor PassWords(const RowMapping& m) {
  const DirectProblem& d = m.problem;
  PassDescriptor words{.nest = PassNest(m), .pass_loops = kPassLoops};
  LoopNest& nest = words.nest;
  const int row = nest.AddLoop("row", m.t * m.chain());
  const int col = nest.AddLoop("column", m.images * m.e);

  const int filter_set = nest.Quotient("filter_set", row, m.chain());
  const int in_chain = nest.Remainder("in_chain", row, m.chain());
  const Set set_of_chain = AddSet(nest, m, {{nest.Quotient("set_in_chain", in_chain, m.kernel_rows), 1}});
  const int i = nest.Remainder("kernel_row", in_chain, m.kernel_rows);
  const int set = nest.Quotient("set", col, m.e);
  const int y_in_set = nest.Remainder("y_in_set", col, m.e);

  // Each is 0 where it exists, else 1.
  const int y = nest.Affine("y", 0, {{kBand, m.e}, {y_in_set, 1}});
  const int no_y = nest.Quotient("no_y", y, d.out[0]);
  const int filters = nest.Affine("filters", 0, {{kFilterBlock, m.t}, {filter_set, 1}});
  const int no_filters = nest.Quotient("no_filters", filters, d.outc / m.p);
  const int first_image = nest.Affine("first_image", 0, {{kImageBlock, m.n * m.images},
                                                         {set, 1}});
  const int no_image = nest.Quotient("no_image", first_image, d.batch);
  const int kernel_row = nest.Affine("kernel_row_of_all", 0, {{set_of_chain.chunk, m.kernel_rows}, {i, 1}});
  const int no_row = nest.Quotient("no_row", kernel_row, d.kernel[0]);
  const int no_channel = nest.Quotient("no_channel", set_of_chain.channels, d.red / m.q);
  const int y_base = nest.Affine("y_base", 0, {{no_y, 1}, {no_filters, 1}, {no_image, 1}});
  std::vector<Term> no_product = {{no_row, 1}, {no_channel, 1}};
  if (m.skip_borders) {
    // How far the input row lies above or below the map, 0 inside.
    const int row_in = nest.Affine("row_in", -d.pad[0], {{y, d.stride[0]}, {kernel_row, 1}});
    const int above = nest.Affine("above_negative", 0, {{row_in, 1}}, 0);
    const int below = nest.Affine("below_negative", d.in[0] - 1, {{row_in, -1}}, 0);
    no_product.push_back({above, -1});
    no_product.push_back({below, -1});
    const int x_base = nest.Affine("x_base", -d.pad[1], {{kTile, m.columns * d.stride[1]},
                                                         {kTapChunk, m.taps}});
    words.fields.push_back({"XBase", x_base});
  }
  const int z_base = nest.Affine("z_base", 0, no_product, most::Param::ZBase);
  // Images of this set in this pass, less one; PEs without any run one on fillers.
  Register left;
  left.name = "images_left";
  left.base = d.batch - 1;
  left.terms = {{set, -1}};
  left.divisor = m.images;
  const int images_left = nest.AddRegister(left);
  const int last = nest.Affine("last", 0, {{images_left, 1}, {kImageBlock, -m.n}}, m.n - 1);
  const int below_zero = nest.Affine("below_zero", 0, {{last, 1}}, 0);
  const int last_image = nest.Affine("last_image", 0, {{last, 1}, {below_zero, -1}});

  for (const ParamField& field : {ParamField{"YBase", y_base}, ParamField{"ZBase", z_base},
                                  ParamField{"ParamLast", last_image}}) {
    words.fields.push_back(field);
  }
  words.from_below = {{{in_chain, 0, m.chain() - 1}}};
  words.to_above = {{{in_chain, 1, m.chain()}}};
  // Programs: fewer taps in the last chunk, fewer columns in the last tile.
  const bool short_taps = m.tap_chunks * m.taps != d.kernel[1];
  const bool short_columns = m.tiles * m.columns != d.out[1];
  if (short_taps || short_columns) {
    const int taps = AddTaps(nest, m), columns = AddColumns(nest, m);
    // 0 full, 1 short: (full - size + full - 1) div full.
    Register fewer_taps{"fewer_taps", 2 * m.taps - 1, {{taps, -1}}, m.taps};
    Register fewer_columns{"fewer_columns", 2 * m.columns - 1, {{columns, -1}}, m.columns};
    const int t = nest.AddRegister(fewer_taps), c = nest.AddRegister(fewer_columns);
    words.variant = nest.Affine("program", 0, {{t, 1}, {c, 2}});
  }
  return words;
}

// Image `n` of a set: variable. PEs without an image get fillers for one.
int AddImage(LoopNest& nest, const RowMapping& m, int image, int set) {
  return nest.Affine("b", 0, {{kImageBlock, m.n * m.images}, {image, m.images}, {set, 1}});
}

// Input rows by diagonals: column by column, channels inside; what comes over one of the networks.
GinDescriptor Inputs(const RowMapping& m, const HwConfig& hw, bool wide) {
  const DirectProblem& d = m.problem;
  GinDescriptor words{.nest = PassNest(m)};
  LoopNest& nest = words.nest;
  const int64_t lanes = wide ? hw.wide_lanes() : hw.narrow_lanes();
  const int64_t turn_words = m.input_on_both() ? m.input_wide + m.input_narrow : lanes;
  const int image = nest.AddLoop("image", m.n);
  const int turn = nest.AddLoop("turn", CeilDiv(m.input_words(m.columns, m.taps), turn_words));
  const int set = nest.AddLoop("set", m.images);
  const int run = nest.AddLoop("run", m.most_runs());
  const int row_class = nest.AddLoop("row_class", m.row_classes());
  const int diagonal = nest.AddLoop("diagonal", m.run_diagonals());
  const int word = nest.AddLoop("word", lanes);

  // First and last set of the run in the chain; none where the runs before fill it.
  const int first_set = nest.Affine("first_set", 0, {{kSetBlock, m.r}});
  const int run_of_sum = nest.Affine("run_of_sum", 0, {{nest.Quotient("first_run", first_set, m.run), 1}, {run, 1}});
  const int first_negative = nest.Affine("first_negative", 0, {{first_set, 1}, {run_of_sum, -m.run}}, 0);
  const int last = nest.Affine("last", m.run - 1, {{run_of_sum, m.run}, {first_set, -1}}, m.r - 1);
  const int more_sets = nest.Affine("more_sets", 0, {{last, 1}, {first_negative, 1}});
  nest.Keep(more_sets, 0, m.r);
  // The diagonal exists when one of the kernel rows of its class crosses the run.
  Register rows{"kernel_rows_of_class", m.kernel_rows - 1, {{more_sets, m.kernel_rows}, {row_class, -1}}, d.stride[0]};
  const int rows_of_class = nest.AddRegister(rows);
  const int beyond = nest.Affine("beyond", 0, {{diagonal, 1}, {rows_of_class, -1}});
  nest.Keep(beyond, -kMany, m.e);

  const int taps = AddTaps(nest, m), columns = AddColumns(nest, m);
  const int number = nest.Affine("number", wide ? 0 : m.input_wide, {{turn, turn_words}, {word, 1}});
  // Over both networks turns are whole.
  std::vector<Term> before = {{turn, -turn_words}};
  if (!m.input_on_both()) before.push_back({word, -1});
  before.insert(before.end(), {{columns, m.q * m.step()}, {taps, m.q}});
  const int left = nest.Affine("words_left", -m.q * m.step(), before);
  nest.Keep(left, 1, kMany);
  const int b = AddImage(nest, m, image, set);
  nest.keep.push_back({{b, 0, d.batch}, {image, 0, 1}});

  const int channel_in_pe = nest.Remainder("channel_in_pe", number, m.q);
  const Set set_of_chain = AddSet(nest, m, {{first_negative, -1}});
  const int c = nest.Affine("c", 0, {{set_of_chain.channels, m.q}, {channel_in_pe, 1}});
  const int y = nest.Affine("y", -d.pad[0], {{kBand, m.e * d.stride[0]},
                                             {set_of_chain.chunk, m.kernel_rows},
                                             {diagonal, d.stride[0]}, {row_class, 1}});
  const int column = nest.Quotient("column", number, m.q);
  const int64_t tile = m.columns * d.stride[1];
  int x = 0;
  if (m.gaps()) {
    const int result = nest.Quotient("result", column, m.taps);
    const int tap = nest.Remainder("tap", column, m.taps);
    x = nest.Affine("x", -d.pad[1], {{kTile, tile}, {kTapChunk, m.taps},
                                     {result, d.stride[1]}, {tap, 1}});
  } else {
    x = nest.Affine("x", -d.pad[1], {{kTile, tile}, {kTapChunk, m.taps}, {column, 1}});
  }
  const int row_in = AddReal(nest, words.real, y, d.in_step[0]);
  const int col_in = AddReal(nest, words.real, x, d.in_step[1]);
  Reads(words, d.Input(), {.group = kGroup, .batch = b, .red = c, .row = row_in, .col = col_in});
  if (m.run > 1) {
    words.row_tag = nest.Affine("row_tag", 0, {{last, 1}, {first_negative, -1}});
    words.col_tag = nest.Affine("col_tag", 0, {{set, m.diagonals()}, {first_negative, -m.kernel_rows}, {diagonal, 1}});
  } else {
    words.row_tag = nest.Affine("row_tag", 0, {{run, m.row_classes()}, {row_class, 1}});
    words.col_tag = nest.Affine("col_tag", 0, {{set, m.diagonals()}, {diagonal, 1}});
  }
  words.destination = kDestIfmap;
  return words;
}

// Filters: to every PE row its kernel row, filters inside channels inside taps.
GinDescriptor Filters(const RowMapping& m, const HwConfig& hw) {
  const DirectProblem& d = m.problem;
  GinDescriptor words{.nest = PassNest(m)};
  LoopNest& nest = words.nest;
  const int64_t lanes = m.filters_wide() ? hw.wide_lanes() : hw.narrow_lanes();
  const int piece = nest.AddLoop("piece", CeilDiv(m.taps * m.q * m.p, lanes));
  const int row = nest.AddLoop("row", m.t * m.chain());
  const int word = nest.AddLoop("word", lanes);

  const int taps = AddTaps(nest, m);
  const int number = nest.Affine("number", 0, {{piece, lanes}, {word, 1}});
  const int left = nest.Affine("words_left", 0, {{taps, m.q * m.p}, {number, -1}});
  nest.Keep(left, 1, kMany);
  const int filter_set = nest.Quotient("filter_set", row, m.chain());
  const int in_chain = nest.Remainder("in_chain", row, m.chain());
  const Set set = AddSet(nest, m, {{nest.Quotient("set_in_chain", in_chain, m.kernel_rows), 1}});
  const int i = nest.Remainder("kernel_row", in_chain, m.kernel_rows);
  const int f_in_pe = nest.Remainder("filter_in_pe", number, m.p);
  const int tap_channel = nest.Quotient("tap_channel", number, m.p);
  const int channel_in_pe = nest.Remainder("channel_in_pe", tap_channel, m.q);
  const int tap = nest.Quotient("tap", tap_channel, m.q);

  const int f = nest.Affine("f", 0, {{kFilterBlock, m.t * m.p}, {filter_set, m.p},
                                     {f_in_pe, 1}});
  const int c = nest.Affine("c", 0, {{set.channels, m.q}, {channel_in_pe, 1}});
  const int y = nest.Affine("y", 0, {{set.chunk, m.kernel_rows}, {i, 1}});
  const int x = nest.Affine("x", 0, {{kTapChunk, m.taps}, {tap, 1}});
  const int row_in = AddReal(nest, words.real, y, d.kernel_step[0]);
  const int col_in = AddReal(nest, words.real, x, d.kernel_step[1]);
  Reads(words, d.Kernel(), {.group = kGroup, .outc = f, .red = c, .row = row_in, .col = col_in});
  words.row_tag = nest.Affine("row_tag", FilterRowTag(m), {{row, 1}});
  words.col_tag = nest.Affine("col_tag", FilterColTag(m), {});
  words.destination = kDestFilter;
  return words;
}

// Results: column by column, filters inside, as the top PEs of the chains finish them.
GonDescriptor Results(const RowMapping& m) {
  const DirectProblem& d = m.problem;
  GonDescriptor words{.nest = PassNest(m)};
  LoopNest& nest = words.nest;
  const int image = nest.AddLoop("image", m.n);
  const int column = nest.AddLoop("column", m.columns);
  const int f_in_pe = nest.AddLoop("filter", m.p);
  const int filter_set = nest.AddLoop("filter_set", m.t);
  const int pe_column = nest.AddLoop("pe_column", m.images * m.e);

  const int set = nest.Quotient("set", pe_column, m.e);
  const int y_in_set = nest.Remainder("y_in_set", pe_column, m.e);
  const int b = AddImage(nest, m, image, set);
  const int y = nest.Affine("y", 0, {{kBand, m.e}, {y_in_set, 1}});
  const int x = nest.Affine("x", 0, {{kTile, m.columns}, {column, 1}});
  const int f = nest.Affine("f", 0, {{kFilterBlock, m.t * m.p}, {filter_set, m.p},
                                     {f_in_pe, 1}});
  Writes(words, d.Results(), {.group = kGroup, .batch = b, .outc = f, .row = y, .col = x});
  const auto ends = [&](Condition& condition, bool last) {
    for (const auto& [loop, count] : {std::pair{kSetBlock, m.set_blocks}, std::pair{kTapChunk, m.tap_chunks}}) {
      if (count == 1) continue;
      const int64_t at = last ? count - 1 : 0;
      condition.push_back({{loop, at, at + 1}});
    }
  };
  ends(words.first, false);
  ends(words.last, true);
  const int64_t across = m.t * m.images * m.e;
  words.slot = nest.Affine("slot", 0, {{image, m.columns * m.p * across}, {column, m.p * across},
                                       {f_in_pe, across}, {filter_set, m.images * m.e},
                                       {pe_column, 1}});
  words.row = nest.Affine("row", 0, {{filter_set, m.chain()}});
  words.col = pe_column;
  return words;
}

}  // namespace

Result<Schedule> ScheduleRows(const RowMapping& m, const HwConfig& hw) {
  const DirectProblem& d = m.problem;
  Schedule schedule;
  schedule.setup = Setup(m, hw);
  const int64_t last_taps = d.kernel[1] - (m.tap_chunks - 1) * m.taps;
  const int64_t last_columns = d.out[1] - (m.tiles - 1) * m.columns;
  schedule.passes.push_back(PassWords(m));
  for (const int64_t columns : {m.columns, last_columns}) {
    for (const int64_t taps : {m.taps, last_taps}) {
      ECO_ASSIGN(auto program, Program(m, hw, taps, columns));
      schedule.programs.push_back(std::move(program));
    }
  }
  if (schedule.passes[0].variant < 0) schedule.programs.resize(1);
  (m.filters_wide() ? schedule.wide : schedule.narrow).push_back(Filters(m, hw));
  if (m.input_wide > 0) schedule.wide.push_back(Inputs(m, hw, true));
  if (m.input_narrow > 0) schedule.narrow.push_back(Inputs(m, hw, false));
  if (m.input_on_both()) {
    // The filters of a pass before its input; before that of the pass before where the file holds both.
    schedule.wide[0].lead = 2 * m.p * m.q * m.taps <= hw.filter_depth;
    schedule.wide[1].turn_loops = kPassLoops;
  }
  schedule.gon.push_back(Results(m));
  schedule.num_passes = NumPasses(schedule.passes[0]);
  return schedule;
}

}  // namespace ecoflow
