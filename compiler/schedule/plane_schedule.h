// SPDX-License-Identifier: Apache-2.0
// Images, pass words and streams of a mapping with a plane per PE (mapping/plane_mapping.h).
#pragma once

#include "base/result.h"
#include "compiler/mapping/plane_mapping.h"
#include "compiler/schedule/stream.h"

namespace ecoflow {

Result<Schedule> SchedulePlanes(const PlaneMapping& mapping, const HwConfig& config);

}  // namespace ecoflow
