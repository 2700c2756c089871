// SPDX-License-Identifier: Apache-2.0
// Whether what a schedule counts fits the registers of the PE.
#pragma once

#include "base/result.h"
#include "compiler/schedule/stream.h"

namespace ecoflow {

// Fails (bad input) when
// - a value does not fit its field of the pass word;
// - a coordinate may wrap so that a range check comes out wrong: the PE keeps kCoordinateBits bits and
//   compares without a sign, so that a value below zero counts as 2^kCoordinateBits more;
// - a ragged level 1 would be of no index at all.
// Coordinates are bounded from above: what passes never wraps.
Status CheckWidths(const Schedule& schedule, const HwConfig& config);

}  // namespace ecoflow
