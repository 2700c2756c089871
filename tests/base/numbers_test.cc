// SPDX-License-Identifier: Apache-2.0
#include "base/numbers.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/json_fields.h"

namespace ecoflow {
namespace {

using nlohmann::json;

std::string JsonError(const char* text, const IntegerRange& range) {
  const auto number = JsonInteger(json::parse(text), "f.json", "a.b", range);
  return number.ok() ? "" : number.error().message;
}

TEST(NumbersTest, JsonIntegersAreWholeAndInRange) {
  EXPECT_EQ(JsonError("5", {1, 5}), "");
  EXPECT_EQ(JsonError("-9223372036854775808", RangeOf<int64_t>()), "");
  EXPECT_EQ(JsonError("18446744073709551615", RangeOf<uint64_t>()), "");
  EXPECT_EQ(JsonError("6", {1, 5}), "f.json: a.b = 6, expected an integer, 1..5");
  EXPECT_EQ(JsonError("0", {1, 5}), "f.json: a.b = 0, expected an integer, 1..5");
  for (const char* other : {"5.0", "5e79", "-5e79", "2.5", "true", "null", "\"5\"", "[5]", "{}"}) {
    EXPECT_EQ(JsonError(other, RangeOf<int>()),
              "f.json: a.b = " + json::parse(other).dump() + ", expected an integer, -2147483648..2147483647");
  }
  EXPECT_EQ(JsonError("18446744073709551615", RangeOf<int64_t>()),
            "f.json: a.b = 18446744073709551615, expected an integer, "
            "-9223372036854775808..9223372036854775807");
  EXPECT_EQ(JsonError("-1", RangeOf<uint64_t>()),
            "f.json: a.b = -1, expected an integer, 0..18446744073709551615");
}

TEST(NumbersTest, TextIntegersAreDecimalDigitsOnly) {
  EXPECT_EQ(static_cast<int64_t>(TextInteger("-12", "f", "n", {-20, 20}).value()), -12);
  EXPECT_EQ(static_cast<int64_t>(TextInteger("007", "f", "n", {0, 20}).value()), 7);
  for (const char* bad : {"", "-", "+1", " 1", "1 ", "0x1", "1.0", "1e1", "21", "99999999999999999999999"}) {
    EXPECT_EQ(TextInteger(bad, "f", "n", {0, 20}).error().message,
              std::string("f: n = ") + bad + ", expected an integer, 0..20");
  }
}

TEST(NumbersTest, TextRealsAreFinite) {
  EXPECT_EQ(TextReal("1.5e2", "f", "n", 0, 1000).value(), 150);
  for (const char* bad : {"", "nan", "inf", "1e999", "1e-e+", "-1", "1e4", "1.5x"}) {
    EXPECT_EQ(TextReal(bad, "f", "n", 0, 1000).error().message,
              std::string("f: n = ") + bad + ", expected a number, 0..1000");
  }
}

TEST(JsonFieldsTest, MessagesNameTheField) {
  const json document = json::parse(R"({"a": {"list": [[1, 2], [3, 5e79]], "n": "x"}})");
  const JsonPlace at(document, "f.json");
  std::array<std::vector<int>, 2> lists;
  int number = 0;
  std::string text;
  const JsonPlace a = at.Member("a");
  EXPECT_EQ(a.Get("list", lists).error().message,
            "f.json: a.list[1][1] = 5e+79, expected an integer, -2147483648..2147483647");
  EXPECT_EQ(a.Get("n", number).error().message,
            "f.json: a.n = \"x\", expected an integer, -2147483648..2147483647");
  EXPECT_EQ(a.Get("m", number).error().message, "f.json: missing key a.m");
  EXPECT_EQ(at.Get("m", number).error().message, "f.json: missing key m");
  EXPECT_EQ(at.Get("a", text).error().message.substr(0, 14), "f.json: a = {\"");
  number = 7;
  EXPECT_TRUE(a.GetIfAny("m", number).ok());
  EXPECT_EQ(number, 7);
  std::vector<std::array<int, 3>> threes;
  EXPECT_EQ(a.Get("list", threes).error().message, "f.json: a.list[0] = [1,2], expected an array of 3");
}

}  // namespace
}  // namespace ecoflow
