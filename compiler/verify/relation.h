// SPDX-License-Identifier: Apache-2.0
// What a product of two operand elements is for, from the definition of the pass alone: nothing
// here knows of mappings, problems or descriptors.
#pragma once

#include <array>
#include <cstdint>

#include "compiler/layer/layer.h"

namespace ecoflow {

class Relation {
 public:
  Relation(const Layer& layer, Pass pass);

  // Element of the result that operands `first` and `second` (element numbers in the order of
  // PassOperands) add a product to; -1 when they never meet.
  int64_t ResultOf(int64_t first, int64_t second) const;
  int64_t Elements(int operand) const;

 private:
  // A layer relates a large map, a small map and a filter: large(y) meets small(p) by tap i when
  // y = p*stride + i*dilation - pad.
  enum class Part { kSmall, kLarge, kFilter };
  using Index = std::array<int64_t, 4>;
  Index Split(Part part, int64_t element) const;
  int64_t Join(Part part, const Index& index) const;

  Layer layer_;
  std::array<Part, 2> operands_;
  std::array<Index, 3> shapes_;  // by Part
  int64_t small_channels_, large_channels_;  // of a group
};

}  // namespace ecoflow
