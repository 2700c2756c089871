// SPDX-License-Identifier: Apache-2.0
// The most words of a beat that hw_config.schema.json allows.
#pragma once

namespace ecoflow {

inline constexpr int kMaxGinLanes = 24;
inline constexpr int kMaxGonLanes = 10;

}  // namespace ecoflow
