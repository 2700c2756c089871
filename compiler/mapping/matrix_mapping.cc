#include "compiler/mapping/matrix_mapping.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>

#include "base/ints.h"
#include "compiler/schedule/setup.h"

namespace ecoflow {
namespace {

constexpr int64_t kMostItems = 2000;  // image field ParamLast

// Cycles of the whole layer, by resource; only used to compare mappings.
double Estimate(const MatrixMapping& m, const HwConfig& hw) {
  const auto real = [](int64_t number) { return static_cast<double>(number); };
  const int64_t block = m.columns * m.depth;
  const double compute = real(m.items * block);
  const double lanes_of_stream = m.stream_wide ? hw.wide_lanes() : hw.narrow_lanes();
  const double lanes_of_fixed = m.stream_wide ? hw.narrow_lanes() : hw.wide_lanes();
  const double streamed = real(m.items * m.chain * m.depth) / lanes_of_stream;
  const double fixed = real(m.chains * m.chain * hw.columns * block) / lanes_of_fixed;
  const double outputs = real(m.items * m.columns * m.chains * hw.columns) / hw.gon_lanes();
  const double ahead = std::min<double>(1, real(hw.filter_depth - block) / real(block));
  const double busy = std::max({compute, streamed, fixed, outputs, real(hw.pe_count() + 1)});
  const double fill = real(m.chains * m.chain * hw.columns) *
                      std::max(real(m.early) / lanes_of_stream, real(block - m.early) / lanes_of_fixed);
  return real(m.passes()) * (busy + (1 - ahead) * fixed + 10) + fill;
}

// Splits the first block between the networks, when PEs can be told apart on both.
int64_t Early(const MatrixMapping& m, const HwConfig& hw) {
  const int64_t block = m.columns * m.depth;
  if (hw.ids_per_controller < 2 || hw.columns + 1 > hw.num_tags() || m.chain + hw.rows > hw.num_tags() ||
      m.passes() * block > kLongestTurn) {
    return 0;
  }
  const int64_t lanes = m.stream_wide ? hw.wide_lanes() : hw.narrow_lanes();
  return block * lanes / (hw.wide_lanes() + hw.narrow_lanes()) / lanes * lanes;
}

// Result row of the first kernel element of an error, images below each other.
int64_t ResultRow(const TransposedProblem& p, int64_t error) {
  const int64_t pitch = (p.in[0] - 1) * p.stride[0] + (p.kernel[0] - 1) * p.dilation[0] + 1;
  const int64_t row = error / p.in[1];
  return row / p.in[0] * pitch + row % p.in[0] * p.stride[0];
}

// Result rows that a block of errors and what it leaves behind touch at a time, at most.
int64_t RingRows(const MatrixMapping& m, int64_t places) {
  const TransposedProblem& p = m.transposed;
  const int64_t block = places * m.columns;
  int64_t rows = 0;
  for (int64_t first = 0; first < m.all_fixed(); first += block) {
    const int64_t last = std::min(first + block, m.all_fixed()) - 1;
    rows = std::max(rows, ResultRow(p, last) - ResultRow(p, first));
  }
  return rows + (p.kernel[0] - 1) * p.dilation[0] + 1;
}

// Whether sums of several passes or of several kernel elements meet.
bool LabelsMeet(const TransposedProblem& p) {
  for (int axis = 0; axis < 2; ++axis) {
    const int64_t common = std::gcd(p.stride[axis], p.dilation[axis]);
    if (p.kernel[axis] > p.stride[axis] / common && p.in[axis] > p.dilation[axis] / common) return true;
  }
  return false;
}

class Search {
 public:
  Search(const MatrixMapping& problem, const HwConfig& hw) : hw_(hw), m_(problem) {}

  std::optional<MatrixMapping> Run(std::initializer_list<MatrixKind> kinds) {
    for (const MatrixKind kind : kinds) {
      m_.kind = kind;
      for (m_.chain = 1; m_.chain <= hw_.rows; ++m_.chain) {
        m_.chains = hw_.rows / m_.chain;
        Depths();
      }
    }
    return best_;
  }

 private:
  void Depths() {
    const int64_t k = m_.all_depth();
    const int64_t most = std::min<int64_t>(hw_.ifmap_depth, hw_.filter_depth);
    int64_t last = 0;
    for (int64_t depth = std::min(most, CeilDiv(k, m_.chain)); depth >= 1; --depth) {
      m_.depth_blocks = CeilDiv(k, m_.chain * depth);
      m_.depth = CeilDiv(k, m_.chain * m_.depth_blocks);
      if (m_.depth == last) continue;
      last = m_.depth;
      Columns();
    }
  }
  void Columns() {
    const int64_t places = m_.chains * hw_.columns;
    int64_t last = 0;
    const int64_t most = std::min(hw_.filter_depth / m_.depth, CeilDiv(m_.all_fixed(), places));
    for (int64_t columns = most; columns >= 1; --columns) {
      m_.fixed_blocks = CeilDiv(m_.all_fixed(), places * columns);
      m_.columns = CeilDiv(m_.all_fixed(), places * m_.fixed_blocks);
      if (m_.columns == last) continue;
      last = m_.columns;
      Items();
    }
  }
  void Items() {
    // Items come in units: of a scatter all kernel elements of a channel.
    const int64_t places = m_.chains * hw_.columns;
    const int64_t unit = m_.scatter() ? m_.transposed.kernel[0] * m_.transposed.kernel[1] : 1;
    const int64_t units = m_.all_items() / unit;
    int64_t slots_of_unit = 0;
    if (m_.scatter() && (m_.depth_blocks > 1 || LabelsMeet(m_.transposed))) {
      m_.ring_rows = RingRows(m_, places);
      slots_of_unit = m_.ring_rows * ScatterRowSlots(m_.transposed);
    } else if (m_.depth_blocks > 1) {
      slots_of_unit = places * m_.columns;
    }
    int64_t most = std::min(units, kMostItems / unit);
    if (slots_of_unit > 0) most = std::min(most, hw_.accumulator_words / slots_of_unit);
    if (most == 0) return;
    m_.item_blocks = CeilDiv(units, most);
    const int64_t units_of_block = CeilDiv(units, m_.item_blocks);
    m_.item_blocks = CeilDiv(units, units_of_block);
    m_.items = units_of_block * unit;
    m_.slots = units_of_block * slots_of_unit;
    for (const bool wide : {true, false}) {
      m_.stream_wide = wide;
      m_.early = Early(m_, hw_);
      m_.estimated_cycles = Estimate(m_, hw_);
      if (!best_ || m_.estimated_cycles < best_->estimated_cycles) best_ = m_;
    }
  }

  const HwConfig& hw_;
  MatrixMapping m_;
  std::optional<MatrixMapping> best_;
};

}  // namespace

int64_t MatrixMapping::all_fixed() const {
  switch (kind) {
    case MatrixKind::kPositionsFixed: return direct.batch * direct.out[0] * direct.out[1];
    case MatrixKind::kFiltersFixed: return direct.outc;
    case MatrixKind::kScatter: return transposed.batch * transposed.in[0] * transposed.in[1];
  }
  return 0;
}

int64_t MatrixMapping::all_items() const {
  switch (kind) {
    case MatrixKind::kPositionsFixed: return direct.outc;
    case MatrixKind::kFiltersFixed: return direct.batch * direct.out[0] * direct.out[1];
    case MatrixKind::kScatter:
      return transposed.outc * transposed.kernel[0] * transposed.kernel[1];
  }
  return 0;
}

int64_t MatrixMapping::all_depth() const {
  return scatter() ? transposed.red : direct.red * direct.kernel[0] * direct.kernel[1];
}

int64_t ScatterRowSlots(const TransposedProblem& p) {
  return p.stride[1] * CeilDiv(p.out[1], p.stride[1]);
}

std::optional<MatrixMapping> MapMatrix(const DirectProblem& problem, const HwConfig& config) {
  if (problem.empty) return std::nullopt;
  MatrixMapping m;
  m.direct = problem;
  return Search(m, config).Run({MatrixKind::kPositionsFixed, MatrixKind::kFiltersFixed});
}

std::optional<MatrixMapping> MapMatrix(const TransposedProblem& p, const HwConfig& config) {
  const int64_t products = p.batch * p.groups * p.red * p.outc * p.in[0] * p.in[1] * p.kernel[0] *
                           p.kernel[1];
  if (p.empty || UsefulMacs(p) != products) return std::nullopt;
  MatrixMapping m;
  m.transposed = p;
  return Search(m, config).Run({MatrixKind::kScatter});
}

nlohmann::ordered_json ToJson(const MatrixMapping& m) {
  return {{"family", "matrix product"},
          {"fixed", m.scatter() ? "errors, scattered"
                    : m.kind == MatrixKind::kPositionsFixed ? "positions" : "filters"},
          {"stream_network", m.stream_wide ? "wide" : "narrow"},
          {"chain", m.chain},
          {"chains", m.chains},
          {"depth", m.depth},
          {"columns", m.columns},
          {"early", m.early},
          {"items", m.items},
          {"item_blocks", m.item_blocks},
          {"fixed_blocks", m.fixed_blocks},
          {"depth_blocks", m.depth_blocks},
          {"slots", m.slots},
          {"passes", m.passes()},
          {"estimated_cycles", m.estimated_cycles}};
}

}  // namespace ecoflow
