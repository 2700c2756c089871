// SPDX-License-Identifier: Apache-2.0
#include "compiler/mapping/strip_mapping.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>

#include "base/ints.h"

namespace ecoflow {
namespace {

// Label row of the first tap at a stack position; rows of a run are period_y apart.
int64_t LabelRow(const StripMapping& m, int64_t position) {
  const int64_t pitch = (m.run - 1) * m.period_y + m.problem.kernel[0];
  return position / m.run * pitch + position % m.run * m.period_y;
}

// What does not depend on the choices: geometry of labels and rows.
StripMapping Geometry(const TransposedProblem& p, const HwConfig& hw) {
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
  // A PE that waits for weights can hold period_y psums from below: they must fit its queue.
  m.chain = m.period_y <= hw.queue_depth;
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
  return m.filter_blocks > 1 || (cut && (hw.rows % m.run != 0 || !m.chain));
}

// Of the whole layer; only used to compare mappings.
Cost Estimate(const StripMapping& m, const HwConfig& hw) {
  const TransposedProblem& p = m.problem;
  const auto real = [](int64_t number) { return static_cast<double>(number); };
  const double rows = std::min<double>(hw.rows, real(m.stack));
  // Results leave evenly over the kernel rows of a label column, so that each kind of columns is
  // bound by its own slots, weights or results.
  const double labels = m.chain ? real(std::min(m.period_y, p.kernel[0])) +
                                      real(std::max<int64_t>(0, p.kernel[0] - m.period_y)) / rows
                                : real(p.kernel[0]);
  const double outputs = real(m.width * m.blocks) * rows * labels / hw.gon_lanes();
  const double per_tap = real(m.filters * p.kernel[0]);
  const double weights = std::max(1.0, real(m.blocks) / hw.wide_lanes());
  const int64_t ragged = m.ragged_columns();
  const double ragged_busy =
      real(ragged) * std::max(per_tap * real(m.shifts - 1) * weights, outputs);
  const double full_busy =
      real(m.columns_j - ragged) * std::max(per_tap * real(m.shifts) * weights, outputs);
  const double tags = real((m.width + m.fan - 1) * (m.shifts / m.fan)) * rows;
  const double load = tags * real(CeilDiv(m.filters, hw.narrow_lanes()));
  const double busy = std::max({real(m.channels) * (ragged_busy + full_busy), load,
                                real(hw.pe_count())});
  // What does not fit beside the errors in use comes when these are freed. Side by side, all PEs
  // have room for the same part, and ragged columns do not need the last shift; otherwise the
  // rightmost PE, full, holds up the rest.
  const int64_t block = m.filters * m.shifts;
  const int64_t room = std::min<int64_t>(block, hw.filter_depth - block);
  double exposed = 0;
  if (room < block && m.fan == 1) {
    exposed = load * real(block - room) / real(block);
    if (ragged > 0 && block - room <= m.filters) exposed = std::max(0.0, exposed - ragged_busy);
  } else if (room < block) {
    exposed = load * std::max(0.0, 1 - real(room) / real(m.filters * (m.width + m.fan - 1)));
  }
  const double weight_words = real(m.channels * m.blocks * m.filters * p.kernel[0] * p.kernel[1]);
  const double label_columns = real(m.channels * m.columns_j);
  const double output_words = label_columns * outputs * hw.gon_lanes();
  const double climbing = m.chain ? label_columns * real(m.width * m.blocks) * (rows - 1) *
                                        real(std::max<int64_t>(0, p.kernel[0] - m.period_y))
                                  : 0;
  return {real(m.passes()) * (busy + exposed + 4) + load,
          real(m.passes()) * (weight_words + tags * real(m.filters) + output_words + climbing)};
}

// Completes a mapping whose width, blocks and filters are chosen; nullopt when it does not fit.
std::optional<StripMapping> Complete(StripMapping m, const HwConfig& hw) {
  const int64_t most = CeilDiv(m.problem.outc, m.blocks);  // channels of the fullest block
  const int64_t least = m.problem.outc / m.blocks;
  const int64_t row_slots = m.slot_window * m.columns_j * m.blocks * m.width * (m.circular ? 2 : 1);
  int64_t limit = most;
  if (NeedsAccumulator(m, hw)) limit = std::min(limit, hw.accumulator_words / row_slots);
  limit = std::min<int64_t>(limit, 2000);  // ParamLast
  for (int64_t tiles = limit == 0 ? most + 1 : CeilDiv(most, limit); tiles <= most; ++tiles) {
    m.channels = CeilDiv(most, tiles);
    m.channel_tiles = CeilDiv(most, m.channels);
    // Every block of columns needs a channel in every tile.
    if (m.channels > limit || (m.channel_tiles - 1) * m.channels >= least) continue;
    m.slots = NeedsAccumulator(m, hw) ? m.channels * row_slots : 0;
    m.cost = Estimate(m, hw);
    return m;
  }
  return std::nullopt;
}

std::optional<StripMapping> BestForWidth(StripMapping m, const HwConfig& hw, int64_t width,
                                         Objective better) {
  m.width = width;
  PlaceColumns(m, hw);
  std::optional<StripMapping> best;
  const int64_t fit = hw.filter_depth / m.shifts;  // filters that a PE can hold
  if (fit == 0) return best;
  const int64_t fewest = CeilDiv(m.problem.red, fit);
  for (int64_t wanted = fewest; wanted <= std::min(m.problem.red, 4 * fewest); ++wanted) {
    m.filters = CeilDiv(m.problem.red, wanted);
    m.filter_blocks = CeilDiv(m.problem.red, m.filters);
    const int64_t most_blocks = std::min<int64_t>(hw.columns / width, m.problem.outc);
    for (m.blocks = most_blocks; m.blocks >= 1; --m.blocks) {
      for (m.fan = std::min<int64_t>(hw.ids_per_controller, m.shifts); m.fan >= 1; --m.fan) {
        if (m.shifts % m.fan != 0) continue;
        const auto candidate = Complete(m, hw);
        if (candidate && (!best || better(candidate->cost, best->cost))) best = candidate;
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

}  // namespace

Result<StripMapping> MapStripsWithWidth(const TransposedProblem& problem, const HwConfig& config,
                                        int64_t width) {
  const StripMapping geometry = Geometry(problem, config);
  if (auto best = BestForWidth(geometry, config, width, FewestCycles)) return *best;
  return DoesNotFit(problem, config, geometry);
}

Result<StripMapping> MapStrips(const TransposedProblem& problem, const HwConfig& config,
                               Objective better) {
  const StripMapping geometry = Geometry(problem, config);
  std::optional<StripMapping> best;
  for (int64_t width = 1; width <= config.columns; ++width) {
    const auto candidate = BestForWidth(geometry, config, width, better);
    if (candidate && (!best || better(candidate->cost, best->cost))) best = candidate;
  }
  if (best) return *best;
  return DoesNotFit(problem, config, geometry);
}

nlohmann::ordered_json ToJson(const StripMapping& m) {
  return {{"family", "strips"},
          {"width", m.width},
          {"blocks", m.blocks},
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
          {"channels", m.channels},
          {"channel_tiles", m.channel_tiles},
          {"fan", m.fan},
          {"slot_window", m.slot_window},
          {"slots", m.slots},
          {"passes", m.passes()},
          {"estimated_cycles", m.cost.cycles},
          {"estimated_words", m.cost.words}};
}

}  // namespace ecoflow
