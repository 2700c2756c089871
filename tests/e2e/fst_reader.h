// SPDX-License-Identifier: Apache-2.0
// Reads waveforms that `run --trace` wrote.
#pragma once

#include <cstdint>
#include <string>

namespace ecoflow {

struct Waveform {
  bool readable = false;  // complete: header, signals and values
  uint64_t signals = 0;
  uint64_t end_time = 0;
  uint64_t changes = 0;  // of all signals
};

Waveform ReadWaveform(const std::string& path);

}  // namespace ecoflow
