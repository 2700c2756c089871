// SPDX-License-Identifier: Apache-2.0
// Random layers for the regression: every attribute of a convolution.
#pragma once

#include <cstdint>

#include "compiler/layer/layer.h"

namespace ecoflow {

// Arrays of more PEs are large: three in four of their layers give all PEs work for several passes, and have the
// borders that make several parts of a schedule.
inline constexpr int64_t kLargeArray = 64;

// Products of the largest layer that a regression draws for an array of so many PEs. `padded`: inserted zeros are multiplied,
// which leaves most of a large array idle.
int64_t DefaultMacs(int64_t pes, bool padded);

// The layer of a seed for an array of `pes` PEs. Sizes are kept so that a run of `pass` takes at most
// about `max_macs` products, inserted zeros included when `padded`.
Layer RandomLayer(uint64_t seed, Op op, Pass pass, bool padded, int64_t max_macs, int64_t pes = 16);

}  // namespace ecoflow
