// SPDX-License-Identifier: Apache-2.0
#include "compiler/mapping/tile_mapping.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "isa/pe_image.h"

namespace ecoflow {
namespace {

constexpr int64_t kMostRelease = most::LevelFiles::IfmapRelease;
constexpr int64_t kMostWays = 3;  // to cut the kernel's columns, from the fewest chunks that fit on

double Real(int64_t number) { return static_cast<double>(number); }

// Beats of the input elements of a block in a pass: a beat goes to one interval of tiles.
double InputBeats(const TileMapping& m, const HwConfig& hw) {
  const int64_t extent = m.BlockExtent(1), step = m.TileStep(1), last = m.block[1] - 1;
  int64_t beats = CeilDiv(extent, m.piece(hw));
  for (int64_t x = 1; x < extent && last > 0; ++x) {
    const bool begins = x % step == 0 && x / step <= last;
    const bool ended = x >= m.Extent(1) && (x - m.Extent(1)) % step == 0;
    if ((begins || ended) && x % m.piece(hw) != 0) ++beats;
  }
  return Real(m.problem.red * m.BlockExtent(0) * beats);
}

// Cycles and words of a pass in which `blocks` blocks take part.
Cost EstimatePass(const TileMapping& m, const HwConfig& hw, int64_t blocks) {
  const DirectProblem& p = m.problem;
  const int64_t pes = blocks * m.block[0] * m.block[1];
  const double compute = Real(CyclesInTurn(m.tile_results(), m.kernel_words(), hw.adder_latency));
  const auto network = [&](int64_t input, int64_t kernel, int64_t lanes) {
    double beats = Real(m.kernel_turns() * CeilDiv(kernel, lanes));
    if (input > 0) {
      beats += m.one_tile() ? Real(CeilDiv(m.input_words(), m.input_turn()) * CeilDiv(input, lanes)) : InputBeats(m, hw);
    }
    return Real(blocks) * beats;
  };
  const double wide = network(m.input_wide, m.kernel_wide, hw.wide_lanes());
  const double narrow = network(m.input_narrow, m.kernel_narrow, hw.narrow_lanes());
  // A pass begins when its last tiles have their first rows.
  const int64_t rows_behind = std::min((m.block[0] - 1) * m.TileStep(0) / p.dilation[0], m.rows);
  const double behind = Real(rows_behind * m.columns * m.tile_results());
  const double busy = std::max({compute + behind, wide, narrow, Real(hw.pe_count())});
  const double drain = WaitAfterBurst(m.tile_results(), hw.queue_depth, Real(pes) / hw.gon_lanes());
  const int64_t inputs = p.red * m.BlockExtent(0) * m.BlockExtent(1);
  return {busy + drain, Real(blocks * (inputs + m.kernel_turns() * m.kernel_turn()) + pes * m.tile_results())};
}

// Of the whole layer; only used to compare mappings.
Cost Estimate(const TileMapping& m, const HwConfig& hw) {
  const int64_t blocks = m.BlocksOnArray(hw, 0) * m.BlocksOnArray(hw, 1);
  const Cost full = EstimatePass(m, hw, blocks), last = EstimatePass(m, hw, m.units() % blocks);
  const auto total = [&](double all, double rest) {
    return Real(m.chunk_passes()) * (Real(m.units() / blocks) * all + (m.units() % blocks > 0 ? rest : 0));
  };
  // The window of the first pass has to fill.
  const double fill = Real(blocks * CeilDiv(m.resident(), hw.wide_lanes()));
  return {total(full.cycles, last.cycles) + fill, total(full.words, last.words)};
}

// Kernel elements that wait in the filter file for the last tile of a block, whose windows come last. On a network that
// carries both operands a row of the kernel comes before the input elements that go with it.
bool KernelFits(const TileMapping& m, const HwConfig& hw) {
  const DirectProblem& p = m.problem;
  const int64_t rows = (m.block[0] * m.tile[0] - 1) * p.stride[0] / p.dilation[0];
  const int64_t columns = m.block[1] * m.tile[1] * p.stride[1] / p.dilation[1];
  const int64_t ahead = m.in_segments() ? columns + 2 * m.segment() : std::min(rows + 2, p.red * m.rows) * m.columns;
  return ahead + 2 * m.kernel_turn() <= hw.filter_depth;
}

bool WindowFits(const TileMapping& m, const HwConfig& hw) {
  const int64_t room = std::min<int64_t>(hw.ifmap_depth, kMostRelease);
  return m.resident() <= hw.ifmap_depth && m.channel_release() + m.input_fillers() <= room && m.row_release() >= 0 &&
         m.row_release() <= room && m.problem.dilation[1] <= room;
}

// Tags that a network needs on an axis, and of those the most that one controller takes.
bool TagsFit(const TileMapping& m, const HwConfig& hw, int axis) {
  if (m.block[axis] == 1) return true;
  const int64_t blocks = m.BlocksOnArray(hw, axis);
  return blocks * (m.IntervalTags(axis) + 1) <= hw.num_tags() && m.block[axis] + (m.shared() ? 1 : 0) <= hw.ids_per_controller;
}

class Search {
 public:
  Search(const HwConfig& hw, Objective better) : hw_(hw), better_(better) {}

  void Tiles(const DirectProblem& p) {
    TileMapping m;
    m.problem = p;
    for (m.tile[0] = 1; m.tile[0] <= std::min<int64_t>(p.out[0], hw_.psum_depth); ++m.tile[0]) {
      for (m.tile[1] = 1; m.tile[1] <= std::min<int64_t>(p.out[1], hw_.psum_depth / m.tile[0]); ++m.tile[1]) Blocks(m);
    }
  }
  const std::optional<TileMapping>& best() const { return best_; }

 private:
  void Blocks(TileMapping m) {
    const auto most = [&](int axis) {
      return std::min({CeilDiv(m.problem.out[axis], m.tile[axis]), int64_t{axis == 0 ? hw_.rows : hw_.columns},
                       int64_t{hw_.ids_per_controller}});
    };
    for (m.block[0] = 1; m.block[0] <= most(0); ++m.block[0]) {
      for (m.block[1] = 1; m.block[1] <= most(1); ++m.block[1]) {
        if (m.TilesAreShort(0) && m.TilesAreShort(1)) continue;
        Bands(m);
      }
    }
  }

  void Bands(TileMapping m) {
    const int64_t rows = m.problem.kernel[0];
    // Bands that give every block of the array a unit, in one or a few rounds.
    const int64_t most = std::min(rows, CeilDiv(4 * m.BlocksOnArray(hw_, 0) * m.BlocksOnArray(hw_, 1), m.units()));
    int64_t before = 0;
    for (m.bands = 1; m.bands <= most; ++m.bands) {
      m.rows = CeilDiv(rows, m.bands);
      if (m.rows == before || (m.bands - 1) * m.rows >= rows) continue;
      before = m.rows;
      Chunks(m);
    }
  }

  void Chunks(TileMapping m) {
    int64_t before = 0, ways = 0;
    const int64_t columns = m.problem.kernel[1];
    for (int64_t chunks = CeilDiv(columns, most::LevelFiles::Last + 1); chunks <= columns && ways < kMostWays; ++chunks) {
      m.columns = CeilDiv(columns, chunks);
      m.chunks = CeilDiv(columns, m.columns);
      if (m.columns == before) continue;
      before = m.columns;
      if (m.resident() > hw_.ifmap_depth) continue;
      // The PE has one coordinate to count with.
      if (m.TilesAreShort(0) + m.TilesAreShort(1) + m.LastBandIsShort() + m.LastChunkIsShort() > 1) continue;
      const int64_t visited = visited_;
      for (const bool apart : {false, true}) {
        m.chunks_apart = apart;
        if (apart && m.chunks == 1) continue;
        if (m.slots(hw_) <= hw_.accumulator_words) Networks(m);
      }
      if (visited_ > visited) ++ways;
    }
  }

  void Networks(TileMapping m) {
    const int64_t wide = hw_.wide_lanes(), narrow = hw_.narrow_lanes();
    // About as many kernel elements as input elements: in full beats, on one network or on both.
    const std::pair<int64_t, int64_t> kernels[] = {{0, narrow}, {wide, 0}, {wide, narrow}, {2 * wide, narrow},
                                                   {wide, 2 * narrow}, {wide, 3 * narrow}, {wide, 4 * narrow}};
    for (const auto& [kernel_wide, kernel_narrow] : kernels) {
      m.kernel_wide = kernel_wide;
      m.kernel_narrow = kernel_narrow;
      if (!m.one_tile()) {
        for (const auto& [input_wide, input_narrow] : {std::pair{1, 0}, {0, 1}}) Visit(m, input_wide, input_narrow);
        continue;
      }
      for (int64_t w = wide; w <= 4 * wide; w += wide) {
        for (int64_t n = 0; n <= 4 * narrow; n += narrow) Visit(m, w, n);
      }
    }
  }

  void Visit(TileMapping m, int64_t input_wide, int64_t input_narrow) {
    m.input_wide = input_wide;
    m.input_narrow = input_narrow;
    if (!TagsFit(m, hw_, 0) || !TagsFit(m, hw_, 1) || !KernelFits(m, hw_) || !WindowFits(m, hw_)) return;
    ++visited_;
    m.cost = Estimate(m, hw_);
    if (!best_ || better_(m.cost, best_->cost)) best_ = m;
  }

  const HwConfig& hw_;
  Objective better_;
  int64_t visited_ = 0;  // mappings that fit
  std::optional<TileMapping> best_;
};

}  // namespace

std::optional<TileMapping> MapTiles(const DirectProblem& p, const HwConfig& hw, Objective better) {
  if (p.empty) return std::nullopt;
  Search search(hw, better);
  search.Tiles(p);
  return search.best();
}

nlohmann::ordered_json ToJson(const TileMapping& m) {
  return {{"family", "tile per PE"},
          {"tile", m.tile},
          {"block", m.block},
          {"bands", m.bands},
          {"rows", m.rows},
          {"chunks", m.chunks},
          {"chunks_apart", m.chunks_apart},
          {"columns", m.columns},
          {"input_wide", m.input_wide},
          {"input_narrow", m.input_narrow},
          {"kernel_wide", m.kernel_wide},
          {"kernel_narrow", m.kernel_narrow},
          {"units", m.units()},
          {"estimated_cycles", m.cost.cycles},
          {"estimated_words", m.cost.words}};
}

}  // namespace ecoflow
