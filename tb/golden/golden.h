// SPDX-License-Identifier: Apache-2.0
// Golden model: the definition of each pass as straight loops. Shares nothing with the compiler
// but the layer's attributes.
#pragma once

#include <cstdint>
#include <vector>

#include "compiler/layer/layer.h"

namespace ecoflow {

// Result of `pass` from its two operands (order of PassOperands), sums modulo 2^32.
// Operands are int16 in the shapes of TensorShape, the result has ResultShape.
std::vector<int32_t> Golden(const Layer& layer, Pass pass, const std::vector<int16_t>& first,
                            const std::vector<int16_t>& second);

}  // namespace ecoflow
