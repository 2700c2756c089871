// SPDX-License-Identifier: Apache-2.0
// The Verilated array behind its ports; implemented by the shared object that model_cache builds.
#pragma once

#include <array>
#include <cstdint>

#include "gen/config/limits.h"

namespace ecoflow {

// Pins of eco_array.sv: what the testbench drives and what it samples.
struct ArrayPins {
  struct Gin {
    bool valid = false;
    uint8_t row = 0, col = 0, dest = 0, count = 0;
    std::array<uint16_t, kMaxGinLanes> words{};
    bool ready = false;  // sampled
  };
  bool cfg_valid = false;
  uint64_t cfg_data = 0;
  Gin wide, narrow;
  bool gon_valid = false, gon_end = false;
  uint32_t gon_enabled = 0, gon_first = 0, gon_last = 0;  // bit = lane
  std::array<uint32_t, kMaxGonLanes> gon_row{}, gon_col{}, gon_slot{};
  bool out_ready = false, out_round = false;
  uint8_t stat_select = 0;

  // sampled
  bool cfg_ready = false, gon_ready = false, out_valid = false, done = false;
  uint32_t out_lanes = 0;
  std::array<uint32_t, kMaxGonLanes> out_words{};
  uint64_t stat = 0;
};

class ArrayModel {
 public:
  virtual ~ArrayModel() = default;
  // Applies one reset of a few cycles; all inputs idle.
  virtual void Reset() = 0;
  // One cycle of the soft clear, at any time: what Reset() leaves.
  virtual void Clear() = 0;
  // Drives the inputs of `pins` and samples its outputs, before the clock edge.
  virtual void Settle(ArrayPins& pins) = 0;
  // One rising clock edge.
  virtual void Clock() = 0;
  // Whether an assertion of the RTL failed since the start.
  virtual bool AssertionFailed() const = 0;
  // Coverage since the start, in Verilator's format; nothing when the model was built without.
  virtual void WriteCoverage(const char* path) = 0;
  // The number (errno) of the first error in writing the waveform or record, 0 without.
  virtual int WriteError() const = 0;
  // Completes waveform and record, whose last words are only written now; WriteError() after that.
  virtual int Close() = 0;
};

// Entry point of the shared object. `trace_path`: FST file, or nullptr. State that reset does not
// set starts random from `seed`.
using CreateArrayModel = ArrayModel* (*)(uint32_t seed, const char* trace_path);
inline constexpr const char* kCreateArrayModel = "ecoflow_create_array_model";

}  // namespace ecoflow
