// SPDX-License-Identifier: Apache-2.0
#include "compiler/schedule/stream.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/json_fields.h"
#include "base/result.h"
#include "isa/pe_image.h"

namespace ecoflow {
using nlohmann::json;

// The small ones are arrays, and what a register does not do is left out: images stay small.
void to_json(json& document, const Loop& loop) { document = json::array({loop.name, loop.bound}); }
void to_json(json& document, const Term& term) { document = json::array({term.var, term.factor}); }
void to_json(json& document, const Range& range) {
  document = json::array({range.var, range.low, range.high});
}
void to_json(json& document, const Register& reg) {
  const Register plain;
  document = {{"name", reg.name}, {"terms", reg.terms}};
  if (reg.base != plain.base) document["base"] = reg.base;
  if (reg.divisor != plain.divisor) document["divisor"] = reg.divisor;
  if (reg.modulus != plain.modulus) document["modulus"] = reg.modulus;
  if (reg.cap != plain.cap) document["cap"] = reg.cap;
}
// What is as in a descriptor that says nothing is left out: parts make images long.
template <typename Value>
void AddUnless(const Value& plain, const char* key, const Value& value, json& document) {
  if (value != plain) document[key] = value;
}
void AddIfAny(const char* key, const Condition& condition, json& document) {
  if (!condition.empty()) document[key] = condition;
}
void to_json(json& document, const LoopNest& nest) {
  document = {{"loops", nest.loops}, {"registers", nest.registers}};
  AddIfAny("keep", nest.keep, document);
}
void to_json(json& document, const GinDescriptor& d) {
  const GinDescriptor plain;
  document = {{"nest", d.nest},       {"operand", d.operand}, {"destination", d.destination},
              {"row_tag", d.row_tag}, {"col_tag", d.col_tag}, {"address", d.address},
              {"part", d.part}};
  AddIfAny("real", d.real, document);
  AddUnless(plain.interleave, "interleave", d.interleave, document);
  AddUnless(plain.turn_loops, "turn_loops", d.turn_loops, document);
  AddUnless(plain.lead, "lead", d.lead, document);
}
void to_json(json& document, const GonDescriptor& d) {
  document = {{"nest", d.nest}, {"row", d.row}, {"col", d.col}, {"slot", d.slot}, {"address", d.address}, {"part", d.part}};
  AddIfAny("real", d.real, document);
  AddIfAny("first", d.first, document);
  AddIfAny("last", d.last, document);
}
void to_json(json& document, const ParamField& field) {
  document = {{"name", field.name}, {"var", field.var}};
}
void to_json(json& document, const PassDescriptor& d) {
  const PassDescriptor plain;
  document = {{"nest", d.nest}, {"pass_loops", d.pass_loops}, {"fields", d.fields}, {"first_program", d.first_program}};
  AddUnless(plain.round_loops, "round_loops", d.round_loops, document);
  AddUnless(plain.variant, "variant", d.variant, document);
  AddIfAny("active", d.active, document);
  AddIfAny("from_below", d.from_below, document);
  AddIfAny("to_above", d.to_above, document);
}
json ToJson(const Schedule& s) {
  return {{"setup", s.setup}, {"programs", s.programs}, {"passes", s.passes}, {"wide", s.wide},
          {"narrow", s.narrow}, {"gon", s.gon}, {"num_passes", s.num_passes}};
}

namespace {

constexpr int64_t kHuge = int64_t{1} << 40;     // iterations of a loop
constexpr int64_t kLargest = int64_t{1} << 60;  // value of a variable
constexpr IntegerRange kValue = {-kLargest, kLargest};

// What a number of the document may be that counts something which is there: 0..count-1.
template <typename Container>
IntegerRange IndexOf(const Container& container) {
  return {0, static_cast<int64_t>(container.size()) - 1};
}
int64_t FloorDiv(int64_t a, int64_t b) { return a >= 0 ? a / b : -((-a + b - 1) / b); }
IntegerRange VariableOf(const LoopNest& nest) {
  return {0, static_cast<int64_t>(nest.loops.size() + nest.registers.size()) - 1};
}

}  // namespace

static Status Read(const JsonPlace& at, Loop& loop) {
  ECO_RETURN_IF_ERROR(at.HasItems(2));
  ECO_RETURN_IF_ERROR(Read(at.Item(0), loop.name));
  return Read(at.Item(1), loop.bound, IntegerRange{1, kHuge});
}
static Status Read(const JsonPlace& at, Term& term, const IntegerRange& variable) {
  ECO_RETURN_IF_ERROR(at.HasItems(2));
  ECO_RETURN_IF_ERROR(Read(at.Item(0), term.var, variable));
  return Read(at.Item(1), term.factor, kValue);
}
static Status Read(const JsonPlace& at, Range& range, const IntegerRange& variable) {
  ECO_RETURN_IF_ERROR(at.HasItems(3));
  ECO_RETURN_IF_ERROR(Read(at.Item(0), range.var, variable));
  ECO_RETURN_IF_ERROR(Read(at.Item(1), range.low));
  return Read(at.Item(2), range.high);
}
static Status Read(const JsonPlace& at, Register& reg, const IntegerRange& variable) {
  ECO_RETURN_IF_ERROR(at.Get("name", reg.name));
  ECO_RETURN_IF_ERROR(at.Get("terms", reg.terms, variable));
  ECO_RETURN_IF_ERROR(at.GetIfAny("base", reg.base, kValue));
  ECO_RETURN_IF_ERROR(at.GetIfAny("divisor", reg.divisor, IntegerRange{1, kLargest}));
  ECO_RETURN_IF_ERROR(at.GetIfAny("modulus", reg.modulus, IntegerRange{0, kLargest}));
  return at.GetIfAny("cap", reg.cap);
}
// A register takes loops and the registers before it.
static Status Read(const JsonPlace& at, std::vector<Register>& registers, const LoopNest& nest) {
  if (!at.value().is_array()) return at.Wrong("an array");
  const auto loops = static_cast<int64_t>(nest.loops.size());
  for (std::size_t k = 0; k < at.value().size(); ++k) {
    const IntegerRange before = {0, loops + static_cast<int64_t>(k) - 1};
    ECO_RETURN_IF_ERROR(Read(at.Item(k), registers.emplace_back(), before));
  }
  return {};
}
static Status Read(const JsonPlace& at, LoopNest& nest) {
  ECO_RETURN_IF_ERROR(at.Get("loops", nest.loops));
  ECO_RETURN_IF_ERROR(at.Get("registers", nest.registers, nest));
  return at.GetIfAny("keep", nest.keep, VariableOf(nest));
}
static Status Read(const JsonPlace& at, GinDescriptor& d, const Schedule& schedule) {
  ECO_RETURN_IF_ERROR(at.Get("nest", d.nest));
  const IntegerRange variable = VariableOf(d.nest);
  const auto loops = static_cast<int64_t>(d.nest.loops.size());
  ECO_RETURN_IF_ERROR(at.Get("operand", d.operand, IntegerRange{0, 1}));
  ECO_RETURN_IF_ERROR(at.Get("destination", d.destination, IntegerRange{0, 2}));
  ECO_RETURN_IF_ERROR(at.Get("row_tag", d.row_tag, variable));
  ECO_RETURN_IF_ERROR(at.Get("col_tag", d.col_tag, variable));
  ECO_RETURN_IF_ERROR(at.Get("address", d.address, variable));
  ECO_RETURN_IF_ERROR(at.GetIfAny("real", d.real, variable));
  ECO_RETURN_IF_ERROR(at.GetIfAny("interleave", d.interleave, IntegerRange{-1, loops - 1}));
  ECO_RETURN_IF_ERROR(at.GetIfAny("turn_loops", d.turn_loops, IntegerRange{0, loops}));
  ECO_RETURN_IF_ERROR(at.GetIfAny("lead", d.lead, IntegerRange{0, kHuge}));
  return at.Get("part", d.part, IndexOf(schedule.passes));
}
static Status Read(const JsonPlace& at, GonDescriptor& d, const Schedule& schedule) {
  ECO_RETURN_IF_ERROR(at.Get("nest", d.nest));
  const IntegerRange variable = VariableOf(d.nest);
  ECO_RETURN_IF_ERROR(at.Get("row", d.row, variable));
  ECO_RETURN_IF_ERROR(at.Get("col", d.col, variable));
  ECO_RETURN_IF_ERROR(at.Get("slot", d.slot, variable));
  ECO_RETURN_IF_ERROR(at.Get("address", d.address, variable));
  ECO_RETURN_IF_ERROR(at.GetIfAny("real", d.real, variable));
  ECO_RETURN_IF_ERROR(at.GetIfAny("first", d.first, variable));
  ECO_RETURN_IF_ERROR(at.GetIfAny("last", d.last, variable));
  return at.Get("part", d.part, IndexOf(schedule.passes));
}
static Status Read(const JsonPlace& at, ParamField& field, const IntegerRange& variable) {
  ECO_RETURN_IF_ERROR(at.Get("name", field.name));
  return at.Get("var", field.var, variable);
}
static Status Read(const JsonPlace& at, PassDescriptor& d, const Schedule& schedule) {
  ECO_RETURN_IF_ERROR(at.Get("nest", d.nest));
  const IntegerRange variable = VariableOf(d.nest);
  const auto loops = static_cast<int64_t>(d.nest.loops.size());
  ECO_RETURN_IF_ERROR(at.Get("pass_loops", d.pass_loops, IntegerRange{0, loops - 2}));
  ECO_RETURN_IF_ERROR(at.GetIfAny("round_loops", d.round_loops, IntegerRange{0, d.pass_loops}));
  ECO_RETURN_IF_ERROR(at.Get("fields", d.fields, variable));
  ECO_RETURN_IF_ERROR(at.GetIfAny("active", d.active, variable));
  ECO_RETURN_IF_ERROR(at.GetIfAny("from_below", d.from_below, variable));
  ECO_RETURN_IF_ERROR(at.GetIfAny("to_above", d.to_above, variable));
  ECO_RETURN_IF_ERROR(at.Get("first_program", d.first_program, IndexOf(schedule.programs)));
  return at.GetIfAny("variant", d.variant, IntegerRange{-1, variable.high});
}

Status Read(const JsonPlace& at, Schedule& schedule) {
  ECO_RETURN_IF_ERROR(at.Get("setup", schedule.setup));
  ECO_RETURN_IF_ERROR(at.Get("programs", schedule.programs));
  ECO_RETURN_IF_ERROR(at.Get("passes", schedule.passes, schedule));
  ECO_RETURN_IF_ERROR(at.Get("wide", schedule.wide, schedule));
  ECO_RETURN_IF_ERROR(at.Get("narrow", schedule.narrow, schedule));
  ECO_RETURN_IF_ERROR(at.Get("gon", schedule.gon, schedule));
  return at.Get("num_passes", schedule.num_passes, IntegerRange{0, kLargest});
}

int64_t ImageBytes(const Schedule& schedule) {
  return static_cast<int64_t>(ToJson(schedule).dump().size());
}

void AppendParts(Schedule& schedule, Schedule next) {
  const auto parts = static_cast<int>(schedule.passes.size());
  // Parts that differ by addresses alone have the same programs.
  const auto known = std::search(schedule.programs.begin(), schedule.programs.end(), next.programs.begin(), next.programs.end());
  const auto first = static_cast<int>(known - schedule.programs.begin());
  if (known == schedule.programs.end()) {
    schedule.programs.insert(schedule.programs.end(), next.programs.begin(), next.programs.end());
  }
  for (PassDescriptor& d : next.passes) {
    d.first_program += first;
    schedule.passes.push_back(std::move(d));
  }
  const auto append = [&](auto& to, auto& from) {
    for (auto& d : from) {
      d.part += parts;
      to.push_back(std::move(d));
    }
  };
  append(schedule.wide, next.wide);
  append(schedule.narrow, next.narrow);
  append(schedule.gon, next.gon);
  schedule.num_passes += next.num_passes;
}

int64_t NumPasses(const PassDescriptor& descriptor) {
  int64_t passes = 1;
  for (int l = 0; l < descriptor.pass_loops; ++l) {
    passes *= descriptor.nest.loops[static_cast<std::size_t>(l)].bound;
  }
  return passes;
}

int64_t NumRounds(const PassDescriptor& descriptor) {
  int64_t rounds = 1;
  for (int l = 0; l < descriptor.pass_loops - descriptor.round_loops; ++l) {
    rounds *= descriptor.nest.loops[static_cast<std::size_t>(l)].bound;
  }
  return rounds;
}

int64_t ProgramOf(const PassDescriptor& descriptor, const NestCursor& cursor) {
  return descriptor.first_program + (descriptor.variant < 0 ? 0 : cursor[descriptor.variant]);
}

int LoopNest::AddLoop(std::string name, int64_t bound) {
  CHECK(registers.empty() && bound >= 1);
  loops.push_back({std::move(name), bound});
  return static_cast<int>(loops.size()) - 1;
}

int LoopNest::AddRegister(Register reg) {
  const int var = static_cast<int>(loops.size() + registers.size());
  for (const Term& term : reg.terms) CHECK(term.var < var);
  CHECK(reg.divisor >= 1 && reg.modulus >= 0);
  registers.push_back(std::move(reg));
  return var;
}

int LoopNest::Affine(std::string name, int64_t base, std::vector<Term> terms, int64_t cap) {
  return AddRegister({std::move(name), base, std::move(terms), 1, 0, cap});
}

int LoopNest::Quotient(std::string name, int var, int64_t divisor) {
  if (divisor == 1) return var;
  Register reg{std::move(name), 0, {{var, 1}}};
  reg.divisor = divisor;
  return AddRegister(std::move(reg));
}

int LoopNest::Remainder(std::string name, int var, int64_t modulus) {
  if (const Range bounds = Bounds(var); bounds.low >= 0 && bounds.high <= modulus) return var;
  Register reg{std::move(name), 0, {{var, 1}}};
  reg.modulus = modulus;
  return AddRegister(std::move(reg));
}

Range LoopNest::Bounds(int var) const {
  Range bounds{var, 0, 0};
  if (var < static_cast<int>(loops.size())) {
    bounds.high = loops[static_cast<std::size_t>(var)].bound;
  } else {
    const Register& reg = registers[static_cast<std::size_t>(var) - loops.size()];
    int64_t low = reg.base, high = reg.base;
    for (const Term& term : reg.terms) {
      const Range of = Bounds(term.var);
      low += term.factor * (term.factor < 0 ? of.high - 1 : of.low);
      high += term.factor * (term.factor < 0 ? of.low : of.high - 1);
    }
    low = FloorDiv(low, reg.divisor), high = FloorDiv(high, reg.divisor);
    if (reg.modulus > 0 && (low < 0 || high >= reg.modulus)) low = 0, high = reg.modulus - 1;
    bounds.low = std::min(low, reg.cap), bounds.high = std::min(high, reg.cap) + 1;
  }
  for (const AnyOf& any : keep) {
    if (any.size() != 1 || any[0].var != var) continue;
    bounds.low = std::max(bounds.low, any[0].low), bounds.high = std::min(bounds.high, any[0].high);
  }
  return bounds;
}

namespace {

// Whether `value` lies between -kLargest and kLargest.
bool IsSmall(__int128 value) { return value >= -kLargest && value <= kLargest; }

bool NestIsSound(const LoopNest& nest) {
  const std::size_t loops = nest.loops.size();
  std::vector<__int128> most;  // of each variable, without its sign
  for (const Loop& loop : nest.loops) {
    if (loop.bound < 1 || loop.bound > kHuge) return false;
    most.push_back(loop.bound);
  }
  for (std::size_t k = 0; k < nest.registers.size(); ++k) {
    const Register& reg = nest.registers[k];
    if (reg.divisor < 1 || reg.modulus < 0 || !IsSmall(reg.base)) return false;
    __int128 sum = reg.base < 0 ? -reg.base : reg.base;
    for (const Term& term : reg.terms) {
      if (term.var < 0 || term.var >= static_cast<int>(loops + k) || !IsSmall(term.factor)) return false;
      sum += (term.factor < 0 ? -term.factor : term.factor) * most[static_cast<std::size_t>(term.var)];
      if (!IsSmall(sum)) return false;
    }
    most.push_back(sum);
  }
  return true;
}

bool VarsExist(const LoopNest& nest, std::initializer_list<int> vars,
               std::initializer_list<const Condition*> conditions) {
  const int count = static_cast<int>(nest.loops.size() + nest.registers.size());
  const auto good = [&](int var) { return var >= 0 && var < count; };
  for (int var : vars) {
    if (!good(var)) return false;
  }
  for (const Condition* condition : conditions) {
    for (const AnyOf& any : *condition) {
      for (const Range& range : any) {
        if (!good(range.var)) return false;
      }
    }
  }
  return true;
}

}  // namespace

Status CheckSchedule(const Schedule& schedule, const HwConfig& config) {
  const auto bad = [](const char* what) { return BadInput("image.json: schedule.{} is damaged", what); };
  for (const auto& program : schedule.programs) {
    if (static_cast<int>(program.size()) != config.image_store_depth) return bad("programs");
  }
  for (const PassDescriptor& d : schedule.passes) {
    if (!NestIsSound(d.nest) || d.nest.loops.size() < 2 || d.pass_loops < 0 || d.round_loops < 0 ||
        d.round_loops > d.pass_loops ||
        d.nest.loops[d.nest.loops.size() - 2].bound > config.rows ||
        d.nest.loops.back().bound > config.columns || schedule.programs.empty() ||
        d.pass_loops > static_cast<int>(d.nest.loops.size()) - 2 || d.first_program < 0 ||
        !VarsExist(d.nest, {std::max(d.variant, 0)},
                   {&d.nest.keep, &d.active, &d.from_below, &d.to_above})) {
      return bad("passes");
    }
    for (const ParamField& field : d.fields) {
      const auto& all = ImageFields();
      const bool known = std::any_of(all.begin(), all.end(), [&](const ImageField& f) {
        return std::string_view(f.group) == "Param" && f.name == field.name;
      });
      if (!known || !VarsExist(d.nest, {field.var}, {})) return bad("passes");
    }
  }
  for (const auto* network : {&schedule.wide, &schedule.narrow}) {
    for (const GinDescriptor& d : *network) {
      if (!NestIsSound(d.nest) || d.operand < 0 || d.operand > 1 || d.destination < 0 ||
          d.destination > 2 || d.interleave >= static_cast<int>(d.nest.loops.size()) ||
          d.turn_loops < 0 || d.turn_loops > static_cast<int>(d.nest.loops.size()) ||
          (d.interleave >= 0 &&
           d.nest.loops[static_cast<std::size_t>(d.interleave)].bound > config.columns) ||
          !VarsExist(d.nest, {d.row_tag, d.col_tag, d.address}, {&d.nest.keep, &d.real})) {
        return bad(network == &schedule.wide ? "wide" : "narrow");
      }
    }
  }
  for (const GonDescriptor& d : schedule.gon) {
    if (!NestIsSound(d.nest) || !VarsExist(d.nest, {d.row, d.col, d.slot, d.address},
                                           {&d.nest.keep, &d.real, &d.first, &d.last})) {
      return bad("gon");
    }
  }
  return {};
}

NestCursor::NestCursor(const LoopNest& nest, int fixed_loop, int64_t fixed_index)
    : nest_(&nest), num_loops_(static_cast<int>(nest.loops.size())), fixed_loop_(fixed_loop) {
  values_.resize(nest.loops.size() + nest.registers.size(), 0);
  int outer = -1;
  for (int l = 0; l < num_loops_; ++l) {
    outer_.push_back(outer);
    if (nest.loops[static_cast<std::size_t>(l)].bound > 1) outer = l;
  }
  outer_.push_back(outer);
  for (const Register& reg : nest.registers) {
    int level = -1;
    for (const Term& term : reg.terms) level = std::max(level, LevelOf(term.var));
    register_level_.push_back(level);
  }
  for (const AnyOf& any : nest.keep) {
    int level = -1;
    for (const Range& range : any) level = std::max(level, LevelOf(range.var));
    clauses_.push_back({level, ranges_.size(), ranges_.size() + any.size()});
    ranges_.insert(ranges_.end(), any.begin(), any.end());
  }
  std::stable_sort(clauses_.begin(), clauses_.end(),
                   [](const Clause& a, const Clause& b) { return a.level < b.level; });
  for (int level = 0; level < num_loops_; ++level) {
    const auto first = std::find_if(clauses_.begin(), clauses_.end(), [&](const Clause& c) { return c.level >= level; });
    first_clause_.push_back(static_cast<std::size_t>(first - clauses_.begin()));
  }
  if (fixed_loop_ >= 0) values_[static_cast<std::size_t>(fixed_loop_)] = fixed_index;
  PlanMoves();
  Recompute(-1);
  Settle(-1);
}

void NestCursor::PlanMoves() {
  // What each loop's index is multiplied by in each register; none where the register is not affine.
  const auto loops = static_cast<std::size_t>(num_loops_);
  std::vector<std::vector<int64_t>> factors;
  for (const Register& reg : nest_->registers) {
    std::vector<int64_t>& own = factors.emplace_back(loops);
    bool affine = reg.divisor == 1 && reg.modulus == 0 && reg.cap == Register().cap;
    for (const Term& term : reg.terms) {
      const auto var = static_cast<std::size_t>(term.var);
      if (var < loops) {
        own[var] += term.factor;
      } else if (const auto& other = factors[var - loops]; !other.empty()) {
        for (std::size_t l = 0; l < loops; ++l) own[l] += term.factor * other[l];
      } else {
        affine = false;
      }
    }
    if (!affine) own.clear();
  }
  for (int level = 0; level < num_loops_; ++level) {
    first_move_.push_back(moves_.size());
    for (std::size_t k = 0; k < factors.size(); ++k) {
      if (register_level_[k] < level) continue;
      int64_t step = kNoStep;
      if (!factors[k].empty()) {
        step = factors[k][static_cast<std::size_t>(level)];
        for (int l = level + 1; l < num_loops_; ++l) {
          const auto inner = static_cast<std::size_t>(l);
          if (l != fixed_loop_) step -= factors[k][inner] * (nest_->loops[inner].bound - 1);
        }
      }
      if (step != 0) moves_.push_back({k, step});
    }
  }
  first_move_.push_back(moves_.size());
}

int NestCursor::LevelOf(int var) const {
  return var < num_loops_ ? var : register_level_[static_cast<std::size_t>(var - num_loops_)];
}

void NestCursor::Compute(std::size_t register_number) {
  const Register& reg = nest_->registers[register_number];
  int64_t value = reg.base;
  for (const Term& term : reg.terms) value += term.factor * values_[static_cast<std::size_t>(term.var)];
  if (reg.divisor != 1) value = FloorDiv(value, reg.divisor);
  if (reg.modulus != 0) value -= reg.modulus * FloorDiv(value, reg.modulus);
  values_[static_cast<std::size_t>(num_loops_) + register_number] = std::min(value, reg.cap);
}

void NestCursor::Recompute(int level) {
  for (std::size_t k = 0; k < nest_->registers.size(); ++k) {
    if (register_level_[k] >= level) Compute(k);
  }
}

void NestCursor::Follow(int level) {
  const auto at = static_cast<std::size_t>(level);
  for (std::size_t m = first_move_[at]; m < first_move_[at + 1]; ++m) {
    const Move& move = moves_[m];
    if (move.step == kNoStep) {
      Compute(move.register_number);
    } else {
      values_[static_cast<std::size_t>(num_loops_) + move.register_number] += move.step;
    }
  }
}

int NestCursor::StepFrom(int level) {
  while (level >= frozen_) {
    if (level != fixed_loop_) {
      auto& index = values_[static_cast<std::size_t>(level)];
      if (++index < nest_->loops[static_cast<std::size_t>(level)].bound) {
        if (level < fixed_loop_) ++outer_count_;
        return level;
      }
      index = 0;
    }
    level = outer_[static_cast<std::size_t>(level)];
  }
  return -1;
}

void NestCursor::Settle(int level) {
  while (true) {
    bool kept = true;
    for (std::size_t k = level < 0 ? 0 : first_clause_[static_cast<std::size_t>(level)]; k < clauses_.size(); ++k) {
      const Clause& clause = clauses_[k];
      bool holds = false;
      for (std::size_t r = clause.first; r < clause.end && !holds; ++r) {
        const int64_t value = values_[static_cast<std::size_t>(ranges_[r].var)];
        holds = ranges_[r].low <= value && value < ranges_[r].high;
      }
      if (holds) continue;
      // No deeper index can mend it: step the loop that the clause depends on.
      kept = false;
      for (int l = clause.level + 1; l < num_loops_; ++l) {
        if (l != fixed_loop_ && l >= frozen_) values_[static_cast<std::size_t>(l)] = 0;
      }
      level = StepFrom(clause.level);
      break;
    }
    if (kept) return;
    if (level < 0) {
      done_ = true;
      return;
    }
    Recompute(level);
  }
}

SumMoves MovesOf(const GonDescriptor& d, const NestCursor& cursor) {
  if (!cursor.Holds(d.real)) return {false, true, false};
  return {true, cursor.Holds(d.first), cursor.Holds(d.last)};
}

void NestCursor::Next() {
  const int level = StepFrom(outer_.back());
  if (level < 0) {
    done_ = true;
    return;
  }
  Follow(level);
  Settle(level);
}

void NestCursor::Seek(const std::vector<int64_t>& outer_indices) {
  for (int l = 0; l < num_loops_; ++l) {
    if (l == fixed_loop_) continue;
    const auto position = static_cast<std::size_t>(l);
    values_[position] = position < outer_indices.size() ? outer_indices[position] : 0;
  }
  frozen_ = static_cast<int>(outer_indices.size());
  done_ = false;
  Recompute(-1);
  Settle(-1);
}

bool NestCursor::Holds(const Condition& condition) const {
  for (const AnyOf& any : condition) {
    const bool holds = std::any_of(any.begin(), any.end(), [&](const Range& r) {
      const int64_t value = values_[static_cast<std::size_t>(r.var)];
      return r.low <= value && value < r.high;
    });
    if (!holds) return false;
  }
  return true;
}

namespace {

// Called for every pass word: names are compared with their lengths known.
const ImageField& ParamFieldOf(std::string_view name) {
  static const auto fields = [] {
    std::vector<std::pair<std::string_view, const ImageField*>> of_group;
    for (const ImageField& field : ImageFields()) {
      if (std::string_view(field.group) == "Param") of_group.emplace_back(field.name, &field);
    }
    return of_group;
  }();
  for (const auto& [own, field] : fields) {
    if (own == name) return *field;
  }
  CHECK(false && "unknown field of the pass word");
}

// Of a PE that is not active only the number of slots counts.
bool FieldCounts(const ParamField& field, bool active) { return active || field.name == "ParamLast"; }

}  // namespace

FieldSpan SpanOf(const ParamField& field) {
  const ImageField& place = ParamFieldOf(field.name);
  const int64_t span = int64_t{1} << (place.bits - (place.is_signed ? 1 : 0));
  return {place.is_signed ? -span : 0, span};
}

Status CheckPassWord(const PassDescriptor& d, const NestCursor& cursor) {
  const bool active = cursor.Holds(d.active);
  for (const ParamField& field : d.fields) {
    const FieldSpan span = SpanOf(field);
    const int64_t value = cursor[field.var];
    if (FieldCounts(field, active) && (value < span.low || value >= span.high)) {
      return BadInput("the layer cannot run on this array: image field {} = {}, expected {}..{}",
                      field.name, value, span.low, span.high - 1);
    }
  }
  return {};
}

uint64_t PassWord(const PassDescriptor& d, const NestCursor& cursor) {
  uint64_t word = 0;
  const auto put = [&](std::string_view name, int64_t value) {
    const ImageField& field = ParamFieldOf(name);
    word |= (static_cast<uint64_t>(value) & ((uint64_t{1} << field.bits) - 1)) << field.lsb;
  };
  const bool active = cursor.Holds(d.active);
  for (const ParamField& field : d.fields) {
    if (FieldCounts(field, active)) put(field.name, cursor[field.var]);
  }
  put("Active", active);
  put("FromBelow", active && cursor.Holds(d.from_below));
  put("ToAbove", active && cursor.Holds(d.to_above));
  return word;
}

namespace {

// Runs of equal elements 0 to n - 1: first and one behind the last.
template <typename Equal>
std::vector<std::pair<int, int>> Runs(int n, Equal equal) {
  std::vector<std::pair<int, int>> runs;
  for (int k = 0; k < n; ++k) {
    if (k > 0 && equal(k - 1, k)) {
      runs.back().second = k + 1;
    } else {
      runs.emplace_back(k, k + 1);
    }
  }
  return runs;
}

}  // namespace

std::vector<uint64_t> WordsOnPort(const std::vector<uint64_t>& words, int rows, int columns, int address) {
  const auto at = [&](int row, int col) { return words[static_cast<std::size_t>(row * columns + col)]; };
  std::vector<uint64_t> best = {ConfigHeader(0, rows - 1, 0, columns - 1, address, true, rows * columns)};
  best.insert(best.end(), words.begin(), words.end());
  const auto rows_alike = Runs(rows, [&](int a, int b) {
    return std::equal(words.begin() + a * columns, words.begin() + (a + 1) * columns, words.begin() + b * columns);
  });
  const auto columns_alike = Runs(columns, [&](int a, int b) {
    for (int row = 0; row < rows; ++row) {
      if (at(row, a) != at(row, b)) return false;
    }
    return true;
  });
  std::vector<uint64_t> by_rows, by_columns;
  for (const auto& [low, high] : rows_alike) {
    const int row = low, last = high - 1;
    for (const auto& [first, end] : Runs(columns, [&](int a, int b) { return at(row, a) == at(row, b); })) {
      by_rows.push_back(ConfigHeader(row, last, first, end - 1, address, false, 1));
      by_rows.push_back(at(row, first));
    }
  }
  for (const auto& [low, high] : columns_alike) {
    const int col = low, last = high - 1;
    for (const auto& [first, end] : Runs(rows, [&](int a, int b) { return at(a, col) == at(b, col); })) {
      by_columns.push_back(ConfigHeader(first, end - 1, col, last, address, false, 1));
      by_columns.push_back(at(first, col));
    }
  }
  for (auto* other : {&by_rows, &by_columns}) {
    if (other->size() < best.size()) best = std::move(*other);
  }
  return best;
}

}  // namespace ecoflow
