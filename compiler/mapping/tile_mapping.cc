// SPDX-License-Identifier: Apache-2.0
#include "compiler/mapping/tile_mapping.h"

#include <algorithm>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

#include "isa/pe_image.h"

namespace ecoflow {
namespace {

constexpr int64_t kMostRelease = most::LevelFiles::IfmapRelease;
constexpr int64_t kMostWays = 3;  // to cut the kernel's columns, from the fewest chunks that fit on

double Real(int64_t number) { return static_cast<double>(number); }

// Beats of a row of the input of a block, of whose turns `share` words come over this network: a beat goes to one
// interval of tiles.
int64_t InputBeatsOfRow(const TileMapping& m, int64_t share, int64_t lanes) {
  const int64_t extent = m.BlockExtent(1), step = m.TileStep(1), last = m.block[1] - 1;
  if (m.input_on_both()) return extent / m.input_turn() * CeilDiv(share, lanes);
  int64_t beats = CeilDiv(extent, lanes);
  for (int64_t tile = 1; tile <= last; ++tile) {
    // Where the window of a tile begins, and behind that of the tile before.
    const int64_t begins = tile * step, ended = m.Extent(1) + (tile - 1) * step;
    const bool another_begins = ended % step == 0 && ended / step <= last;
    beats += (begins % lanes != 0) + (ended % lanes != 0 && !another_begins);
  }
  return beats;
}

// Cycles that networks wait for each other in a row of the input of a block that comes over both in turns: a PE takes
// its words in order, so that a network is ahead of the other by no more than a queue holds.
double WaitInRow(const TileMapping& m, const HwConfig& hw) {
  const double wide = Real(CeilDiv(m.input_wide, hw.wide_lanes()));
  const double narrow = Real(CeilDiv(m.input_narrow, hw.narrow_lanes()));
  const double wide_ahead = std::min(1.0, Real(hw.queue_depth) / Real(m.input_wide));
  const double narrow_ahead = std::min(1.0, Real(hw.queue_depth) / Real(m.input_narrow));
  const double both = wide * (1 - wide_ahead) + narrow * (1 - narrow_ahead);
  return Real(m.BlockExtent(1) / m.input_turn()) * std::max(0.0, both - std::max(wide, narrow));
}

// Cycles and words of a pass in which `blocks` blocks take part, each with `rows` rows of the kernel and, of every summed
// channel, `rows_in` of the input.
Cost EstimatePass(const TileMapping& m, const HwConfig& hw, int64_t blocks, int64_t rows, int64_t rows_in) {
  const DirectProblem& p = m.problem;
  const int64_t pes = m.crossed() ? m.cross.units() : blocks * m.block[0] * m.block[1];
  // Who gets words of their own.
  const int64_t inputs_apart = m.crossed() ? m.cross.groups * m.cross.windows : blocks;
  const int64_t kernels_apart = m.crossed() ? m.cross.groups * m.cross.outc : blocks;
  const int64_t taps = m.red() * rows * m.columns;
  const int64_t input_rows = m.red() * rows_in;
  const double compute = Real(CyclesInTurn(m.pe_results(), taps, hw.adder_latency));
  const auto network = [&](int64_t input, int64_t kernel, int64_t lanes) {
    int64_t beats = 0;
    if (kernel > 0) {
      beats = kernels_apart *
              (m.crop ? m.red() * rows * CeilDiv(m.columns, lanes) : m.kernel_turns() * CeilDiv(kernel, lanes));
    }
    if (input > 0) {
      beats += inputs_apart * (m.in_turns() ? CeilDiv(m.input_words(), m.input_turn()) * CeilDiv(input, lanes)
                                            : input_rows * InputBeatsOfRow(m, input, lanes));
    }
    return Real(beats);
  };
  const double wide = network(m.input_wide, m.kernel_wide, hw.wide_lanes());
  const double narrow = network(m.input_narrow, m.kernel_narrow, hw.narrow_lanes());
  const double wait = m.input_on_both() && !m.one_tile() ? Real(blocks * input_rows) * WaitInRow(m, hw) : 0;
  const double port = PortCycles(m.PassWordsApart(hw), hw.pe_count());
  const double results = Real(pes) * m.mean_results() / hw.gon_lanes();
  // The tiles of a block end one line after the other, and so do their results.
  const double take = Real(pes) / hw.gon_lanes() / Real(m.block[0]);
  const double drain_of_line = WaitAfterBurst(m.pe_results(), hw.queue_depth, take);
  const int64_t line_behind = m.TileStep(0) / p.dilation[0];  // rows of the kernel
  const double row = Real(m.columns * m.tile_results());
  const double drain = drain_of_line + Real(m.block[0] - 1) * std::max(0.0, drain_of_line - Real(line_behind) * row);
  // A pass begins when its last tiles have their first rows; these have as many of their last ones in their files when the
  // first tiles go on.
  const int64_t rows_ahead = (hw.ifmap_depth - m.resident()) / (m.Extent(1) * p.dilation[0]);
  const int64_t rows_behind = std::clamp<int64_t>((m.block[0] - 1) * line_behind - rows_ahead, 0, rows);
  const double behind = std::max(0.0, Real(rows_behind) * row - drain) / Real(m.passes_on);
  const double busy = std::max({compute + behind, std::max(wide, narrow) + wait, port, results});
  const int64_t inputs = input_rows * m.BlockExtent(1);
  return {busy + drain, Real(inputs_apart * inputs + kernels_apart * (taps * m.filters + m.kernel_fillers())) +
                            Real(pes) * m.mean_results()};
}

constexpr int64_t kMostLines = 1024;  // of blocks, that are told apart

// Of the whole layer; only used to compare mappings.
Cost Estimate(const TileMapping& m, const HwConfig& hw) {
  const int64_t blocks = m.BlocksOnArray(hw, 0) * m.BlocksOnArray(hw, 1), rounds = m.rounds(hw);
  Cost cost;
  const auto add = [&](double times, int64_t in_pass, int64_t rows, int64_t rows_in) {
    const Cost pass = EstimatePass(m, hw, in_pass, rows, rows_in);
    cost.cycles += times * Real(m.chunk_passes()) * pass.cycles;
    cost.words += times * Real(m.chunk_passes()) * pass.words;
  };
  if (m.crossed()) {
    add(Real(rounds), m.cross.units(), m.rows, m.BlockExtent(0));
  } else if (!m.crop || m.Blocks(0) > kMostLines) {
    int64_t rows = m.rows, rows_in = m.BlockExtent(0);
    if (m.crop) {
      rows = rows_in = 0;
      for (int64_t y = 0; y < m.Blocks(0); ++y) rows += m.RowsOf(y), rows_in += m.InputRowsOf(y);
      rows = CeilDiv(rows, m.Blocks(0));
      rows_in = CeilDiv(rows_in, m.Blocks(0));
    }
    add(Real(m.units() / blocks), blocks, rows, rows_in);
    if (m.units() % blocks > 0) add(1, m.units() % blocks, rows, rows_in);
  } else {
    // Units of a round lie on a few lines of blocks; the one with the most rows takes the time. Rounds on one line are alike.
    const int64_t line = m.units() / m.Blocks(0);
    for (int64_t first = 0, count = 1; first < m.units(); first += count * blocks) {
      const int64_t end = std::min(first + blocks, m.units()), last_line = (end - 1) / line;
      int64_t rows = 0, rows_in = 0;
      for (int64_t y = first / line; y <= last_line; ++y) {
        rows = std::max(rows, m.RowsOf(y));
        rows_in = std::max(rows_in, m.InputRowsOf(y));
      }
      count = first / line == last_line ? std::max<int64_t>(1, ((last_line + 1) * line - first) / blocks) : 1;
      add(Real(count), end - first, rows, rows_in);
    }
  }
  // The window of the first pass has to fill.
  const int64_t windows = m.crossed() ? m.cross.groups * m.cross.windows : blocks;
  cost.cycles += Real(windows * CeilDiv(m.resident(), hw.wide_lanes()));
  return cost;
}

// Kernel elements that wait in the filter file for the last tile of a block, whose windows come last. On a network that
// carries both operands a row of the kernel comes before the input elements that go with it.
bool KernelFits(const TileMapping& m, const HwConfig& hw) {
  const DirectProblem& p = m.problem;
  const int64_t rows = (m.block[0] * m.tile[0] - 1) * p.stride[0] / p.dilation[0];
  const int64_t columns = m.block[1] * m.tile[1] * p.stride[1] / p.dilation[1];
  const int64_t ahead = m.in_segments() ? columns + 2 * m.segment() : std::min(rows + 2, m.red_on() * m.rows) * m.columns;
  return ahead * m.filters + 2 * m.kernel_turn() <= hw.filter_depth;
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
  return blocks * (m.IntervalTags(axis) + m.KernelHasTag(axis)) <= hw.num_tags() &&
         m.MostInputTags(axis) + (m.shared() && m.KernelHasTag(axis)) <= hw.ids_per_controller;
}

// The same for units that cross.
bool CrossFits(const TileMapping& m, const HwConfig& hw) {
  const CrossTags tags = TagsOf(m.cross, hw);
  return tags.groups_in_row * m.cross.inner() + tags.lines_in_row <= hw.num_tags() &&
         tags.interval_tags + m.cross.groups <= hw.num_tags() && tags.row_ids <= hw.ids_per_controller &&
         hw.ids_per_controller >= 2;
}

constexpr int64_t kMostPassesOn = 8;  // the first waits for the last tiles, the others do not
constexpr int64_t kMostRoundsToFill = 32;  // so that the last one counts little
constexpr double kWorthParts = 1.03;       // of the share of blocks in use
constexpr int64_t kShortKernel = 256;  // words of a pass; the fillers of more are few in any turn
constexpr std::size_t kMostNetworks = 4;  // choices of what networks carry that are offered
constexpr double kWorthTrying = 2;  // times the least cycles of any way to cross, at best
constexpr std::size_t kMostCrosses = 1000;  // ways to cross that are tried on the networks

// What shares words: tiles of a block, or units that cross.
enum class Sharing { kBlocks, kCrossed };

constexpr double kNear = 1.25;          // of the best part: what another frame may take, since parts have one in common
constexpr std::size_t kMostFrames = 32;  // that other parts than the largest are tried with

class Search {
 public:
  // What parts of a schedule must have in common.
  using Frame = std::array<int64_t, 13>;
  static Frame FrameOf(const TileMapping& m) {
    return {m.block[0], m.block[1], m.cross.groups, m.cross.outc, m.cross.windows, m.cross.windows_inside,
            m.filters, m.input_wide, m.input_narrow, m.kernel_wide, m.kernel_narrow, m.crop, m.crops_tiles()};
  }

  // What takes `most_cycles` at least is left out, and without `frames` what is much slower than the best.
  Search(const HwConfig& hw, Objective better, Sharing sharing, double most_cycles, bool frames = true)
      : hw_(hw), better_(better), sharing_(sharing), most_cycles_(most_cycles), near_(frames ? kNear : 1), whole_(!frames) {}
  // Of units that cross, the mappings that have the frame of one of these.
  Search(const HwConfig& hw, Objective better, double most_cycles, std::vector<TileMapping> given)
      : hw_(hw), better_(better), sharing_(Sharing::kCrossed), most_cycles_(most_cycles), given_(std::move(given)) {}

  void Tiles(const DirectProblem& p) {
    TileMapping m;
    m.problem = p;
    for (m.tile[0] = 1; m.tile[0] <= std::min<int64_t>(p.out[0], hw_.psum_depth); ++m.tile[0]) {
      for (m.tile[1] = 1; m.tile[1] <= std::min<int64_t>(p.out[1], hw_.psum_depth / m.tile[0]); ++m.tile[1]) Blocks(m);
    }
    TakeCrosses();
  }
  // The best of each frame whose tags do not depend on the part, and the best of all.
  const std::map<Frame, TileMapping>& by_frame() const { return by_frame_; }
  // Of blocks, the best whose passes go on into each other (with operands on networks of their own these may lock up), and of the
  // others the best for each choice of what the networks carry: how well these keep up is for the cycle model to tell.
  std::vector<TileMapping> BestOfBlocks() const {
    std::vector<TileMapping> found = FirstOf(blocks_[0], kMostNetworks);
    for (TileMapping& m : FirstOf(blocks_[1], 1)) found.push_back(std::move(m));
    std::stable_sort(found.begin(), found.end(), [&](const auto& a, const auto& b) { return better_(a.cost, b.cost); });
    return found;
  }
  // The best of the frames, best first.
  std::vector<TileMapping> BestFrames(std::size_t count) const { return FirstOf(by_frame_, count); }
  // Of units that cross, the best for each choice of what the networks carry and of the kernel's turn, and for tiles of one
  // result, which take kernel elements as fast as they multiply. How well all keep up is for the cycle model to tell.
  std::vector<TileMapping> BestOfNetworks() const {
    std::vector<TileMapping> found = FirstOf(by_networks_[0], kMostNetworks);
    for (TileMapping& m : FirstOf(by_networks_[1], kMostNetworks)) found.push_back(std::move(m));
    return found;
  }

 private:
  template <typename Map>
  std::vector<TileMapping> FirstOf(const Map& map, std::size_t count) const {
    std::vector<TileMapping> found;
    for (const auto& [key, m] : map) found.push_back(m);
    std::stable_sort(found.begin(), found.end(), [&](const auto& a, const auto& b) { return better_(a.cost, b.cost); });
    found.resize(std::min(found.size(), count));
    return found;
  }

  void Blocks(TileMapping m) {
    if (sharing_ == Sharing::kCrossed) {
      if (m.TilesAreShort(0) && m.TilesAreShort(1)) return;
      m.rows = m.problem.kernel[0];
      if (given_.empty()) Filters(m);
      for (const TileMapping& frame : given_) {
        m.filters = frame.filters;
        if (m.pe_results() <= hw_.psum_depth) CrossedChunks(m, &frame);
      }
      return;
    }
    // More tiles than IDs where few windows meet: as many as leave no room for another.
    const auto worth = [&](int axis) {
      const int64_t pes = axis == 0 ? hw_.rows : hw_.columns, size = m.block[axis];
      return size <= hw_.ids_per_controller || pes / (pes / size) == size;
    };
    const auto most = [&](int axis) {
      return std::min(CeilDiv(m.problem.out[axis], m.tile[axis]), int64_t{axis == 0 ? hw_.rows : hw_.columns});
    };
    for (m.block[0] = 1; m.block[0] <= most(0); ++m.block[0]) {
      for (m.block[1] = 1; m.block[1] <= most(1); ++m.block[1]) {
        if (!worth(0) || !worth(1) || (m.TilesAreShort(0) && m.TilesAreShort(1))) continue;
        Bands(m);
        Crop(m);
      }
    }
  }

  // Even shares of the channels that fit the psum file.
  void Filters(TileMapping m) {
    const int64_t outc = m.problem.outc;
    for (int64_t blocks = outc; blocks >= 1; blocks = CeilDiv(outc, m.filters) - 1) {
      m.filters = CeilDiv(outc, blocks);
      if (m.pe_results() > hw_.psum_depth || (m.filters > 1 && hw_.num_levels() < 6)) return;
      Bands(m);
    }
  }

  // Bands and chunks that cross as PEs are left over, where a part is the whole: parts have a frame in common.
  int64_t MostCopies(const TileMapping& m) const {
    return whole_ ? std::max<int64_t>(1, hw_.pe_count() / (m.problem.groups * m.outc_blocks() * m.windows())) : 1;
  }
  // In any way, or in that of a frame.
  void CrossedChunks(TileMapping m, const TileMapping* frame = nullptr) {
    const int64_t columns = m.problem.kernel[1];
    m.kernel_narrow = hw_.narrow_lanes();  // the shortest turn
    // Of the columns that a pass can have at most.
    int64_t most = 0;
    for (int64_t beyond = std::min(columns, most::LevelFiles::Last + 1) + 1; beyond - most > 1;) {
      m.columns = std::midpoint(most, beyond);
      (m.resident() <= hw_.ifmap_depth && KernelFits(m, hw_) ? most : beyond) = m.columns;
    }
    if (most == 0) return;
    const int64_t most_apart = std::min(MostCopies(m) / m.bands, columns);
    for (m.chunks_apart = 1; m.chunks_apart <= most_apart; ++m.chunks_apart) {
      const int64_t fewest = CeilDiv(columns, m.chunks_apart * most);
      int64_t before = 0;
      for (int64_t passes = fewest; passes < fewest + kMostWays && passes * m.chunks_apart <= columns; ++passes) {
        m.columns = CeilDiv(columns, passes * m.chunks_apart);
        m.chunks = CeilDiv(columns, m.columns);
        if (m.columns == before || m.chunks % m.chunks_apart != 0 || !m.CanCount()) continue;
        before = m.columns;
        if (frame != nullptr) {
          InFrame(m, *frame);
          continue;
        }
        Crosses(m);
        if (m.copies() > 1) continue;
        TileMapping in_parts = m;
        for (in_parts.red_parts = 2; in_parts.red_parts <= std::min(MostCopies(m), m.problem.red); ++in_parts.red_parts) {
          if (m.problem.red % in_parts.red_parts == 0) Crosses(in_parts);
        }
      }
    }
  }

  // Where some blocks meet fewer rows of the kernel than it has.
  void Crop(TileMapping m) {
    m.crop = true;
    m.rows = m.problem.kernel[0];
    int64_t least = m.rows;
    for (int64_t y = 0; y < m.Blocks(0); ++y) least = std::min(least, m.RowsOf(y));
    for (int64_t y = 0; m.crops_tiles() && y < m.Blocks(0) * m.block[0]; ++y) least = std::min(least, m.RowsOfTile(y));
    if (least > 0 && least < m.rows && m.AllMeet(0)) Chunks(m);
  }

  void Bands(TileMapping m) {
    const int64_t rows = m.problem.kernel[0];
    const bool crossed = sharing_ == Sharing::kCrossed;
    // Of blocks: bands that give every block of the array a unit, in one or a few rounds.
    const int64_t useful = crossed ? MostCopies(m) : CeilDiv(4 * m.BlocksOnArray(hw_, 0) * m.BlocksOnArray(hw_, 1), m.units());
    const int64_t most = std::min(rows, useful);
    int64_t before = 0;
    for (int64_t bands = 1; bands <= most; ++bands) {
      m.rows = CeilDiv(rows, bands);
      if (m.rows == before) continue;
      before = m.rows;
      m.bands = bands;
      crossed ? CrossedChunks(m) : Chunks(m);
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
      if (!m.CanCount()) continue;
      const int64_t visited = visited_;
      OnBlocks(m);
      if (visited_ > visited) ++ways;
    }
  }

  // Chunks in passes of one block, or on blocks of their own.
  void OnBlocks(TileMapping m) {
    for (const bool apart : {false, true}) {
      m.chunks_apart = apart ? m.chunks : 1;
      if (apart && m.chunks == 1) continue;
      InParts(m);
    }
  }

  // The summed channels in one part, and in parts that leave fewer blocks of the array idle in the last round.
  void InParts(TileMapping m) {
    const int64_t blocks = m.BlocksOnArray(hw_, 0) * m.BlocksOnArray(hw_, 1);
    const int64_t most = m.copies() > 1 ? 1 : std::min(m.problem.red, CeilDiv(kMostRoundsToFill * blocks, m.units()));
    double most_used = 0;
    for (m.red_parts = 1; m.red_parts <= most; ++m.red_parts) {
      if (m.problem.red % m.red_parts != 0) continue;
      const double used = Real(m.units()) / Real(m.rounds(hw_) * blocks);
      if (used < kWorthParts * most_used || m.slots(hw_) > hw_.accumulator_slots()) continue;
      most_used = used;
      if (!IsHopeless(m)) Networks(m);
    }
  }

  // Whether blocks take longer than what was found in any case.
  bool IsHopeless(const TileMapping& m) const {
    if (better_ != FewestCycles) return false;
    const double least = Real(m.LeastCycles(hw_));
    if (least > most_cycles_) return true;
    return visited_ > 0 && std::all_of(fewest_.begin(), fewest_.end(), [&](double found) { return least > near_ * found; });
  }

  void InFrame(TileMapping m, const TileMapping& frame) {
    m.cross = frame.cross;
    if (m.slots(hw_) > hw_.accumulator_slots() || !m.CanCount()) return;
    m.kernel_wide = frame.kernel_wide, m.kernel_narrow = frame.kernel_narrow;
    m.input_wide = frame.input_wide, m.input_narrow = frame.input_narrow;
    VisitCrossed(m);
  }

  // As many windows as PEs, in even shares of all, and as many channels as there is room for, likewise.
  void Crosses(TileMapping m) {
    const DirectProblem& p = m.problem;
    const int64_t pes = hw_.pe_count(), windows = m.windows();
    if (m.slots(hw_) > hw_.accumulator_slots()) return;
    int64_t before = 0;
    for (int64_t rounds = CeilDiv(windows, pes); rounds <= windows; ++rounds) {
      m.cross = {};
      m.cross.windows = CeilDiv(windows, rounds);
      if (m.cross.windows == before) {
        rounds = CeilDiv(windows, before - 1) - 1;  // on to a smaller number; `before` is 1 in the last round only
        continue;
      }
      before = m.cross.windows;
      const int64_t outc = m.outc_blocks(), room = pes / m.copies();
      if (room < m.cross.windows) continue;
      m.cross.outc = CeilDiv(outc, CeilDiv(outc, room / m.cross.windows));
      if (m.cross.outc * m.cross.windows == 1) continue;
      if (m.outc_rounds() * m.window_rounds() == 1) {
        m.cross.groups = CeilDiv(p.groups, CeilDiv(p.groups, room / (m.cross.outc * m.cross.windows)));
      }
      m.cross.groups *= m.copies();
      if (!m.CanCount()) continue;
      const double least = Real(m.LeastCycles(hw_));
      if (better_ == FewestCycles && least > most_cycles_) continue;
      m.cost = {least, Real(m.rounds(hw_) * m.chunk_passes()) * (Real(m.crossed_words_in()) + m.crossed_words_out())};
      if (crosses_.empty() || better_(m.cost, least_)) least_ = m.cost;
      if (m.cost.cycles <= kWorthTrying * least_.cycles) crosses_.push_back(m);
    }
  }

  // Of the best by what they take at least, until the others cannot be near.
  void TakeCrosses() {
    std::stable_sort(crosses_.begin(), crosses_.end(), [&](const auto& a, const auto& b) { return better_(a.cost, b.cost); });
    std::size_t taken = 0;
    for (TileMapping& m : crosses_) {
      const bool hopeless = best_ && (better_ == FewestCycles ? m.cost.cycles >= near_ * best_->cost.cycles
                                                              : m.cost.words >= best_->cost.words);
      if (hopeless || taken == kMostCrosses) break;
      for (const bool inside : {true, false}) {
        m.cross.windows_inside = inside;
        if (!CrossFits(m, hw_)) continue;
        CrossNetworks(m);
        ++taken;
        break;
      }
    }
    crosses_.clear();
  }

  void CrossNetworks(TileMapping m) {
    const int64_t wide = hw_.wide_lanes(), narrow = hw_.narrow_lanes();
    // Measured where estimates are equal: kernel turns of two wide beats are slower unless they save fillers, and long turns of
    // the input are faster, so that these come first.
    const int64_t kernel_most = m.kernel_words() < kShortKernel ? 2 * wide : wide;
    for (int64_t kernel_wide = 0; kernel_wide <= kernel_most; kernel_wide += wide) {
      for (int64_t kernel_narrow = 0; kernel_narrow <= 4 * narrow; kernel_narrow += narrow) {
        if (kernel_wide + kernel_narrow == 0) continue;
        m.kernel_wide = kernel_wide;
        m.kernel_narrow = kernel_narrow;
        for (int64_t w = 4 * wide; w >= 0; w -= wide) {
          for (int64_t n = 4 * narrow; n >= 0; n -= narrow) {
            // On one network turns do not matter.
            if ((w == 0 && n != narrow) || (n == 0 && w != wide)) continue;
            m.input_wide = w;
            m.input_narrow = n;
            VisitCrossed(m);
          }
        }
      }
    }
  }

  void VisitCrossed(TileMapping m) {
    if (!KernelFits(m, hw_) || !WindowFits(m, hw_)) return;
    Take(m);
    Keep(m, by_frame_, FrameOf(m));
    Keep(m, by_networks_[m.tile_results() == 1], {m.input_wide > 0, m.input_narrow > 0, m.kernel_narrow > 0, m.kernel_wide});
  }

  void Networks(TileMapping m) {
    const int64_t wide = hw_.wide_lanes(), narrow = hw_.narrow_lanes();
    if (m.crop) {
      for (m.kernel_wide = 0; m.kernel_wide <= 1; ++m.kernel_wide) {
        m.kernel_narrow = 1 - m.kernel_wide;
        Inputs(m);
      }
      return;
    }
    // About as many kernel elements as input elements: in full beats, on one network or on both.
    const std::pair<int64_t, int64_t> kernels[] = {{0, narrow}, {wide, 0}, {wide, narrow}, {2 * wide, narrow},
                                                   {wide, 2 * narrow}, {wide, 3 * narrow}, {wide, 4 * narrow}};
    for (const auto& [kernel_wide, kernel_narrow] : kernels) {
      m.kernel_wide = kernel_wide;
      m.kernel_narrow = kernel_narrow;
      if (!m.one_tile()) {
        Inputs(m);
        continue;
      }
      for (int64_t w = wide; w <= 4 * wide; w += wide) {
        for (int64_t n = 0; n <= 4 * narrow; n += narrow) Visit(m, w, n);
      }
    }
  }

  // Of blocks: on one network, or rows in turns of full beats.
  void Inputs(const TileMapping& m) {
    Visit(m, 1, 0);
    Visit(m, 0, 1);
    if (m.block[1] > 1) return;
    const int64_t wide = hw_.wide_lanes(), row = m.Extent(1);
    for (int64_t turns = 1; turns < CeilDiv(row, wide); ++turns) {
      const int64_t turn = row / turns;
      if (row % turns != 0) continue;
      // The share of the wide lanes, and a beat less or more.
      const int64_t beats = turn / (wide + hw_.narrow_lanes());
      for (int64_t w = std::max<int64_t>(1, beats - 1) * wide; w < std::min(turn, (beats + 3) * wide); w += wide) {
        Visit(m, w, turn - w);
      }
    }
  }

  void Visit(TileMapping m, int64_t input_wide, int64_t input_narrow) {
    m.input_wide = input_wide;
    m.input_narrow = input_narrow;
    if (!TagsFit(m, hw_, 0) || !TagsFit(m, hw_, 1) || !KernelFits(m, hw_) || !WindowFits(m, hw_)) return;
    TakeBlocks(m);
    const int64_t rounds = m.rounds(hw_);
    if (m.block[0] == 1 || m.chunk_passes() > 1 || rounds == 1) return;
    m.passes_on = CeilDiv(rounds, CeilDiv(rounds, kMostPassesOn));
    if (KernelFits(m, hw_)) TakeBlocks(m);
  }

  void TakeBlocks(TileMapping& m) {
    Take(m);
    if (m.AllMeet(0) && m.AllMeet(1)) Keep(m, by_frame_, FrameOf(m));
  }

  template <typename Map>
  void Keep(const TileMapping& m, Map& map, const typename Map::key_type& key) {
    const auto [at, is_new] = map.try_emplace(key, m);
    if (!is_new && better_(m.cost, at->second.cost)) at->second = m;
  }

  void Take(TileMapping& m) {
    ++visited_;
    m.cost = Estimate(m, hw_);
    if (!best_ || better_(m.cost, best_->cost)) best_ = m;
    double& fewest = fewest_[m.passes_on > 1];
    fewest = fewest == 0 ? m.cost.cycles : std::min(fewest, m.cost.cycles);
    Keep(m, blocks_[m.passes_on > 1], {m.input_wide > 0, m.input_narrow > 0, m.kernel_wide > 0, m.kernel_narrow > 0});
  }

  const HwConfig& hw_;
  Objective better_;
  Sharing sharing_;
  double most_cycles_;
  double near_ = kNear;  // of the best: what a mapping may take at least to be of use
  bool whole_ = false;  // not one of several parts: bands and chunks side by side, of units that cross
  std::vector<TileMapping> given_;
  Cost least_;  // of crosses_
  std::vector<TileMapping> crosses_;  // what remains to be tried on the networks; cost: at least
  int64_t visited_ = 0;  // mappings that fit
  std::optional<TileMapping> best_;
  std::array<std::map<std::array<bool, 4>, TileMapping>, 2> blocks_;  // 1: passes go on
  std::array<double, 2> fewest_ = {0, 0};  // cycles of these; 0: there is none
  std::map<Frame, TileMapping> by_frame_;
  std::array<std::map<std::array<int64_t, 4>, TileMapping>, 2> by_networks_;
};

constexpr int64_t kMostParts = 10;  // so that images stay below kMostImageBytes
constexpr std::size_t kMostSections = 128;  // of an axis that are put together
constexpr double kPartStart = 400;     // cycles between parts: files drain, a program and pass words come
constexpr double kWorthCutting = 0.97; // of the products before

// Sections of an axis, put together to `count` at most so that PEs meet the fewest products.
std::vector<Section> PutTogether(const std::vector<Section>& fine, int64_t count) {
  const std::size_t n = fine.size();
  const auto merged = [&](std::size_t from, std::size_t to) {
    Section all = fine[from];
    for (std::size_t k = from + 1; k < to; ++k) {
      const int64_t end = std::max(all.first_tap + all.taps, fine[k].first_tap + fine[k].taps);
      all.first_tap = std::min(all.first_tap, fine[k].first_tap);
      all.taps = end - all.first_tap;
    }
    all.count = fine[to - 1].first + fine[to - 1].count - all.first;
    return all;
  };
  // By dynamic programming: the fewest products of the first `to` sections in `parts` parts.
  constexpr int64_t kNone = std::numeric_limits<int64_t>::max();
  std::vector<std::vector<int64_t>> products(static_cast<std::size_t>(count) + 1, std::vector<int64_t>(n + 1, kNone));
  std::vector<std::vector<std::size_t>> cut(products.size(), std::vector<std::size_t>(n + 1, 0));
  products[0][0] = 0;
  for (std::size_t parts = 1; parts < products.size(); ++parts) {
    for (std::size_t from = 0; from < n; ++from) {
      if (products[parts - 1][from] == kNone) continue;
      for (std::size_t to = from + 1; to <= n; ++to) {
        const Section all = merged(from, to);
        const int64_t sum = products[parts - 1][from] + all.count * all.taps;
        if (sum < products[parts][to]) products[parts][to] = sum, cut[parts][to] = from;
      }
    }
  }
  std::size_t parts = 1;
  for (std::size_t k = 2; k < products.size(); ++k) parts = products[k][n] < products[parts][n] ? k : parts;
  std::vector<Section> sections;
  for (std::size_t to = n; parts > 0; to = cut[parts--][to]) sections.insert(sections.begin(), merged(cut[parts][to], to));
  return sections;
}

int64_t Products(const std::vector<Section>& sections) {
  int64_t products = 0;
  for (const Section& s : sections) products += s.count * s.taps;
  return products;
}

// Sections of both axes of a problem.
struct CutProblem {
  DirectProblem problem;
  std::array<std::vector<Section>, 2> sections;
};

// The best mappings of the sections of all problems, all with the same frame; of a single section all of BestOfBlocks.
// None where they take `most_cycles` at least.
std::vector<TileParts> MapParts(const std::vector<CutProblem>& problems, const HwConfig& hw, Objective better,
                                  Sharing sharing, double most_cycles) {
  std::vector<DirectProblem> cuts;
  for (const auto& [problem, sections] : problems) {
    for (const Section& y : sections[0]) {
      for (const Section& x : sections[1]) cuts.push_back(Cut(Cut(problem, 0, y), 1, x));
    }
  }
  const auto part = [](const DirectProblem& cut, TileMapping m) {
    m.problem = cut;
    return m;
  };
  if (cuts.size() == 1) {
    Search search(hw, better, sharing, most_cycles, false);
    search.Tiles(cuts[0]);
    std::vector<TileParts> found;
    for (TileMapping& m : search.BestOfBlocks()) found.push_back({{m}, false, m.cost});
    return found;
  }
  double least = 0;
  for (const DirectProblem& cut : cuts) least += Real(PaddedMacs(cut)) / Real(hw.pe_count()) + kPartStart;
  if (least > most_cycles && better == FewestCycles) return {};
  // The part with the most products decides about frames of units that cross.
  const bool crossed = sharing == Sharing::kCrossed;
  const auto fewer = [](const DirectProblem& a, const DirectProblem& b) { return PaddedMacs(a) < PaddedMacs(b); };
  const auto largest = std::max_element(cuts.begin(), cuts.end(), fewer);
  Search first(hw, better, sharing, most_cycles);
  first.Tiles(*largest);
  const std::vector<TileMapping> given = crossed ? first.BestFrames(kMostFrames) : std::vector<TileMapping>{};
  if (crossed && given.empty()) return {};

  std::map<std::array<int64_t, 11>, Search> searches;  // parts of the same size have the same mappings
  const auto size = [](const DirectProblem& p) {
    return std::array<int64_t, 11>{p.batch, p.outc, p.red, p.out[0], p.out[1], p.kernel[0], p.kernel[1], p.pad[0], p.in[0],
                                   p.stride[0], p.dilation[0]};
  };
  const auto search_of = [&](const DirectProblem& cut) -> const Search& {
    const auto known = searches.find(size(cut));
    if (known != searches.end()) return known->second;
    Search search = crossed ? Search(hw, better, most_cycles, given) : Search(hw, better, sharing, most_cycles);
    search.Tiles(cut);
    return searches.emplace(size(cut), std::move(search)).first->second;
  };
  searches.emplace(size(*largest), first);
  TileParts best;
  for (const auto& [frame, lead] : first.by_frame()) {
    TileParts one;
    for (const DirectProblem& cut : cuts) {
      const auto& by_frame = search_of(cut).by_frame();
      const auto at = by_frame.find(frame);
      if (at == by_frame.end()) break;
      one.parts.push_back(part(cut, at->second));
      one.cost.cycles += at->second.cost.cycles + kPartStart;
      one.cost.words += at->second.cost.words;
    }
    if (one.parts.size() < cuts.size()) continue;
    if (best.parts.empty() || better(one.cost, best.cost)) best = std::move(one);
  }
  if (best.parts.empty()) return {};
  return {best};
}

std::vector<Section> Whole(const DirectProblem& p, int axis) { return {{0, p.out[axis], 0, p.kernel[axis]}}; }

// Cuts into more and more parts, those that save enough products.
std::vector<CutProblem> Cuts(const DirectProblem& p, int64_t most_parts) {
  std::vector<CutProblem> cuts;
  const std::array<std::vector<Section>, 2> fine = {Sections(p, 0), Sections(p, 1)};
  if (fine[0].size() > kMostSections || fine[1].size() > kMostSections) return cuts;
  std::map<int64_t, std::pair<double, CutProblem>> ways;  // by number of parts
  for (int64_t y = 1; y <= most_parts; ++y) {
    const auto rows = PutTogether(fine[0], y);
    if (std::ssize(rows) < y) break;
    for (int64_t x = 1; x * y <= most_parts; ++x) {
      const auto columns = PutTogether(fine[1], x);
      if (std::ssize(columns) < x) break;
      const double products = Real(Products(rows) * Products(columns));
      auto& way = ways[x * y];
      if (way.first == 0 || products < way.first) way = {products, {p, {rows, columns}}};
    }
  }
  double products = Real(Products(Whole(p, 0)) * Products(Whole(p, 1)));
  for (auto& [parts, way] : ways) {
    if (way.first > kWorthCutting * products) continue;
    products = way.first;
    cuts.push_back(std::move(way.second));
  }
  return cuts;
}

// Units that cross may take longer than estimated, where networks do not keep up with each other.
constexpr double kCrossedOff = 1.5;
double MostCycles(const std::vector<TileParts>& found, double most = std::numeric_limits<double>::infinity()) {
  for (const TileParts& one : found) {
    const double off = one.parts.front().crossed() ? kCrossedOff : 1;
    most = std::min(most, WorthTrying(off * one.cost.cycles));
  }
  return most;
}

// The whole, and the best of its cuts unless all of the whole is better.
std::vector<TileParts> MapWhole(const std::vector<DirectProblem>& problems, const HwConfig& hw, Objective better,
                                double most_cycles) {
  std::vector<CutProblem> whole;
  for (const DirectProblem& p : problems) whole.push_back({p, {Whole(p, 0), Whole(p, 1)}});
  std::vector<TileParts> found = MapParts(whole, hw, better, Sharing::kBlocks, most_cycles);
  most_cycles = MostCycles(found, most_cycles);
  if (problems.size() == 1) {
    Search search(hw, better, Sharing::kCrossed, most_cycles, false);
    search.Tiles(problems[0]);
    std::vector<TileParts> crossed;
    for (TileMapping& m : search.BestOfNetworks()) crossed.push_back({{m}, false, m.cost});
    most_cycles = MostCycles(crossed, most_cycles);
    std::optional<TileParts> cut;
    for (const CutProblem& way : Cuts(problems[0], kMostParts)) {
      for (TileParts& one : MapParts({way}, hw, better, Sharing::kBlocks, most_cycles)) {
        if (!cut || better(one.cost, cut->cost)) cut = std::move(one);
      }
    }
    if (cut && (found.empty() || better(cut->cost, found.back().cost))) found.push_back(std::move(*cut));
    for (TileParts& one : crossed) found.push_back(std::move(one));
  } else {
    for (TileParts& crossed : MapParts(whole, hw, better, Sharing::kCrossed, most_cycles)) found.push_back(std::move(crossed));
  }
  return found;
}

// Whether mappings of one are mappings of the other.
bool SameSizes(const DirectProblem& a, const DirectProblem& b) {
  const auto sizes = [](const DirectProblem& p) {
    return std::tie(p.batch, p.groups, p.outc, p.red, p.in, p.out, p.kernel, p.pad, p.stride, p.dilation);
  };
  return sizes(a) == sizes(b);
}

}  // namespace

CrossTags TagsOf(const TileMapping::Cross& cross, const HwConfig& hw) {
  CrossTags tags;
  const int64_t size = cross.lines_of_group() * cross.inner();  // of a group
  // Of the PEs from `first` to `last`: units of so many that they meet.
  const auto met = [](int64_t first, int64_t last, int64_t of) { return last / of - first / of + 1; };
  const auto rows_of_line = [&](int64_t line) {
    return met(line * cross.inner(), (line + 1) * cross.inner() - 1, hw.columns) - 1;
  };
  tags.span = hw.rows;
  for (int64_t line = 0; line < cross.lines(); ++line) tags.span = std::min(tags.span, rows_of_line(line));
  for (int64_t first = 0; first < cross.units(); first += hw.columns) {
    const int64_t last = std::min(first + hw.columns, cross.units()) - 1;
    const int64_t groups = met(first, last, size), lines = met(first, last, cross.inner());
    tags.groups_in_row = std::max(tags.groups_in_row, groups);
    tags.lines_in_row = std::max(tags.lines_in_row, lines);
    std::set<std::pair<int64_t, int64_t>> intervals;
    for (int64_t line = first / cross.inner(); line <= last / cross.inner(); ++line) {
      intervals.insert({line * cross.inner() / hw.columns, ((line + 1) * cross.inner() - 1) / hw.columns});
      tags.interval_tags = std::max(tags.interval_tags, tags.LineRowTag(intervals.rbegin()->first, intervals.rbegin()->second) + 1);
    }
    tags.row_ids = std::max(tags.row_ids, std::ssize(intervals) + groups);
  }
  return tags;
}

std::vector<TileParts> MapTiles(const std::vector<DirectProblem>& problems, const HwConfig& hw, Objective better) {
  if (problems.empty() || std::ssize(problems) > kMostParts) return {};
  if (std::any_of(problems.begin(), problems.end(), [](const DirectProblem& p) { return p.empty; })) return {};
  std::vector<TileParts> found = MapWhole(problems, hw, better, MostCycles({}));
  if (problems.size() > 1) return found;
  if (const auto exchanged = Exchange(problems[0]); exchanged && !SameSizes(problems[0], *exchanged)) {
    for (TileParts& mapping : MapWhole({*exchanged}, hw, better, MostCycles(found))) {
      mapping.exchanged = true;
      found.push_back(std::move(mapping));
    }
  }
  return found;
}

nlohmann::ordered_json ToJson(const TileParts& mapping) {
  nlohmann::ordered_json parts;
  for (const TileMapping& m : mapping.parts) {
    parts.push_back({{"out", m.problem.out},
                     {"kernel", m.problem.kernel},
                     {"tile", m.tile},
                     {"filters", m.filters},
                     {"bands", m.bands},
                     {"crop", m.crop},
                     {"rows", m.rows},
                     {"chunks", m.chunks},
                     {"chunks_apart", m.chunks_apart},
                     {"columns", m.columns},
                     {"red_parts", m.red_parts},
                     {"passes_on", m.passes_on},
                     {"units", m.units()}});
  }
  const TileMapping& first = mapping.parts.front();
  nlohmann::ordered_json cross;  // null where units share nothing
  if (first.crossed()) {
    cross = {{"groups", first.cross.groups},
             {"channels", first.cross.outc},
             {"windows", first.cross.windows},
             {"lines", first.cross.windows_inside ? "channels" : "windows"}};
  }
  return {{"family", "tile per PE"},
          {"exchanged", mapping.exchanged},
          {"block", first.block},
          {"cross", std::move(cross)},
          {"input_turn", {first.input_wide, first.input_narrow}},
          {"kernel_turn", {first.kernel_wide, first.kernel_narrow}},
          {"parts", std::move(parts)},
          {"estimated_cycles", mapping.cost.WholeCycles()},
          {"estimated_words", mapping.cost.words}};
}

}  // namespace ecoflow
