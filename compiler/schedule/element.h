// SPDX-License-Identifier: Apache-2.0
// Elements of tensors in a loop nest: their addresses, and whether they exist.
#pragma once

#include "compiler/dataflow/tensor.h"
#include "compiler/schedule/stream.h"

namespace ecoflow {

// An element by its indices: variables of a nest, -1 where the index is always 0.
struct Element {
  int group = -1, batch = -1, outc = -1, red = -1, row = -1, col = -1;
};

// Adds the register of its address.
int AddAddress(LoopNest& nest, const TensorView& tensor, const Element& element);

// Holds where the element exists: a range for each index that the nest lets run out of the tensor, and for taps that some
// phases do not have.
Condition Inside(LoopNest& nest, const TensorView& tensor, const Element& element);

// The words are elements of an operand, fillers where there is none.
void Reads(GinDescriptor& words, const TensorView& tensor, const Element& element);
// The words belong to elements of the result; others do not exist, or are sums that are dropped.
enum class Outside { kMissing, kDropped };
void Writes(GonDescriptor& words, const TensorView& tensor, const Element& element, Outside others = Outside::kMissing);

}  // namespace ecoflow
