// SPDX-License-Identifier: Apache-2.0
// Gated MACs, from the tensors alone.
#pragma once

#include <cstdint>
#include <vector>

#include "compiler/compiler.h"

namespace ecoflow {

// Products of `pass` (its definition, without any inserted zero) that are worked out: both operands are nonzero or,
// of bf16, one is infinite or NaN. Of the issued MACs all others are gated, except inserted zeros times infinite
// operands. Operands in the order of PassOperands. With `dropped`, of a transposed pass: those of results that padding cuts
// away, too.
int64_t CountUngatedProducts(const Layer& layer, Pass pass, bool floating_point, const std::vector<int16_t>& first,
                             const std::vector<int16_t>& second, bool dropped = false);
// The same of what a schedule issues.
int64_t CountUngatedProducts(const CompiledLayer& compiled, const std::vector<int16_t>& first, const std::vector<int16_t>& second);

}  // namespace ecoflow
