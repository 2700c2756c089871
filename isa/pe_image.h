// SPDX-License-Identifier: Apache-2.0
// The PE image: the words that program a PE's FSM (image_fields.def holds every field).
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

namespace ecoflow {

inline constexpr int kMaxLevels = 7;
inline constexpr int kNoParamLevel = 7;

// Values of YKind, XKind, ZKind (rtl/eco_pkg.sv).
enum RangeKind : int { kRangeOff = 0, kRangeResult = 1, kRangeOperand = 2, kRangeCircular = 3 };

// Configuration addresses and GIN destinations (rtl/eco_pkg.sv; a test compares them).
enum CfgAddress : int {
  kCfgParam = 48,
  kCfgLoader = 49,
  kCfgDump = 50,
  kCfgEnable = 51,
  kCfgColWide = 52,
  kCfgColNarrow = 53,
  kCfgRowWide = 54,
  kCfgRowNarrow = 55,
};
enum Destination : int { kDestIfmap = 0, kDestFilter = 1, kDestStream = 2 };

// One struct per field group, one member per field.
struct ModeWord {
#define IMAGE_FIELD_Mode(name) int64_t name = 0;
#define IMAGE_FIELD_Limit(name)
#define IMAGE_FIELD_LevelA(name)
#define IMAGE_FIELD_LevelB(name)
#define IMAGE_FIELD_Param(name)
#define IMAGE_FIELD(group, name, lsb, bits, is_signed, meaning) IMAGE_FIELD_##group(name)
#include "isa/image_fields.def"
#undef IMAGE_FIELD_Mode
#define IMAGE_FIELD_Mode(name)
};
struct LimitWord {
#undef IMAGE_FIELD_Limit
#define IMAGE_FIELD_Limit(name) int64_t name = 0;
#include "isa/image_fields.def"
#undef IMAGE_FIELD_Limit
#define IMAGE_FIELD_Limit(name)
};
struct LevelAWord {
#undef IMAGE_FIELD_LevelA
#define IMAGE_FIELD_LevelA(name) int64_t name = 0;
#include "isa/image_fields.def"
#undef IMAGE_FIELD_LevelA
#define IMAGE_FIELD_LevelA(name)
};
struct LevelBWord {
#undef IMAGE_FIELD_LevelB
#define IMAGE_FIELD_LevelB(name) int64_t name = 0;
#include "isa/image_fields.def"
#undef IMAGE_FIELD_LevelB
#define IMAGE_FIELD_LevelB(name)
};
struct ParamWord {
#undef IMAGE_FIELD_Param
#define IMAGE_FIELD_Param(name) int64_t name = 0;
#include "isa/image_fields.def"
#undef IMAGE_FIELD_Param
};
#undef IMAGE_FIELD
#undef IMAGE_FIELD_Mode
#undef IMAGE_FIELD_Limit
#undef IMAGE_FIELD_LevelA
#undef IMAGE_FIELD_LevelB

// A whole image; `levels` has one record per loop level and one for the end of the pass.
struct PeImage {
  struct Record {
    LevelAWord a;
    LevelBWord b;
  };
  ModeWord mode;
  LimitWord limit;
  std::vector<Record> levels;
};

// Image words in the order of their addresses. Fails when a field does not hold its value.
Result<std::vector<uint64_t>> Encode(const PeImage& image);
Result<uint64_t> Encode(const ParamWord& param);
PeImage DecodeImage(const std::vector<uint64_t>& words);
ParamWord DecodeParam(uint64_t word);

// One field of the table, for those who need it as data.
struct ImageField {
  const char* group;
  const char* name;
  int lsb;
  int bits;
  bool is_signed;
  const char* meaning;
};
const std::vector<ImageField>& ImageFields();

// A configuration header (rtl/top/eco_config.sv): what the next `count` words address.
uint64_t ConfigHeader(int row_lo, int row_hi, int col_lo, int col_hi, int address, bool scatter,
                      int count);

}  // namespace ecoflow
