// SPDX-License-Identifier: Apache-2.0
// Random layers for the regression: every attribute of a convolution.
#pragma once

#include <cstdint>

#include "compiler/layer/layer.h"

namespace ecoflow {

// The layer of a seed. Sizes are kept so that a run of `pass` takes at most about `max_macs`
// products, inserted zeros included when `padded`.
Layer RandomLayer(uint64_t seed, Op op, Pass pass, bool padded, int64_t max_macs);

}  // namespace ecoflow
