// SPDX-License-Identifier: Apache-2.0
#include "compiler/layer/layer.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

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
                .find("l.json: unknown key stride, expected one of auto_pad"),
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

TEST(LayerTest, TwoLayersOfOneNameAreRefused) {
  const std::string one = R"({"op": "Conv", "input": [1, 1, 5, 5], "output_channels": 1,
                              "kernel_shape": [1, 1], "name": )";
  const std::string workload =
      R"({"layers": [)" + one + "\"a\"}, " + one + "\"b\"}, " + one + "\"a\"}]}";
  for (const char* pick : {"", "a", "b"}) {
    EXPECT_EQ(ErrorOf(workload, pick),
              "l.json: layers[0] and layers[2] have the same name = \"a\", expected different ones");
  }
  EXPECT_EQ(ErrorOf(R"({"layers": [)" + one + "\"\"}, " + one + "\"\"}]}", "a"),
            "l.json: layers[0] and layers[1] have the same name = \"\", expected different ones");
  EXPECT_EQ(ErrorOf(R"({"name": 5, "layers": [1]})"), "l.json: name = 5, expected text");
}

TEST(LayerTest, NumbersAreWhole) {
  const std::string begin = R"({"name": "a", "op": "Conv", "input": [1, 1, 5, 5], "kernel_shape": [1, 1],
                                "output_channels": )";
  for (const char* bad : {"5e79", "3.0", "18446744073709551615", "-1", "true"}) {
    const std::string shown = nlohmann::json::parse(bad).dump();
    EXPECT_EQ(ErrorOf(begin + bad + "}"), "l.json: output_channels = " + shown + ", expected 1..1000000");
  }
}

// ONNX's operator reference, axis by axis: pads before and behind.
struct PadCase {
  const char* attributes;
  std::array<int, 4> pads;
  std::array<int, 2> output_padding = {0, 0};
  std::array<int64_t, 2> output;
};

void ExpectPads(const std::string& op, const std::string& shape, const std::vector<PadCase>& cases) {
  for (const PadCase& c : cases) {
    const auto layer = ParseLayer(R"({"name": "a", "op": ")" + op + R"(", "output_channels": 1, )" + shape +
                                      c.attributes + "}", "l.json", "", 0);
    ASSERT_TRUE(layer.ok()) << c.attributes << layer.error().message;
    EXPECT_EQ(layer.value().pads, c.pads) << c.attributes;
    EXPECT_EQ(layer.value().output_padding, c.output_padding) << c.attributes;
    EXPECT_EQ(layer.value().OutputSize(0), c.output[0]) << c.attributes;
    EXPECT_EQ(layer.value().OutputSize(1), c.output[1]) << c.attributes;
  }
}

TEST(LayerTest, AutoPadOfConv) {
  // ceil(5 / 2) = 3 rows, ceil(6 / 2) = 3 columns; totals (3-1)*2+3-5 = 2 and (3-1)*2+3-6 = 1.
  ExpectPads("Conv", R"("input": [1, 1, 5, 6], "kernel_shape": [3, 3], "strides": [2, 2], )",
             {{R"("auto_pad": "SAME_UPPER")", {1, 0, 1, 1}, {0, 0}, {3, 3}},
              {R"("auto_pad": "SAME_LOWER")", {1, 1, 1, 0}, {0, 0}, {3, 3}},
              {R"("auto_pad": "VALID")", {0, 0, 0, 0}, {0, 0}, {2, 2}},
              {R"("auto_pad": "NOTSET", "pads": [1, 2, 3, 4])", {1, 2, 3, 4}, {0, 0}, {4, 5}}});
  // A kernel smaller than the stride needs none; a dilated one more.
  ExpectPads("Conv", R"("input": [1, 1, 6, 6], "kernel_shape": [1, 2], "strides": [3, 1], "dilations": [1, 3], )",
             {{R"("auto_pad": "SAME_UPPER")", {0, 1, 0, 2}, {0, 0}, {2, 6}}});
}

TEST(LayerTest, AutoPadAndOutputShapeOfConvTranspose) {
  // 3 rows and columns at stride 2: 6 wanted; totals 2*2+3-6 = 1 and, kernel 4, 2.
  ExpectPads("ConvTranspose", R"("input": [1, 1, 3, 3], "kernel_shape": [3, 4], "strides": [2, 2], )",
             {{R"("auto_pad": "SAME_UPPER")", {0, 1, 1, 1}, {0, 0}, {6, 6}},
              {R"("auto_pad": "SAME_LOWER")", {1, 1, 0, 1}, {0, 0}, {6, 6}},
              {R"("auto_pad": "VALID")", {0, 0, 0, 0}, {0, 0}, {7, 8}},
              // The odd one at the beginning unless SAME_UPPER; pads beside output_shape are ignored.
              {R"("output_shape": [4, 5])", {2, 2, 1, 1}, {0, 0}, {4, 5}},
              {R"("output_shape": [4, 5], "pads": [9, 9, 9, 9])", {2, 2, 1, 1}, {0, 0}, {4, 5}},
              {R"("output_shape": [4, 5], "auto_pad": "SAME_UPPER")", {1, 1, 2, 2}, {0, 0}, {4, 5}},
              {R"("output_shape": [7, 8], "output_padding": [1, 0])", {1, 0, 0, 0}, {1, 0}, {7, 8}},
              // One more than the layer has without pads: behind the end.
              {R"("output_shape": [8, 9])", {0, 0, 0, 0}, {1, 1}, {8, 9}}});
  // Stride 3, kernel 1: 9 wanted, 7 there; two elements that no input reaches.
  ExpectPads("ConvTranspose", R"("input": [1, 1, 3, 3], "kernel_shape": [1, 1], "strides": [3, 3], )",
             {{R"("auto_pad": "SAME_UPPER")", {0, 0, 0, 0}, {2, 2}, {9, 9}}});
}

TEST(LayerTest, PadsThatContradictAreRefused) {
  const std::string conv = R"({"name": "a", "op": "Conv", "input": [1, 1, 5, 5], "output_channels": 1,
                               "kernel_shape": [3, 3], )";
  EXPECT_EQ(ErrorOf(conv + R"("auto_pad": "SAME_UPPER", "pads": [1, 1, 1, 1]})"),
            "l.json: pads: not together with auto_pad = \"SAME_UPPER\"");
  EXPECT_EQ(ErrorOf(conv + R"("auto_pad": "SAME"})"),
            "l.json: auto_pad = \"SAME\", expected \"NOTSET\" or \"SAME_UPPER\" or \"SAME_LOWER\" or \"VALID\"");
  EXPECT_EQ(ErrorOf(conv + R"("output_shape": [5, 5]})"),
            "l.json: output_shape: expected for ConvTranspose only");
  const std::string transposed = R"({"name": "a", "op": "ConvTranspose", "input": [1, 1, 3, 3],
                                     "output_channels": 1, "kernel_shape": [3, 3], "strides": [2, 2], )";
  EXPECT_EQ(ErrorOf(transposed + R"("output_shape": [9, 7]})"),
            "l.json: output_shape = 9, expected at most 8: 7 is what the layer has without pads, and less "
            "than 2 more");
  EXPECT_EQ(ErrorOf(R"({"name": "a", "op": "ConvTranspose", "input": [1, 1, 100000, 1], "output_channels": 1,
                        "kernel_shape": [1, 1], "output_shape": [1, 1]})"),
            "l.json: output_shape gives pads of 50000, expected at most 4096");
}

TEST(LayerTest, TextParsesBackToTheSame) {
  const auto layer = ParseLayer(R"({"name": "a", "op": "ConvTranspose", "input": [1, 3, 4, 4],
      "output_channels": 2, "kernel_shape": [3, 3], "strides": [2, 3]})", "l.json", "", 0).value();
  EXPECT_EQ(ToJsonText(ParseLayer(ToJsonText(layer), "l.json", "", 0).value()), ToJsonText(layer));
}

}  // namespace
}  // namespace ecoflow
