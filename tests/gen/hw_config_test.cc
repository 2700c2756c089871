// SPDX-License-Identifier: Apache-2.0
#include "gen/config/hw_config.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/files.h"

namespace ecoflow {
namespace {

using nlohmann::json;

json Shipped() {
  return json::parse(ReadFile(SourceRoot() / "gen/configs/ecoflow_13x15.json").value());
}

std::string ErrorOf(const json& document) {
  const auto result = ParseHwConfig(document.dump(), "hw.json");
  EXPECT_FALSE(result.ok());
  return result.ok() ? "" : result.error().message;
}

TEST(HwConfigTest, ShippedConfigurationHasThePapersSizes) {
  const auto config = LoadHwConfig("ecoflow_13x15");
  ASSERT_TRUE(config.ok());
  const HwConfig& hw = config.value();
  EXPECT_EQ(hw.pe_count(), 195);
  EXPECT_EQ(hw.ids_per_controller, 5);
  EXPECT_EQ(hw.id_bits, 5);
  EXPECT_EQ(hw.gin_wide_bits, 80);
  EXPECT_EQ(hw.gin_narrow_bits, 32);
  EXPECT_EQ(hw.gon_bits, 64);
  EXPECT_EQ(hw.local_bits, 64);
  EXPECT_EQ(hw.ifmap_depth, 75);
  EXPECT_EQ(hw.filter_depth, 224);
  EXPECT_EQ(hw.psum_depth, 24);
  EXPECT_EQ(hw.queue_depth, 8);
  EXPECT_EQ(hw.multiplier_stages, 2);
  EXPECT_EQ(hw.adder_latency, 1);
  EXPECT_EQ(hw.accumulator_words * 4, 108 * 1024);
}

TEST(HwConfigTest, EveryShippedConfigurationLoads) {
  for (const char* name : {"ecoflow_13x15", "eyeriss_13x15", "eyeriss_12x14", "ecoflow_4x4", "ecoflow_13x15_bf16",
                           "eyeriss_12x14_bf16", "ecoflow_4x4_bf16"}) {
    const auto config = LoadHwConfig(name);
    ASSERT_TRUE(config.ok()) << name;
    EXPECT_EQ(config.value().name, name);
    EXPECT_EQ(config.value().floating_point(), std::string(name).ends_with("_bf16"));
  }
}

TEST(HwConfigTest, TextParsesBackToTheSame) {
  for (const char* name : {"eyeriss_12x14", "ecoflow_13x15_bf16"}) {
    const HwConfig config = LoadHwConfig(name).value();
    EXPECT_EQ(ToJsonText(ParseHwConfig(ToJsonText(config), "x").value()), ToJsonText(config));
  }
}

TEST(HwConfigTest, RefusesValuesOutOfRange) {
  json d = Shipped();
  d["array"]["rows"] = 0;
  EXPECT_EQ(ErrorOf(d), "hw.json: array.rows = 0, expected 1..64");
  d = Shipped();
  d["array"]["columns"] = -3;
  EXPECT_EQ(ErrorOf(d), "hw.json: array.columns = -3, expected 1..64");
  d = Shipped();
  d["network"]["ids_per_controller"] = 9;
  EXPECT_EQ(ErrorOf(d), "hw.json: network.ids_per_controller = 9, expected 1..8");
  d = Shipped();
  d["pe"]["number_format"] = "fp64";
  EXPECT_EQ(ErrorOf(d), "hw.json: pe.number_format = \"fp64\", expected \"int16\" or \"bf16\"");
  d = Shipped();
  d["pe"]["psum_depth"] = 2.5;
  EXPECT_EQ(ErrorOf(d), "hw.json: pe.psum_depth = 2.5, expected 1..32");
  d = Shipped();
  d["network"]["gon_bits"] = 48;
  EXPECT_EQ(ErrorOf(d), "hw.json: network.gon_bits = 48, expected a multiple of 32, 32..320");
}

// The validator behind the schema would convert them to integers before it looks at a multiple.
TEST(HwConfigTest, RefusesNumbersThatNoIntegerHolds) {
  for (const auto& [number, shown] : {std::pair{"5e79", "5e+79"}, std::pair{"-5e79", "-5e+79"},
                                      std::pair{"64.0", "64.0"},
                                      std::pair{"18446744073709551615", "18446744073709551615"}}) {
    json d = Shipped();
    d["network"]["gon_bits"] = json::parse(number);
    EXPECT_EQ(ErrorOf(d), std::string("hw.json: network.gon_bits = ") + shown +
                              ", expected a multiple of 32, 32..320");
  }
}

TEST(HwConfigTest, RefusesUnknownAndMissingKeys) {
  json d = Shipped();
  d["pe"]["colour"] = 1;
  EXPECT_NE(ErrorOf(d).find("hw.json: unknown key pe.colour, expected one of adder_latency"),
            std::string::npos);
  d = Shipped();
  d["network"].erase("id_bits");
  EXPECT_EQ(ErrorOf(d), "hw.json: missing key network.id_bits");
}

TEST(HwConfigTest, RefusesFieldsThatDoNotFitEachOther) {
  json d = Shipped();
  d["network"]["id_bits"] = 4;
  EXPECT_EQ(ErrorOf(d),
            "hw.json: network.id_bits = 4, expected enough for 20 tags (rows or columns + IDs)");
  d = Shipped();
  d["accumulator_words"] = 4;
  d["network"]["gon_bits"] = 128;
  EXPECT_EQ(ErrorOf(d), "hw.json: accumulator_words = 4, expected at least 8, two for each GON lane");
}

TEST(HwConfigTest, UnknownNameListsTheShippedOnes) {
  const auto result = LoadHwConfig("eyeris_12x14");
  ASSERT_FALSE(result.ok());
  EXPECT_NE(result.error().message.find("--config eyeris_12x14: no such file, nor one of the shipped"),
            std::string::npos);
  EXPECT_NE(result.error().message.find("eyeriss_12x14"), std::string::npos);
}

}  // namespace
}  // namespace ecoflow
