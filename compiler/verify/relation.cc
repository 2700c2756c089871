// SPDX-License-Identifier: Apache-2.0
#include "compiler/verify/relation.h"

namespace ecoflow {

Relation::Relation(const Layer& layer, Pass pass) : layer_(layer) {
  const bool conv = layer.op == Op::kConv;
  const Part input = conv ? Part::kLarge : Part::kSmall;
  const Part output = conv ? Part::kSmall : Part::kLarge;
  operands_ = pass == Pass::kForward     ? std::array{input, Part::kFilter}
              : pass == Pass::kInputGrad ? std::array{output, Part::kFilter}
                                         : std::array{input, output};
  shapes_ = {conv ? layer.OutputShape() : layer.InputShape(),
             conv ? layer.InputShape() : layer.OutputShape(), layer.FilterShape()};
  for (std::size_t part = 0; part < shapes_.size(); ++part) {
    for (std::size_t axis = 0; axis < 4; ++axis) sizes_[part][axis] = Divisor(shapes_[part][axis]);
  }
  const auto elements = [&](Part part) {
    const Index& s = shapes_[static_cast<std::size_t>(part)];
    return s[0] * s[1] * s[2] * s[3];
  };
  const Part result = pass == Pass::kForward ? output : pass == Pass::kInputGrad ? input : Part::kFilter;
  elements_ = {elements(operands_[0]), elements(operands_[1]), elements(result)};
  small_channels_ = Divisor(shapes_[0][1] / layer.group);
  large_channels_ = Divisor(shapes_[1][1] / layer.group);
  for (std::size_t axis = 0; axis < 2; ++axis) {
    strides_[axis] = Divisor(layer.strides[axis]);
    dilations_[axis] = Divisor(layer.dilations[axis]);
  }
}

Relation::Index Relation::Split(Part part, int64_t element) const {
  const auto& sizes = sizes_[static_cast<std::size_t>(part)];
  Index index;
  for (std::size_t axis = 3; axis > 0; --axis) {
    const int64_t rest = sizes[axis].Quotient(element);
    index[axis] = element - rest * shapes_[static_cast<std::size_t>(part)][axis];
    element = rest;
  }
  index[0] = element;
  return index;
}

int64_t Relation::Join(Part part, const Index& index) const {
  const Index& shape = shapes_[static_cast<std::size_t>(part)];
  return ((index[0] * shape[1] + index[1]) * shape[2] + index[2]) * shape[3] + index[3];
}

int64_t Relation::ResultOf(const Index& a, const Index& b) const {
  // One of the three is the result: fill it in axis by axis.
  const Index& small = operands_[0] == Part::kSmall ? a : b;
  const Index& large = operands_[0] == Part::kLarge ? a : b;
  const Index& filter = b;
  if (operands_[1] != Part::kFilter) {  // the filter: small and large map are given
    if (small[0] != large[0] || small_channels_.Quotient(small[1]) != large_channels_.Quotient(large[1])) return -1;
    Index result = {small[1], large_channels_.Remainder(large[1]), 0, 0};
    for (std::size_t axis = 0; axis < 2; ++axis) {
      const int64_t tap = large[2 + axis] - small[2 + axis] * layer_.strides[axis] + layer_.pads[axis];
      if (tap < 0) return -1;
      result[2 + axis] = dilations_[axis].Quotient(tap);
      if (result[2 + axis] * layer_.dilations[axis] != tap) return -1;
      if (result[2 + axis] >= layer_.kernel[axis]) return -1;
    }
    return Join(Part::kFilter, result);
  }
  if (operands_[0] == Part::kSmall) {  // the large map
    if (small[1] != filter[0]) return -1;
    Index result = {small[0], small_channels_.Quotient(small[1]) * shapes_[2][1] + filter[1], 0, 0};
    for (std::size_t axis = 0; axis < 2; ++axis) {
      const int64_t at = small[2 + axis] * layer_.strides[axis] +
                         filter[2 + axis] * layer_.dilations[axis] - layer_.pads[axis];
      if (at < 0 || at >= shapes_[1][2 + axis]) return -1;
      result[2 + axis] = at;
    }
    return Join(Part::kLarge, result);
  }
  // The small map.
  if (large_channels_.Quotient(large[1]) != small_channels_.Quotient(filter[0]) ||
      large_channels_.Remainder(large[1]) != filter[1]) {
    return -1;
  }
  Index result = {large[0], filter[0], 0, 0};
  for (std::size_t axis = 0; axis < 2; ++axis) {
    const int64_t at =
        large[2 + axis] + layer_.pads[axis] - filter[2 + axis] * layer_.dilations[axis];
    if (at < 0) return -1;
    result[2 + axis] = strides_[axis].Quotient(at);
    if (result[2 + axis] * layer_.strides[axis] != at) return -1;
    if (result[2 + axis] >= shapes_[0][2 + axis]) return -1;
  }
  return Join(Part::kSmall, result);
}

}  // namespace ecoflow
