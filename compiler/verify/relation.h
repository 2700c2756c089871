// SPDX-License-Identifier: Apache-2.0
// What a product of two operand elements is for, from the definition of the pass alone: nothing
// here knows of mappings, problems or descriptors.
#pragma once

#include <libdivide.h>

#include <array>
#include <cstdint>

#include "compiler/layer/layer.h"

namespace ecoflow {

class Relation {
 public:
  Relation(const Layer& layer, Pass pass);

  // Element of the result that operands `first` and `second` (element numbers in the order of
  // PassOperands) add a product to; -1 when they never meet.
  int64_t ResultOf(int64_t first, int64_t second) const { return ResultOf(IndexOf(0, first), IndexOf(1, second)); }
  // The same by indices, for those who use an element often.
  using Index = std::array<int64_t, 4>;
  Index IndexOf(std::size_t operand, int64_t element) const { return Split(operands_[operand], element); }
  int64_t ResultOf(const Index& first, const Index& second) const;
  int64_t Elements(int operand) const { return elements_[static_cast<std::size_t>(operand)]; }
  int64_t Results() const { return elements_[2]; }

 private:
  // A layer relates a large map, a small map and a filter: large(y) meets small(p) by tap i when
  // y = p*stride + i*dilation - pad.
  enum class Part { kSmall, kLarge, kFilter };
  // Division by a number that stays: a proof divides many times per product.
  class Divisor {
   public:
    explicit Divisor(int64_t by = 1) : by_(by), fast_(static_cast<uint64_t>(by)) {}
    // Of what is not negative.
    int64_t Quotient(int64_t of) const { return static_cast<int64_t>(static_cast<uint64_t>(of) / fast_); }
    int64_t Remainder(int64_t of) const { return of - Quotient(of) * by_; }

   private:
    int64_t by_;
    libdivide::divider<uint64_t> fast_;
  };
  Index Split(Part part, int64_t element) const;
  int64_t Join(Part part, const Index& index) const;

  Layer layer_;
  std::array<Part, 2> operands_;
  std::array<Index, 3> shapes_;  // by Part
  std::array<int64_t, 3> elements_;  // of operands and result
  std::array<std::array<Divisor, 4>, 3> sizes_;
  Divisor small_channels_, large_channels_;  // of a group
  std::array<Divisor, 2> strides_, dilations_;
};

}  // namespace ecoflow
