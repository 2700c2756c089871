// SPDX-License-Identifier: Apache-2.0
#include "compiler/mapping/row_mapping.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/ints.h"
#include "isa/pe_image.h"

namespace ecoflow {
namespace {

constexpr int64_t kMostColumns = most::LevelFiles::Last + 1;
constexpr int64_t kMostImages = most::Param::ParamLast + 1;
constexpr int64_t kMostRelease = most::LevelFiles::IfmapRelease;

// Divisors of `number` up to `limit`.
std::vector<int64_t> Divisors(int64_t number, int64_t limit) {
  std::vector<int64_t> divisors;
  for (int64_t d = 1; d <= std::min(number, limit); ++d) {
    if (number % d == 0) divisors.push_back(d);
  }
  return divisors;
}

// Sizes of the tiles when `number` is cut into 1, 2, 3... even parts, none above `limit`.
std::vector<int64_t> EvenParts(int64_t number, int64_t limit, std::size_t most) {
  std::vector<int64_t> sizes;
  for (int64_t parts = CeilDiv(number, limit); parts <= number && sizes.size() < most; ++parts) {
    const int64_t size = CeilDiv(number, parts);
    if (sizes.empty() || sizes.back() != size) sizes.push_back(size);
  }
  return sizes;
}

// Of the whole layer; only used to compare mappings.
Cost Estimate(const RowMapping& m, const HwConfig& hw) {
  const DirectProblem& d = m.problem;
  const auto real = [](int64_t number) { return static_cast<double>(number); };
  const int64_t block = m.p * m.q * m.taps;
  // The filters of a position end one after the other; those that the output queue of the top PE
  // cannot hold wait for the GON.
  const double take = real(m.t * m.images * m.e) / hw.gon_lanes();
  const double compute =
      real(m.n * m.columns) * (real(CyclesInTurn(m.p, m.q * m.taps, hw.adder_latency)) +
                               WaitAfterBurst(m.p, hw.queue_depth, take));
  const double filter_words = real(m.t * m.chain() * block);
  const double filters = filter_words / (m.filters_wide() ? hw.wide_lanes() : hw.narrow_lanes());
  const int64_t span = (m.columns - 1) * m.step() + m.taps;
  const double rows = m.run > 1 ? real(m.chain()) + m.runs() * real(m.e - 1)
                                : real(m.r * std::min(m.row_classes() * m.diagonals(), m.kernel_rows + (m.e - 1) * d.stride[0]));
  const double input_words = real(m.n * m.images * span * m.q) * rows;
  // What of the first window of an image has no room beside the last one of the image before.
  const double lanes_of_input = real((m.input_wide > 0 ? hw.wide_lanes() : 0) + (m.input_narrow > 0 ? hw.narrow_lanes() : 0));
  const double fill = real(m.n * m.images * std::max<int64_t>(0, 2 * m.taps * m.q - hw.ifmap_depth)) * rows / lanes_of_input;
  // Where the input comes over both networks it begins when the wide one has brought the filters.
  const double input = input_words / lanes_of_input + (m.input_on_both() ? filters : 0);
  const double output_words = real(m.n * m.columns * m.p * m.t * m.images * m.e);
  const double outputs = output_words / hw.gon_lanes();
  // What cannot be loaded while the pass before runs.
  const double ahead = std::min<double>(1, real(hw.filter_depth - block) / real(block));
  // Rows of PEs differ; at the border, which the first and the last band have, diagonals do.
  const int64_t pes = m.chain() * m.t * m.images * m.e;
  const bool border = m.skip_borders && std::max(d.pad[0], d.pad[1]) > 0;
  const double at_border = border ? std::min(1.0, 2 / real(m.bands)) : 0;
  const double port = at_border * real(pes + 1) + (1 - at_border) * PortCycles(m.chain() + 2, pes);
  const double busy = std::max({compute + fill, filters, input, outputs, port});
  return {real(m.passes()) * (busy + (1 - ahead) * filters + real(m.chain() + 10)),
          real(m.passes()) * (filter_words + input_words + output_words * real(m.chain()))};
}

// Loops over the parameters, the outer ones first; `best` collects.
class Search {
 public:
  Search(const DirectProblem& problem, bool skip_borders, const HwConfig& hw, Objective better)
      : d_(problem), skip_borders_(skip_borders), hw_(hw), better_(better) {}

  std::optional<RowMapping> Run() {
    RowMapping m;
    m.problem = d_;
    m.skip_borders = skip_borders_;
    for (m.taps = 1; m.taps <= d_.kernel[1]; ++m.taps) {
      // Even tiles only; where the stride leaves gaps, all of one size.
      if (CeilDiv(d_.kernel[1], CeilDiv(d_.kernel[1], m.taps)) != m.taps) continue;
      if (m.gaps() && d_.kernel[1] % m.taps != 0) continue;
      if (m.taps > hw_.ifmap_depth || m.step() > hw_.ifmap_depth) continue;
      m.tap_chunks = CeilDiv(d_.kernel[1], m.taps);
      Rows(m);
    }
    return best_;
  }

 private:
  void Rows(RowMapping m) {
    for (m.kernel_rows = 1; m.kernel_rows <= std::min<int64_t>(hw_.rows, d_.kernel[0]);
         ++m.kernel_rows) {
      m.row_chunks = CeilDiv(d_.kernel[0], m.kernel_rows);
      for (const int64_t e : EvenParts(d_.out[0], hw_.columns, 8)) {
        m.e = e;
        m.bands = CeilDiv(d_.out[0], m.e);
        const int64_t tags = hw_.num_tags() / m.diagonals();
        m.images = std::min({hw_.columns / m.e, d_.batch, tags});
        if (m.images > 0) Channels(m);
      }
    }
  }
  void Channels(RowMapping m) {
    const int64_t room = hw_.ifmap_depth / std::max(m.taps, m.step());
    for (const int64_t q : Divisors(d_.red, std::min<int64_t>(room, hw_.filter_depth / m.taps))) {
      m.q = q;
      const int64_t most = std::min(hw_.rows / m.kernel_rows, m.sets());
      for (m.r = 1; m.r <= most; ++m.r) {
        m.set_blocks = CeilDiv(m.sets(), m.r);
        m.run = 1;
        Filters(m);
        m.run = m.row_chunks;
        if (m.run > 1 && m.r > 1 && d_.stride[0] == 1 && RunsFit(m)) Filters(m);
      }
    }
  }
  void Filters(RowMapping m) {
    const int64_t room = std::min<int64_t>(hw_.psum_depth, hw_.filter_depth / (m.taps * m.q));
    for (const int64_t p : Divisors(d_.outc, room)) {
      m.p = p;
      m.t = std::min(hw_.rows / m.chain(), d_.outc / p);
      m.filter_blocks = CeilDiv(d_.outc / p, m.t);
      Images(m);
    }
  }
  void Images(RowMapping m) {
    // As many images, or at least result columns, as the accumulator has room for.
    const int64_t each = CeilDiv(d_.batch, m.images);
    const int64_t row_slots = m.p * m.t * m.images * m.e;
    const int64_t room = m.partials() == 1 ? int64_t{1} << 40 : hw_.accumulator_slots() / row_slots;
    if (room == 0) return;
    m.tiles = CeilDiv(d_.out[1], std::min({d_.out[1], room, kMostColumns}));
    m.columns = CeilDiv(d_.out[1], m.tiles);
    m.tiles = CeilDiv(d_.out[1], m.columns);
    const int64_t fit = std::min({each, room / m.columns, kMostImages});
    m.image_blocks = CeilDiv(each, fit);
    m.n = CeilDiv(each, m.image_blocks);
    m.image_blocks = CeilDiv(each, m.n);
    const std::pair<int64_t, int64_t> turns[] = {{1, 0}, {0, 1}, {hw_.wide_lanes(), hw_.narrow_lanes()}};
    for (const auto& [wide, narrow] : turns) {
      m.input_wide = wide;
      m.input_narrow = narrow;
      if (m.input_on_both() && !BothFit(m)) continue;
      m.cost = Estimate(m, hw_);
      if (!best_ || better_(m.cost, best_->cost)) best_ = m;
    }
  }
  int64_t MostRunsOfSet(const RowMapping& m) const {
    std::size_t most = 0;
    for (int64_t set = 0; set < m.r; ++set) most = std::max(most, m.RunTagsOf(set).size());
    return static_cast<int64_t>(most);
  }
  bool RunsFit(const RowMapping& m) const {
    return MostRunsOfSet(m) <= hw_.ids_per_controller && m.input_row_tags() <= hw_.num_tags() &&
           m.input_col_tags() <= hw_.num_tags();
  }
  // Whether a network can carry both operands and the windows leave room for fillers.
  bool BothFit(const RowMapping& m) const {
    const int64_t room = std::min<int64_t>(hw_.ifmap_depth, kMostRelease);
    for (const int64_t columns : {m.columns, d_.out[1] - (m.tiles - 1) * m.columns}) {
      for (const int64_t taps : {m.taps, d_.kernel[1] - (m.tap_chunks - 1) * m.taps}) {
        if (taps * m.q + m.input_fillers(columns, taps) > room) return false;
      }
    }
    const int64_t ids = m.run > 1 ? MostRunsOfSet(m) : 1;
    return hw_.ids_per_controller >= ids + 1 && m.input_row_tags() + m.t * m.chain() <= hw_.num_tags() &&
           m.input_col_tags() + 1 <= hw_.num_tags();
  }

  const DirectProblem& d_;
  const bool skip_borders_;
  const HwConfig& hw_;
  const Objective better_;
  std::optional<RowMapping> best_;
};

}  // namespace

Result<RowMapping> MapRows(const DirectProblem& problem, bool skip_borders, const HwConfig& config,
                           Objective better) {
  if (const auto best = Search(problem, skip_borders, config, better).Run()) return *best;
  return BadInput("the layer cannot run on {}: no row-stationary mapping fits its register files",
                  config.name);
}

nlohmann::ordered_json ToJson(const RowMapping& m) {
  return {{"family", "row-stationary"},
          {"skip_borders", m.skip_borders},
          {"p", m.p},
          {"q", m.q},
          {"r", m.r},
          {"t", m.t},
          {"e", m.e},
          {"n", m.n},
          {"kernel_rows", m.kernel_rows},
          {"taps", m.taps},
          {"images", m.images},
          {"columns", m.columns},
          {"input_turn", {m.input_wide, m.input_narrow}},
          {"filter_blocks", m.filter_blocks},
          {"bands", m.bands},
          {"tiles", m.tiles},
          {"image_blocks", m.image_blocks},
          {"row_chunks", m.row_chunks},
          {"run", m.run},
          {"set_blocks", m.set_blocks},
          {"tap_chunks", m.tap_chunks},
          {"slots", m.slots()},
          {"passes", m.passes()},
          {"estimated_cycles", m.cost.WholeCycles()},
          {"estimated_words", m.cost.words}};
}

}  // namespace ecoflow
