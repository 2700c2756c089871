#include "compiler/layer/layer.h"

#include <gtest/gtest.h>

namespace ecoflow {
namespace {

std::string ErrorOf(const std::string& text, const std::string& name = "") {
  const auto result = ParseLayer(text, "l.json", name, 0);
  EXPECT_FALSE(result.ok());
  return result.ok() ? "" : result.error().message;
}

TEST(LayerTest, DefaultsAndShapes) {
  const auto layer = ParseLayer(R"({"name": "a", "op": "Conv", "input": [2, 6, 9, 7],
      "output_channels": 4, "kernel_shape": [3, 2], "strides": [2, 1], "pads": [1, 0, 0, 1],
      "dilations": [1, 2], "group": 2})", "l.json", "", 0);
  ASSERT_TRUE(layer.ok()) << layer.error().message;
  EXPECT_EQ(layer.value().OutputShape(), (std::array<int64_t, 4>{2, 4, 4, 6}));
  EXPECT_EQ(layer.value().FilterShape(), (std::array<int64_t, 4>{4, 3, 3, 2}));
}

TEST(LayerTest, TransposedShapeIsOnnx) {
  const auto layer = ParseLayer(R"({"name": "a", "op": "ConvTranspose", "input": [1, 3, 4, 4],
      "output_channels": 2, "kernel_shape": [3, 3], "strides": [2, 3], "pads": [1, 1, 0, 0],
      "output_padding": [1, 2]})", "l.json", "", 5);
  ASSERT_TRUE(layer.ok()) << layer.error().message;
  EXPECT_EQ(layer.value().OutputShape(), (std::array<int64_t, 4>{5, 2, 9, 13}));
  EXPECT_EQ(layer.value().FilterShape(), (std::array<int64_t, 4>{3, 2, 3, 3}));
}

TEST(LayerTest, NamesThatAreNoTextAndSizesBeyondRange) {
  EXPECT_EQ(ErrorOf(R"({"layers": [{"name": 5}, {"name": "b"}]})", "a"),
            "--layer a: not in l.json, expected one of b");
  EXPECT_EQ(ErrorOf(R"({"name": "a", "op": "ConvTranspose", "input": [1000000, 1, 1000000, 1000000],
                        "output_channels": 1000000, "kernel_shape": [4096, 4096],
                        "strides": [4096, 4096], "dilations": [4096, 4096]})"),
            "l.json: input: a tensor of the layer has 2^31 elements or more");
}

TEST(LayerTest, MessagesNameFieldValueAndRange) {
  EXPECT_EQ(ErrorOf(R"({"name": "a", "op": "Conv", "input": [1, 1, -5, 5], "output_channels": 1,
                        "kernel_shape": [1, 1]})"),
            "l.json: input = [1,1,-5,5], expected 4 values, each 1..1000000");
  EXPECT_EQ(ErrorOf(R"({"name": "a", "op": "Pool", "input": [1, 1, 5, 5], "output_channels": 1,
                        "kernel_shape": [1, 1]})"),
            "l.json: op = \"Pool\", expected \"Conv\" or \"ConvTranspose\"");
  EXPECT_EQ(ErrorOf(R"({"name": "a", "op": "Conv", "input": [1, 1, 5, 5], "kernel_shape": [1, 1]})"),
            "l.json: missing key output_channels");
  EXPECT_NE(ErrorOf(R"({"name": "a", "op": "Conv", "input": [1, 1, 5, 5], "output_channels": 1,
                        "kernel_shape": [1, 1], "stride": [1, 1]})")
                .find("l.json: unknown key stride, expected one of dilations"),
            std::string::npos);
  EXPECT_EQ(ErrorOf(R"({"name": "a", "op": "Conv", "input": [1, 1, 5, 5], "output_channels": 1,
                        "kernel_shape": [7, 1], "pads": [1, 0, 0, 0]})"),
            "l.json: kernel_shape: dilated height 7 is larger than the padded input's 6");
  EXPECT_EQ(ErrorOf(R"({"name": "a", "op": "Conv", "input": [1, 3, 5, 5], "output_channels": 2,
                        "kernel_shape": [1, 1], "group": 2})"),
            "l.json: group = 2, expected a divisor of the 3 input channels");
  EXPECT_EQ(ErrorOf(R"({"name": "a", "op": "Conv", "input": [1, 4, 5, 5], "output_channels": 3,
                        "kernel_shape": [1, 1], "group": 2})"),
            "l.json: group = 2, expected a divisor of output_channels = 3");
  EXPECT_EQ(ErrorOf(R"({"name": "a", "op": "Conv", "input": [1, 1, 5, 5], "output_channels": 1,
                        "kernel_shape": [1, 1], "output_padding": [1, 0]})"),
            "l.json: output_padding = 1, expected 0 for Conv");
  EXPECT_EQ(ErrorOf(R"({"name": "a", "op": "ConvTranspose", "input": [1, 1, 5, 5],
                        "output_channels": 1, "kernel_shape": [1, 1], "output_padding": [0, 1]})"),
            "l.json: output_padding = 1, expected less than stride or dilation, 1");
  EXPECT_EQ(ErrorOf(R"({"name": "a", "op": "ConvTranspose", "input": [1, 1, 2, 2],
                        "output_channels": 1, "kernel_shape": [1, 1], "pads": [1, 0, 1, 0]})"),
            "l.json: pads: output height is 0, expected at least 1");
  EXPECT_EQ(ErrorOf(R"({"name": "a", "op": "Conv", "input": [1000, 1000, 1000, 1000],
                        "output_channels": 1, "kernel_shape": [1, 1]})"),
            "l.json: input: a tensor of the layer has 2^31 elements or more");
  EXPECT_EQ(ErrorOf("[1]"), "l.json: expected a layer or a workload object");
}

TEST(LayerTest, PicksALayerOfAWorkload) {
  const std::string one = R"({"op": "Conv", "input": [1, 1, 5, 5], "output_channels": 1,
                              "kernel_shape": [1, 1], "name": )";
  const std::string workload =
      R"({"name": "w", "layers": [)" + one + "\"a\"}, " + one + "\"b\"}]}";
  EXPECT_EQ(ParseLayer(workload, "l.json", "b", 0).value().name, "b");
  EXPECT_EQ(ErrorOf(workload), "l.json: holds 2 layers, expected --layer NAME to pick one");
  EXPECT_EQ(ErrorOf(workload, "c"), "--layer c: not in l.json, expected one of a, b");
  EXPECT_EQ(ErrorOf(R"({"name": "w", "layers": []})"),
            "l.json: layers, expected a list of at least one layer");
  EXPECT_EQ(ErrorOf(R"({"nam": "w", "layers": [1]})"),
            "l.json: unknown key nam, expected one of name, layers");
}

TEST(LayerTest, TextParsesBackToTheSame) {
  const auto layer = ParseLayer(R"({"name": "a", "op": "ConvTranspose", "input": [1, 3, 4, 4],
      "output_channels": 2, "kernel_shape": [3, 3], "strides": [2, 3]})", "l.json", "", 0).value();
  EXPECT_EQ(ToJsonText(ParseLayer(ToJsonText(layer), "l.json", "", 0).value()), ToJsonText(layer));
}

}  // namespace
}  // namespace ecoflow
