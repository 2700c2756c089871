#include "compiler/mapping/matrix_mapping.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace ecoflow {
namespace {

int64_t CeilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

constexpr int64_t kMostItems = 2000;  // image field ParamLast

// Cycles of the whole layer, by resource; only used to compare mappings.
double Estimate(const MatrixMapping& m, const HwConfig& hw) {
  const auto real = [](int64_t number) { return static_cast<double>(number); };
  const int64_t block = m.columns * m.depth;
  const double compute = real(m.items * block);
  const double streamed = real(m.items * m.chain * m.depth) /
                          (m.stream_wide ? hw.wide_lanes() : hw.narrow_lanes());
  const double fixed = real(m.chains * m.chain * hw.columns * block) /
                       (m.stream_wide ? hw.narrow_lanes() : hw.wide_lanes());
  const double outputs = real(m.items * m.columns * m.chains * hw.columns) / hw.gon_lanes();
  const double ahead = std::min<double>(1, real(hw.filter_depth - block) / real(block));
  const double busy = std::max({compute, streamed, fixed, outputs, real(hw.pe_count() + 1)});
  return real(m.passes()) * (busy + (1 - ahead) * fixed + 10) + fixed;
}

class Search {
 public:
  Search(const DirectProblem& problem, const HwConfig& hw) : hw_(hw) { m_.problem = problem; }

  std::optional<MatrixMapping> Run() {
    for (const bool positions : {true, false}) {
      m_.fixed_positions = positions;
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
    int64_t most = std::min(m_.all_items(), kMostItems);
    if (m_.depth_blocks > 1) {
      most = std::min(most, hw_.accumulator_words / (m_.columns * m_.chains * hw_.columns));
    }
    if (most == 0) return;
    m_.item_blocks = CeilDiv(m_.all_items(), most);
    m_.items = CeilDiv(m_.all_items(), m_.item_blocks);
    m_.item_blocks = CeilDiv(m_.all_items(), m_.items);
    for (const bool wide : {true, false}) {
      m_.stream_wide = wide;
      m_.estimated_cycles = Estimate(m_, hw_);
      if (!best_ || m_.estimated_cycles < best_->estimated_cycles) best_ = m_;
    }
  }

  const HwConfig& hw_;
  MatrixMapping m_;
  std::optional<MatrixMapping> best_;
};

}  // namespace

std::optional<MatrixMapping> MapMatrix(const DirectProblem& problem, const HwConfig& config) {
  return Search(problem, config).Run();
}

nlohmann::ordered_json ToJson(const MatrixMapping& m) {
  return {{"family", "matrix product"},
          {"fixed", m.fixed_positions ? "positions" : "filters"},
          {"stream_network", m.stream_wide ? "wide" : "narrow"},
          {"chain", m.chain},
          {"chains", m.chains},
          {"depth", m.depth},
          {"columns", m.columns},
          {"items", m.items},
          {"item_blocks", m.item_blocks},
          {"fixed_blocks", m.fixed_blocks},
          {"depth_blocks", m.depth_blocks},
          {"passes", m.passes()},
          {"estimated_cycles", m.estimated_cycles}};
}

}  // namespace ecoflow
