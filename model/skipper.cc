// SPDX-License-Identifier: Apache-2.0
#include "model/skipper.h"

#include <xxhash.h>

#include <algorithm>

namespace ecoflow {

template <typename F>
void Skipper::EachStream(F f) {
  f(0, array_.gin_at[0], array_.wide_parts);
  f(1, array_.gin_at[1], array_.narrow_parts);
  f(2, array_.gon_at, array_.gon_parts);
}

// A stretch ends where the leading stream goes on to its next part, once the setup is through.
bool Skipper::AtEdge() {
  const std::size_t part = lead_ == 2 ? array_.gon_at.part : array_.gin_at[lead_].part;
  const bool moved = part != lead_part_;
  lead_part_ = part;
  return moved && array_.config_at >= setup_words_;
}

void Skipper::Add(TimingArray::Counters& sum, const TimingArray::Counters& counted, int64_t times) {
  sum.cycles += times * counted.cycles;
  sum.config += times * counted.config;
  sum.wide += times * counted.wide;
  sum.narrow += times * counted.narrow;
  sum.gon += times * counted.gon;
  sum.output += times * counted.output;
  sum.gon_held += times * counted.gon_held;
  for (std::size_t k = 0; k < sum.pe.size(); ++k) {
    sum.pe[k] += static_cast<uint64_t>(times) * counted.pe[k];
  }
}

TimingArray::Counters Skipper::Total() {
  array_.AddCounts();
  TimingArray::Counters sum = total_;
  for (const auto& [hash, node] : nodes_) {
    for (const auto& stretch : node->stretches) Add(sum, stretch->counted, stretch->times);
  }
  Add(sum, array_.counters, 1);
  return sum;
}

void Skipper::Forget() {
  for (const auto& [hash, node] : nodes_) {
    for (const auto& stretch : node->stretches) Add(total_, stretch->counted, stretch->times);
  }
  nodes_.clear();
  bytes_ = 0;
}

void Skipper::SetMark() {
  array_.ClearCounters();
  EachStream([&](std::size_t k, auto& at, auto&) {
    mark_.part[k] = at.part;
    if (k == lead_) lead_part_ = at.part;
  });
  mark_.config = array_.config_at;
  mark_.gon = array_.gon();
  mark_.port = array_.port();
  mark_.progress = array_.progress;
  mark_.pending.clear();
  for (std::size_t pe = 0; pe < array_.progress.size(); ++pe) {
    mark_.pending.push_back(array_.PassWaits(pe));
  }
}

Skipper::Node* Skipper::Find() {
  array_.Save(state_);
  const uint64_t hash = XXH3_64bits(state_.data(), state_.size() * sizeof(uint64_t));
  const auto [begin, end] = nodes_.equal_range(hash);
  for (auto it = begin; it != end; ++it) {
    if (it->second->state == state_) return it->second.get();
  }
  auto node = std::make_unique<Node>();
  node->state = state_;
  bytes_ += state_.size() * sizeof(uint64_t);
  return nodes_.emplace(hash, std::move(node))->second.get();
}

std::unique_ptr<Skipper::Stretch> Skipper::Record() {
  auto stretch = std::make_unique<Stretch>();
  EachStream([&](std::size_t k, auto& at, auto& list) {
    for (std::size_t part = mark_.part[k] + 1; part <= at.seen; ++part) {
      stretch->parts[k].push_back(list.At(part));
    }
    stretch->moved[k] = at.part - mark_.part[k];
  });
  for (std::size_t word = mark_.config; word < array_.config_seen; ++word) {
    stretch->config.push_back(array_.config_parts.At(word));
  }
  stretch->configured = array_.config_at - mark_.config;
  stretch->gon_before = mark_.gon;
  stretch->gon_after = array_.gon();
  stretch->gon_waits = array_.counters.gon == 0 && stretch->gon_after == mark_.gon;
  stretch->port_before = mark_.port;
  stretch->port_after = array_.port();
  stretch->port_waits = stretch->configured == 0;
  stretch->pes.resize(array_.progress.size());
  for (std::size_t pe = 0; pe < stretch->pes.size(); ++pe) {
    PeStretch& s = stretch->pes[pe];
    const auto& old = mark_.progress[pe];
    const auto& now = array_.progress[pe];
    const bool waited = mark_.pending[pe] != 0;
    s.before = now.entered_before;
    for (uint32_t k = 0; k < s.before; ++k) {
      stretch->pieces.push_back(array_.traces[old.trace][old.piece + 1 + k]);
    }
    // What follows from a pass word of this stretch is in the configuration's parts.
    if (waited && now.starts > 0) {
      s.first = now.entered_first;
      for (uint32_t k = 0; k < s.first; ++k) {
        stretch->pieces.push_back(array_.traces[old.next][k]);
      }
    }
    s.piece = now.starts == 0 ? s.before : now.piece;
    if (now.starts > 0) s.trace = now.starts == 1 && waited ? kNext : now.trace;
    if (array_.PassWaits(pe)) s.next = now.starts == 0 && waited ? kNext : now.next;
  }
  stretch->counted = array_.counters;
  bytes_ += sizeof(Stretch) + stretch->pes.size() * sizeof(PeStretch) +
            stretch->pieces.size() * sizeof(void*) + stretch->counted.pe.size() * sizeof(uint64_t);
  return stretch;
}

bool Skipper::SameGon(const Stretch& stretch) {
  if (array_.gon() != stretch.gon_before) return false;
  const auto& parts = stretch.parts[2];
  for (std::size_t n = 0; n < parts.size(); ++n) {
    if (array_.gon_parts.At(array_.gon_at.part + 1 + n) != parts[n]) return false;
  }
  return true;
}

bool Skipper::SamePort(const Stretch& stretch) {
  if (array_.port() != stretch.port_before) return false;
  for (std::size_t n = 0; n < stretch.config.size(); ++n) {
    if (array_.config_parts.At(array_.config_at + n) != stretch.config[n]) return false;
  }
  return true;
}

bool Skipper::Applies(const Stretch& stretch) {
  bool same = true;
  EachStream([&](std::size_t k, auto& at, auto& list) {
    const auto& parts = stretch.parts[k];
    for (std::size_t n = 0; n < parts.size() && same && k != 2; ++n) {
      same = list.At(at.part + 1 + n) == parts[n];
    }
  });
  if (!same) return false;
  const auto& after = stretch.to->state;
  if (!SameGon(stretch) && !(stretch.gon_waits && array_.GonWaits(after))) return false;
  if (!SamePort(stretch) && !(stretch.port_waits && array_.PortWaits(after))) return false;
  auto piece = stretch.pieces.begin();
  const auto matches = [&](int trace, std::size_t begin, std::size_t count) {
    if (count == 0) return true;
    const Trace& pieces = array_.traces[trace];
    if (begin + count > pieces.size()) return false;
    const auto at = pieces.begin() + static_cast<std::ptrdiff_t>(begin);
    const auto from = piece;
    piece += static_cast<std::ptrdiff_t>(count);
    return std::equal(at, at + static_cast<std::ptrdiff_t>(count), from);
  };
  for (std::size_t pe = 0; pe < stretch.pes.size(); ++pe) {
    const PeStretch& s = stretch.pes[pe];
    const auto& now = array_.progress[pe];
    if (!matches(now.trace, now.piece + 1, s.before) || !matches(now.next, 0, s.first)) return false;
  }
  return true;
}

void Skipper::Apply(const Stretch& stretch) {
  if (!stretch.gon_waits) array_.SetGon(stretch.gon_after);
  if (!stretch.port_waits) array_.SetPort(stretch.port_after);
  EachStream([&](std::size_t k, auto& at, auto&) { at.part += stretch.moved[k]; });
  array_.config_at += stretch.configured;
  for (std::size_t pe = 0; pe < stretch.pes.size(); ++pe) {
    const PeStretch& s = stretch.pes[pe];
    auto& now = array_.progress[pe];
    const int32_t waiting = now.next;
    if (s.trace == kSame) {
      now.piece += s.piece;
    } else {
      now.trace = s.trace == kNext ? waiting : s.trace;
      now.piece = s.piece;
    }
    now.next = s.next == kNext ? waiting : s.next;
  }
}

void Skipper::ChooseLead() {
  if (cycles_ - skipped_ - trial_simulated_ < kTrialCycles) return;
  // Skipped per simulated cycle in this trial; older ones fade.
  gain_[lead_] = gain_[lead_] / 2 + static_cast<double>(skipped_ - trial_skipped_) /
                                        static_cast<double>(cycles_ - skipped_ - trial_simulated_);
  trial_simulated_ = cycles_ - skipped_;
  trial_skipped_ = skipped_;
  ++trials_;
  const auto best = std::max_element(gain_.begin(), gain_.end());
  // Without a stream that helps, and now and then otherwise, each has its turn.
  const bool explore = *best < 1 || trials_ % 16 == 0;
  lead_ = explore ? (explored_ = (explored_ + 1) % gain_.size())
                  : static_cast<std::size_t>(best - gain_.begin());
}

void Skipper::EndStretch() {
  array_.AddCounts();
  cycles_ += array_.counters.cycles;
  if (bytes_ > kMaxBytes) {
    Forget();
    from_ = nullptr;
  }
  Stretch* added = nullptr;
  if (from_ == nullptr) {
    Add(total_, array_.counters, 1);
  } else {
    from_->stretches.push_back(Record());
    added = from_->stretches.back().get();
    added->times = 1;
  }
  Node* node = Find();
  if (added != nullptr) added->to = node;
  bool moved = false, more = true;
  for (int64_t left = kMostAtOnce; more && left > 0; --left) {
    more = false;
    for (auto it = node->stretches.rbegin(); it != node->stretches.rend(); ++it) {
      Stretch& stretch = **it;
      if (stretch.to == nullptr || !Applies(stretch)) continue;
      Apply(stretch);
      ++stretch.times;
      cycles_ += stretch.counted.cycles;
      skipped_ += stretch.counted.cycles;
      ++skipped_stretches_;
      node = stretch.to;
      more = moved = true;
      break;
    }
  }
  if (moved) array_.Restore(node->state);
  from_ = node;
  ChooseLead();
  SetMark();
}

}  // namespace ecoflow
