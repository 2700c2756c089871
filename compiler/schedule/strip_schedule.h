// SPDX-License-Identifier: Apache-2.0
// From a strip mapping to what the array executes: PE images, IDs and stream descriptors.
#pragma once

#include "base/result.h"
#include "compiler/mapping/strip_mapping.h"
#include "compiler/schedule/stream.h"
#include "gen/config/hw_config.h"

namespace ecoflow {

// Weights stream over one network, one a cycle, to every block of columns; errors over the other into
// the filter file. Fails (bad input) when an image field cannot hold its value.
Result<Schedule> ScheduleStrips(const StripMapping& mapping, const HwConfig& config);

}  // namespace ecoflow
