// SPDX-License-Identifier: Apache-2.0
// The streams of a schedule without their data, in parts: a part is what the outer loops of a
// descriptor's nest leave for given indices. Parts of equal structure are walked and stored once.
#pragma once

#include <array>
#include <cstdint>
#include <compare>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "compiler/schedule/stream.h"
#include "gen/config/hw_config.h"
#include "model/nest_structure.h"
#include "model/trace.h"

namespace ecoflow {

// Words in a row with the same tags: any number in a run of a plain descriptor, one beat in a run
// of an interleaved one.
struct GinRun {
  uint8_t row = 0, col = 0;
  uint32_t words = 0;
};
struct GinPart {
  std::vector<GinRun> runs;
  int descriptor = 0;
  uint8_t destination = 0;
  bool joins = false;  // its last beat may go on in the next part
};

// A command: the PE that each lane names. Slots do not matter beyond that and `waits`.
inline constexpr uint16_t kNoPe = UINT16_MAX;
struct GonWord {
  uint8_t words = 0, outputs = 0;  // PEs named; words that leave the array
  uint8_t end = 0;
  uint8_t waits = 0;  // bit k: it adds to a sum that the command k + 1 before left, as long as the adder may hold that
  std::array<uint16_t, kMaxGonLanes> pe = NoPes();
  auto operator<=>(const GonWord&) const = default;
  static constexpr std::array<uint16_t, kMaxGonLanes> NoPes() {
    std::array<uint16_t, kMaxGonLanes> pes{};
    pes.fill(kNoPe);
    return pes;
  }
};
struct GonPart {
  std::vector<GonWord> commands;
};

// A configuration word; in place of a pass word the number of its trace.
struct ConfigPart {
  uint64_t word = 0;
};

// The parts of one kind of stream, found in order when asked for.
template <typename Part>
class PartList {
 public:
  // Part `k`; null past the end. Equal parts have equal addresses.
  const Part* At(std::size_t k) {
    while (found_.size() <= k && !ended_) Find();
    return k < found_.size() ? found_[k] : nullptr;
  }
  const std::string& error() const { return error_; }
  virtual ~PartList() = default;

 protected:
  // Outer indices of all parts of a nest, in order.
  struct Outer {
    std::vector<int64_t> bounds, indices;
    bool Step() {
      for (std::size_t l = indices.size(); l-- > 0;) {
        if (++indices[l] < bounds[l]) return true;
        indices[l] = 0;
      }
      return false;
    }
  };
  static Outer MakeOuter(const LoopNest& nest, int outer) {
    Outer o;
    for (int l = 0; l < outer; ++l) o.bounds.push_back(nest.loops[static_cast<std::size_t>(l)].bound);
    o.indices.resize(o.bounds.size());
    return o;
  }
  virtual void Find() = 0;  // appends to found_, or sets ended_
  void Fail(std::string error) {
    error_ = std::move(error);
    ended_ = true;
  }

  struct Hash {
    std::size_t operator()(const std::vector<int64_t>& key) const;
  };
  // The parts that a nest with this signature comes to, and the state that it leaves behind.
  struct Known {
    bool walked = false;
    std::vector<const Part*> parts;
    int64_t state = 0;
  };
  void Append(const Known& known) {
    found_.insert(found_.end(), known.parts.begin(), known.parts.end());
  }
  const Part* Intern(std::vector<int64_t> content, Part part) {
    auto& place = parts_[std::move(content)];
    if (!place) place = std::make_unique<Part>(std::move(part));
    return place.get();
  }
  std::unordered_map<std::vector<int64_t>, Known, Hash> known_;
  std::vector<int64_t> key_;  // looked for there
  std::unordered_map<std::vector<int64_t>, std::unique_ptr<Part>, Hash> parts_;  // by content
  std::vector<const Part*> found_;
  bool ended_ = false;
  std::string error_;
};

class GinParts : public PartList<GinPart> {
 public:
  GinParts(const std::vector<GinDescriptor>& descriptors, int lanes, int pass_loops);
  // Share of the nests' outer iterations that were asked for.
  double share() const;

 private:
  // A descriptor under way.
  struct Running {
    std::size_t descriptor;
    Outer outer;
    NestStructure structure;
    int64_t iteration = 0;  // turns of descriptors, or else iterations of the outer loops
    int64_t turn = 0;       // of an interleaved descriptor: whose turn the next part begins with
    bool done = false;
  };

  int TurnLoops(std::size_t descriptor) const;
  int OuterOf(std::size_t descriptor) const;
  void Find() override;
  bool Open();
  Known Walk(const Running& running);
  Known WalkInTurn(const Running& running);
  const GinPart* Finish(std::size_t descriptor, GinPart& part, bool joins);
  const Known& Parts(Running& running);

  const std::vector<GinDescriptor>& descriptors_;
  const int lanes_, pass_loops_;
  std::size_t descriptor_ = 0;    // the next one to open
  std::vector<Running> running_;  // several: they run in turns
  int64_t iterations_ = 0, total_ = 0;
};

class GonParts : public PartList<GonPart> {
 public:
  GonParts(const std::vector<GonDescriptor>& descriptors, const HwConfig& hw, int pass_loops);

 private:
  // Slots by lane, relative to a base; kNoSlot none.
  using Slots = std::array<int64_t, kMaxGonLanes>;
  static constexpr int64_t kNoSlot = INT64_MIN;
  static constexpr Slots NoSlots() {
    Slots slots{};
    slots.fill(kNoSlot);
    return slots;
  }
  // A command to which words may still be added.
  struct Open {
    GonWord word;  // PEs whose sums stay in the accumulator of their lane
    uint8_t free = 0;
    std::array<uint16_t, kMaxGonLanes> free_pe{};  // PEs that any lane may name
    // Where it adds, what it leaves, and what the commands before it left; kept where an adder takes several cycles.
    Slots adds = NoSlots(), leaves = NoSlots();
    std::array<Slots, 3> before = {NoSlots(), NoSlots(), NoSlots()};
    auto operator<=>(const Open&) const = default;
    bool Names(uint16_t pe) const;
    GonWord Close() const;
    Open Next() const;             // the command behind it
    Open Moved(int64_t by) const;  // relative to another base
  };
  int64_t Keep(const Open& open);  // its place in left_
  void Find() override;
  bool Walk(Known& known);
  const GonPart* Finish(GonPart& part);

  const std::vector<GonDescriptor>& descriptors_;
  const HwConfig& hw_;
  const int pass_loops_;
  const bool late_sums_;  // the accumulators' adder takes several cycles
  int64_t base_ = 0;      // of the slots in left_
  std::size_t descriptor_ = 0;
  bool open_ = false;
  Outer outer_;
  std::unique_ptr<NestStructure> structure_;
  std::vector<Open> left_;           // commands that parts left open
  std::map<Open, int64_t> left_at_;  // where
  int64_t command_ = 0;              // the open one, in left_
};

class ConfigParts : public PartList<ConfigPart> {
 public:
  ConfigParts(const Schedule& schedule, const HwConfig& hw, TraceTable& traces);

 private:
  void Find() override;

  const Schedule& schedule_;
  const HwConfig& hw_;
  TraceTable& traces_;
  bool begun_ = false;
  std::size_t descriptor_ = 0;
  bool open_ = false;
  Outer outer_;
  std::unique_ptr<NestStructure> structure_;
  int64_t loaded_ = -1;  // program in the PEs
};

}  // namespace ecoflow
