// SPDX-License-Identifier: Apache-2.0
#include "compiler/mapping/strip_mapping.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>

#include "base/ints.h"
#include "isa/pe_image.h"

namespace ecoflow {
namespace {

constexpr int64_t kMostZ = 8191;  // image field ZBase
constexpr int64_t kMostTurns = most::Param::ParamLast + 1;

// Label row of the first tap at a stack position; rows of a run are period_y apart.
int64_t LabelRow(const StripMapping& m, int64_t position) {
  const int64_t pitch = (m.run - 1) * m.period_y + m.problem.kernel[0];
  return position / m.run * pitch + position % m.run * m.period_y;
}

// Loop levels of the program in turns: these, filters and shifts, kernel rows, residues, label columns, channels.
int64_t LevelsInTurn(const StripMapping& m) {
  int64_t most = 0;
  for (const LabelKind& kind : m.label_kinds()) {
    const int64_t turns = m.turn > 1 && kind.turn() * m.filter_turn > 1 ? 2 : 1;
    most = std::max(most, turns + 2 + (m.row_step > 1) + (kind.inner != Inner::kColumns) + 1);
  }
  return most;
}

// A PE that waits for weights can hold the psums that come from below before it takes the first: they must
// fit its queue. Where shifts wrap round, a label has two.
bool CanChain(const StripMapping& m, const HwConfig& hw) {
  const int64_t turn = m.turn * m.filter_turn * m.label_kinds().Most(&LabelKind::turn);
  return m.period_y / m.row_step * turn * (m.circular ? 2 : 1) <= hw.queue_depth;
}

// What does not depend on the choices: geometry of labels and rows.
StripMapping Geometry(const TransposedProblem& p) {
  StripMapping m;
  m.problem = p;
  const int64_t gy = std::gcd(p.stride[0], p.dilation[0]);
  const int64_t gx = std::gcd(p.stride[1], p.dilation[1]);
  m.reach_y = p.dilation[0] / gy;
  m.period_y = p.stride[0] / gy;
  m.reach_x = p.dilation[1] / gx;
  m.period_x = p.stride[1] / gx;
  m.shifts = CeilDiv(p.kernel[1], m.period_x);
  m.columns_j = std::min(m.period_x, p.kernel[1]);
  m.classes_x = std::min(m.reach_x, p.in[1]);
  m.classes_y = std::min(m.reach_y, p.in[0]);
  m.run = CeilDiv(p.in[0], m.reach_y);
  return m;
}

bool CanWrapRound(const StripMapping& m) {
  const TransposedProblem& p = m.problem;
  const int64_t last = (p.in[1] - 1) * p.stride[1] + (p.kernel[1] - 1) * p.dilation[1] - p.pad[1];
  return m.reach_x == 1 && m.width == p.in[1] && m.shifts > 1 && m.shifts <= p.in[1] &&
         p.pad[1] <= 0 && last < p.out[1];
}

void PlaceColumns(StripMapping& m, const HwConfig& hw) {
  const TransposedProblem& p = m.problem;
  m.circular = CanWrapRound(m);
  const int64_t per_class = CeilDiv(p.in[1], m.reach_x);
  m.segments = m.circular ? 1 : CeilDiv(per_class + m.shifts - 1, m.width);
  m.stack = m.classes_x * m.segments * p.batch * m.classes_y * m.run;
  m.bands = CeilDiv(m.stack, hw.rows);
  m.slot_window = 1;
  for (int64_t band = 0; band < m.bands; ++band) {
    const int64_t top = band * hw.rows;
    const int64_t bottom = std::min(top + hw.rows, m.stack) - 1;
    m.slot_window = std::max(m.slot_window,
                             LabelRow(m, bottom) + p.kernel[0] - LabelRow(m, top));
  }
}

// Whether some sum is put together behind the GON.
bool NeedsAccumulator(const StripMapping& m, const HwConfig& hw) {
  const bool labels_meet = m.problem.kernel[0] > m.period_y && m.run > 1;
  const bool cut = labels_meet && (m.bands > 1 || !m.chain);
  const bool parts = m.filter_turn > 1 || m.joined > 0 || m.label_kinds().Most(&LabelKind::parts) > 1;
  return m.filter_blocks > 1 || parts || (cut && (hw.rows % m.run != 0 || !m.chain));
}

double Real(int64_t number) { return static_cast<double>(number); }

constexpr double kPassStart = 4;  // cycles from the last slot of a pass to the first of the next

// Cycles that the PEs work in a round, as bound by their slots, by weights and by results.
struct Work {
  double cycles = 0;
  double ragged_cycles = 0;  // of these, on label columns that do not need the last shift
  double sums = 0;           // that leave a column of the array
};
Work WorkOfRound(const StripMapping& m, const HwConfig& hw, double rows) {
  const double weights =
      std::max(1.0, Real(m.blocks) / (m.errors_wide ? hw.narrow_lanes() : hw.wide_lanes()));
  const double pes = Real(m.width * m.blocks) * rows;
  // Sums of a residue's kernel rows that leave a column: those that meet none above, and the others once.
  const auto leaving = [&](int64_t kernel_rows) {
    if (!m.chain) return Real(kernel_rows);
    const int64_t alone = std::min(m.period_y / m.row_step, kernel_rows);
    return Real(alone) + Real(kernel_rows - alone) / rows;
  };
  Work work;
  for (int64_t short_rows = m.row_kinds(); short_rows-- > 0;) {
    const int64_t residues =
        short_rows > 0 ? m.ragged_residues() : m.residues() - m.ragged_residues();
    const int64_t kernel_rows = m.residue_rows() - short_rows;
    const double labels = Real(residues) * leaving(kernel_rows);
    for (int64_t left = m.channel_kinds(); left-- > 0;) {
      const int64_t turn = left > 0 ? m.left : m.turn, turns = left > 0 ? 1 : m.turns();
      // Results leave evenly over the kernel rows of a label column, so that each kind of columns is
      // bound on its own.
      for (const LabelKind& kind : m.label_kinds()) {
        const int64_t psums = turn * kind.turn() * m.filter_turn;
        const int64_t products = m.part_filters() * kind.outer_shifts();  // of a psum
        const double slots = Real(residues * kernel_rows * CyclesInTurn(psums, products, hw.adder_latency));
        const double outputs = labels * Real(psums) * pes / hw.gon_lanes();
        double cycles = Real(turns * kind.outer_columns()) * std::max(slots * weights, outputs);
        if (m.round() > 1) cycles = std::max(cycles, Real(hw.pe_count() + hw.image_store_depth));
        work.cycles += cycles;
        work.sums += labels * Real((turns * kind.outer_columns()) * psums);
        if (kind.first_shift + kind.shifts < m.shifts) work.ragged_cycles += cycles;
      }
    }
  }
  return work;
}

// Of the whole layer; only used to compare mappings.
Cost Estimate(const StripMapping& m, const HwConfig& hw) {
  const TransposedProblem& p = m.problem;
  const double rows = std::min<double>(hw.rows, Real(m.stack));
  const Work work = WorkOfRound(m, hw, rows);
  const double tags = Real((m.width + m.fan - 1) * (m.shifts / m.fan)) * rows;
  const double load = tags * Real(CeilDiv(m.filters, m.errors_wide ? hw.wide_lanes() : hw.narrow_lanes()));
  const double busy = std::max({work.cycles, load, Real(hw.pe_count())});
  // What does not fit beside the errors in use comes when these are freed. Side by side, all PEs
  // have room for the same part, and ragged columns do not need the last shift; otherwise the
  // rightmost PE, full, holds up the rest.
  const int64_t block = m.filters * m.shifts;
  const int64_t room = std::min<int64_t>(block, hw.filter_depth - block);
  double exposed = 0;
  if (room < block && m.fan == 1) {
    exposed = load * Real(block - room) / Real(block);
    if (block - room <= m.filters) exposed = std::max(0.0, exposed - work.ragged_cycles);
  } else if (room < block) {
    exposed = load * std::max(0.0, 1 - Real(room) / Real(m.filters * (m.width + m.fan - 1)));
  }
  const double channels = Real(m.channels + m.left);
  const double weight_words = channels * Real(m.blocks * m.filters * p.kernel[0] * p.kernel[1]);
  const double output_words = work.sums * Real(m.width * m.blocks) * rows;
  const double climbing = m.chain ? channels * Real(m.columns_j * m.filter_turn) * Real(m.width * m.blocks) * (rows - 1) *
                                        Real(std::max<int64_t>(0, p.kernel[0] - m.period_y))
                                  : 0;
  const double rounds = Real(m.passes() / m.round());
  return {rounds * (busy + exposed + kPassStart * Real(m.round())) + load,
          rounds * (weight_words + tags * Real(m.filters) + output_words + climbing)};
}

// Words of the accumulator that a channel needs.
int64_t RowSlots(const StripMapping& m) {
  return m.slot_window * m.columns_j * m.blocks * m.width * (m.circular ? 2 : 1);
}

// Completes a mapping whose width, blocks, turn and filters are chosen; nullopt when it does not fit.
std::optional<StripMapping> Complete(StripMapping m, const HwConfig& hw) {
  if (m.problem.outc % m.turn != 0) return std::nullopt;
  // In turns: of the fullest block and of the emptiest.
  const int64_t all_turns = m.problem.outc / m.turn;
  const int64_t most = CeilDiv(all_turns, m.blocks);
  const int64_t least = all_turns / m.blocks;
  const int64_t row_slots = RowSlots(m);
  const bool accumulates = NeedsAccumulator(m, hw);
  int64_t limit = most;
  if (accumulates) limit = std::min(limit, hw.accumulator_slots() / row_slots / m.turn);
  limit = std::min<int64_t>(limit, kMostTurns);
  if (limit <= 0) return std::nullopt;
  for (int64_t tiles = CeilDiv(most, limit); tiles <= most; ++tiles) {
    const int64_t turns = CeilDiv(most, tiles);
    m.channels = turns * m.turn;
    m.channel_tiles = CeilDiv(most, turns);
    // Every block of columns needs a turn in every tile.
    if (turns > limit || (m.channel_tiles - 1) * turns >= least) continue;
    m.slots = accumulates ? m.channels * row_slots : 0;
    m.cost = Estimate(m, hw);
    return m;
  }
  return std::nullopt;
}

// The same where every tile has the same number of channels and turns leave some of them over. Errors
// reach every block of columns, so that there can only be one.
std::optional<StripMapping> CompleteWithLeft(StripMapping m, const HwConfig& hw) {
  const int64_t row_slots = RowSlots(m);
  const bool accumulates = NeedsAccumulator(m, hw);
  if (m.turn == 1 || m.blocks > 1) return std::nullopt;
  for (m.channel_tiles = 1; m.channel_tiles <= m.problem.outc / m.turn; ++m.channel_tiles) {
    if (m.problem.outc % m.channel_tiles != 0) continue;
    const int64_t channels = m.problem.outc / m.channel_tiles;
    m.left = channels % m.turn;
    m.channels = channels - m.left;
    if (m.left == 0 || m.turns() > kMostTurns) continue;
    m.slots = accumulates ? channels * row_slots : 0;
    if (m.slots > hw.accumulator_slots()) continue;
    m.cost = Estimate(m, hw);
    return m;
  }
  return std::nullopt;
}

// Psums in turn that find room, with kernel rows by residue.
int64_t MostInTurn(const StripMapping& m, const HwConfig& hw) {
  return std::min(hw.psum_depth, hw.queue_depth / (m.circular ? 2 : 1));
}

// For each kind of label columns, what leaves the adder idle least, and of these what needs the fewest psums.
std::array<Inner, 3> BestInner(StripMapping m, const HwConfig& hw) {
  const LabelKinds kinds = m.label_kinds();
  for (std::size_t k = 0; k < kinds.size; ++k) {
    int64_t best = 0;
    for (const Inner inner : {Inner::kNone, Inner::kColumns, Inner::kShifts}) {
      LabelKind kind = kinds.kind[k];
      kind.inner = inner;
      const int64_t psums = m.turn * kind.turn();
      if (psums > MostInTurn(m, hw)) continue;
      const int64_t cycles = kind.outer_columns() * CyclesInTurn(psums, m.part_filters() * kind.outer_shifts(), hw.adder_latency);
      if (best == 0 || cycles < best) best = cycles, m.inner[k] = inner;
    }
  }
  return m.inner;
}

// Ways to keep an adder of several cycles busy: channels in turn, or parts of the filters, and orders of kernel rows.
template <typename Visit>
void ForEachTurn(const StripMapping& whole, const HwConfig& hw, bool fillers, Visit visit) {
  StripMapping m = whole;
  m.turn = 1;
  m.chain = CanChain(m, hw);
  visit(m);
  // With dilated labels Z would have to step unevenly.
  if (hw.adder_latency == 1 || (m.shifts > 1 && m.reach_x > 1)) return;
  // More than the latency may leave fewer channels over.
  const int64_t most = std::min<int64_t>({2 * hw.adder_latency, hw.psum_depth, m.problem.outc});
  for (m.turn = 2; m.turn <= most; ++m.turn) {
    m.row_step = 1;
    m.chain = CanChain(m, hw);
    visit(m);
    m.row_step = m.period_y;
    if (m.row_step == 1 || LevelsInTurn(m) > hw.num_levels()) continue;
    m.chain = CanChain(m, hw);
    if (m.chain) visit(m);
  }
  // Fewer channels than the adder takes cycles.
  if (m.problem.outc >= hw.adder_latency || whole.circular) return;
  const auto orders = [&] {
    for (const int64_t step : {int64_t{1}, m.period_y}) {
      m.row_step = step;
      m.chain = CanChain(m, hw);
      if (LevelsInTurn(m) <= hw.num_levels() && (m.chain || step == 1)) visit(m);
      if (m.period_y == 1) break;
    }
  };
  for (m.turn = 1; m.turn <= m.problem.outc; ++m.turn) {
    for (m.joined = 0; m.joined <= (m.ragged_columns() > 0 ? m.columns_j - m.ragged_columns() : 0); ++m.joined) {
      m.inner = BestInner(m, hw);
      if (m.inner_turns()) orders();
    }
    m.joined = 0;
    m.inner = {Inner::kColumns, Inner::kNone, Inner::kNone};
    m.fillers = fillers && m.ragged_columns() > 0;
    if (m.fillers && m.turn * m.columns_j <= MostInTurn(m, hw)) orders();
    m.inner = {};
    m.fillers = false;
    const int64_t parts = std::min(2 * hw.adder_latency, hw.psum_depth) / m.turn;
    for (m.filter_turn = 2; m.filter_turn <= parts; ++m.filter_turn) {
      if (m.filters % m.filter_turn == 0) orders();
    }
    m.filter_turn = 1;
  }
}

std::optional<StripMapping> BestForWidth(StripMapping m, const HwConfig& hw, int64_t width,
                                         Objective better, bool fillers) {
  m.width = width;
  PlaceColumns(m, hw);
  std::optional<StripMapping> best;
  const int64_t fit = hw.filter_depth / m.shifts;  // filters that a PE can hold
  if (fit == 0) return best;
  const int64_t fewest = CeilDiv(m.problem.red, fit);
  const auto fans = [&](StripMapping one) {
    // Programs with turns hold for one number of filters.
    if (one.in_turn() && one.problem.red % one.filters != 0) return;
    if ((one.problem.in[1] + one.width + one.shifts) * one.z_step() > kMostZ) return;
    for (one.fan = std::min<int64_t>(hw.ids_per_controller, one.shifts); one.fan >= 1; --one.fan) {
      if (one.shifts % one.fan != 0) continue;
      for (const auto& candidate : {Complete(one, hw), CompleteWithLeft(one, hw)}) {
        if (candidate && (!best || better(candidate->cost, best->cost))) best = candidate;
      }
    }
  };
  for (int64_t wanted = fewest; wanted <= std::min(m.problem.red, 4 * fewest); ++wanted) {
    m.filters = CeilDiv(m.problem.red, wanted);
    m.filter_blocks = CeilDiv(m.problem.red, m.filters);
    const int64_t most_blocks = std::min<int64_t>(hw.columns / width, m.problem.outc);
    for (m.blocks = most_blocks; m.blocks >= 1; --m.blocks) {
      for (const bool wide : {false, true}) {
        m.errors_wide = wide;
        ForEachTurn(m, hw, fillers, fans);
      }
    }
  }
  return best;
}

Error DoesNotFit(const TransposedProblem& p, const HwConfig& hw, const StripMapping& m) {
  if (m.shifts > hw.filter_depth) {
    return BadInput("the layer cannot run on {}: a kernel row of {} taps at stride {} needs a filter "
                    "file of {} entries, pe.filter_depth is {}",
                    hw.name, p.kernel[1], p.stride[1], m.shifts, hw.filter_depth);
  }
  return BadInput("the layer cannot run on {}: its partial sums need more than accumulator_words = {}",
                  hw.name, hw.accumulator_words);
}

const char* TurnsName(Inner inner) {
  return inner == Inner::kColumns ? "label columns" : inner == Inner::kShifts ? "shifts" : "";
}

}  // namespace

bool StripMapping::inner_turns() const {
  return std::any_of(inner.begin(), inner.end(), [](Inner i) { return i != Inner::kNone; });
}

LabelKinds StripMapping::label_kinds() const {
  LabelKinds kinds;
  const auto add = [&](int64_t first, int64_t columns, int64_t first_shift, int64_t shifts_of) {
    if (columns == 0 || shifts_of == 0) return;
    kinds.kind[kinds.size] = {first, columns, first_shift, shifts_of, inner[kinds.size]};
    ++kinds.size;
  };
  const int64_t ragged = ragged_columns(), full = columns_j - ragged;
  if (fillers) {
    add(0, columns_j, 0, shifts);
  } else if (joined > 0) {
    add(0, full - joined, 0, shifts);
    add(full - joined, joined + ragged, 0, shifts - 1);
    add(full - joined, joined, shifts - 1, 1);
  } else {
    // The last shift may still be on its way when the ragged ones begin.
    add(full, ragged, 0, shifts - 1);
    add(0, full, 0, shifts);
  }
  return kinds;
}

int64_t StripMapping::column_kinds() const { return in_turn() ? static_cast<int64_t>(label_kinds().size) : 1; }

Result<StripMapping> MapStripsWithWidth(const TransposedProblem& problem, const HwConfig& config,
                                        int64_t width) {
  const StripMapping geometry = Geometry(problem);
  if (auto best = BestForWidth(geometry, config, width, FewestCycles, false)) return *best;
  return DoesNotFit(problem, config, geometry);
}

Result<StripMapping> MapStrips(const TransposedProblem& problem, const HwConfig& config,
                               Objective better, bool fillers) {
  const StripMapping geometry = Geometry(problem);
  std::optional<StripMapping> best;
  for (int64_t width = 1; width <= config.columns; ++width) {
    const auto candidate = BestForWidth(geometry, config, width, better, fillers);
    if (candidate && (!best || better(candidate->cost, best->cost))) best = candidate;
  }
  if (best) return *best;
  return DoesNotFit(problem, config, geometry);
}

nlohmann::ordered_json ToJson(const StripMapping& m) {
  nlohmann::ordered_json kinds = nlohmann::ordered_json::array();
  for (const LabelKind& kind : m.label_kinds()) {
    kinds.push_back({{"columns", {kind.first, kind.first + kind.columns - 1}},
                     {"shifts", {kind.first_shift, kind.first_shift + kind.shifts - 1}},
                     {"in_turn", TurnsName(kind.inner)}});
  }
  return {{"family", "strips"},
          {"width", m.width},
          {"blocks", m.blocks},
          {"errors", m.errors_wide ? "wide" : "narrow"},
          {"circular", m.circular},
          {"shifts", m.shifts},
          {"classes_x", m.classes_x},
          {"segments", m.segments},
          {"classes_y", m.classes_y},
          {"run", m.run},
          {"stack", m.stack},
          {"bands", m.bands},
          {"chain", m.chain},
          {"filters", m.filters},
          {"filter_blocks", m.filter_blocks},
          {"turn", m.turn},
          {"filter_turn", m.filter_turn},
          {"label_kinds", std::move(kinds)},
          {"left", m.left},
          {"row_step", m.row_step},
          {"channels", m.channels},
          {"channel_tiles", m.channel_tiles},
          {"fan", m.fan},
          {"slot_window", m.slot_window},
          {"slots", m.slots},
          {"passes", m.passes()},
          {"estimated_cycles", m.cost.WholeCycles()},
          {"estimated_words", m.cost.words}};
}

}  // namespace ecoflow
