#include "compiler/verify/proof.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "compiler/image/pe_image.h"

namespace ecoflow {
namespace {

template <typename... Args>
Error Broken(fmt::format_string<Args...> format, Args&&... args) {
  return Machinery("internal error, the schedule is wrong: {}",
                   fmt::format(format, std::forward<Args>(args)...));
}

constexpr int kPassLoops = 4;  // group, channel tile, band, filter block

// ---------------------------------------------------------------- the definition

struct ErrorAt {
  int64_t n, channel, oy, ox;  // channel: of the whole tensor
};
struct TapAt {
  int64_t filter, c, i, j;  // filter: of the whole tensor; c within its group
};

ErrorAt DecodeError(const TransposedProblem& p, int64_t address) {
  const int64_t map = p.in[0] * p.in[1];
  return {address / (p.groups * p.red * map), address / map % (p.groups * p.red),
          address / p.in[1] % p.in[0], address % p.in[1]};
}

TapAt DecodeTap(const TransposedProblem& p, int64_t address) {
  const int64_t taps = p.full_kernel[0] * p.full_kernel[1];
  return {address / (p.outc * taps), address / taps % p.outc,
          address / p.full_kernel[1] % p.full_kernel[0], address % p.full_kernel[1]};
}

// Element of the result that a product belongs to; -1 when there is none (border, or the two
// operands are of different channels).
int64_t LabelOf(const TransposedProblem& p, const ErrorAt& e, const TapAt& w) {
  if (e.channel != w.filter) return -1;
  const int64_t y = e.oy * p.stride[0] + (w.i - p.first_tap[0]) * p.dilation[0] - p.pad[0];
  const int64_t x = e.ox * p.stride[1] + (w.j - p.first_tap[1]) * p.dilation[1] - p.pad[1];
  if (y < 0 || y >= p.out[0] || x < 0 || x >= p.out[1]) return -1;
  const int64_t channel = e.channel / p.red * p.outc + w.c;
  return ((e.n * p.groups * p.outc + channel) * p.out[0] + y) * p.out[1] + x;
}

// ---------------------------------------------------------------- the array, as configured

struct ArrayIds {
  std::vector<std::vector<int64_t>> row_wide, row_narrow;  // by row
  std::vector<std::vector<int64_t>> col_wide, col_narrow;  // by PE
};

Result<ArrayIds> ReadIds(const HwConfig& hw, const Schedule& schedule) {
  ArrayIds ids;
  const auto pes = static_cast<std::size_t>(hw.pe_count());
  ids.row_wide.resize(static_cast<std::size_t>(hw.rows));
  ids.row_narrow.resize(static_cast<std::size_t>(hw.rows));
  ids.col_wide.resize(pes);
  ids.col_narrow.resize(pes);
  const auto decode = [&](uint64_t word) {
    std::vector<int64_t> tags;
    for (int k = 0; k < hw.ids_per_controller; ++k) {
      const auto tag = static_cast<int64_t>(word >> (k * hw.id_bits) & ((1u << hw.id_bits) - 1));
      if (tag != hw.num_tags()) tags.push_back(tag);  // all ones: unused
    }
    return tags;
  };
  for (std::size_t at = 0; at < schedule.setup.size();) {
    const uint64_t header = schedule.setup[at++];
    const auto part = [&](int lsb, int bits) {
      return static_cast<int>(header >> lsb & ((uint64_t{1} << bits) - 1));
    };
    const int row_lo = part(0, 8), row_hi = part(8, 8), col_lo = part(16, 8), col_hi = part(24, 8);
    const bool scatter = part(38, 1) != 0;
    int row = row_lo, col = col_lo, address = part(32, 6);
    for (int k = part(39, 16); k > 0; --k) {
      if (at == schedule.setup.size()) return Broken("the configuration ends inside a header's words");
      const uint64_t word = schedule.setup[at++];
      for (int r = scatter ? row : row_lo; r <= (scatter ? row : row_hi); ++r) {
        for (int c = scatter ? col : col_lo; c <= (scatter ? col : col_hi); ++c) {
          if (r >= hw.rows || c >= hw.columns) return Broken("configuration of PE {},{}", r, c);
          const auto pe = static_cast<std::size_t>(r * hw.columns + c);
          const auto row_index = static_cast<std::size_t>(r);
          if (address == kCfgRowWide) ids.row_wide[row_index] = decode(word);
          if (address == kCfgRowNarrow) ids.row_narrow[row_index] = decode(word);
          if (address == kCfgColWide) ids.col_wide[pe] = decode(word);
          if (address == kCfgColNarrow) ids.col_narrow[pe] = decode(word);
        }
      }
      if (!scatter) {
        ++address;
      } else if (++col > col_hi) {
        col = col_lo;
        ++row;
      }
    }
  }
  return ids;
}

bool Has(const std::vector<int64_t>& tags, int64_t tag) {
  return std::find(tags.begin(), tags.end(), tag) != tags.end();
}

// Words that each PE receives: element numbers, -1 for a filler.
using Received = std::vector<std::vector<int64_t>>;

void Deliver(const HwConfig& hw, const GinDescriptor& d, NestCursor cursor,
             const std::vector<std::vector<int64_t>>& row_ids,
             const std::vector<std::vector<int64_t>>& col_ids, Received& received) {
  std::map<std::pair<int64_t, int64_t>, std::vector<std::size_t>> targets;  // by tag
  for (; !cursor.done(); cursor.Next()) {
    const std::pair tag{cursor[d.row_tag], cursor[d.col_tag]};
    auto found = targets.find(tag);
    if (found == targets.end()) {
      std::vector<std::size_t> pes;
      for (int r = 0; r < hw.rows; ++r) {
        if (!Has(row_ids[static_cast<std::size_t>(r)], tag.first)) continue;
        for (int c = 0; c < hw.columns; ++c) {
          const auto pe = static_cast<std::size_t>(r * hw.columns + c);
          if (Has(col_ids[pe], tag.second)) pes.push_back(pe);
        }
      }
      found = targets.emplace(tag, std::move(pes)).first;
    }
    const int64_t element = cursor.Holds(d.real) ? cursor[d.address] : -1;
    for (std::size_t pe : found->second) received[pe].push_back(element);
  }
}

// ---------------------------------------------------------------- the PE, as programmed

struct ProgramStep {
  std::size_t slot;  // number of the slot: which stream word it takes
  int64_t filter_offset;
  bool result_ok, multiplies, starts, ends, from_below, to_above;
};

struct ProgramTrace {
  std::vector<ProgramStep> steps;
  std::size_t slots = 0;
};

// The slots of one iteration of the level that the pass word bounds. `ends_only`: of the innermost
// level, which only counts filters, the first and last index.
Result<ProgramTrace> ExecuteProgram(const HwConfig& hw, const PeImage& image,
                                    const ParamWord& param, bool ends_only) {
  const int levels = hw.num_levels();
  std::array<int64_t, kMaxLevels> index{}, last{};
  for (int l = 0; l < levels; ++l) {
    last[static_cast<std::size_t>(l)] =
        l >= image.mode.ParamLevel ? 0 : image.levels[static_cast<std::size_t>(l)].a.Last;
  }
  int64_t b = 0, psum = 0, y = param.YBase, x = param.XBase, z = param.ZBase;
  ProgramTrace trace;
  for (;; ++trace.slots) {
    std::array<int64_t, kMaxLevels> end = last;
    end[0] -= index[2] >= image.limit.Ragged0;
    end[1] -= index[3] >= image.limit.Ragged1;
    int step = levels;
    for (int l = levels - 1; l >= 0; --l) {
      if (index[static_cast<std::size_t>(l)] != end[static_cast<std::size_t>(l)]) step = l;
    }
    const bool y_in = y >= 0 && y < image.limit.YLimit;
    const bool x_in = x >= 0 && x < image.limit.XLimit;
    const bool z_in = z >= 0 && z < image.limit.ZLimit;
    const auto fails = [&](int kind) {
      return (image.mode.YKind == kind && !y_in) || (image.mode.XKind == kind && !x_in) ||
             (image.mode.ZKind == kind && !z_in);
    };
    const bool circular = image.mode.ZKind == kRangeCircular;
    bool first = true, final_slot = true;
    for (int l = 0; l < levels; ++l) {
      if ((image.mode.ReduceMask >> l & 1) == 0) continue;
      const auto at = static_cast<std::size_t>(l);
      first = first && (index[at] == 0 || (circular && l == 1 && z == -1));
      final_slot = final_slot && (index[at] == end[at] || (circular && l == 1 && z == 0));
    }
    ProgramStep s{};
    s.slot = trace.slots;
    s.filter_offset = b;
    s.result_ok = param.Active != 0 && !fails(kRangeResult);
    s.multiplies = s.result_ok && !fails(kRangeOperand);
    s.starts = s.result_ok && first;
    s.ends = s.result_ok && final_slot;
    s.from_below = s.starts && param.FromBelow != 0 && index[2] >= image.mode.ChainInMin;
    s.to_above = s.ends && param.ToAbove != 0 && index[2] < image.mode.ChainOutMax;
    if (!ends_only || index[0] == 0 || index[0] == end[0]) trace.steps.push_back(s);
    if (psum < 0 || psum >= hw.psum_depth) return Broken("psum {} of a file of {}", psum, hw.psum_depth);
    if (step == levels) {
      ++trace.slots;
      return trace;
    }

    const auto& record = image.levels[static_cast<std::size_t>(step)];
    for (int l = 0; l < step; ++l) index[static_cast<std::size_t>(l)] = 0;
    ++index[static_cast<std::size_t>(step)];
    b = (record.a.BReset != 0 ? 0 : b) + record.a.BDelta;
    psum = (record.a.PReset != 0 ? 0 : psum) + record.a.PDelta;
    y = (record.b.YReset != 0 ? param.YBase : y) + record.b.YDelta;
    x = (record.b.XReset != 0 ? param.XBase : x) + record.b.XDelta;
    z = (record.b.ZReset != 0 ? param.ZBase : z) + record.b.ZDelta;
  }
}

// An iteration of the level that the pass word bounds, and the end of the pass, leave no trace.
bool RepeatsOneState(const HwConfig& hw, const PeImage& image) {
  for (int l = static_cast<int>(image.mode.ParamLevel); l <= hw.num_levels(); ++l) {
    const auto& record = image.levels[static_cast<std::size_t>(l)];
    if (l < hw.num_levels() && l != image.mode.ParamLevel && record.a.Last != 0) return false;
    if (record.a.BReset == 0 || record.a.BDelta != 0 || record.b.YReset == 0 ||
        record.b.YDelta != 0 || record.b.XReset == 0 || record.b.XDelta != 0 ||
        record.b.ZReset == 0 || record.b.ZDelta != 0 || record.a.PDelta != 0) {
      return false;
    }
  }
  return true;
}

// ---------------------------------------------------------------- one pass

struct PassInputs {
  PeImage image;
  std::vector<ParamWord> params;  // by PE; PEs outside the rectangle: none
  std::vector<bool> takes_part;
  Received errors;
};

class Prover {
 public:
  Prover(const TransposedProblem& problem, const HwConfig& config, const Schedule& schedule)
      : p_(problem), hw_(config), schedule_(schedule) {}

  Status Prepare() {
    if (schedule_.passes.size() != 1 || schedule_.wide.size() != 1 || schedule_.narrow.size() != 1 ||
        schedule_.gon.size() != 1) {
      return Broken("expected one descriptor for each stream");
    }
    ECO_ASSIGN(ids_, ReadIds(hw_, schedule_));
    return {};
  }

  const PassDescriptor& passes() const { return schedule_.passes[0]; }
  int64_t Bound(int loop) const { return passes().nest.loops[static_cast<std::size_t>(loop)].bound; }

  Result<PassInputs> Inputs(const std::vector<int64_t>& pass) const {
    PassInputs in;
    const auto pes = static_cast<std::size_t>(hw_.pe_count());
    in.params.resize(pes);
    in.takes_part.assign(pes, false);
    NestCursor cursor(passes().nest);
    cursor.Seek(pass);
    CHECK(!cursor.done());
    const int64_t program = passes().variant < 0 ? 0 : cursor[passes().variant];
    in.image = DecodeImage(schedule_.programs.at(static_cast<std::size_t>(program)));
    if (!RepeatsOneState(hw_, in.image)) return Broken("channels do not repeat one state");
    for (; !cursor.done(); cursor.Next()) {
      const auto pe = static_cast<std::size_t>(cursor[kPassLoops] * hw_.columns + cursor[kPassLoops + 1]);
      const ParamWord param = DecodeParam(PassWord(passes(), cursor));
      // What was encoded must be what was meant: no field may have overflowed.
      for (const ParamField& field : passes().fields) {
        const int64_t meant = cursor[field.var];
        const int64_t encoded = field.name == "YBase"   ? param.YBase
                                : field.name == "XBase" ? param.XBase
                                : field.name == "ZBase" ? param.ZBase
                                                        : param.ParamLast;
        if ((param.Active != 0 || field.name == "ParamLast") && meant != encoded) {
          return BadInput("the layer cannot run on this array: image field {} = {} is out of range",
                          field.name, meant);
        }
      }
      in.params[pe] = param;
      in.takes_part[pe] = true;
    }
    in.errors.resize(pes);
    NestCursor errors(schedule_.narrow[0].nest);
    errors.Seek(pass);
    Deliver(hw_, schedule_.narrow[0], errors, ids_.row_narrow, ids_.col_narrow, in.errors);
    return in;
  }

  // Slots of every PE for channel `channel` of the tile; PEs without that channel: none.
  Result<std::vector<std::vector<SymbolicSlot>>> Execute(const PassInputs& in,
                                                         const std::vector<int64_t>& pass,
                                                         int64_t channel, bool ends_only) const {
    Received weights(static_cast<std::size_t>(hw_.pe_count()));
    const GinDescriptor& d = schedule_.wide[0];
    for (int64_t g = 0; g < d.nest.loops[kPassLoops].bound; ++g) {
      std::vector<int64_t> at = pass;
      at.push_back(g);
      at.push_back(channel);
      NestCursor cursor(d.nest);
      cursor.Seek(at);
      Deliver(hw_, d, cursor, ids_.row_wide, ids_.col_wide, weights);
    }
    std::vector<std::vector<SymbolicSlot>> all(in.params.size());
    for (std::size_t pe = 0; pe < in.params.size(); ++pe) {
      if (!in.takes_part[pe]) {
        if (!weights[pe].empty() || !in.errors[pe].empty()) {
          return Broken("PE {} takes no part but receives words", pe);
        }
        continue;
      }
      if (channel > in.params[pe].ParamLast) {
        if (!weights[pe].empty()) return Broken("PE {} receives weights of no channel", pe);
        continue;
      }
      ECO_ASSIGN(const ProgramTrace trace, ExecuteProgram(hw_, in.image, in.params[pe], ends_only));
      const auto& steps = trace.steps;
      if (trace.slots != weights[pe].size()) {
        return Broken("PE {} has {} slots but receives {} weights", pe, trace.slots, weights[pe].size());
      }
      all[pe].reserve(steps.size());
      const int64_t freed = in.image.levels.back().a.BRelease;
      const auto there = static_cast<int64_t>(in.errors[pe].size());
      if (in.params[pe].Active != 0 ? there != freed : there != 0) {
        return Broken("PE {} receives {} errors and frees {}", pe, there, freed);
      }
      if (there > hw_.filter_depth) return Broken("{} errors in a file of {}", there, hw_.filter_depth);
      for (std::size_t k = 0; k < steps.size(); ++k) {
        SymbolicSlot slot;
        slot.multiplies = steps[k].multiplies;
        slot.filter = weights[pe][steps[k].slot];
        slot.starts = steps[k].starts;
        slot.ends = steps[k].ends;
        slot.from_below = steps[k].from_below;
        slot.to_above = steps[k].to_above;
        if (slot.multiplies) {
          if (steps[k].filter_offset < 0 || steps[k].filter_offset >= there) {
            return Broken("PE {} reads error {} of {}", pe, steps[k].filter_offset, there);
          }
          slot.error = in.errors[pe][static_cast<std::size_t>(steps[k].filter_offset)];
          if (slot.error < 0 || slot.filter < 0) return Broken("PE {} multiplies a filler", pe);
          slot.label = LabelOf(p_, DecodeError(p_, slot.error), DecodeTap(p_, slot.filter));
          if (slot.label < 0) return Broken("PE {} computes a product of no result", pe);
        }
        all[pe].push_back(slot);
      }
    }
    return all;
  }

  // Follows the psums of one pass and channel; `products` gets every product (error, filter).
  Status FollowPsums(const std::vector<std::vector<SymbolicSlot>>& slots,
                     const std::vector<int64_t>& pass, int64_t channel,
                     std::vector<uint64_t>& products) const {
    // Results that each PE sends out, in order; -1: a sum without products.
    std::vector<std::vector<int64_t>> out(slots.size());
    // Psums that each PE sends up: their label, in order, and the slot that ends them.
    std::vector<std::vector<std::pair<int64_t, std::size_t>>> up(slots.size());
    for (int r = hw_.rows - 1; r >= 0; --r) {
      for (int c = 0; c < hw_.columns; ++c) {
        const auto pe = static_cast<std::size_t>(r * hw_.columns + c);
        const std::size_t below = pe + static_cast<std::size_t>(hw_.columns);
        bool live = false;
        int64_t label = -1;
        std::size_t taken = 0;
        for (std::size_t k = 0; k < slots[pe].size(); ++k) {
          const SymbolicSlot& s = slots[pe][k];
          if (s.starts) {
            if (live) return Broken("PE {} starts a psum before it ended the last", pe);
            live = true;
            label = -1;
            if (s.from_below) {
              if (r + 1 == hw_.rows || taken == up[below].size()) {
                return Broken("PE {} waits for a psum that the PE below does not send", pe);
              }
              label = up[below][taken++].first;
            }
          }
          if (s.multiplies) {
            if (!live) return Broken("PE {} adds to no psum", pe);
            if (label >= 0 && label != s.label) return Broken("PE {} adds up two labels", pe);
            label = s.label;
            products.push_back(static_cast<uint64_t>(s.error) << 32 | static_cast<uint64_t>(s.filter));
          }
          if (s.ends) {
            if (!live) return Broken("PE {} ends no psum", pe);
            live = false;
            if (s.to_above) {
              up[pe].emplace_back(label, k);
            } else {
              out[pe].push_back(label);
            }
          }
          // Both PEs at the same slot: psums sent and not yet taken must fit the queue.
          if (r + 1 < hw_.rows) {
            const auto sent = static_cast<std::size_t>(
                std::lower_bound(up[below].begin(), up[below].end(), k,
                                 [](const auto& e, std::size_t slot) { return e.second < slot; }) -
                up[below].begin());
            if (sent > taken + static_cast<std::size_t>(hw_.queue_depth)) {
              return Broken("more than {} psums wait in PE {}", hw_.queue_depth, pe);
            }
          }
        }
        if (live) return Broken("PE {} leaves a psum behind", pe);
        if (r + 1 < hw_.rows && taken != up[below].size()) {
          return Broken("PE {} does not take all psums from below", pe);
        }
        if (r == 0 && !up[pe].empty()) return Broken("PE {} sends a psum out of the array", pe);
      }
    }
    std::sort(products.begin(), products.end());
    if (std::adjacent_find(products.begin(), products.end()) != products.end()) {
      return Broken("a product is computed twice");
    }
    // The GON takes each of them, in order, and files it under its label.
    const GonDescriptor& d = schedule_.gon[0];
    std::vector<int64_t> at = pass;
    at.push_back(channel);
    NestCursor cursor(d.nest);
    cursor.Seek(at);
    std::vector<std::size_t> taken(slots.size(), 0);
    for (; !cursor.done(); cursor.Next()) {
      const auto pe = static_cast<std::size_t>(cursor[d.row] * hw_.columns + cursor[d.col]);
      if (taken[pe] == out[pe].size()) return Broken("the GON waits for PE {} in vain", pe);
      const int64_t label = out[pe][taken[pe]++];
      if (label >= 0 && label != cursor[d.address]) {
        return Broken("the GON files label {} under {}", label, cursor[d.address]);
      }
    }
    for (std::size_t pe = 0; pe < out.size(); ++pe) {
      if (taken[pe] != out[pe].size()) return Broken("a result of PE {} is not taken", pe);
    }
    return {};
  }

  // Slots of the accumulator over all passes of a tile, one channel: started, added to, completed.
  Status FollowSlots(int64_t group, int64_t tile, int64_t channel) const {
    const GonDescriptor& d = schedule_.gon[0];
    std::unordered_map<int64_t, int64_t> live;  // slot -> address
    std::unordered_set<int64_t> complete;
    for (int64_t band = 0; band < Bound(2); ++band) {
      for (int64_t block = 0; block < Bound(3); ++block) {
        NestCursor cursor(d.nest);
        cursor.Seek({group, tile, band, block, channel});
        for (; !cursor.done(); cursor.Next()) {
          const bool first = cursor.Holds(d.first), last = cursor.Holds(d.last);
          const int64_t address = cursor[d.address], slot = cursor[d.slot];
          if (complete.count(address) != 0) return Broken("result {} is completed twice", address);
          if (last) complete.insert(address);
          if (first && last) continue;
          if (slot < 0 || slot >= int64_t{hw_.slots_per_lane()} * hw_.gon_lanes()) {
            return Broken("accumulator slot {}", slot);
          }
          const auto found = live.find(slot);
          if (first ? found != live.end() : found == live.end() || found->second != address) {
            return Broken("accumulator slot {} does not hold the sum of result {}", slot, address);
          }
          if (first) live[slot] = address;
          if (last) live.erase(slot);
        }
      }
    }
    if (!live.empty()) return Broken("{} sums are never completed", live.size());
    return {};
  }

  // Slots of two channels of a tile must differ.
  Status ChannelsHaveOwnSlots() const {
    const GonDescriptor& d = schedule_.gon[0];
    const int64_t channels = d.nest.loops[kPassLoops].bound;
    if (channels == 1) return {};
    // Slot = channel * stride + rest: the rest must stay below the stride.
    int64_t stride = 0;
    const Register& slot = d.nest.registers[static_cast<std::size_t>(d.slot) - d.nest.loops.size()];
    for (const Term& term : slot.terms) {
      if (term.var == kPassLoops) stride += term.factor;
    }
    for (int64_t band = 0; band < Bound(2); ++band) {
      NestCursor cursor(d.nest);
      cursor.Seek({0, 0, band, 0, 0});
      for (; !cursor.done(); cursor.Next()) {
        if (cursor[d.slot] < 0 || cursor[d.slot] >= stride) return Broken("channels share slots");
      }
    }
    return {};
  }

  Status Prove() const {
    // Shares of the passes. A unit is an error element of the map with a column of the kernel; a
    // pass does all rows of the kernel for its units, filters and channels.
    const int64_t units = p_.batch * p_.in[0] * p_.in[1] * p_.full_kernel[1];
    std::vector<char> done(static_cast<std::size_t>(units), 0);
    std::vector<char> filters_done(static_cast<std::size_t>(p_.red), 0);
    std::vector<char> channels_done(static_cast<std::size_t>(p_.outc), 0);
    const auto unit_of = [&](const ErrorAt& e, const TapAt& w) {
      return static_cast<std::size_t>(((e.n * p_.in[0] + e.oy) * p_.in[1] + e.ox) * p_.full_kernel[1] + w.j);
    };
    // Passes whose pass words agree but for the image number are alike (same streams, moved).
    std::set<std::string> seen, borders_seen;
    for (int64_t tile : std::set<int64_t>{0, Bound(1) - 1}) {
      for (int64_t band = 0; band < Bound(2); ++band) {
        for (int64_t block : std::set<int64_t>{0, Bound(3) - 1}) {
          const std::vector<int64_t> pass = {0, tile, band, block};
          ECO_ASSIGN(const PassInputs in, Inputs(pass));
          // Blocks that run the same program differ in nothing but the filters' numbers.
          NestCursor first_pe(passes().nest);
          first_pe.Seek(pass);
          std::string signature =
              fmt::format("{}/{}:", tile, passes().variant < 0 ? 0 : first_pe[passes().variant]);
          for (std::size_t pe = 0; pe < in.params.size(); ++pe) {
            if (!in.takes_part[pe]) continue;
            const auto encoded = Encode(in.params[pe]);
            CHECK(encoded.ok());
            signature += fmt::format("{:x},", encoded.value());
          }
          const bool distinct = seen.insert(signature).second;
          // Passes whose borders lie alike run alike: of all but the first, two filters suffice.
          const bool ends_only = !borders_seen.insert(fmt::format("{}/{}", tile, Borders(in))).second;
          if (!distinct && !(tile == 0 && block == 0)) continue;
          int64_t last_channel = 0;
          for (std::size_t pe = 0; pe < in.params.size(); ++pe) {
            if (in.takes_part[pe]) last_channel = std::max(last_channel, in.params[pe].ParamLast);
          }
          std::set<int64_t> sample = {0};
          if (band == 0) sample.insert(last_channel);
          for (int64_t channel : sample) {
            ECO_ASSIGN(const auto slots, Execute(in, pass, channel, ends_only && channel == 0));
            std::vector<uint64_t> products;
            ECO_RETURN_IF_ERROR(FollowPsums(slots, pass, channel, products));
            // Per unit and channel: how many products. All rows of the kernel, all filters.
            std::vector<std::pair<std::size_t, int64_t>> keys;
            std::set<int64_t> filters, channels;
            int64_t last_filter = -1, last_c = -1;
            for (uint64_t product : products) {
              const ErrorAt e = DecodeError(p_, static_cast<int64_t>(product >> 32));
              const TapAt w = DecodeTap(p_, static_cast<int64_t>(product & 0xffffffff));
              keys.emplace_back(unit_of(e, w), w.c);
              if (w.filter != last_filter) filters.insert(last_filter = w.filter);
              if (w.c != last_c) channels.insert(last_c = w.c);
            }
            std::sort(keys.begin(), keys.end());
            std::vector<std::size_t> in_pass;
            std::size_t groups_of_keys = 0;
            for (std::size_t at = 0, next = 0; at < keys.size(); at = next, ++groups_of_keys) {
              while (next < keys.size() && keys[next] == keys[at]) ++next;
              const std::size_t unit = keys[at].first;
              if (in_pass.empty() || in_pass.back() != unit) in_pass.push_back(unit);
              const int64_t expected = RowsWithResult(OyOfUnit(unit)) *
                                       static_cast<int64_t>(filters.size());
              if (static_cast<int64_t>(next - at) != expected) {
                return Broken("an error meets {} of {} taps of a kernel column", next - at, expected);
              }
            }
            if (groups_of_keys != in_pass.size() * channels.size()) {
              return Broken("blocks of columns do not do the same errors");
            }
            if (tile == 0 && block == 0 && channel == 0) {
              for (std::size_t unit : in_pass) {
                if (done[unit]++ != 0) return Broken("two passes do the same products");
              }
            }
          }
        }
      }
    }
    // Filters of the blocks and channels of the tiles, from the streams of one pass each.
    for (int64_t block = 0; block < Bound(3); ++block) {
      NestCursor cursor(schedule_.wide[0].nest);
      cursor.Seek({0, 0, 0, block, 0, 0});
      std::set<int64_t> filters;
      for (; !cursor.done(); cursor.Next()) filters.insert(DecodeTap(p_, cursor[schedule_.wide[0].address]).filter);
      for (int64_t f : filters) {
        if (f >= p_.red || filters_done[static_cast<std::size_t>(f)]++ != 0) return Broken("filter {} twice", f);
      }
    }
    const auto& loops = schedule_.wide[0].nest.loops;
    for (int64_t tile = 0; tile < Bound(1); ++tile) {
      for (int64_t g = 0; g < loops[kPassLoops].bound; ++g) {
        for (int64_t k = 0; k < loops[kPassLoops + 1].bound; ++k) {
          NestCursor cursor(schedule_.wide[0].nest);
          cursor.Seek({0, tile, 0, 0, g, k});
          if (cursor.done()) continue;
          const int64_t c = DecodeTap(p_, cursor[schedule_.wide[0].address]).c;
          if (channels_done[static_cast<std::size_t>(c)]++ != 0) return Broken("channel {} twice", c);
        }
      }
    }
    if (std::count(filters_done.begin(), filters_done.end(), 1) != p_.red ||
        std::count(channels_done.begin(), channels_done.end(), 1) != p_.outc) {
      return Broken("filters or channels are left out");
    }
    // Every pair of an error and a kernel column with a result was done.
    int64_t products = 0;
    for (std::size_t unit = 0; unit < done.size(); ++unit) {
      if (done[unit] == 0) continue;
      products += RowsWithResult(OyOfUnit(unit));
    }
    if (products * p_.groups * p_.red * p_.outc != UsefulMacs(p_)) {
      return Broken("the passes do {} products of each channel pair, the layer has {}", products,
                    UsefulMacs(p_) / (p_.groups * p_.red * p_.outc));
    }
    for (int64_t tile : std::set<int64_t>{0, Bound(1) - 1}) {
      for (int64_t channel : std::set<int64_t>{0, schedule_.gon[0].nest.loops[kPassLoops].bound - 1}) {
        for (int64_t group : std::set<int64_t>{0, p_.groups - 1}) {
          ECO_RETURN_IF_ERROR(FollowSlots(group, tile, channel));
        }
      }
    }
    return ChannelsHaveOwnSlots();
  }

 private:
  // Which rows, columns and shifts of the kernel have a product in each PE, and its neighbours.
  std::string Borders(const PassInputs& in) const {
    std::string text = fmt::format("{}:", in.image.levels[0].a.Last);
    const auto mask = [&](int64_t base, int64_t delta, int64_t limit, int64_t count) {
      for (int64_t k = 0; k < count; ++k) {
        const int64_t at = base + k * delta;
        text += at >= 0 && at < limit ? '1' : '0';
      }
      text += '.';
    };
    for (std::size_t pe = 0; pe < in.params.size(); ++pe) {
      const ParamWord& param = in.params[pe];
      if (!in.takes_part[pe] || param.Active == 0) {
        text += '-';
        continue;
      }
      const auto& levels = in.image.levels;
      mask(param.YBase, levels[2].b.YDelta, in.image.limit.YLimit, levels[2].a.Last + 1);
      mask(param.XBase, levels[3].b.XDelta, in.image.limit.XLimit, levels[3].a.Last + 1);
      mask(param.ZBase, levels[1].b.ZDelta, in.image.limit.ZLimit, levels[1].a.Last + 1);
      text += fmt::format("{}{},", param.FromBelow, param.ToAbove);
    }
    return text;
  }
  int64_t OyOfUnit(std::size_t unit) const {
    return static_cast<int64_t>(unit) / p_.full_kernel[1] / p_.in[1] % p_.in[0];
  }
  // Rows of the kernel that give error row `oy` a result.
  int64_t RowsWithResult(int64_t oy) const {
    int64_t rows = 0;
    for (int64_t i = 0; i < p_.kernel[0]; ++i) {
      const int64_t y = oy * p_.stride[0] + i * p_.dilation[0] - p_.pad[0];
      rows += y >= 0 && y < p_.out[0];
    }
    return rows;
  }

  const TransposedProblem& p_;
  const HwConfig& hw_;
  const Schedule& schedule_;
  ArrayIds ids_;
};

}  // namespace

Result<std::vector<std::vector<SymbolicSlot>>> ExecuteSymbolically(
    const TransposedProblem& problem, const HwConfig& config, const Schedule& schedule,
    const std::vector<int64_t>& pass, int64_t channel) {
  Prover prover(problem, config, schedule);
  ECO_RETURN_IF_ERROR(prover.Prepare());
  ECO_ASSIGN(const PassInputs in, prover.Inputs(pass));
  return prover.Execute(in, pass, channel, false);
}

Status ProveTransposed(const TransposedProblem& problem, const HwConfig& config,
                       const Schedule& schedule) {
  if (problem.empty) return {};
  Prover prover(problem, config, schedule);
  ECO_RETURN_IF_ERROR(prover.Prepare());
  return prover.Prove();
}

}  // namespace ecoflow
