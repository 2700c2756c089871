// SPDX-License-Identifier: Apache-2.0
// Images, pass words and streams of matrix products on chains (mapping/matrix_mapping.h).
#pragma once

#include "base/result.h"
#include "compiler/mapping/matrix_mapping.h"
#include "compiler/schedule/stream.h"

namespace ecoflow {

Result<Schedule> ScheduleMatrix(const MatrixParts& mapping, const HwConfig& config);

}  // namespace ecoflow
