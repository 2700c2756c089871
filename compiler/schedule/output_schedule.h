// SPDX-License-Identifier: Apache-2.0
// Images, pass words and streams of a mapping with one result per PE (mapping/output_mapping.h).
#pragma once

#include "base/result.h"
#include "compiler/mapping/output_mapping.h"
#include "compiler/schedule/stream.h"

namespace ecoflow {

Result<Schedule> ScheduleOutputs(const OutputMapping& mapping, const HwConfig& config);

}  // namespace ecoflow
