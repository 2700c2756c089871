// SPDX-License-Identifier: Apache-2.0
// The PE image, the words that program a PE's FSM, and the constants that go with it. All of them are
// in the tables *.def; docs/isa.md shows them.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

namespace ecoflow {

inline constexpr int kMaxLevels = 7;
inline constexpr int kNoParamLevel = 7;

enum RangeKind : int {
#define RANGE_KIND(name, value, meaning) kRange##name = value,
#include "isa/range_kinds.def"
};
enum CfgAddress : int {
#define CONFIG_ADDRESS(name, value, meaning) kCfg##name = value,
#include "isa/config_addresses.def"
};
enum Destination : int {
#define DESTINATION(name, value, meaning) kDest##name = value,
#include "isa/destinations.def"
};
#define ISA_SIZE(name, value, meaning) inline constexpr int k##name = value;
#include "isa/sizes.def"

// One struct per field group, one member per field.
#define IMAGE_MEMBER(name, lsb, bits, is_signed, meaning) int64_t name = 0;
struct ModeWord {
#define IMAGE_FIELD_Mode IMAGE_MEMBER
#include "isa/image_fields.def"
};
struct LimitWord {
#define IMAGE_FIELD_Limit IMAGE_MEMBER
#include "isa/image_fields.def"
};
struct LevelFilesWord {
#define IMAGE_FIELD_LevelFiles IMAGE_MEMBER
#include "isa/image_fields.def"
};
struct LevelCoordinatesWord {
#define IMAGE_FIELD_LevelCoordinates IMAGE_MEMBER
#include "isa/image_fields.def"
};
struct ParamWord {
#define IMAGE_FIELD_Param IMAGE_MEMBER
#include "isa/image_fields.def"
};
#undef IMAGE_MEMBER

// The largest value of each field: most::Group::Field.
namespace most {
#define IMAGE_MOST(name, lsb, bits, is_signed, meaning) \
  static constexpr int64_t name = (int64_t{1} << ((bits) - (is_signed))) - 1;
struct Mode {
#define IMAGE_FIELD_Mode IMAGE_MOST
#include "isa/image_fields.def"
};
struct Limit {
#define IMAGE_FIELD_Limit IMAGE_MOST
#include "isa/image_fields.def"
};
struct LevelFiles {
#define IMAGE_FIELD_LevelFiles IMAGE_MOST
#include "isa/image_fields.def"
};
struct LevelCoordinates {
#define IMAGE_FIELD_LevelCoordinates IMAGE_MOST
#include "isa/image_fields.def"
};
struct Param {
#define IMAGE_FIELD_Param IMAGE_MOST
#include "isa/image_fields.def"
};
#undef IMAGE_MOST
}  // namespace most

// A whole image; `levels` has one record per loop level and one for the end of the pass.
struct PeImage {
  struct Record {
    LevelFilesWord files;
    LevelCoordinatesWord coordinates;
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
