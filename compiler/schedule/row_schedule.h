// SPDX-License-Identifier: Apache-2.0
// Images, pass words and streams of a row-stationary mapping (mapping/row_mapping.h).
#pragma once

#include "base/result.h"
#include "compiler/mapping/row_mapping.h"
#include "compiler/schedule/stream.h"

namespace ecoflow {

Result<Schedule> ScheduleRows(const RowMapping& mapping, const HwConfig& config);

}  // namespace ecoflow
