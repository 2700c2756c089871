// SPDX-License-Identifier: Apache-2.0
#include "isa/pe_image.h"

namespace ecoflow {
namespace {

Status Put(uint64_t& word, const char* name, int lsb, int bits, bool is_signed, int64_t value) {
  const int64_t low = is_signed ? -(int64_t{1} << (bits - 1)) : 0;
  const int64_t high = is_signed ? (int64_t{1} << (bits - 1)) - 1 : (int64_t{1} << bits) - 1;
  if (value < low || value > high) {
    return BadInput("the layer cannot run on this array: image field {} = {}, expected {}..{}",
                    name, value, low, high);
  }
  word |= (static_cast<uint64_t>(value) & ((uint64_t{1} << bits) - 1)) << lsb;
  return {};
}

int64_t Get(uint64_t word, int lsb, int bits, bool is_signed) {
  const uint64_t raw = (word >> lsb) & ((uint64_t{1} << bits) - 1);
  if (is_signed && (raw >> (bits - 1)) != 0) {
    return static_cast<int64_t>(raw) - (int64_t{1} << bits);
  }
  return static_cast<int64_t>(raw);
}

// Visit<Group>(word, visit) calls visit(name, lsb, bits, signed, member) for every field of the group.
#define VISIT(name, lsb, bits, is_signed, meaning) \
  ECO_RETURN_IF_ERROR(visit(#name, lsb, bits, is_signed != 0, word.name));
template <typename Word, typename Visitor>
Status VisitMode(Word& word, Visitor visit) {
#define IMAGE_FIELD_Mode VISIT
#include "isa/image_fields.def"
  return {};
}
template <typename Word, typename Visitor>
Status VisitLimit(Word& word, Visitor visit) {
#define IMAGE_FIELD_Limit VISIT
#include "isa/image_fields.def"
  return {};
}
template <typename Word, typename Visitor>
Status VisitLevelFiles(Word& word, Visitor visit) {
#define IMAGE_FIELD_LevelFiles VISIT
#include "isa/image_fields.def"
  return {};
}
template <typename Word, typename Visitor>
Status VisitLevelCoordinates(Word& word, Visitor visit) {
#define IMAGE_FIELD_LevelCoordinates VISIT
#include "isa/image_fields.def"
  return {};
}
template <typename Word, typename Visitor>
Status VisitParam(Word& word, Visitor visit) {
#define IMAGE_FIELD_Param VISIT
#include "isa/image_fields.def"
  return {};
}
#undef VISIT

struct Putter {
  uint64_t& word;
  Status operator()(const char* name, int lsb, int bits, bool is_signed, int64_t value) const {
    return Put(word, name, lsb, bits, is_signed, value);
  }
};
struct Getter {
  uint64_t word;
  Status operator()(const char*, int lsb, int bits, bool is_signed, int64_t& value) const {
    value = Get(word, lsb, bits, is_signed);
    return {};
  }
};

}  // namespace

Result<std::vector<uint64_t>> Encode(const PeImage& image) {
  std::vector<uint64_t> words(2 + 2 * image.levels.size(), 0);
  ECO_RETURN_IF_ERROR(VisitMode(image.mode, Putter{words[0]}));
  ECO_RETURN_IF_ERROR(VisitLimit(image.limit, Putter{words[1]}));
  for (std::size_t l = 0; l < image.levels.size(); ++l) {
    ECO_RETURN_IF_ERROR(VisitLevelFiles(image.levels[l].files, Putter{words[2 + 2 * l]}));
    ECO_RETURN_IF_ERROR(VisitLevelCoordinates(image.levels[l].coordinates, Putter{words[3 + 2 * l]}));
  }
  return words;
}

Result<uint64_t> Encode(const ParamWord& param) {
  uint64_t word = 0;
  ECO_RETURN_IF_ERROR(VisitParam(param, Putter{word}));
  return word;
}

PeImage DecodeImage(const std::vector<uint64_t>& words) {
  CHECK(words.size() >= 2 && words.size() % 2 == 0);
  PeImage image;
  CHECK(VisitMode(image.mode, Getter{words[0]}).ok());
  CHECK(VisitLimit(image.limit, Getter{words[1]}).ok());
  image.levels.resize(words.size() / 2 - 1);
  for (std::size_t l = 0; l < image.levels.size(); ++l) {
    CHECK(VisitLevelFiles(image.levels[l].files, Getter{words[2 + 2 * l]}).ok());
    CHECK(VisitLevelCoordinates(image.levels[l].coordinates, Getter{words[3 + 2 * l]}).ok());
  }
  return image;
}

ParamWord DecodeParam(uint64_t word) {
  ParamWord param;
  CHECK(VisitParam(param, Getter{word}).ok());
  return param;
}

const std::vector<ImageField>& ImageFields() {
  static const std::vector<ImageField> fields = {
#define IMAGE_FIELD(group, name, lsb, bits, is_signed, meaning) \
  {#group, #name, lsb, bits, is_signed != 0, meaning},
#include "isa/image_fields.def"
  };
  return fields;
}

uint64_t ConfigHeader(int row_lo, int row_hi, int col_lo, int col_hi, int address, bool scatter,
                      int count) {
  CHECK(row_lo >= 0 && row_lo <= row_hi && row_hi < 256 && col_lo >= 0 && col_lo <= col_hi &&
        col_hi < 256 && address >= 0 && address < 1 << kCfgAddrBits && count > 0 && count < 65536);
  return static_cast<uint64_t>(row_lo) | static_cast<uint64_t>(row_hi) << 8 |
         static_cast<uint64_t>(col_lo) << 16 | static_cast<uint64_t>(col_hi) << 24 |
         static_cast<uint64_t>(address) << 32 | static_cast<uint64_t>(scatter) << 38 |
         static_cast<uint64_t>(count) << 39;
}

}  // namespace ecoflow
