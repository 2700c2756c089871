// Random layers for the regression: every parameter of a transposed convolution.
#pragma once

#include <cstdint>
#include <string>

#include "compiler/layer/layer.h"

namespace ecoflow {

// The layer of a seed; `pass` gets a pass that is a transposed convolution of it. Sizes are kept
// so that a run takes at most about `max_macs` products.
Layer RandomTransposedLayer(uint64_t seed, int64_t max_macs, Pass* pass);

}  // namespace ecoflow
