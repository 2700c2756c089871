// SPDX-License-Identifier: Apache-2.0
// Gated MACs, from the tensors alone.
#pragma once

#include <cstdint>
#include <vector>

#include "compiler/layer/layer.h"

namespace ecoflow {

// Products of `pass` (its definition, without any inserted zero) whose two operands are both
// nonzero. Of the issued MACs all others are gated. Operands in the order of PassOperands.
int64_t CountNonzeroProducts(const Layer& layer, Pass pass, const std::vector<int16_t>& first,
                             const std::vector<int16_t>& second);

}  // namespace ecoflow
