// SPDX-License-Identifier: Apache-2.0
#include "compiler/mapping/plane_mapping.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/ints.h"
#include "isa/pe_image.h"

namespace ecoflow {
namespace {

constexpr int64_t kMostRelease = most::LevelFiles::IfmapRelease;

// Of the whole layer; only used to compare mappings.
Cost Estimate(const PlaneMapping& m, const HwConfig& hw) {
  const auto real = [](int64_t number) { return static_cast<double>(number); };
  const int64_t rounds = m.rounds(hw.pe_count());
  const double pes = real(m.units()) / real(rounds);
  const int64_t window = m.window[0] * m.window[1];
  const int64_t positions = m.images * m.sweep[0] * m.columns;
  const double compute = real(positions * CyclesInTurn(1, window, hw.adder_latency));
  const double wide_words = pes * real(m.turns() * m.wide_words);
  const double wide = wide_words / hw.wide_lanes();
  const double narrow_words = pes * real(m.turns() * m.narrow_words + window);
  const double narrow = narrow_words / hw.narrow_lanes();
  const double output_words = pes * real(positions);
  const double outputs = output_words / hw.gon_lanes();
  const double busy = std::max({compute, wide, narrow, outputs, PortCycles(m.bands == 1 ? 4 : hw.pe_count(), hw.pe_count())});
  // The window of the first pass has to fill.
  return {real(rounds * m.chunks) * (busy + 20) + wide / real(m.turns()) * 10,
          real(rounds * m.chunks) * (wide_words + narrow_words + output_words)};
}

bool Fits(const PlaneMapping& m, const HwConfig& hw) {
  const int64_t last = m.image_release() + m.fillers();
  return m.resident() <= hw.ifmap_depth && last <= std::min<int64_t>(hw.ifmap_depth, kMostRelease) &&
         m.row_release() >= 0 &&
         m.row_release() <= std::min<int64_t>(hw.ifmap_depth, kMostRelease) &&
         m.sweep_step[1] <= std::min<int64_t>(hw.ifmap_depth, kMostRelease);
}

// Chunks of columns, and shares of the networks.
void SearchColumns(PlaneMapping m, const HwConfig& hw, Objective better, std::optional<PlaneMapping>& best) {
  int64_t columns_before = 0;
  for (int64_t chunks = 1; chunks <= m.sweep[1]; ++chunks) {
    m.columns = CeilDiv(m.sweep[1], chunks);
    m.chunks = CeilDiv(m.sweep[1], m.columns);
    if (m.columns == columns_before) continue;
    columns_before = m.columns;
    // The PE has one coordinate to count with.
    if (m.LastBandIsShort() && m.LastChunkIsShort()) continue;
    for (m.wide_words = hw.wide_lanes(); m.wide_words <= 4 * hw.wide_lanes();
         m.wide_words += hw.wide_lanes()) {
      for (m.narrow_words = 0; m.narrow_words <= 4 * hw.narrow_lanes();
           m.narrow_words += hw.narrow_lanes()) {
        if (!Fits(m, hw)) continue;
        m.cost = Estimate(m, hw);
        if (!best || better(m.cost, best->cost)) best = m;
      }
    }
  }
}

}  // namespace

std::optional<PlaneMapping> MapPlanes(const DirectProblem& p, const HwConfig& hw, Objective better) {
  if (p.empty || p.red != 1) return std::nullopt;
  PlaneMapping m;
  m.problem = p;
  m.window = p.kernel;
  m.window_step = p.dilation;
  m.sweep = p.out;
  m.sweep_step = p.stride;
  m.images = p.batch;
  const int64_t window = m.window[0] * m.window[1];
  if (window > hw.filter_depth) return std::nullopt;

  std::optional<PlaneMapping> best;
  const int64_t sweep_rows = m.sweep[0];
  // Bands that give every PE a unit, in one or a few rounds.
  const int64_t most_bands = std::min(sweep_rows, CeilDiv(4 * hw.pe_count(), m.channels()));
  int64_t rows_before = 0;
  for (m.bands = 1; m.bands <= most_bands; ++m.bands) {
    m.sweep[0] = CeilDiv(sweep_rows, m.bands);
    if (m.sweep[0] == rows_before || (m.bands - 1) * m.sweep[0] >= sweep_rows) continue;
    rows_before = m.sweep[0];
    SearchColumns(m, hw, better, best);
  }
  return best;
}

nlohmann::ordered_json ToJson(const PlaneMapping& m) {
  return {{"family", "plane per PE"},
          {"window", m.window},
          {"sweep", m.sweep},
          {"images", m.images},
          {"bands", m.bands},
          {"chunks", m.chunks},
          {"columns", m.columns},
          {"wide_words", m.wide_words},
          {"narrow_words", m.narrow_words},
          {"units", m.units()},
          {"estimated_cycles", m.cost.WholeCycles()},
          {"estimated_words", m.cost.words}};
}

}  // namespace ecoflow
