// SPDX-License-Identifier: Apache-2.0
#include "base/json_schema.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace ecoflow {
namespace {

TEST(ParseJsonTest, NamesTheLineOfAMistake) {
  const auto result = ParseJson("{\n\"a\": 1,\n}", "x.json");
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().message, "x.json: not valid JSON, line 3");
  EXPECT_EQ(result.error().code, ExitCode::kBadInput);
}

TEST(ParseJsonTest, RefusesAKeyThatStandsTwice) {
  const auto result = ParseJson(R"({"a": {"b": 1, "c": 2, "b": 3}})", "x.json");
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().message, "x.json: key \"b\" stands twice");
}

TEST(ParseJsonTest, TakesEqualKeysOfDifferentObjects) {
  EXPECT_TRUE(ParseJson(R"([{"a": 1}, {"a": 2}])", "x.json").ok());
}

TEST(ParseJsonTest, RefusesWhatWouldOverflow) {
  const auto message = [](const std::string& text) {
    const auto result = ParseJson(text, "x.json");
    return result.ok() ? "" : result.error().message;
  };
  EXPECT_EQ(message("[1e999]"), "x.json: holds a number that is out of range");
  EXPECT_EQ(message(std::string(100000, '[') + std::string(100000, ']')),
            "x.json: nested deeper than 64 levels");
  EXPECT_EQ(message("{\"a\": \"" + std::string(100000, 'a') + "\"}"),
            "x.json: text longer than 4096 characters");
  EXPECT_TRUE(ParseJson(std::string(64, '[') + std::string(64, ']'), "x.json").ok());
}

TEST(CheckSchemaTest, TakesTrueAndFalseOnlyWhereASwitchStands) {
  const auto message = [](const char* text) {
    const auto document = ParseJson(text, "request").value();
    const Status status = CheckSchema(document, "request", "cli/serve_request.schema.json");
    return status.ok() ? "" : status.error().message;
  };
  EXPECT_EQ(message(R"({"layer": {}, "pass": "forward", "output": "y.npy", "compare": false})"), "");
  for (const char* value : {"0", "1", "null", "\"true\""}) {
    EXPECT_NE(message(fmt::format(R"({{"layer": {{}}, "pass": "forward", "output": "y.npy", "compare": {}}})", value).c_str()).find("compare"),
              std::string::npos) << value;
  }
}

}  // namespace
}  // namespace ecoflow
