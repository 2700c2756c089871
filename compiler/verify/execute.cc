// SPDX-License-Identifier: Apache-2.0
#include "compiler/verify/execute.h"

#include <algorithm>
#include <map>

#include "compiler/schedule/setup.h"

namespace ecoflow {
namespace {

template <typename... Args>
Error Broken(fmt::format_string<Args...> format, Args&&... args) {
  return Machinery("internal error, the schedule is wrong: {}",
                   fmt::format(format, std::forward<Args>(args)...));
}

bool Has(const std::vector<int64_t>& tags, int64_t tag) {
  return std::find(tags.begin(), tags.end(), tag) != tags.end();
}

// Words of one network to each PE, by destination, in order of arrival.
using Deliveries = std::vector<std::array<std::vector<SymbolicWord>, 3>>;

void Deliver(const HwConfig& hw, const std::vector<GinDescriptor>& descriptors, std::size_t part,
             const std::vector<int64_t>& pass, const std::vector<std::vector<int64_t>>& row_ids,
             const std::vector<std::vector<int64_t>>& col_ids, const std::vector<bool>& columns,
             Deliveries& deliveries) {
  std::map<std::pair<int64_t, int64_t>, std::vector<std::size_t>> targets;  // by tag
  for (const GinDescriptor& d : descriptors) {
    if (static_cast<std::size_t>(d.part) != part) continue;
    NestCursor cursor(d.nest);
    for (cursor.Seek(pass); !cursor.done(); cursor.Next()) {
      const std::pair tag{cursor[d.row_tag], cursor[d.col_tag]};
      const auto [found, fresh] = targets.try_emplace(tag);
      if (fresh) {
        for (int r = 0; r < hw.rows; ++r) {
          if (!Has(row_ids[static_cast<std::size_t>(r)], tag.first)) continue;
          for (int c = 0; c < hw.columns; ++c) {
            const auto pe = static_cast<std::size_t>(r * hw.columns + c);
            if (columns[static_cast<std::size_t>(c)] && Has(col_ids[pe], tag.second)) {
              found->second.push_back(pe);
            }
          }
        }
      }
      if (found->second.empty()) continue;
      SymbolicWord word;
      if (cursor.Holds(d.real)) word = {d.operand, cursor[d.address]};
      for (std::size_t pe : found->second) {
        deliveries[pe][static_cast<std::size_t>(d.destination)].push_back(word);
      }
    }
  }
}

// A file takes `first_turn` words from one network, then `second_turn` from the other, and so on.
std::vector<SymbolicWord> Merge(std::vector<SymbolicWord> first, std::vector<SymbolicWord> second,
                                uint64_t first_turn, uint64_t second_turn) {
  if (second.empty() && first_turn != 0) return first;
  if (first.empty() && second_turn != 0) return second;
  std::vector<SymbolicWord> merged;
  std::size_t f = 0, s = 0;
  while ((first_turn != 0 && f < first.size()) || (second_turn != 0 && s < second.size())) {
    for (uint64_t k = 0; k < first_turn && f < first.size(); ++k) merged.push_back(first[f++]);
    for (uint64_t k = 0; k < second_turn && s < second.size(); ++k) merged.push_back(second[s++]);
  }
  return merged;
}

}  // namespace

Result<ArrayIds> ReadIds(const HwConfig& hw, const Schedule& schedule) {
  ArrayIds ids;
  const auto pes = static_cast<std::size_t>(hw.pe_count());
  ids.row_wide.resize(static_cast<std::size_t>(hw.rows));
  ids.row_narrow.resize(static_cast<std::size_t>(hw.rows));
  ids.col_wide.resize(pes);
  ids.col_narrow.resize(pes);
  ids.loader.resize(pes);
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
          if (address == kCfgLoader) ids.loader[pe] = word;
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

Result<PassExecutor> PassExecutor::Open(const HwConfig& hw, const Schedule& schedule,
                                        const ArrayIds& ids, std::size_t part,
                                        const std::vector<int64_t>& pass, int64_t most_slots) {
  PassExecutor e(hw);
  const auto pes = static_cast<std::size_t>(hw.pe_count());
  e.takes_part_.assign(pes, false);
  const PassDescriptor& d = schedule.passes.at(part);
  NestCursor cursor(d.nest);
  cursor.Seek(pass);
  CHECK(!cursor.done());
  const int row = static_cast<int>(d.nest.loops.size()) - 2;
  for (; !cursor.done(); cursor.Next()) {
    std::size_t number = 0;  // of the pass in the round
    for (int l = d.pass_loops - d.round_loops; l < d.pass_loops; ++l) {
      number = number * static_cast<std::size_t>(d.nest.loops[static_cast<std::size_t>(l)].bound) +
               static_cast<std::size_t>(cursor[l]);
    }
    if (number == e.passes_.size()) {
      e.passes_.push_back({DecodeImage(schedule.programs.at(static_cast<std::size_t>(ProgramOf(d, cursor)))),
                           std::vector<uint64_t>(pes), std::vector<ParamWord>(pes), {}});
    }
    const auto pe = static_cast<std::size_t>(cursor[row] * hw.columns + cursor[row + 1]);
    e.passes_.at(number).words[pe] = PassWord(d, cursor);
    e.passes_.at(number).params[pe] = DecodeParam(e.passes_[number].words[pe]);
    e.takes_part_[pe] = true;
  }

  const int64_t columns = hw.columns;
  e.chosen_.assign(static_cast<std::size_t>(columns), true);
  if (const int64_t slots = e.Slots(); slots > most_slots && columns > 2) {
    e.chosen_.assign(static_cast<std::size_t>(columns), false);
    const auto share = static_cast<double>(most_slots) / static_cast<double>(slots);
    const int64_t count = std::max<int64_t>(2, static_cast<int64_t>(share * static_cast<double>(columns)));
    for (int64_t k = 0; k < count; ++k) {
      e.chosen_[static_cast<std::size_t>(k * (columns - 1) / (count - 1))] = true;
    }
  }

  Deliveries wide(pes), narrow(pes);
  Deliver(hw, schedule.wide, part, pass, ids.row_wide, ids.col_wide, e.chosen_, wide);
  Deliver(hw, schedule.narrow, part, pass, ids.row_narrow, ids.col_narrow, e.chosen_,
          narrow);
  e.received_.resize(pes);
  // Whether another round takes words after this one.
  bool followed = part + 1 < schedule.passes.size();
  for (std::size_t l = 0; l < pass.size(); ++l) followed = followed || pass[l] + 1 < d.nest.loops[l].bound;
  for (std::size_t pe = 0; pe < pes; ++pe) {
    const auto count = [&](int lsb) { return ids.loader[pe] >> lsb & 0xfff; };
    for (const Destination file : {kDestIfmap, kDestFilter}) {
      const int lsb = file == kDestIfmap ? 0 : 24;
      const bool narrow_first = (ids.loader[pe] >> (file == kDestIfmap ? 48 : 49) & 1) != 0;
      auto& from_wide = wide[pe][file];
      auto& from_narrow = narrow[pe][file];
      const std::size_t words = from_wide.size() + from_narrow.size();
      if (const uint64_t first = count(lsb), second = count(lsb + 12);
          followed && first > 0 && second > 0 && first < kLongestTurn && second < kLongestTurn &&
          (from_wide.size() % first != 0 || from_wide.size() / first * second != from_narrow.size())) {
        return Broken("PE {} receives {} words from the wide and {} from the narrow network, not whole turns of {} and {}", pe,
                      from_wide.size(), from_narrow.size(), first, second);
      }
      e.received_[pe][file] =
          narrow_first ? Merge(std::move(from_narrow), std::move(from_wide), count(lsb + 12), count(lsb))
                       : Merge(std::move(from_wide), std::move(from_narrow), count(lsb), count(lsb + 12));
      if (e.received_[pe][file].size() != words) {
        return Broken("PE {} receives words that its loader does not take", pe);
      }
    }
    const bool from_narrow = e.passes_.front().image.mode.StreamNarrow != 0;
    if (!(from_narrow ? wide : narrow)[pe][kDestStream].empty()) {
      return Broken("PE {} receives stream words on the network that it does not stream from", pe);
    }
    e.received_[pe][kDestStream] = std::move((from_narrow ? narrow : wide)[pe][kDestStream]);
  }
  return e;
}

int64_t PassExecutor::Slots() const {
  int64_t slots = 0;
  for (const OnePass& pass : passes_) {
    for (std::size_t pe = 0; pe < pass.params.size(); ++pe) {
      if (!takes_part_[pe] || !Chosen(pe)) continue;
      int64_t own = 1;
      for (int l = 0; l < config_.num_levels(); ++l) {
        own *= 1 + (l == pass.image.mode.ParamLevel ? pass.params[pe].ParamLast
                                                    : pass.image.levels[static_cast<std::size_t>(l)].files.Last);
      }
      slots += own;
    }
  }
  return slots;
}

Status PassExecutor::Run(std::size_t pe,
                         const std::function<Status(const SymbolicSlot&)>& visit) const {
  const auto& words = received_[pe];
  if (!takes_part_[pe]) {
    for (const auto& list : words) {
      if (!list.empty()) return Broken("PE {} takes no part and receives words", pe);
    }
    return {};
  }
  std::array<std::size_t, 3> taken{};
  for (const OnePass& pass : passes_) ECO_RETURN_IF_ERROR(RunPass(pass, pe, taken, visit));
  for (std::size_t k = 0; k < words.size(); ++k) {
    if (taken[k] != words[k].size()) {
      return Broken("PE {} uses {} of the {} words that it receives for {}", pe, taken[k],
                    words[k].size(), k == kDestStream ? "its slots" : k == kDestIfmap ? "the ifmap file"
                                                                                      : "the filter file");
    }
  }
  return {};
}

template <typename Visit>
Status PassExecutor::EachSlot(const OnePass& pass, const ParamWord& param, const Visit& visit) const {
  const CoordinateRanges ranges(pass.image);
  PeFsm fsm(pass.image, config_.num_levels(), config_.psum_depth, param.ParamLast, {param.YBase, param.XBase, param.ZBase});
  for (;; fsm.Next()) {
    FsmSlot slot;
    slot.meaning = MeaningOf(pass.image, param, fsm.slot(), CheckRanges(ranges, fsm.coordinates()));
    slot.psum = static_cast<uint16_t>(fsm.psum());
    slot.ifmap_offset = static_cast<uint16_t>(fsm.ifmap_offset());
    slot.filter_offset = static_cast<uint16_t>(fsm.filter_offset());
    const PeImage::Record& record = fsm.record();
    slot.ifmap_free = static_cast<uint16_t>(param.Active != 0 ? record.files.IfmapRelease : 0);
    slot.filter_free = static_cast<uint16_t>(param.Active != 0 ? record.files.FilterRelease : 0);
    ECO_RETURN_IF_ERROR(visit(slot));
    if (fsm.pass_end()) return {};
  }
}

const std::vector<PassExecutor::FsmSlot>& PassExecutor::SlotsOf(const OnePass& pass, std::size_t pe) const {
  const auto [at, fresh] = pass.slots.try_emplace(pass.words[pe]);
  std::vector<FsmSlot>& slots = at->second;
  if (fresh) {
    (void)EachSlot(pass, pass.params[pe], [&](const FsmSlot& slot) -> Status {
      slots.push_back(slot);
      return {};
    });
  }
  return slots;
}

Status PassExecutor::RunPass(const OnePass& pass, std::size_t pe, std::array<std::size_t, 3>& taken,
                             const std::function<Status(const SymbolicSlot&)>& visit) const {
  const auto& words = received_[pe];
  const auto& mode = pass.image.mode;
  const bool streams = mode.IfmapDirect != 0 || mode.FilterDirect != 0;
  const std::array<int, 2> depth = {config_.ifmap_depth, config_.filter_depth};

  const auto run = [&](const FsmSlot& fsm) -> Status {
    SymbolicSlot slot;
    slot.result_ok = fsm.meaning.result;
    slot.multiplies = fsm.meaning.multiplies;
    slot.psum = fsm.psum;
    slot.starts = fsm.meaning.starts;
    slot.ends = fsm.meaning.ends;
    slot.from_below = fsm.meaning.from_below;
    slot.below_at_end = mode.ChainAtEnd != 0;
    slot.to_above = fsm.meaning.to_above;
    SymbolicWord streamed;
    if (streams) {
      if (taken[kDestStream] == words[kDestStream].size()) {
        return Broken("PE {} has more slots than the {} stream words that it receives", pe,
                      words[kDestStream].size());
      }
      streamed = words[kDestStream][taken[kDestStream]++];
    }
    const auto operand = [&](Destination file, bool direct, std::size_t offset, SymbolicWord& word) -> Status {
      if (direct) {
        word = streamed;
        return {};
      }
      const std::size_t at = taken[file] + offset;
      if (at >= words[file].size() || static_cast<int>(offset) >= depth[file]) {
        return Broken("PE {} reads word {} of {} in a file of {}", pe, offset,
                      static_cast<int64_t>(words[file].size()) - static_cast<int64_t>(taken[file]),
                      depth[file]);
      }
      word = words[file][at];
      return {};
    };
    if (slot.multiplies) {
      ECO_RETURN_IF_ERROR(operand(kDestIfmap, mode.IfmapDirect != 0, fsm.ifmap_offset, slot.a));
      ECO_RETURN_IF_ERROR(operand(kDestFilter, mode.FilterDirect != 0, fsm.filter_offset, slot.b));
    }
    if (slot.result_ok && slot.psum >= config_.psum_depth) {
      return Broken("PE {} uses psum {} of a file of {}", pe, slot.psum, config_.psum_depth);
    }
    ECO_RETURN_IF_ERROR(visit(slot));

    for (const auto& [file, freed] : {std::pair{kDestIfmap, fsm.ifmap_free}, std::pair{kDestFilter, fsm.filter_free}}) {
      taken[file] += freed;
      if (taken[file] > words[file].size() || freed > depth[file]) {
        return Broken("PE {} frees word {} of {} in a file of {}", pe, taken[file], words[file].size(), depth[file]);
      }
    }
    return {};
  };
  if (std::count(pass.words.begin(), pass.words.end(), pass.words[pe]) == 1) return EachSlot(pass, pass.params[pe], run);
  for (const FsmSlot& slot : SlotsOf(pass, pe)) ECO_RETURN_IF_ERROR(run(slot));
  return {};
}

}  // namespace ecoflow
