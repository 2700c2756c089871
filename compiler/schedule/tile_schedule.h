// SPDX-License-Identifier: Apache-2.0
// Program, IDs and streams of tiles per PE.
#pragma once

#include "base/result.h"
#include "compiler/mapping/tile_mapping.h"
#include "compiler/schedule/stream.h"

namespace ecoflow {

// Fails (bad input) when a number does not fit its field.
Result<Schedule> ScheduleTiles(const TileParts& mapping, const HwConfig& config);

}  // namespace ecoflow
