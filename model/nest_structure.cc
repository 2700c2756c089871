// SPDX-License-Identifier: Apache-2.0
#include "model/nest_structure.h"

#include <algorithm>

namespace ecoflow {
namespace {

int64_t FloorDiv(int64_t a, int64_t b) { return a >= 0 ? a / b : -((-a + b - 1) / b); }

}  // namespace

NestStructure::NestStructure(const LoopNest& nest, int outer)
    : nest_(nest),
      outer_(static_cast<std::size_t>(outer)),
      spans_(nest.loops.size() + nest.registers.size()),
      phases_(nest.registers.size()),
      needed_(spans_.size()) {
  for (std::size_t l = outer_; l < nest.loops.size(); ++l) spans_[l] = {0, 0, nest.loops[l].bound - 1};
}

void NestStructure::FindCounted() {
  const std::size_t loops = nest_.loops.size();
  std::vector<char> counts(spans_.size());
  const auto add = [&](const Condition& condition) {
    for (const AnyOf& any : condition) {
      for (const Range& range : any) counts[static_cast<std::size_t>(range.var)] = 1;
    }
  };
  add(nest_.keep);
  for (const Condition* condition : conditions_) add(*condition);
  for (const Value& value : values_) counts[static_cast<std::size_t>(value.var)] = 1;
  for (std::size_t k = nest_.registers.size(); k-- > 0;) {
    if (!counts[loops + k]) continue;
    counted_.push_back({k, 0});
    for (const Term& term : nest_.registers[k].terms) counts[static_cast<std::size_t>(term.var)] = 1;
  }
  std::reverse(counted_.begin(), counted_.end());
  std::vector<std::size_t> outer(spans_.size());
  for (std::size_t l = 0; l < outer_; ++l) outer[l] = l + 1;
  for (auto& [reg, depends] : counted_) {
    for (const Term& term : nest_.registers[reg].terms) {
      depends = std::max(depends, outer[static_cast<std::size_t>(term.var)]);
    }
    outer[loops + reg] = depends;
  }
}

void NestStructure::Evaluate(std::size_t reg) {
  const Register& r = nest_.registers[reg];
  auto& phase = phases_[reg];
  phase = {};
  Span s{r.base, 0, 0};
  for (const Term& term : r.terms) {
    const Span& t = spans_[static_cast<std::size_t>(term.var)];
    s.offset += term.factor * t.offset;
    s.low += term.factor * (term.factor >= 0 ? t.low : t.high);
    s.high += term.factor * (term.factor >= 0 ? t.high : t.low);
  }
  if (r.divisor != 1) {
    // (offset + w) div d = offset div d + (offset mod d + w) div d
    const int64_t quotient = FloorDiv(s.offset, r.divisor);
    phase[0] = s.offset - quotient * r.divisor;
    s = {quotient, FloorDiv(phase[0] + s.low, r.divisor), FloorDiv(phase[0] + s.high, r.divisor)};
  }
  if (r.modulus != 0) {
    const int64_t block = FloorDiv(s.offset + s.low, r.modulus);
    if (block == FloorDiv(s.offset + s.high, r.modulus)) {
      s.offset -= block * r.modulus;
    } else {
      phase[1] = 1;
      phase[2] = s.offset - FloorDiv(s.offset, r.modulus) * r.modulus;
      s = {0, 0, r.modulus - 1};
    }
  }
  if (s.offset + s.low >= r.cap) {
    s = {r.cap, 0, 0};
  } else if (s.offset + s.high > r.cap) {
    phase[3] = 1;
    phase[4] = s.offset;
    s = {0, s.offset + s.low, r.cap};
  }
  if (s.constant()) s = {s.offset + s.low, 0, 0};
  spans_[nest_.loops.size() + reg] = s;
}

void NestStructure::AppendCondition(const Condition& condition, std::vector<int64_t>& signature) {
  enum : int64_t { kHolds = 1, kFails = 2, kDepends = 3 };
  for (const AnyOf& any : condition) {
    const auto holds = [&](const Range& range) {
      const Span& s = spans_[static_cast<std::size_t>(range.var)];
      return s.offset + s.low >= range.low && s.offset + s.high < range.high;
    };
    if (std::any_of(any.begin(), any.end(), holds)) {
      signature.push_back(kHolds);
      continue;
    }
    for (const Range& range : any) {
      const Span& s = spans_[static_cast<std::size_t>(range.var)];
      if (s.offset + s.high < range.low || s.offset + s.low >= range.high) {
        signature.push_back(kFails);
      } else {
        signature.push_back(kDepends);
        signature.push_back(s.offset);
        needed_[static_cast<std::size_t>(range.var)] = 1;
      }
    }
  }
}

void NestStructure::Append(const std::vector<int64_t>& outer_indices,
                           std::vector<int64_t>& signature) {
  const bool first = counted_.empty();
  if (first) FindCounted();
  std::size_t same = 0;  // loops that stand where they stood
  while (!first && same < outer_ && spans_[same].offset == outer_indices[same]) ++same;
  for (std::size_t l = same; l < outer_; ++l) spans_[l] = {outer_indices[l], 0, 0};
  for (const auto& [reg, outer] : counted_) {
    if (first || outer > same) Evaluate(reg);
  }
  std::fill(needed_.begin(), needed_.end(), 0);
  AppendCondition(nest_.keep, signature);
  for (const Condition* condition : conditions_) AppendCondition(*condition, signature);
  for (const Value& value : values_) {
    const Span& s = spans_[static_cast<std::size_t>(value.var)];
    signature.push_back(value.modulus == 0
                            ? s.offset
                            : s.offset - FloorDiv(s.offset, value.modulus) * value.modulus);
    needed_[static_cast<std::size_t>(value.var)] = 1;
  }
  const std::size_t loops = nest_.loops.size();
  for (auto at = counted_.rbegin(); at != counted_.rend(); ++at) {
    const std::size_t k = at->reg;
    if (!needed_[loops + k] || spans_[loops + k].constant()) continue;
    signature.push_back(static_cast<int64_t>(k));
    signature.insert(signature.end(), phases_[k].begin(), phases_[k].end());
    for (const Term& term : nest_.registers[k].terms) {
      const auto var = static_cast<std::size_t>(term.var);
      if (!spans_[var].constant()) needed_[var] = 1;
    }
  }
}

}  // namespace ecoflow
