// SPDX-License-Identifier: Apache-2.0
#include "compiler/schedule/element.h"

#include <utility>

namespace ecoflow {
namespace {

struct Axis {
  int Element::*index;
  int64_t TensorAddress::*factor;
  int64_t TensorSize::*size;
};
constexpr Axis kAxes[] = {
    {&Element::group, &TensorAddress::group, &TensorSize::group},
    {&Element::batch, &TensorAddress::batch, &TensorSize::batch},
    {&Element::outc, &TensorAddress::outc, &TensorSize::outc},
    {&Element::red, &TensorAddress::red, &TensorSize::red},
    {&Element::row, &TensorAddress::row, &TensorSize::row},
    {&Element::col, &TensorAddress::col, &TensorSize::col},
};

}  // namespace

int AddAddress(LoopNest& nest, const TensorView& tensor, const Element& element) {
  std::vector<Term> terms;
  for (const Axis& axis : kAxes) {
    const int64_t factor = tensor.at.*axis.factor;
    if (element.*axis.index >= 0 && factor != 0) terms.push_back({element.*axis.index, factor});
  }
  return nest.Affine("address", tensor.at.base, std::move(terms));
}

Condition Inside(const LoopNest& nest, const TensorView& tensor, const Element& element) {
  Condition inside;
  for (const Axis& axis : kAxes) {
    const int var = element.*axis.index;
    if (var < 0) continue;
    const int64_t size = tensor.size.*axis.size;
    const Range bounds = nest.Bounds(var);
    if (bounds.low < 0 || bounds.high > size) inside.push_back({{var, 0, size}});
  }
  return inside;
}

void Reads(GinDescriptor& words, const TensorView& tensor, const Element& element) {
  words.operand = tensor.operand;
  for (AnyOf& range : Inside(words.nest, tensor, element)) words.real.push_back(std::move(range));
  words.address = AddAddress(words.nest, tensor, element);
}

void Writes(GonDescriptor& words, const TensorView& tensor, const Element& element) {
  for (AnyOf& range : Inside(words.nest, tensor, element)) words.nest.keep.push_back(std::move(range));
  words.address = AddAddress(words.nest, tensor, element);
}

}  // namespace ecoflow
