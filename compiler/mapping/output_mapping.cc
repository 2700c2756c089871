// SPDX-License-Identifier: Apache-2.0
#include "compiler/mapping/output_mapping.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>

#include "base/ints.h"

namespace ecoflow {
namespace {

// How results of a line share input elements. Results v and v + period meet an element one tap
// apart when the stride divides the dilation (filter gradients, and forward passes at stride 1);
// otherwise every PE gets its own words.
void Share(OutputMapping& m, const HwConfig& hw) {
  const DirectProblem& p = m.problem;
  m.period = m.width;
  m.share = m.runs = 1;
  if (p.dilation[1] % p.stride[1] != 0) return;
  m.period = p.dilation[1] / p.stride[1];
  const int64_t members = CeilDiv(m.width, m.period);
  // A member reads while later words of the run wait in its file.
  const int64_t room = std::max<int64_t>(1, hw.ifmap_depth - hw.wide_lanes());
  // Kernel elements on the wide network have an ID and a tag of their own.
  const int64_t own = m.split() ? 1 : 0;
  for (m.share = std::min(members, room); m.share >= 1; --m.share) {
    m.runs = CeilDiv(members, m.share);
    if (std::min(m.share, p.kernel[1]) + own <= hw.ids_per_controller && m.tags() + own <= hw.num_tags()) return;
  }
  m.period = m.width;
  m.share = m.runs = 1;
}

// Of the whole layer; only used to compare mappings.
Cost Estimate(const OutputMapping& m, const HwConfig& hw) {
  const DirectProblem& p = m.problem;
  const auto real = [](int64_t n) { return static_cast<double>(n); };
  const int64_t taps = p.red * p.kernel[0] * p.kernel[1];
  const double compute = real(CyclesInTurn(m.filters, taps / m.expansion, hw.adder_latency));
  const double kernel_words = real(m.sets * m.filters * taps);
  const double kernel_turns = m.split() ? real(m.sets * m.expansion * m.kernel_turns()) : 0;
  const double kernel = m.split() ? kernel_turns * real(CeilDiv(m.turn_narrow, hw.narrow_lanes()))
                                  : kernel_words / hw.narrow_lanes();
  const double runs = real(m.lines_per_round() * m.classes() * m.runs * p.red * p.kernel[0]);
  const double input_words = runs * real(p.kernel[1] + m.share - 1);
  double input = input_words / hw.wide_lanes();
  // Each element at the ends of a shared run has a tag, and so a beat, of its own; where that is
  // not the bound, it still makes some PEs wait (measured).
  const int64_t ends = std::min(m.share, p.kernel[1]) - 1;
  const int64_t middle = p.kernel[1] + m.share - 1 - 2 * ends;
  const double beats = runs * real(2 * ends + CeilDiv(middle, hw.wide_lanes()));
  if (m.split()) {
    const double wide = beats + kernel_turns * real(CeilDiv(m.turn_wide, hw.wide_lanes()));
    input = std::max(input, wide);
  }
  const double output_words = real(m.sets * m.lines_per_round() * m.width * m.filters);
  const double outputs = output_words / hw.gon_lanes();
  const double busy = std::max({compute, kernel, input, real(hw.pe_count())});
  return {real(m.passes()) * (busy + outputs + 0.05 * beats + 20),
          real(m.passes()) * (kernel_words + input_words + output_words * real(m.expansion))};
}

// Whether kernel elements may come over both networks: rows have tags of their own for them, and no PE lacks a
// line in one round that it has in another (it would take words and not free them).
bool CanSplit(const OutputMapping& m, const HwConfig& hw) {
  return m.row_tags() + m.sets * m.expansion <= hw.num_tags() &&
         (m.rounds() == 1 || m.lines() % m.lines_per_round() == 0);
}

// The best choice of filters and sets for a width and an expansion.
void Search(OutputMapping m, const HwConfig& hw, Objective better,
            std::optional<OutputMapping>& best) {
  const DirectProblem& p = m.problem;
  m.lines_per_row = hw.columns / m.width;
  m.chunks = CeilDiv(p.out[1], m.width);
  Share(m, hw);
  if (m.tags() + (m.split() ? 1 : 0) > hw.num_tags()) return;
  const int64_t fewest = CeilDiv(p.outc, hw.psum_depth);
  for (int64_t wanted = fewest; wanted <= std::min(p.outc, 3 * fewest); ++wanted) {
    if (m.filters == CeilDiv(p.outc, wanted) && wanted > fewest) continue;
    m.filters = CeilDiv(p.outc, wanted);
    m.filter_blocks = CeilDiv(p.outc, m.filters);
    const int64_t most = std::min<int64_t>(hw.rows / m.expansion, m.filter_blocks);
    for (m.sets = 1; m.sets <= most; ++m.sets) {
      m.line_rows = std::min(hw.rows / (m.sets * m.expansion), CeilDiv(m.lines(), m.lines_per_row));
      if (m.split() && !CanSplit(m, hw)) continue;
      m.cost = Estimate(m, hw);
      if (!best || better(m.cost, best->cost)) best = m;
    }
  }
}

constexpr int64_t kMostNarrowBeats = 8;  // of a turn of kernel elements

Error DoesNotFit(const HwConfig& hw) {
  return BadInput("the layer cannot run on {}: no mapping of results to PEs fits its IDs", hw.name);
}

bool CanExpand(const DirectProblem& p, int64_t expansion, bool rows) {
  return (rows ? p.kernel[0] : p.red) % expansion == 0;
}

}  // namespace

Result<OutputMapping> MapOutputsWith(const DirectProblem& problem, const HwConfig& config,
                                     int64_t width, int64_t expansion, Objective better) {
  std::optional<OutputMapping> best;
  for (const bool rows : {true, false}) {
    if (!CanExpand(problem, expansion, rows)) continue;
    OutputMapping m;
    m.problem = problem;
    m.width = width;
    m.expansion = expansion;
    m.expand_rows = rows;
    Search(m, config, better, best);
  }
  if (best) return *best;
  return DoesNotFit(config);
}

Result<OutputMapping> MapOutputs(const DirectProblem& problem, const HwConfig& config,
                                 Objective better) {
  std::optional<OutputMapping> best;
  for (int64_t width = 1; width <= std::min<int64_t>(config.columns, problem.out[1]); ++width) {
    for (int64_t expansion = 1; expansion <= config.rows; ++expansion) {
      const auto candidate = MapOutputsWith(problem, config, width, expansion, better);
      if (candidate.ok() && (!best || better(candidate.value().cost, best->cost))) {
        best = candidate.value();
      }
    }
  }
  if (best) return *best;
  return DoesNotFit(config);
}

std::vector<OutputMapping> MapOutputsSplit(const DirectProblem& problem, const HwConfig& config, Objective better) {
  std::vector<OutputMapping> found;
  if (problem.empty || config.ids_per_controller < 2) return found;
  // Long turns lose less to rounding, short ones let PEs wait less for a network: the cycle model settles it.
  for (int64_t wide_beats = 1; wide_beats <= 2; ++wide_beats) {
    std::optional<OutputMapping> best;
    OutputMapping m;
    m.problem = problem;
    m.turn_wide = wide_beats * config.wide_lanes();
    for (m.width = 1; m.width <= std::min<int64_t>(config.columns, problem.out[1]); ++m.width) {
      for (m.expansion = 1; m.expansion <= config.rows; ++m.expansion) {
        for (const bool rows : {true, false}) {
          if (!CanExpand(problem, m.expansion, rows)) continue;
          m.expand_rows = rows;
          for (int64_t beats = 1; beats <= kMostNarrowBeats; ++beats) {
            m.turn_narrow = beats * config.narrow_lanes();
            if (2 * m.turn() <= config.filter_depth) Search(m, config, better, best);
          }
        }
      }
    }
    if (best) found.push_back(*best);
  }
  return found;
}

nlohmann::ordered_json ToJson(const OutputMapping& m) {
  return {{"family", "results per PE"},
          {"width", m.width},
          {"chunks", m.chunks},
          {"lines_per_row", m.lines_per_row},
          {"line_rows", m.line_rows},
          {"lines", m.lines()},
          {"rounds", m.rounds()},
          {"filters", m.filters},
          {"filter_blocks", m.filter_blocks},
          {"sets", m.sets},
          {"expansion", m.expansion},
          {"expansion_over", m.expand_rows ? "kernel rows" : "channels"},
          {"period", m.period},
          {"share", m.share},
          {"runs", m.runs},
          {"kernel_turn", {m.turn_wide, m.turn_narrow}},
          {"passes", m.passes()},
          {"estimated_cycles", m.cost.WholeCycles()},
          {"estimated_words", m.cost.words}};
}

}  // namespace ecoflow
