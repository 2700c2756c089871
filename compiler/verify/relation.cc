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
  small_channels_ = shapes_[0][1] / layer.group;
  large_channels_ = shapes_[1][1] / layer.group;
}

Relation::Index Relation::Split(Part part, int64_t element) const {
  const Index& shape = shapes_[static_cast<std::size_t>(part)];
  return {element / (shape[1] * shape[2] * shape[3]), element / (shape[2] * shape[3]) % shape[1],
          element / shape[3] % shape[2], element % shape[3]};
}

int64_t Relation::Join(Part part, const Index& index) const {
  const Index& shape = shapes_[static_cast<std::size_t>(part)];
  return ((index[0] * shape[1] + index[1]) * shape[2] + index[2]) * shape[3] + index[3];
}

int64_t Relation::Elements(int operand) const {
  const Index& s = shapes_[static_cast<std::size_t>(operands_[static_cast<std::size_t>(operand)])];
  return s[0] * s[1] * s[2] * s[3];
}

int64_t Relation::ResultOf(int64_t first, int64_t second) const {
  const Index a = Split(operands_[0], first), b = Split(operands_[1], second);
  // One of the three is the result: fill it in axis by axis.
  const Index& small = operands_[0] == Part::kSmall ? a : b;
  const Index& large = operands_[0] == Part::kLarge ? a : b;
  const Index& filter = b;
  if (operands_[1] != Part::kFilter) {  // the filter: small and large map are given
    if (small[0] != large[0] || small[1] / small_channels_ != large[1] / large_channels_) return -1;
    Index result = {small[1], large[1] % large_channels_, 0, 0};
    for (std::size_t axis = 0; axis < 2; ++axis) {
      const int64_t tap = large[2 + axis] - small[2 + axis] * layer_.strides[axis] + layer_.pads[axis];
      if (tap < 0 || tap % layer_.dilations[axis] != 0) return -1;
      result[2 + axis] = tap / layer_.dilations[axis];
      if (result[2 + axis] >= layer_.kernel[axis]) return -1;
    }
    return Join(Part::kFilter, result);
  }
  if (operands_[0] == Part::kSmall) {  // the large map
    if (small[1] != filter[0]) return -1;
    Index result = {small[0], small[1] / small_channels_ * large_channels_ + filter[1], 0, 0};
    for (std::size_t axis = 0; axis < 2; ++axis) {
      const int64_t at = small[2 + axis] * layer_.strides[axis] +
                         filter[2 + axis] * layer_.dilations[axis] - layer_.pads[axis];
      if (at < 0 || at >= shapes_[1][2 + axis]) return -1;
      result[2 + axis] = at;
    }
    return Join(Part::kLarge, result);
  }
  // The small map.
  if (large[1] / large_channels_ != filter[0] / small_channels_ ||
      large[1] % large_channels_ != filter[1]) {
    return -1;
  }
  Index result = {large[0], filter[0], 0, 0};
  for (std::size_t axis = 0; axis < 2; ++axis) {
    const int64_t at =
        large[2 + axis] + layer_.pads[axis] - filter[2 + axis] * layer_.dilations[axis];
    if (at < 0 || at % layer_.strides[axis] != 0) return -1;
    result[2 + axis] = at / layer_.strides[axis];
    if (result[2 + axis] >= shapes_[0][2 + axis]) return -1;
  }
  return Join(Part::kSmall, result);
}

}  // namespace ecoflow
