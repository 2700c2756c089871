// SPDX-License-Identifier: Apache-2.0
#include "isa/pe_image.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace ecoflow {
namespace {

TEST(ImageFieldsTest, FieldsOfAWordDoNotOverlap) {
  std::map<std::string, uint64_t> used;
  for (const ImageField& field : ImageFields()) {
    ASSERT_LE(field.lsb + field.bits, 64) << field.name;
    const uint64_t mask = ((uint64_t{1} << field.bits) - 1) << field.lsb;
    EXPECT_EQ(used[field.group] & mask, 0u) << field.name;
    used[field.group] |= mask;
  }
}

TEST(PeImageTest, RandomWordsSurviveDecodingAndEncoding) {
  std::map<std::string, uint64_t> used;
  for (const ImageField& field : ImageFields()) {
    used[field.group] |= ((uint64_t{1} << field.bits) - 1) << field.lsb;
  }
  std::mt19937_64 random(7);
  for (int round = 0; round < 200; ++round) {
    std::vector<uint64_t> words = {random() & used["Mode"], random() & used["Limit"]};
    for (int level = 0; level < 8; ++level) {
      words.push_back(random() & used["LevelFiles"]);
      words.push_back(random() & used["LevelCoordinates"]);
    }
    EXPECT_EQ(Encode(DecodeImage(words)).value(), words);
    const uint64_t param = random() & used["Param"];
    EXPECT_EQ(Encode(DecodeParam(param)).value(), param);
  }
}

TEST(PeImageTest, RefusesAValueThatDoesNotFit) {
  PeImage image;
  image.levels.resize(8);
  image.levels[3].files.FilterDelta = 256;  // signed 9 bits
  const auto result = Encode(image);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().message,
            "the layer cannot run on this array: image field FilterDelta = 256, expected -256..255");
  ParamWord param;
  param.ParamLast = -1;
  EXPECT_FALSE(Encode(param).ok());
}

}  // namespace
}  // namespace ecoflow
