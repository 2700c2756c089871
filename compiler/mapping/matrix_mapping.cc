// SPDX-License-Identifier: Apache-2.0
#include "compiler/mapping/matrix_mapping.h"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <numeric>
#include <utility>

#include "base/ints.h"
#include "compiler/schedule/setup.h"
#include "isa/pe_image.h"

namespace ecoflow {
namespace {

constexpr int64_t kMostItems = most::Param::ParamLast + 1;

// Words a cycle of the network of the streamed and of the fixed operand.
int64_t StreamLanes(const MatrixMapping& m, const HwConfig& hw) {
  return m.stream_wide ? hw.wide_lanes() : hw.narrow_lanes();
}
int64_t FixedLanes(const MatrixMapping& m, const HwConfig& hw) {
  return m.stream_wide ? hw.narrow_lanes() : hw.wide_lanes();
}

double Real(int64_t number) { return static_cast<double>(number); }

// What the PEs of a pass wait for words of items: those without room beside the item at work come when it is done.
double WaitsForRoom(const MatrixMapping& m, const HwConfig& hw) {
  if (m.frees_words()) return 0;
  const int64_t beat = m.flows() ? m.flow() : StreamLanes(m, hw);
  const int64_t room = (hw.ifmap_depth - m.depth) / beat * beat;
  if (m.depth <= room) return 0;
  return Real(m.items) * std::max(0.0, Real(CeilDiv(m.depth - room, beat) * m.sides * m.chain - room));
}

// Cycles that the fixed operand of a pass takes where both networks bring it all along.
double FixedOnBoth(const MatrixMapping& m, const HwConfig& hw) {
  return Real(m.places(hw) * m.chain * m.pieces()) *
         Real(std::max(CeilDiv(m.turn_wide, hw.wide_lanes()), CeilDiv(m.turn_narrow, hw.narrow_lanes())));
}

// Of all passes; only used to compare mappings.
Cost Estimate(const MatrixMapping& m, const HwConfig& hw) {
  const int64_t block = m.block();
  // The sums of a turn end one after the other; the output queue of the top PE holds some of them.
  const double take = Real(m.places(hw) * m.sides) / hw.gon_lanes();
  const double compute =
      Real(m.items * (m.columns / m.turn)) *
      (Real(CyclesInTurn(m.turn, m.depth, hw.adder_latency)) +
       WaitAfterBurst(m.turn, hw.queue_depth, take)) +
      WaitsForRoom(m, hw);
  // A beat carries words of one item to one row.
  const double streamed = Real(m.step() * m.chain * CeilDiv(m.depth, StreamLanes(m, hw)));
  const double fixed = Real(m.places(hw) * m.chain * CeilDiv(block, FixedLanes(m, hw)));
  const double sums = Real(m.step() * m.columns * m.places(hw));
  const double outputs = sums / hw.gon_lanes();
  const double ahead = std::min<double>(1, Real(hw.filter_depth - block) / Real(block));
  const double words = Real(m.step() * m.chain * m.depth) + Real(m.places(hw) * m.chain * block) + sums * Real(m.chain);
  // The ends of a chain differ from its middle, sides by their items, and columns where vectors are missing.
  const double port = PortCycles(4 * m.chains * m.sides + 4, hw.pe_count());
  if (m.flows()) {
    const double turns = Real(m.sides * m.chain * CeilDiv(m.items * m.depth, m.flow()));
    const double wide = turns * Real(CeilDiv(m.flow_wide, hw.wide_lanes()));
    const double narrow = turns * Real(CeilDiv(m.flow_narrow, hw.narrow_lanes()));
    // The fixed operand of a pass comes at once: meanwhile the streamed one waits for its share of the network.
    const double waits = !m.interrupted() ? 0 : m.split() ? FixedOnBoth(m, hw) : fixed;
    const double pass = std::max({compute, wide, narrow, outputs, port}) + waits;
    return {Real(m.passes()) * (pass + 10), Real(m.passes()) * words};
  }
  if (m.split()) {
    const double turns = Real(m.places(hw) * m.chain * block) / Real(m.turn_wide + m.turn_narrow);
    const double wide = turns * Real(CeilDiv(m.turn_wide, hw.wide_lanes()));
    const double narrow = turns * Real(CeilDiv(m.turn_narrow, hw.narrow_lanes()));
    const double pass = std::max({compute, wide + (m.stream_wide ? streamed : 0), narrow + (m.stream_wide ? 0 : streamed),
                                  outputs, port});
    return {Real(m.passes()) * (pass + 10), Real(m.passes()) * words};
  }
  const double busy = std::max({compute, streamed, fixed, outputs, port});
  return {Real(m.passes()) * (busy + (1 - ahead) * fixed + 10), Real(m.passes()) * words};
}

// Cycles before the first item.
double Fill(const MatrixMapping& m, const HwConfig& hw) {
  if (m.split()) return FixedOnBoth(m, hw);
  return Real(m.places(hw) * m.chain) *
         std::max(Real(m.early) / Real(StreamLanes(m, hw)),
                  Real(m.block() - m.early) / Real(FixedLanes(m, hw)));
}

// Whether PEs can be told apart on both networks.
bool CanSplit(const MatrixMapping& m, const HwConfig& hw) {
  return hw.ids_per_controller >= 2 && m.sides + m.side_columns(hw) <= hw.num_tags() && m.chain + hw.rows <= hw.num_tags();
}

// Splits the first block between the networks.
int64_t Early(const MatrixMapping& m, const HwConfig& hw) {
  if (!CanSplit(m, hw) || m.passes() * m.block() > kLongestTurn) return 0;
  const int64_t lanes = StreamLanes(m, hw);
  return m.columns * m.depth * lanes / (hw.wide_lanes() + hw.narrow_lanes()) / lanes * lanes;
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

// The best product for chains of a given length and a given network. The first part of a layer is
// charged with its fill.
class Search {
 public:
  Search(const MatrixMapping& problem, bool first, const HwConfig& hw, Objective better)
      : hw_(hw), better_(better), by_cycles_(better == FewestCycles), m_(problem), first_(first) {
    m_.chains = hw.rows / m_.chain;
    Depths();
  }
  const std::optional<MatrixMapping>& best() const { return best_; }

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
    const int64_t places = m_.places(hw_);
    int64_t last = 0;
    const int64_t most = std::min(hw_.filter_depth / m_.depth, CeilDiv(m_.all_fixed(), places));
    for (int64_t columns = most; columns >= 1; --columns) {
      m_.fixed_blocks = CeilDiv(m_.all_fixed(), places * columns);
      m_.columns = CeilDiv(m_.all_fixed(), places * m_.fixed_blocks);
      if (m_.columns == last) continue;
      last = m_.columns;
      Turns();
    }
  }
  // As few vectors in turn as keep the adder busy. Where no such number divides the vectors, places
  // for vectors that do not exist may cost less than waiting.
  void Turns() {
    const int64_t exact = m_.columns, blocks = m_.fixed_blocks;
    const int64_t places = m_.places(hw_);
    m_.turn = Turn(exact);
    Items();
    // Words that are freed one by one leave more room for others.
    const bool crowded = m_.flows() || 2 * m_.depth > hw_.ifmap_depth;
    if (crowded && m_.turn < exact && exact <= std::min(hw_.psum_depth, hw_.queue_depth)) {
      m_.turn = exact;
      Items();
      m_.turn = Turn(exact);
    }
    const int64_t rounded = CeilDiv(exact, hw_.adder_latency) * hw_.adder_latency;
    if (exact > hw_.adder_latency && m_.turn != hw_.adder_latency &&
        rounded * m_.depth <= hw_.filter_depth && hw_.adder_latency <= hw_.psum_depth) {
      m_.columns = rounded;
      m_.fixed_blocks = CeilDiv(m_.all_fixed(), places * rounded);
      m_.turn = hw_.adder_latency;
      Items();
    }
    m_.columns = exact;
    m_.fixed_blocks = blocks;
  }
  // The least divisor of `columns` that is not below the adder's latency, as far as psums fit.
  int64_t Turn(int64_t columns) const {
    int64_t turn = 1;
    for (int64_t d = 1; d <= std::min<int64_t>(columns, hw_.psum_depth); ++d) {
      if (columns % d != 0) continue;
      turn = d;
      if (d >= hw_.adder_latency) break;
    }
    return turn;
  }
  void Items() {
    const double products = Real(m_.groups() * m_.fixed_blocks * m_.depth_blocks) * Real(m_.columns * m_.depth) *
                            Real(CeilDiv(m_.all_items(), m_.sides));
    if (by_cycles_ && best_ && products >= best_->cost.cycles) return;
    // Items come in units: of a scatter all kernel elements of a channel.
    const int64_t places = m_.places(hw_);
    const int64_t unit = m_.scatter() ? m_.transposed.kernel[0] * m_.transposed.kernel[1] : 1;
    const int64_t units = m_.all_items() / unit;
    int64_t slots_of_unit = 0;
    if (m_.scatter() && !m_.meets_parts && (m_.depth_blocks > 1 || LabelsMeet(m_.transposed))) {
      m_.ring_rows = RingRows(m_, places);
      slots_of_unit = m_.ring_rows * ScatterRowSlots(m_.transposed);
    } else if (m_.depth_blocks > 1 && !m_.meets_parts) {
      slots_of_unit = places * m_.columns * m_.sides;
    }
    if (m_.sides > 1 && m_.scatter()) return;
    int64_t most = std::min(CeilDiv(units, m_.sides), kMostItems / unit);
    if (slots_of_unit > 0) most = std::min(most, hw_.accumulator_slots() / slots_of_unit);
    // With both networks the words of the next pass come between the items of this one: they must find room.
    if (most == 0 || (m_.split() && !m_.flows() && 2 * m_.block() > hw_.filter_depth)) return;
    if (m_.block() > hw_.filter_depth) return;
    m_.item_blocks = CeilDiv(units, most * m_.sides);
    const int64_t units_of_block = CeilDiv(units, m_.item_blocks * m_.sides);
    m_.item_blocks = CeilDiv(units, units_of_block * m_.sides);
    m_.items = units_of_block * unit;
    // Every side has an item in every pass; where words flow on from pass to pass, as many.
    const int64_t left = units % (units_of_block * m_.sides);
    if (m_.sides > 1 && left > 0 && left < m_.sides) return;
    if (m_.interrupted() && left > 0) return;
    // What a pass frees at its end must have been in the file at once.
    if ((m_.frees_words() ? 1 : m_.depth) + m_.flow_fillers() > hw_.ifmap_depth) return;
    if (!m_.meets_parts) m_.slots = units_of_block * slots_of_unit;
    m_.early = first_ && !m_.split() ? Early(m_, hw_) : 0;
    m_.cost = Estimate(m_, hw_);
    if (first_ && !m_.interrupted()) m_.cost.cycles += Fill(m_, hw_);
    if (!best_ || better_(m_.cost, best_->cost)) best_ = m_;
  }

  const HwConfig& hw_;
  const Objective better_;
  const bool by_cycles_;
  MatrixMapping m_;
  const bool first_;
  std::optional<MatrixMapping> best_;
};

// What all parts have in common, because the setup says it.
struct Shared {
  int64_t chain = 1;
  bool stream_wide = true;
  int64_t turn_wide = 0, turn_narrow = 0;
  int64_t sides = 1;
  int64_t flow_wide = 0, flow_narrow = 0;
};

// A problem, cut into some products.
using Cuts = std::vector<MatrixMapping>;

// The best mapping of every product of `cuts`. None where they take `most_cycles` together.
std::optional<MatrixParts> Best(const Cuts& cuts, std::initializer_list<MatrixKind> kinds, const Shared& shared,
                                const HwConfig& hw, Objective better,
                                double most_cycles = std::numeric_limits<double>::infinity()) {
  MatrixParts all;
  int64_t words = 0;
  for (MatrixMapping m : cuts) {
    m.chain = shared.chain;
    m.stream_wide = shared.stream_wide;
    m.turn_wide = shared.turn_wide;
    m.turn_narrow = shared.turn_narrow;
    m.sides = shared.sides;
    m.flow_wide = shared.flow_wide;
    m.flow_narrow = shared.flow_narrow;
    m.one_of_parts = cuts.size() > 1;
    if ((m.turn_wide > 0 || m.flows()) && !CanSplit(m, hw)) return std::nullopt;
    std::optional<MatrixMapping> best;
    for (const MatrixKind kind : kinds) {
      m.kind = kind;
      const Search search(m, all.parts.empty(), hw, better);
      if (search.best() && (!best || better(search.best()->cost, best->cost))) best = search.best();
    }
    if (!best) return std::nullopt;
    words += best->passes() * best->block();
    all.cost.cycles += best->cost.cycles;
    all.cost.words += best->cost.words;
    if (all.cost.cycles > most_cycles) return std::nullopt;
    all.parts.push_back(*best);
  }
  MatrixMapping& first = all.parts.front();
  if (words > kLongestTurn) first.early = 0;
  return all;
}

// More parts would make an image too large.
constexpr int64_t kMostParts = 64;

// Blocks of groups and result channels whose sums the accumulator can hold at once.
struct ResultBlock {
  int64_t group = 0, groups = 1, channel = 0, channels = 1;
  TensorAddress slot_at;
  int64_t slots = 0;
};
// In even shares, or with `full` in multiples of the columns, so that only the last one leaves PEs without a vector.
template <typename Problem>
std::vector<ResultBlock> ResultBlocks(const Problem& p, bool full, const HwConfig& hw) {
  const int64_t positions = p.batch * p.out[0] * p.out[1];
  // One more than a multiple of the lanes: neighbours in either direction go to different accumulators.
  const auto pitch = [&](int64_t channels) { return CeilDiv(channels - 1, hw.gon_lanes()) * hw.gon_lanes() + 1; };
  const int64_t room = hw.accumulator_slots() / positions;
  if (room == 0) return {};
  int64_t split = CeilDiv(p.outc, room);
  while (pitch(CeilDiv(p.outc, split)) > room) ++split;
  int64_t channels = CeilDiv(p.outc, split);
  if (full && split > 1) channels = CeilDiv(channels, hw.columns) * hw.columns;
  if (pitch(channels) > room) return {};
  const int64_t groups = channels < p.outc ? 1 : std::min(p.groups, room / pitch(channels));
  std::vector<ResultBlock> blocks;
  if (CeilDiv(p.groups, groups) * CeilDiv(p.outc, channels) > kMostParts) return blocks;
  for (int64_t group = 0; group < p.groups; group += groups) {
    for (int64_t channel = 0; channel < p.outc; channel += channels) {
      ResultBlock block{group, std::min(groups, p.groups - group), channel, std::min(channels, p.outc - channel), {}, 0};
      block.slot_at.outc = 1;
      block.slot_at.col = pitch(channels);
      block.slot_at.row = p.out[1] * block.slot_at.col;
      block.slot_at.batch = p.out[0] * block.slot_at.row;
      block.slot_at.group = p.batch * block.slot_at.batch;
      block.slots = groups * block.slot_at.group;
      blocks.push_back(block);
    }
  }
  return blocks;
}

// Leaves out result channels before `first`.
void SkipChannels(TransposedProblem& p, int64_t first) {
  p.kernel_at.base += first * p.kernel_at.outc;
  p.result_at.base += first * p.result_at.outc;
}
void SkipChannels(DirectProblem& p, int64_t first) {
  if (p.phases.all() > 1 && p.phases.index == &TensorAddress::outc) {
    p.phases.first += first;
    return;
  }
  p.kernel_at.base += first * p.kernel_at.outc;
  p.result_at.base += first * p.result_at.outc;
}

// Puts the groups and result channels of a block in place of all of them; `input`, `kernel`, `result`: addresses.
template <typename Problem>
void Narrow(Problem& p, const ResultBlock& block, TensorAddress& input, TensorAddress& kernel, TensorAddress& result) {
  p.groups = block.groups;
  p.outc = block.channels;
  input.base += block.group * input.group;
  kernel.base += block.group * kernel.group;
  result.base += block.group * result.group;
  SkipChannels(p, block.channel);
}

// A product whose words of k do not divide into `blocks` for each PE of a chain: as two, the first of blocks that are a
// word longer. Empty where they do, or where the accumulator cannot hold the sums meanwhile.
Cuts CutDepth(const MatrixMapping& whole, int64_t chain, int64_t blocks, const HwConfig& hw) {
  const int64_t words = CeilDiv(whole.all_depth(), chain), shorter = words / blocks, longer_blocks = words % blocks;
  if (shorter == 0 || longer_blocks == 0) return {};
  Cuts cuts;
  for (const ResultBlock& of : ResultBlocks(whole.direct, false, hw)) {
    MatrixMapping block = whole;
    block.meets_parts = true;
    Narrow(block.direct, of, block.direct.input_at, block.direct.kernel_at, block.direct.result_at);
    block.slot_at = of.slot_at;
    block.slots = of.slots;
    MatrixMapping longer = block, others = block;
    longer.words_of_k = longer_blocks * (shorter + 1) * chain;
    others.first_k = longer.words_of_k;
    others.words_of_k = whole.all_depth() - longer.words_of_k;
    cuts.push_back(longer);
    cuts.push_back(others);
  }
  return cuts;
}

// The best ways to run any of `ways_to_cut`, of which the first is the coarsest: with each operand on its own
// network and, where words are what takes the time, with the fixed one on both.
std::vector<MatrixParts> Best(const std::vector<Cuts>& ways_to_cut, std::initializer_list<MatrixKind> kinds,
                              const HwConfig& hw, Objective better) {
  // Others are tried where the coarsest cut, each operand on its own network, is not hopeless.
  constexpr double kHopeless = 1.3;
  const auto hopeless = [&](const Cost& cost, const Cost& best) {
    return !better({cost.cycles / kHopeless, cost.words / kHopeless}, best);
  };
  std::optional<MatrixParts> own;
  std::array<std::optional<MatrixParts>, 2> both;  // by the network of the streamed operand
  const auto keep = [&](std::optional<MatrixParts>& best, const std::optional<MatrixParts>& found) {
    if (found && (!best || better(found->cost, best->cost))) best = found;
  };
  // Likewise of cuts whose cost is not asked for otherwise.
  const auto keep_best = [&](std::optional<MatrixParts>& best, const Cuts& cuts, const Shared& shared) {
    const bool limited = best && better == FewestCycles;
    keep(best, Best(cuts, kinds, shared, hw, better,
                    limited ? best->cost.cycles : std::numeric_limits<double>::infinity()));
  };
  std::optional<MatrixParts> aside, flowing, uneven;
  struct Tried {
    Shared shared;
    Cost cost;
    int64_t depth_blocks;  // of the first part
  };
  std::vector<Tried> tried;
  for (int64_t chain = 1; chain <= hw.rows; ++chain) {
    for (const bool wide : {true, false}) {
      const Shared shared = {chain, wide};
      const auto found = Best(ways_to_cut.front(), kinds, shared, hw, better);
      if (found) tried.push_back({shared, found->cost, found->parts.front().depth_blocks});
      keep(own, found);
      if (*kinds.begin() == MatrixKind::kScatter) continue;
      for (int64_t sides = 1; sides <= hw.columns; ++sides) {
        if (sides > 1 && hw.columns / sides == hw.columns / (sides - 1)) continue;
        Shared other = {chain, wide, 0, 0, sides};
        if (sides > 1) keep_best(aside, ways_to_cut.front(), other);
        if (!wide) continue;
        other.flow_wide = hw.wide_lanes();
        other.flow_narrow = hw.narrow_lanes();
        keep_best(flowing, ways_to_cut.front(), other);
        other.turn_wide = hw.wide_lanes();
        other.turn_narrow = hw.narrow_lanes();
        keep_best(flowing, ways_to_cut.front(), other);
      }
    }
  }
  if (!own) return {};
  const Cost coarsest = own->cost;
  // Blocks of k of two lengths in the first part, where those of one leave places without a word.
  if (const Cuts& coarse = ways_to_cut.front(); *kinds.begin() != MatrixKind::kScatter && !coarse.front().meets_parts) {
    for (const auto& [shared, cost, depth_blocks] : tried) {
      if (hopeless(cost, coarsest)) continue;
      for (int64_t blocks = std::max<int64_t>(depth_blocks - 1, 1); blocks <= depth_blocks + 2; ++blocks) {
        Cuts cuts = CutDepth(coarse.front(), shared.chain, blocks, hw);
        if (cuts.empty()) continue;
        cuts.insert(cuts.end(), coarse.begin() + 1, coarse.end());
        keep_best(uneven, cuts, shared);
      }
    }
  }
  double compute = 0;
  for (const MatrixMapping& m : ways_to_cut.front()) {
    MatrixMapping any = m;
    any.kind = *kinds.begin();
    compute += Real(any.groups() * any.all_fixed() * any.all_items() * any.all_depth()) / hw.pe_count();
  }
  constexpr double kWordBound = 1.1;
  const bool by_words = coarsest.cycles > kWordBound * compute;
  for (const auto& [shared, cost, depth_blocks] : tried) {
    if (!hopeless(cost, coarsest)) {
      for (std::size_t k = 1; k < ways_to_cut.size(); ++k) {
        keep_best(own, ways_to_cut[k], shared);
      }
    }
    if (!by_words || hopeless(cost, {2 * coarsest.cycles, 2 * coarsest.words})) continue;
    // Shares of the networks, in full beats.
    for (const auto& [wide, narrow] : {std::pair{1, 1}, {2, 1}, {4, 1}, {1, 2}, {1, 3}}) {
      const Shared split = {shared.chain, shared.stream_wide, wide * hw.wide_lanes(), narrow * hw.narrow_lanes()};
      for (const Cuts& cuts : ways_to_cut) keep_best(both[shared.stream_wide], cuts, split);
    }
  }
  std::vector<MatrixParts> found = {*own};
  for (const auto& of_stream : both) {
    if (of_stream) found.push_back(*of_stream);
  }
  if (uneven && better(uneven->cost, own->cost)) found.push_back(*uneven);
  if (aside && better(aside->cost, own->cost)) found.push_back(*aside);
  if (flowing && better(flowing->cost, own->cost)) found.push_back(*flowing);
  return found;
}

// Sections of an axis with those at each end put together.
std::vector<Section> WithoutSteps(const std::vector<Section>& sections) {
  const auto middle = std::max_element(
      sections.begin(), sections.end(), [](const Section& a, const Section& b) {
        return a.count * a.taps < b.count * b.taps;
      });
  std::vector<Section> merged;
  for (auto at = sections.begin(); at != sections.end(); ++at) {
    const bool joins = !merged.empty() && at != middle && at != middle + 1;
    if (!joins) {
      merged.push_back(*at);
      continue;
    }
    Section& s = merged.back();
    const int64_t end_tap = std::max(s.first_tap + s.taps, at->first_tap + at->taps);
    s.first_tap = std::min(s.first_tap, at->first_tap);
    s.taps = end_tap - s.first_tap;
    s.count = at->first + at->count - s.first;
  }
  return merged;
}

void LargestFirst(Cuts& cuts) {
  const auto work = [](const MatrixMapping& m) {
    const DirectProblem& d = m.direct;
    return d.out[0] * d.out[1] * d.kernel[0] * d.kernel[1];
  };
  std::stable_sort(cuts.begin(), cuts.end(),
                   [&](const MatrixMapping& a, const MatrixMapping& b) { return work(a) > work(b); });
}

// A product for each rectangle of sections; in `only_middle_of` < 2 only the largest section of that
// axis is cut along the other.
Cuts CutInto(const DirectProblem& p, const std::vector<Section>& rows,
             const std::vector<Section>& columns, int only_middle_of) {
  Cuts cuts;
  const auto add = [&](const DirectProblem& direct) {
    MatrixMapping m;
    m.direct = direct;
    cuts.push_back(m);
  };
  const int outer = only_middle_of == 1 ? 1 : 0;
  const auto& outer_sections = outer == 0 ? rows : columns;
  const auto& inner_sections = outer == 0 ? columns : rows;
  int64_t most = 0;
  for (const Section& s : outer_sections) most = std::max(most, s.count * s.taps);
  for (const Section& s : outer_sections) {
    const DirectProblem strip = Cut(p, outer, s);
    if (only_middle_of < 2 && s.count * s.taps < most) {
      add(strip);
      continue;
    }
    for (const Section& t : inner_sections) add(Cut(strip, 1 - outer, t));
  }
  return cuts;
}

// A product for each rectangle of tap sections, in the order of the taps, for as many result channels at a
// time as the accumulator has room for (`full`: in blocks that fill the columns, where these are others);
// `rows_whole`, `columns_whole`: that axis is not cut. Empty where nothing is to be cut.
Cuts CutTaps(const DirectProblem& p, bool rows_whole, bool columns_whole, bool full, const HwConfig& hw) {
  const std::vector<Section> rows =
      rows_whole ? std::vector<Section>{{0, p.out[0], 0, p.kernel[0]}} : TapSections(p, 0);
  const std::vector<Section> columns =
      columns_whole ? std::vector<Section>{{0, p.out[1], 0, p.kernel[1]}} : TapSections(p, 1);
  if (rows.size() * columns.size() == 1) return {};
  const std::vector<ResultBlock> blocks = ResultBlocks(p, full, hw);
  if (full && (blocks.size() < 2 || blocks[0].channels == ResultBlocks(p, false, hw)[0].channels)) return {};
  if (std::ssize(blocks) * std::ssize(rows) * std::ssize(columns) > kMostParts) return {};
  Cuts cuts;
  for (const ResultBlock& of : blocks) {
    MatrixMapping block;
    block.meets_parts = true;
    block.direct = p;
    Narrow(block.direct, of, block.direct.input_at, block.direct.kernel_at, block.direct.result_at);
    block.slot_at = of.slot_at;
    block.slots = of.slots;
    for (const Section& r : rows) {
      for (const Section& c : columns) {
        MatrixMapping m = block;
        m.direct = Cut(Cut(block.direct, 0, r), 1, c);
        m.slot_at.base = r.first * m.slot_at.row + c.first * m.slot_at.col;
        m.other_taps[0] = {r.first_tap > 0, r.first_tap + r.taps < p.kernel[0], p.dilation[0]};
        m.other_taps[1] = {c.first_tap > 0, c.first_tap + c.taps < p.kernel[1], p.dilation[1]};
        cuts.push_back(m);
      }
    }
  }
  return cuts;
}

// A transposed problem whose labels reach into the padding: a product for each rectangle of error ranges, in the
// order of the errors. Empty where there are too many.
Cuts CutScatter(const TransposedProblem& p, const HwConfig& hw) {
  const std::vector<ErrorRange> rows = ErrorRanges(p, 0), columns = ErrorRanges(p, 1);
  const std::vector<ResultBlock> blocks = ResultBlocks(p, false, hw);
  if (std::ssize(blocks) * std::ssize(rows) * std::ssize(columns) > kMostParts) return {};
  Cuts cuts;
  for (const ResultBlock& of : blocks) {
    for (const ErrorRange& r : rows) {
      for (const ErrorRange& c : columns) {
        MatrixMapping m;
        m.meets_parts = true;
        m.transposed = Cut(Cut(p, 0, r), 1, c);
        Narrow(m.transposed, of, m.transposed.error_at, m.transposed.kernel_at, m.transposed.result_at);
        m.whole[0] = {p.in[0], p.kernel[0], r.first_error, r.first_tap};
        m.whole[1] = {p.in[1], p.kernel[1], c.first_error, c.first_tap};
        m.slot_at = of.slot_at;
        m.slots = of.slots;
        cuts.push_back(m);
      }
    }
  }
  return cuts;
}

std::vector<Cuts> WaysToCut(const DirectProblem& p, Borders borders, const HwConfig& hw) {
  const std::vector<Section> rows = Sections(p, 0), columns = Sections(p, 1);
  const std::vector<Section> all_rows = {{0, p.out[0], 0, p.kernel[0]}};
  const std::vector<Section> all_columns = {{0, p.out[1], 0, p.kernel[1]}};
  std::vector<Cuts> ways;
  const auto add = [&](const std::vector<Section>& r, const std::vector<Section>& c, int middle) {
    Cuts cuts = CutInto(p, r, c, middle);
    if (std::ssize(cuts) <= kMostParts) ways.push_back(std::move(cuts));
  };
  const auto add_taps = [&](bool rows_whole, bool columns_whole) {
    for (const bool full : {false, true}) {
      Cuts cuts = CutTaps(p, rows_whole, columns_whole, full, hw);
      if (!cuts.empty()) ways.push_back(std::move(cuts));
    }
  };
  constexpr int kEverywhere = 2;
  if (borders == Borders::kSections) {
    add(rows, columns, kEverywhere);
    return ways;
  }
  if (borders == Borders::kTaps) {
    // A problem without a border is one of several.
    if (rows.size() * columns.size() == 1) add(rows, columns, kEverywhere);
    add_taps(false, false);
    return ways;
  }
  add(all_rows, all_columns, kEverywhere);
  if (rows.size() == 1 && columns.size() == 1) return ways;
  for (const bool merged : {true, false}) {
    const auto r = merged ? WithoutSteps(rows) : rows;
    const auto c = merged ? WithoutSteps(columns) : columns;
    if (!merged && r.size() == WithoutSteps(rows).size() && c.size() == WithoutSteps(columns).size()) {
      break;
    }
    if (r.size() > 1) add(r, all_columns, kEverywhere);
    if (c.size() > 1) add(all_rows, c, kEverywhere);
    if (r.size() == 1 || c.size() == 1) continue;
    add(r, c, 0);
    add(r, c, 1);
    add(r, c, kEverywhere);
  }
  if (rows.size() > 1 && columns.size() > 1) {
    add_taps(false, true);
    add_taps(true, false);
  }
  return ways;
}

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
  if (words_of_k > 0) return words_of_k;
  return scatter() ? transposed.red : direct.red * direct.kernel[0] * direct.kernel[1];
}

int64_t ScatterRowSlots(const TransposedProblem& p) {
  const int64_t labels = (p.in[1] - 1) * p.stride[1] + (p.kernel[1] - 1) * p.dilation[1] + 1;
  return p.stride[1] * CeilDiv(labels, p.stride[1]);
}

std::vector<MatrixParts> MapMatrix(const std::vector<DirectProblem>& problems, Borders borders,
                                   const HwConfig& config, Objective better) {
  std::vector<Cuts> ways = {{}};
  for (const DirectProblem& problem : problems) {
    if (problem.empty) return {};
    const std::vector<Cuts> of_problem = WaysToCut(problem, borders, config);
    if (of_problem.empty()) return {};
    // The ways of all problems go together, from coarse to fine.
    const std::vector<Cuts> before = std::exchange(ways, {});
    for (std::size_t k = 0; k < std::max(before.size(), of_problem.size()); ++k) {
      Cuts cuts = before[std::min(k, before.size() - 1)];
      const Cuts& more = of_problem[std::min(k, of_problem.size() - 1)];
      cuts.insert(cuts.end(), more.begin(), more.end());
      if (std::ssize(cuts) <= kMostParts) ways.push_back(std::move(cuts));
    }
    if (ways.empty()) return {};
  }
  if (problems.empty()) return {};
  for (Cuts& cuts : ways) {
    // Sums that meet do so in the order of the taps.
    if (std::none_of(cuts.begin(), cuts.end(), [](const MatrixMapping& m) { return m.meets_parts; })) {
      LargestFirst(cuts);
    }
  }
  auto best = Best(ways, {MatrixKind::kPositionsFixed, MatrixKind::kFiltersFixed}, config, better);
  for (MatrixParts& found : best) {
    found.borders = borders == Borders::kTaps ? "taps" : borders == Borders::kZeros ? "zeros" : "sections";
  }
  return best;
}

std::vector<MatrixParts> MapMatrix(const TransposedProblem& p, const HwConfig& config, Objective better) {
  if (p.empty) return {};
  MatrixMapping m;
  m.transposed = p;
  m.whole = {MatrixMapping::WholeAxis{p.in[0], p.kernel[0]}, {p.in[1], p.kernel[1]}};
  std::vector<MatrixParts> all = Best({{m}}, {MatrixKind::kScatter}, config, better);
  if (!m.drops()) return all;
  for (MatrixParts& found : all) found.borders = "dropped";
  if (const Cuts cuts = CutScatter(p, config); !cuts.empty()) {
    for (MatrixParts& found : Best({cuts}, {MatrixKind::kScatter}, config, better)) {
      found.borders = "errors";
      all.push_back(std::move(found));
    }
  }
  return all;
}

nlohmann::ordered_json ToJson(const MatrixParts& mapping) {
  nlohmann::ordered_json parts;
  int64_t passes = 0;
  for (const MatrixMapping& m : mapping.parts) {
    passes += m.passes();
    parts.push_back({{"fixed", m.scatter() ? "errors, scattered"
                               : m.kind == MatrixKind::kPositionsFixed ? "positions" : "filters"},
                     {"first_k", m.first_k},
                     {"reduced", m.all_depth()},
                     {"depth", m.depth},
                     {"columns", m.columns},
                     {"turn", m.turn},
                     {"early", m.early},
                     {"items", m.items},
                     {"item_blocks", m.item_blocks},
                     {"fixed_blocks", m.fixed_blocks},
                     {"depth_blocks", m.depth_blocks},
                     {"slots", m.slots}});
  }
  const MatrixMapping& first = mapping.parts.front();
  return {{"family", "matrix product"},
          {"stream_network", first.stream_wide ? "wide" : "narrow"},
          {"fixed_turn", {first.turn_wide, first.turn_narrow}},
          {"chain", first.chain},
          {"chains", first.chains},
          {"sides", first.sides},
          {"stream_turn", {first.flow_wide, first.flow_narrow}},
          {"borders", mapping.borders},
          {"parts", parts},
          {"passes", passes},
          {"estimated_cycles", mapping.cost.WholeCycles()},
          {"estimated_words", mapping.cost.words}};
}

}  // namespace ecoflow
