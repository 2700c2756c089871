// SPDX-License-Identifier: Apache-2.0
#include "model/parts.h"

#include <xxhash.h>

#include <algorithm>

#include "isa/pe_image.h"

namespace ecoflow {
namespace {

// Parts hold about this many words or less where the nest can be cut so.
constexpr int64_t kPartWords = 1024;

int64_t PackRun(const GinRun& run) {
  return int64_t{run.row} | int64_t{run.col} << 8 | int64_t{run.words} << 16;
}

// Loops to leave outside: at least `least`, more while the rest, in so many ways, is long.
int OuterLoops(const LoopNest& nest, int least, int64_t ways = 1) {
  int outer = static_cast<int>(nest.loops.size());
  int64_t words = 1;
  while (outer > least) {
    const int64_t bound = nest.loops[static_cast<std::size_t>(outer - 1)].bound;
    if (words > 1 && words * bound * ways > kPartWords) break;
    words = std::min(words * bound, kPartWords * kPartWords);
    --outer;
  }
  return std::max(outer, std::min(least, static_cast<int>(nest.loops.size())));
}

}  // namespace

template <typename Part>
std::size_t PartList<Part>::Hash::operator()(const std::vector<int64_t>& key) const {
  return XXH3_64bits(key.data(), key.size() * sizeof(int64_t));
}

// ---------------------------------------------------------------- global input networks

GinParts::GinParts(const std::vector<GinDescriptor>& descriptors, int lanes, int pass_loops)
    : descriptors_(descriptors), lanes_(lanes), pass_loops_(pass_loops) {
  for (std::size_t k = 0; k < descriptors_.size(); ++k) {
    int64_t iterations = 1;
    for (int64_t bound : MakeOuter(descriptors_[k].nest, OuterOf(k)).bounds) iterations *= bound;
    total_ += iterations;
  }
}

// Loops that make a turn of descriptors that run in turns; 0 for others.
int GinParts::TurnLoops(std::size_t k) const {
  const bool next = k + 1 < descriptors_.size() && descriptors_[k].turn_loops == 0;
  return descriptors_[next ? k + 1 : k].turn_loops;
}

// An iteration of these loops is walked at once.
int GinParts::OuterOf(std::size_t k) const {
  const GinDescriptor& d = descriptors_[k];
  if (d.interleave < 0) return OuterLoops(d.nest, std::max(pass_loops_, TurnLoops(k)));
  return TurnLoops(k) > 0 ? TurnLoops(k) : d.interleave;
}

double GinParts::share() const {
  return total_ == 0 ? 1 : static_cast<double>(iterations_) / static_cast<double>(total_);
}

// Opens the next descriptor, and those that run in turns with it.
bool GinParts::Open() {
  running_.clear();
  while (descriptor_ < descriptors_.size() &&
         (running_.empty() || descriptors_[descriptor_].turn_loops > 0)) {
    const GinDescriptor& d = descriptors_[descriptor_];
    const int outer = OuterOf(descriptor_);
    Running& one = running_.emplace_back(
        Running{descriptor_, MakeOuter(d.nest, outer), NestStructure(d.nest, outer)});
    one.structure.AddValue(d.row_tag);
    one.structure.AddValue(d.col_tag);
    ++descriptor_;
  }
  return !running_.empty();
}

void GinParts::Find() {
  const auto left = [](const Running& r) { return !r.done; };
  if (std::none_of(running_.begin(), running_.end(), left) && !Open()) {
    ended_ = true;
    return;
  }
  Running* next = nullptr;
  const auto due = [&](const Running& r) { return r.iteration - descriptors_[r.descriptor].lead; };
  for (Running& one : running_) {
    if (!one.done && (next == nullptr || due(one) < due(*next))) next = &one;
  }
  const auto turn_loops =
      running_.size() == 1 ? 0 : static_cast<std::size_t>(TurnLoops(next->descriptor));
  const GinPart* last = nullptr;
  for (bool more = true; more;) {
    const Known& known = Parts(*next);
    Append(known);
    if (!known.parts.empty()) last = known.parts.back();
    next->turn = known.state;
    ++iterations_;
    next->done = !next->outer.Step();
    // What is left inside the loops that count turns is of the same turn.
    const auto inner = next->outer.indices.begin() + static_cast<std::ptrdiff_t>(turn_loops);
    const bool inside = std::any_of(inner, next->outer.indices.end(), [](int64_t i) { return i != 0; });
    more = !next->done && turn_loops > 0 && inside;
  }
  ++next->iteration;
  if (turn_loops > 0 && last != nullptr && last->joins) {  // the next turn begins with a new beat
    GinPart part = *last;
    found_.back() = Finish(next->descriptor, part, false);
  }
}

const GinParts::Known& GinParts::Parts(Running& running) {
  key_ = {static_cast<int64_t>(running.descriptor), running.turn};
  running.structure.Append(running.outer.indices, key_);
  Known& known = known_[key_];
  if (!known.walked) {
    known = descriptors_[running.descriptor].interleave < 0 ? Walk(running) : WalkInTurn(running);
  }
  return known;
}

const GinPart* GinParts::Finish(std::size_t descriptor, GinPart& part, bool joins) {
  const GinDescriptor& d = descriptors_[descriptor];
  part.descriptor = static_cast<int>(descriptor);
  part.destination = static_cast<uint8_t>(d.destination);
  part.joins = joins;
  std::vector<int64_t> content = {static_cast<int64_t>(descriptor), joins};
  for (const GinRun& run : part.runs) content.push_back(PackRun(run));
  const GinPart* interned = Intern(std::move(content), std::move(part));
  part = {};
  return interned;
}

GinParts::Known GinParts::Walk(const Running& running) {
  const GinDescriptor& d = descriptors_[running.descriptor];
  GinPart part;
  NestCursor cursor(d.nest);
  for (cursor.Seek(running.outer.indices); !cursor.done(); cursor.Next()) {
    const auto row = static_cast<uint8_t>(cursor[d.row_tag]);
    const auto col = static_cast<uint8_t>(cursor[d.col_tag]);
    if (part.runs.empty() || part.runs.back().row != row || part.runs.back().col != col) {
      part.runs.push_back({row, col, 0});
    }
    ++part.runs.back().words;
  }
  Known known;
  known.walked = true;
  if (!part.runs.empty()) known.parts.push_back(Finish(running.descriptor, part, true));
  return known;
}

// Beat by beat in turn, of those that have words left. Cut where the first of them reaches the next
// iteration of the loops that OuterLoops would leave outside.
GinParts::Known GinParts::WalkInTurn(const Running& running) {
  const GinDescriptor& d = descriptors_[running.descriptor];
  const int64_t ways = d.nest.loops[static_cast<std::size_t>(d.interleave)].bound;
  const int cut = OuterLoops(d.nest, d.interleave + 1, ways);
  std::vector<NestCursor> cursors;
  for (int64_t k = 0; k < ways; ++k) {
    cursors.emplace_back(d.nest, d.interleave, k);
    cursors.back().Seek(running.outer.indices);
  }
  auto turn = static_cast<std::size_t>(running.turn);
  Known known;
  known.walked = true;
  GinPart part;
  std::vector<int64_t> place, furthest;
  const auto left = [](const NestCursor& cursor) { return !cursor.done(); };
  while (std::any_of(cursors.begin(), cursors.end(), left)) {
    while (cursors[turn].done()) turn = (turn + 1) % cursors.size();
    NestCursor& cursor = cursors[turn];
    turn = (turn + 1) % cursors.size();
    place.clear();
    for (int l = d.interleave + 1; l < cut; ++l) place.push_back(cursor[l]);
    if (place > furthest) {
      if (!part.runs.empty()) known.parts.push_back(Finish(running.descriptor, part, false));
      furthest = place;
    }
    GinRun run{static_cast<uint8_t>(cursor[d.row_tag]), static_cast<uint8_t>(cursor[d.col_tag]), 0};
    while (run.words < static_cast<uint32_t>(lanes_) && !cursor.done() &&
           static_cast<uint8_t>(cursor[d.row_tag]) == run.row &&
           static_cast<uint8_t>(cursor[d.col_tag]) == run.col) {
      ++run.words;
      cursor.Next();
    }
    part.runs.push_back(run);
  }
  if (!part.runs.empty()) known.parts.push_back(Finish(running.descriptor, part, false));
  known.state = static_cast<int64_t>(turn);
  return known;
}

// ---------------------------------------------------------------- global output network

GonParts::GonParts(const std::vector<GonDescriptor>& descriptors, const HwConfig& hw, int pass_loops)
    : descriptors_(descriptors), hw_(hw), pass_loops_(pass_loops), late_sums_(hw.accumulator_latency() > 1) {
  command_ = Keep({});
}

int64_t GonParts::Keep(const Open& open) {
  const auto [at, fresh] = left_at_.try_emplace(open, static_cast<int64_t>(left_.size()));
  if (fresh) left_.push_back(open);
  return at->second;
}

void GonParts::Find() {
  if (!open_) {
    if (descriptor_ == descriptors_.size()) {
      // A run without any result still needs its end.
      GonPart part;
      part.commands.push_back(left_[static_cast<std::size_t>(command_)].Close());
      part.commands.back().end = 1;
      found_.push_back(Finish(part));
      ended_ = true;
      return;
    }
    const GonDescriptor& d = descriptors_[descriptor_];
    const int outer = OuterLoops(d.nest, pass_loops_);
    outer_ = MakeOuter(d.nest, outer);
    structure_ = std::make_unique<NestStructure>(d.nest, outer);
    structure_->AddCondition(d.real);
    structure_->AddCondition(d.first);
    structure_->AddCondition(d.last);
    structure_->AddValue(d.row);
    structure_->AddValue(d.col);
    structure_->AddValue(d.slot, hw_.gon_lanes());
    open_ = true;
  }
  if (late_sums_) {  // slots relative to the first one of the part: alike in parts of equal structure
    NestCursor cursor(descriptors_[descriptor_].nest);
    cursor.Seek(outer_.indices);
    if (!cursor.done()) {
      const int64_t base = cursor[descriptors_[descriptor_].slot];
      command_ = Keep(left_[static_cast<std::size_t>(command_)].Moved(base_ - base));
      base_ = base;
    }
  }
  key_ = {static_cast<int64_t>(descriptor_), command_};
  structure_->Append(outer_.indices, key_);
  Known& known = known_[key_];
  if (!known.walked && !Walk(known)) return;
  Append(known);
  command_ = known.state;
  if (!outer_.Step()) {
    ++descriptor_;
    open_ = false;
  }
}

const GonPart* GonParts::Finish(GonPart& part) {
  std::vector<int64_t> content;
  for (const GonWord& word : part.commands) {
    content.push_back(word.words | word.outputs << 8 | word.end << 16 | word.waits << 24);
    for (int k = 0; k < hw_.gon_lanes(); ++k) content.push_back(word.pe[static_cast<std::size_t>(k)]);
  }
  const GonPart* interned = Intern(std::move(content), std::move(part));
  part = {};
  return interned;
}

bool GonParts::Open::Names(uint16_t pe) const {
  return std::find(word.pe.begin(), word.pe.end(), pe) != word.pe.end() ||
         std::find(free_pe.begin(), free_pe.begin() + free, pe) != free_pe.begin() + free;
}

// The command; PEs that any lane may name take those that are left, in order.
GonWord GonParts::Open::Close() const {
  GonWord closed = word;
  std::size_t lane = 0;
  for (std::size_t k = 0; k < free; ++k) {
    while (closed.pe[lane] != kNoPe) ++lane;
    closed.pe[lane] = free_pe[k];
  }
  for (std::size_t k = 0; k < before.size(); ++k) {
    for (std::size_t l = 0; l < adds.size(); ++l) {
      if (adds[l] != kNoSlot && adds[l] == before[k][l]) closed.waits |= static_cast<uint8_t>(1u << k);
    }
  }
  return closed;
}

GonParts::Open GonParts::Open::Next() const {
  Open next;
  next.before = {leaves, before[0], before[1]};
  return next;
}

GonParts::Open GonParts::Open::Moved(int64_t by) const {
  Open moved = *this;
  for (Slots* slots : {&moved.adds, &moved.leaves, &moved.before[0], &moved.before[1], &moved.before[2]}) {
    for (int64_t& slot : *slots) {
      if (slot != kNoSlot) slot += by;
    }
  }
  return moved;
}

// As many words to a command as lanes, accumulator banks and PEs allow, in order.
bool GonParts::Walk(Known& known) {
  const GonDescriptor& d = descriptors_[descriptor_];
  const int64_t lanes = hw_.gon_lanes(), slots = hw_.accumulator_slots();
  Open open = left_[static_cast<std::size_t>(command_)];
  GonPart part;
  NestCursor cursor(d.nest);
  for (cursor.Seek(outer_.indices); !cursor.done(); cursor.Next()) {
    const int64_t row = cursor[d.row], col = cursor[d.col], slot = cursor[d.slot];
    const auto [real, first, last] = MovesOf(d, cursor);
    const bool stays = !(first && last);  // in one lane's accumulator
    if (row < 0 || row >= hw_.rows || col < 0 || col >= hw_.columns) {
      Fail(fmt::format("PE {},{} does not exist", row, col));
      return false;
    }
    if (stays && (slot < 0 || slot >= slots)) {
      Fail(fmt::format("accumulator slot {} does not exist", slot));
      return false;
    }
    const auto pe = static_cast<uint16_t>(row * hw_.columns + col);
    const auto lane = static_cast<std::size_t>(stays ? slot % lanes : 0);
    if (open.word.words == lanes || open.Names(pe) || (stays && open.word.pe[lane] != kNoPe)) {
      part.commands.push_back(open.Close());
      open = open.Next();
    }
    if (late_sums_ && stays) {
      if (!first) open.adds[lane] = slot - base_;
      if (!last) open.leaves[lane] = slot - base_;
    }
    (stays ? open.word.pe[lane] : open.free_pe[open.free++]) = pe;
    ++open.word.words;
    open.word.outputs = static_cast<uint8_t>(open.word.outputs + last);
  }
  known.walked = true;
  if (!part.commands.empty()) known.parts.push_back(Finish(part));
  known.state = Keep(open);
  return true;
}

// ---------------------------------------------------------------- configuration

ConfigParts::ConfigParts(const Schedule& schedule, const HwConfig& hw, TraceTable& traces)
    : schedule_(schedule), hw_(hw), traces_(traces) {}

void ConfigParts::Find() {
  const auto append = [&](Known& known, uint64_t word) {
    known.parts.push_back(Intern({static_cast<int64_t>(word)}, {word}));
  };
  if (!begun_) {
    begun_ = true;
    Known setup;
    for (uint64_t word : schedule_.setup) append(setup, word);
    Append(setup);
    return;
  }
  if (!open_) {
    if (descriptor_ == schedule_.passes.size()) {
      ended_ = true;
      return;
    }
    const PassDescriptor& d = schedule_.passes[descriptor_];
    const int outer = static_cast<int>(d.nest.loops.size()) - 2;
    outer_ = MakeOuter(d.nest, outer);
    structure_ = std::make_unique<NestStructure>(d.nest, outer);
    structure_->AddCondition(d.active);
    structure_->AddCondition(d.from_below);
    structure_->AddCondition(d.to_above);
    for (const ParamField& field : d.fields) structure_->AddValue(field.var);
    if (d.variant >= 0) structure_->AddValue(d.variant);
    open_ = true;
  }
  const PassDescriptor& d = schedule_.passes[descriptor_];
  key_ = {static_cast<int64_t>(descriptor_), loaded_};
  structure_->Append(outer_.indices, key_);
  Known& known = known_[key_];
  if (!known.walked) {
    known.walked = true;
    known.state = loaded_;
    NestCursor cursor(d.nest);
    cursor.Seek(outer_.indices);
    if (!cursor.done()) {
      const auto loops = d.nest.loops.size();
      const int rows = static_cast<int>(d.nest.loops[loops - 2].bound);
      const int columns = static_cast<int>(d.nest.loops[loops - 1].bound);
      const int64_t number = ProgramOf(d, cursor);
      if (number < 0 || number >= static_cast<int64_t>(schedule_.programs.size())) {
        return Fail(fmt::format("program {} does not exist", number));
      }
      const auto& program = schedule_.programs[static_cast<std::size_t>(number)];
      if (number != loaded_) {
        append(known, ConfigHeader(0, hw_.rows - 1, 0, hw_.columns - 1, 0, false,
                                   static_cast<int>(program.size())));
        for (uint64_t word : program) append(known, word);
        known.state = number;
      }
      std::vector<uint64_t> words;
      for (; !cursor.done(); cursor.Next()) words.push_back(PassWord(d, cursor));
      if (std::ssize(words) != rows * columns) return Fail("a pass ends before its last PE");
      // Headers as they are, traces in place of pass words.
      uint64_t left = 0;
      for (const uint64_t word : WordsOnPort(words, rows, columns, kCfgParam)) {
        append(known, left == 0 ? word : static_cast<uint64_t>(traces_.Find(program, number, word)));
        left = left == 0 ? word >> 39 & 0xffff : left - 1;
      }
      if (traces_.endless()) return Fail("a pass does not end");
    }
  }
  Append(known);
  loaded_ = known.state;
  if (!outer_.Step()) {
    ++descriptor_;
    open_ = false;
  }
}

}  // namespace ecoflow
