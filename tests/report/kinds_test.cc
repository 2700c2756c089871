// SPDX-License-Identifier: Apache-2.0
#include "report/kinds.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace ecoflow {
namespace {

using Names = std::vector<std::string>;

Layer MakeLayer(std::array<int, 4> input, int output_channels, std::array<int, 2> kernel) {
  Layer layer;
  layer.input = input;
  layer.output_channels = output_channels;
  layer.kernel = kernel;
  return layer;
}

TEST(KindsTest, KnownLayers) {
  Layer vgg = MakeLayer({1, 64, 56, 56}, 64, {3, 3});
  vgg.pads = {1, 1, 1, 1};
  EXPECT_EQ(KindsOf(vgg, Pass::kForward), Names{"stride-1 forward"});
  EXPECT_EQ(KindsOf(vgg, Pass::kInputGrad), Names{"padded stride-1 input-grad"});
  EXPECT_EQ(KindsOf(vgg, Pass::kFilterGrad), Names{"stride-1 filter-grad"});
  vgg.pads = {0, 0, 0, 0};
  EXPECT_EQ(KindsOf(vgg, Pass::kInputGrad), Names{"unpadded stride-1 input-grad"});
  vgg.dilations = {2, 2};
  EXPECT_EQ(KindsOf(vgg, Pass::kInputGrad), Names{"dilated input-grad"});

  Layer alexnet = MakeLayer({4, 3, 227, 227}, 96, {11, 11});
  alexnet.strides = {4, 4};
  EXPECT_EQ(KindsOf(alexnet, Pass::kFilterGrad), (Names{"strided filter-grad", "few channels"}));

  Layer mobilenet = MakeLayer({4, 512, 14, 14}, 512, {3, 3});
  mobilenet.pads = {1, 1, 1, 1};
  mobilenet.group = 512;
  EXPECT_EQ(KindsOf(mobilenet, Pass::kFilterGrad), Names{"depthwise filter-grad"});
  EXPECT_EQ(KindsOf(mobilenet, Pass::kInputGrad), Names{"depthwise input-grad"});
  mobilenet.group = 32;
  for (const Pass pass : {Pass::kForward, Pass::kInputGrad, Pass::kFilterGrad}) {
    EXPECT_EQ(KindsOf(mobilenet, pass), Names{"grouped"});
  }

  Layer generator = MakeLayer({1, 64, 64, 64}, 3, {4, 4});
  generator.op = Op::kConvTranspose;
  generator.strides = {2, 2};
  EXPECT_EQ(KindsOf(generator, Pass::kForward), (Names{"ConvTranspose forward", "few channels"}));

  EXPECT_EQ(KindsOf(MakeLayer({1, 512, 14, 14}, 24, {1, 1}), Pass::kForward), Names{"1x1"});
  EXPECT_EQ(KindsOf(MakeLayer({1, 512, 1, 900}, 24, {1, 1}), Pass::kForward), (Names{"1x1", "1-D"}));
  EXPECT_EQ(KindsOf(MakeLayer({1, 512, 1, 1}, 24, {1, 1}), Pass::kForward), (Names{"fully connected / 1x1 map", "1x1"}));
  EXPECT_EQ(KindsOf(MakeLayer({1, 256, 7, 7}, 1024, {7, 7}), Pass::kForward),
            (Names{"stride-1 forward", "fully connected / 1x1 map"}));
}

TEST(KindsTest, EachRowIsOfAKind) {
  std::set<std::string> seen;
  for (int number = 0; number < 1 << 9; ++number) {
    const auto bit = [&](int k) { return (number >> k & 1) != 0; };
    Layer layer = MakeLayer({1, 8, bit(0) ? 1 : 9, bit(1) ? 1 : 9}, bit(2) ? 4 : 8, {bit(0) ? 1 : 3, bit(1) ? 1 : 3});
    layer.op = bit(3) ? Op::kConvTranspose : Op::kConv;
    layer.strides[1] = bit(4) ? 2 : 1;
    layer.dilations[0] = bit(5) ? 2 : 1;
    layer.pads[3] = bit(6) ? 1 : 0;
    layer.group = bit(7) ? 8 : bit(8) ? 2 : 1;
    if (!CheckLayer(layer, "").ok()) continue;
    for (const Pass pass : {Pass::kForward, Pass::kInputGrad, Pass::kFilterGrad}) {
      const Names names = KindsOf(layer, pass);
      EXPECT_FALSE(names.empty()) << ToJsonText(layer) << ToString(pass);
      seen.insert(names.begin(), names.end());
    }
  }
  for (const Kind& kind : AllKinds()) EXPECT_TRUE(seen.contains(kind.name)) << kind.name;
}

}  // namespace
}  // namespace ecoflow
