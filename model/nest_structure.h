// SPDX-License-Identifier: Apache-2.0
// The structure of a part of a loop nest: all that decides which items exist and what the chosen
// variables are, but not by how much the rest (addresses) is shifted. Parts with equal signatures
// are walked once.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "compiler/schedule/stream.h"

namespace ecoflow {

class NestStructure {
 public:
  // A part: the loops 0..outer-1 of `nest` stand at given indices. Keep conditions always count.
  NestStructure(const LoopNest& nest, int outer);

  // Further things that count: the value of a variable (modulo `modulus`, when not 0), whether a
  // condition holds.
  void AddValue(int var, int64_t modulus = 0) { values_.push_back({var, modulus}); }
  void AddCondition(const Condition& condition) { conditions_.push_back(&condition); }

  // Parts with equal signatures have the same items, values and conditions, one by one. (Parts
  // with different ones may, too.) Appends to `signature`.
  void Append(const std::vector<int64_t>& outer_indices, std::vector<int64_t>& signature);

 private:
  // value = offset + w, where w depends on the inner loops and on `phases_`; low <= w <= high.
  struct Span {
    int64_t offset = 0, low = 0, high = 0;
    bool constant() const { return low == high; }
  };
  struct Value {
    int var;
    int64_t modulus;
  };
  // The registers that keep conditions, values and conditions depend on.
  void FindCounted();
  void Evaluate(std::size_t reg);
  void AppendCondition(const Condition& condition, std::vector<int64_t>& signature);

  const LoopNest& nest_;
  std::size_t outer_;
  std::vector<Value> values_;
  std::vector<const Condition*> conditions_;
  std::vector<Span> spans_;                       // of every variable
  std::vector<std::array<int64_t, 5>> phases_;    // of every register: how w depends on the offset
  std::vector<char> needed_;                      // variables whose w counts
  // Registers that count, those first that others depend on; each with the outer loops 0..outer-1 that it depends on.
  struct Counted {
    std::size_t reg, outer;
  };
  std::vector<Counted> counted_;
};

}  // namespace ecoflow
