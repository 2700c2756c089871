// SPDX-License-Identifier: Apache-2.0
// Simulates a stretch only once: remembers how the array got from one state to the next, what of
// the streams and traces that depended on, and what it counted.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <unordered_map>
#include <vector>

#include "model/array.h"

namespace ecoflow {

class Skipper {
 public:
  Skipper(TimingArray& array, const Schedule& schedule)
      : array_(array), setup_words_(schedule.setup.size()) {
    total_.pe.resize(array.counters.pe.size());
  }

  // To be called after each clock: at the end of a stretch, goes on to the next state from which
  // the way is not known.
  void AfterStep() {
    if (AtEdge() && array_.counters.cycles >= kStretchCycles) EndStretch();
  }
  // Counters of everything, also of what was skipped.
  TimingArray::Counters Total();
  // Cycles before this stretch; of these, skipped ones.
  int64_t cycles() const { return cycles_; }
  int64_t skipped_cycles() const { return skipped_; }
  int64_t skipped_stretches() const { return skipped_stretches_; }

 private:
  // Stretches are at least this long, so that keeping them costs little.
  static constexpr int64_t kStretchCycles = 128;
  // Stretches that are skipped before the caller is asked whether to go on.
  static constexpr int64_t kMostAtOnce = 4096;
  // What is kept, before all is forgotten.
  static constexpr std::size_t kMaxBytes = std::size_t{256} << 20;

  // Simulated cycles for which a stream leads before it is seen how much that lets skip.
  static constexpr int64_t kTrialCycles = 10000;

  struct Node;
  // Numbers of traces; those from 0 are given.
  enum : int32_t { kNone = -1, kSame = -2, kNext = -3 };
  struct PeStretch {
    uint32_t before = 0, first = 0;  // pieces entered: of the trace at hand, of the next one
    int32_t trace = kSame;           // at the end: kSame, kNext or a number
    int32_t next = kNone;            // kNone, kNext (still waits) or a number
    uint32_t piece = 0;              // at the end; with kSame: pieces further
  };
  struct Stretch {
    // Parts that came after the one at hand: wide, narrow, GON.
    std::array<std::vector<const void*>, 3> parts;
    std::array<std::size_t, 3> moved{};  // parts further
    std::vector<const ConfigPart*> config;  // words looked at
    std::size_t configured = 0;             // words taken
    // These can be told apart from the rest: a stretch in which one of them only waits applies wherever
    // it waits as well.
    GonState gon_before, gon_after;
    PortState port_before, port_after;
    bool gon_waits = false, port_waits = false;
    std::vector<PeStretch> pes;
    std::vector<uint32_t> pieces;  // entered, PE by PE
    TimingArray::Counters counted;
    int64_t times = 0;
    Node* to = nullptr;
  };
  struct Node {
    std::vector<uint64_t> state;
    std::vector<std::unique_ptr<Stretch>> stretches;
  };
  struct Mark {
    std::array<std::size_t, 3> part{};
    std::size_t config = 0;
    std::vector<TimingArray::PeProgress> progress;
    std::vector<char> pending;
    GonState gon;
    PortState port;
  };

  bool AtEdge();
  void EndStretch();
  void ChooseLead();
  void SetMark();
  Node* Find();
  std::unique_ptr<Stretch> Record();
  bool Applies(const Stretch& stretch);
  bool SameGon(const Stretch& stretch);
  bool SamePort(const Stretch& stretch);
  void Apply(const Stretch& stretch);
  void Forget();
  static void Add(TimingArray::Counters& sum, const TimingArray::Counters& counted, int64_t times);
  template <typename F>
  void EachStream(F f);

  TimingArray& array_;
  TimingArray::Counters total_;
  int64_t cycles_ = 0, skipped_ = 0, skipped_stretches_ = 0;
  std::unordered_multimap<uint64_t, std::unique_ptr<Node>> nodes_;
  Node* from_ = nullptr;
  Mark mark_;
  // The stream whose parts end stretches: the one that lets skip most.
  std::size_t lead_ = 0, lead_part_ = 0;  // and the part where it stood
  std::array<double, 3> gain_{};
  std::size_t trials_ = 0, explored_ = 0;
  int64_t trial_simulated_ = 0, trial_skipped_ = 0;
  const std::size_t setup_words_;
  std::vector<uint64_t> state_;
  std::size_t bytes_ = 0;
};

}  // namespace ecoflow
