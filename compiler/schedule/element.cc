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

// Adds the terms of an index that counts phases; returns what belongs to the base. With b = index div columns
// and a = b div rows, index * col + b * (row - columns * col) + a * (factor - rows * row) is what the parts
// times their factors are.
int64_t AddPhases(LoopNest& nest, const TensorAddress& at, const Phases& phases, int index, std::vector<Term>& terms) {
  const int64_t rows = phases.count[0], columns = phases.count[1];
  const auto add = [&](int64_t divisor, int64_t factor) {
    if (factor == 0) return;
    terms.push_back({nest.AddRegister({"phase", phases.first, {{index, 1}}, divisor}), factor});
  };
  if (at.phase_col != 0) terms.push_back({index, at.phase_col});
  add(columns, at.phase_row - columns * at.phase_col);
  add(columns * rows, at.*phases.index - rows * at.phase_row);
  return phases.first * at.phase_col;
}

}  // namespace

int AddAddress(LoopNest& nest, const TensorView& tensor, const Element& element) {
  std::vector<Term> terms;
  int64_t base = tensor.at.base;
  for (const Axis& axis : kAxes) {
    const int64_t factor = tensor.at.*axis.factor;
    const int index = element.*axis.index;
    if (index < 0) continue;
    if (tensor.phases.all() > 1 && axis.factor == tensor.phases.index) {
      base += AddPhases(nest, tensor.at, tensor.phases, index, terms);
    } else if (factor != 0) {
      terms.push_back({index, factor});
    }
  }
  return nest.Affine("address", base, std::move(terms));
}

Condition Inside(LoopNest& nest, const TensorView& tensor, const Element& element) {
  Condition inside;
  for (const Axis& axis : kAxes) {
    const int var = element.*axis.index;
    if (var < 0) continue;
    const int64_t size = tensor.size.*axis.size;
    const Range bounds = nest.Bounds(var);
    if (bounds.low < 0 || bounds.high > size) inside.push_back({{var, 0, size}});
  }
  for (const int axis : {0, 1}) {
    const TapNumbers& taps = tensor.taps[static_cast<std::size_t>(axis)];
    if (taps.size == 0) continue;
    std::vector<Term> terms;
    if (const int tap = axis == 0 ? element.row : element.col; tap >= 0) terms.push_back({tap, taps.step});
    if (taps.phase_step != 0 && element.outc >= 0) {
      const auto& [rows, columns] = tensor.phases.count;
      const int phase = nest.AddRegister({"phase", tensor.phases.first, {{element.outc, 1}}, axis == 0 ? columns : 1,
                                          axis == 0 ? rows : columns});
      terms.push_back({phase, taps.phase_step});
    }
    inside.push_back({{nest.Affine("tap", taps.base, std::move(terms)), 0, taps.size}});
  }
  return inside;
}

void Reads(GinDescriptor& words, const TensorView& tensor, const Element& element) {
  words.operand = tensor.operand;
  for (AnyOf& range : Inside(words.nest, tensor, element)) words.real.push_back(std::move(range));
  words.address = AddAddress(words.nest, tensor, element);
}

void Writes(GonDescriptor& words, const TensorView& tensor, const Element& element, Outside others) {
  Condition inside = Inside(words.nest, tensor, element);
  Condition& condition = others == Outside::kDropped ? words.real : words.nest.keep;
  for (AnyOf& range : inside) condition.push_back(std::move(range));
  words.address = AddAddress(words.nest, tensor, element);
}

}  // namespace ecoflow
