// SPDX-License-Identifier: Apache-2.0
// The golden model against an independent implementation, oneDNN, on random shapes. Operands are
// small, so that oneDNN's float sums are exact.
#include "base/bf16.h"
#include "tb/golden/compare.h"
#include "tb/golden/golden.h"

#include <gtest/gtest.h>

#include <oneapi/dnnl/dnnl.hpp>
#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <random>

namespace ecoflow {
namespace {

using dnnl::memory;
using Dims = memory::dims;

class OneDnn {
 public:
  explicit OneDnn(const Layer& layer) : layer_(layer) {
    const auto dims = [](const std::array<int64_t, 4>& s) { return Dims(s.begin(), s.end()); };
    const int64_t g = layer.group, m = layer.output_channels / g, c = layer.input[1] / g;
    const bool conv = layer.op == Op::kConv;
    source_ = {dims(layer.InputShape()), memory::data_type::f32, memory::format_tag::nchw};
    target_ = {dims(layer.OutputShape()), memory::data_type::f32, memory::format_tag::nchw};
    // oneDNN orders filter dimensions output first; ConvTranspose stores input channels first.
    filter_ = {{g, m, c, layer.kernel[0], layer.kernel[1]}, memory::data_type::f32,
               conv ? memory::format_tag::goihw : memory::format_tag::giohw};
    strides_ = {layer.strides[0], layer.strides[1]};
    dilates_ = {layer.dilations[0] - 1, layer.dilations[1] - 1};
    left_ = {layer.pads[0], layer.pads[1]};
    // The right pad that gives exactly the output size.
    for (int axis = 0; axis < 2; ++axis) {
      const int64_t reach = int64_t{layer.dilations[axis]} * (layer.kernel[axis] - 1) + 1;
      const int64_t small = conv ? layer.OutputSize(axis) : layer.input[2 + axis];
      const int64_t large = conv ? layer.input[2 + axis] : layer.OutputSize(axis);
      right_.push_back((small - 1) * layer.strides[axis] + reach - large - layer.pads[axis]);
    }
  }
  bool RightPadsAreLegal() const { return right_[0] >= 0 && right_[1] >= 0; }

  std::vector<float> Run(Pass pass, std::vector<float> first, std::vector<float> second) {
    return layer_.op == Op::kConv
               ? RunAs<dnnl::convolution_forward, dnnl::convolution_backward_data,
                       dnnl::convolution_backward_weights>(
                     dnnl::algorithm::convolution_direct, pass, first, second)
               : RunAs<dnnl::deconvolution_forward, dnnl::deconvolution_backward_data,
                       dnnl::deconvolution_backward_weights>(
                     dnnl::algorithm::deconvolution_direct, pass, first, second);
  }

 private:
  template <typename Forward, typename BackwardData, typename BackwardWeights>
  std::vector<float> RunAs(dnnl::algorithm algorithm, Pass pass, std::vector<float>& first,
                           std::vector<float>& second) {
    const typename Forward::desc forward_desc(dnnl::prop_kind::forward_training, algorithm, source_,
                                              filter_, target_, strides_, dilates_, left_, right_);
    const typename Forward::primitive_desc forward(forward_desc, engine_);
    dnnl::stream stream(engine_);
    std::vector<float> result;
    const auto mem = [&](const memory::desc& d, std::vector<float>& v) {
      return memory(d, engine_, v.data());
    };
    const auto size = [](const memory::desc& d) { return d.get_size() / sizeof(float); };
    if (pass == Pass::kForward) {
      result.resize(size(target_));
      Forward(forward).execute(stream, {{DNNL_ARG_SRC, mem(source_, first)},
                                        {DNNL_ARG_WEIGHTS, mem(filter_, second)},
                                        {DNNL_ARG_DST, mem(target_, result)}});
    } else if (pass == Pass::kInputGrad) {
      result.resize(size(source_));
      const typename BackwardData::desc d(algorithm, source_, filter_, target_, strides_, dilates_,
                                          left_, right_);
      BackwardData({d, engine_, forward}).execute(stream, {{DNNL_ARG_DIFF_DST, mem(target_, first)},
                                                           {DNNL_ARG_WEIGHTS, mem(filter_, second)},
                                                           {DNNL_ARG_DIFF_SRC, mem(source_, result)}});
    } else {
      result.resize(size(filter_));
      const typename BackwardWeights::desc d(algorithm, source_, filter_, target_, strides_,
                                             dilates_, left_, right_);
      BackwardWeights({d, engine_, forward})
          .execute(stream, {{DNNL_ARG_SRC, mem(source_, first)},
                            {DNNL_ARG_DIFF_DST, mem(target_, second)},
                            {DNNL_ARG_DIFF_WEIGHTS, mem(filter_, result)}});
    }
    stream.wait();
    return result;
  }

  Layer layer_;
  dnnl::engine engine_{dnnl::engine::kind::cpu, 0};
  memory::desc source_, target_, filter_;
  Dims strides_, dilates_, left_, right_;
};

int64_t Elements(const std::array<int64_t, 4>& s) { return s[0] * s[1] * s[2] * s[3]; }

TEST(GoldenTest, EqualsOneDnnOnRandomShapes) {
  std::mt19937 random(2026);
  const auto pick = [&](int low, int high) { return std::uniform_int_distribution<int>(low, high)(random); };
  int compared = 0;
  for (int round = 0; compared < 300; ++round) {
    ASSERT_LT(round, 5000);
    Layer layer;
    layer.op = pick(0, 1) == 0 ? Op::kConv : Op::kConvTranspose;
    layer.group = pick(1, 3);
    layer.input = {pick(1, 3), layer.group * pick(1, 4), pick(1, 11), pick(1, 11)};
    layer.output_channels = layer.group * pick(1, 4);
    for (int axis = 0; axis < 2; ++axis) {
      layer.kernel[axis] = pick(1, 5);
      layer.strides[axis] = pick(1, 4);
      layer.dilations[axis] = pick(1, 3);
      layer.pads[axis] = pick(0, 3);
      layer.pads[axis + 2] = pick(0, 3);
      if (layer.op == Op::kConvTranspose) {
        layer.output_padding[axis] = pick(0, std::max(layer.strides[axis], layer.dilations[axis]) - 1);
      }
    }
    if (!CheckLayer(layer, "").ok()) continue;
    OneDnn reference(layer);
    if (!reference.RightPadsAreLegal()) continue;
    for (Pass pass : {Pass::kForward, Pass::kInputGrad, Pass::kFilterGrad}) {
      std::array<std::vector<int16_t>, 2> operands;
      std::array<std::vector<float>, 2> floats;
      for (std::size_t k = 0; k < 2; ++k) {
        operands[k].resize(static_cast<std::size_t>(Elements(TensorShape(layer, PassOperands(pass)[k]))));
        for (auto& value : operands[k]) value = static_cast<int16_t>(pick(-9, 9));
        floats[k].assign(operands[k].begin(), operands[k].end());
      }
      const auto golden = Golden(layer, pass, operands[0], operands[1]);
      std::vector<float> expected;
      try {
        expected = reference.Run(pass, floats[0], floats[1]);
      } catch (const dnnl::error& error) {
        FAIL() << error.what() << ": " << ToString(pass) << " of " << ToJsonText(layer);
      }
      ASSERT_EQ(golden.size(), expected.size());
      for (std::size_t k = 0; k < golden.size(); ++k) {
        ASSERT_EQ(static_cast<float>(golden[k]), expected[k])
            << ToString(pass) << " element " << k << " of " << ToJsonText(layer);
      }
      ++compared;
    }
  }
}

TEST(GoldenTest, SumsAreModuloTwoToThe32) {
  Layer layer;
  layer.input = {1, 3, 1, 1};
  const std::vector<int16_t> big = {-32768, -32768, -32768};
  EXPECT_EQ(Golden(layer, Pass::kForward, big, big),
            (std::vector<int32_t>{static_cast<int32_t>(0xc0000000u)}));
}

int16_t Bf16(float value) { return static_cast<int16_t>(RoundToBf16(value)); }
int32_t Bits(float value) { return std::bit_cast<int32_t>(value); }

// A 1x1 convolution over so many channels: one sum of products.
Layer DotProduct(int channels) {
  Layer layer;
  layer.input = {1, channels, 1, 1};
  return layer;
}

Comparison Compare(const std::vector<int16_t>& x, const std::vector<int16_t>& w, int32_t result, bool rounded = false,
                   bool inserted_zeros = false) {
  return CompareWithGolden(DotProduct(static_cast<int>(x.size())), Pass::kForward, x, w, {result}, true, rounded,
                           inserted_zeros);
}

TEST(GoldenBf16Test, SumsInAnyOrderAreWithinTheBoundAndLittleMoreIsNot) {
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  double largest = 0;
  for (int round = 0; round < 200; ++round) {
    const auto n = static_cast<std::size_t>(1 + random() % 300);
    std::vector<int16_t> x(n), w(n);
    std::vector<float> products(n);
    for (std::size_t k = 0; k < n; ++k) {
      x[k] = Bf16(normal(random)), w[k] = Bf16(normal(random));
      products[k] = Bf16ToFloat(static_cast<uint16_t>(x[k])) * Bf16ToFloat(static_cast<uint16_t>(w[k]));
    }
    for (int order = 0; order < 3; ++order) {
      std::shuffle(products.begin(), products.end(), random);
      float sum = 0;
      for (const float product : products) sum += product;
      const Comparison c = Compare(x, w, Bits(sum));
      EXPECT_EQ(c.mismatches, 0) << n;
      largest = std::max(largest, c.worst_share);
      EXPECT_EQ(Compare(x, w, Bits(Bf16ToFloat(RoundToBf16(sum))), true).mismatches, 0) << n;
    }
    const RealGolden g = GoldenBf16(DotProduct(static_cast<int>(n)), Pass::kForward, x, w)[0];
    const auto off = static_cast<float>(g.sum + 1.01 * g.bound() + std::fabs(g.sum) * 0x1p-23);
    EXPECT_EQ(Compare(x, w, Bits(off)).mismatches, 1) << n;
  }
  EXPECT_GT(largest, 0.01);  // the bound is not so wide that nothing can break it
}

TEST(GoldenBf16Test, WholeNumbersAgreeInEveryBit) {
  EXPECT_EQ(Compare({Bf16(3), Bf16(-5)}, {Bf16(7), Bf16(2)}, Bits(11.0f)).mismatches, 0);
  EXPECT_EQ(Compare({Bf16(3), Bf16(-5)}, {Bf16(7), Bf16(2)}, Bits(std::nextafter(11.0f, 12.0f))).mismatches, 1);
  EXPECT_EQ(Compare({Bf16(3), Bf16(-3)}, {Bf16(7), Bf16(7)}, Bits(-0.0f)).mismatches, 1);
}

TEST(GoldenBf16Test, SpecialValues) {
  const int16_t inf = 0x7f80, nan = 0x7fc1, large = 0x7f7f;
  const int32_t kNan = 0x7fc00000;
  const float kInf = std::numeric_limits<float>::infinity();
  EXPECT_EQ(Compare({inf}, {Bf16(1)}, Bits(kInf)).mismatches, 0);
  EXPECT_EQ(Compare({inf}, {Bf16(1)}, Bits(-kInf)).mismatches, 1);
  EXPECT_EQ(Compare({inf}, {Bf16(1)}, kNan).mismatches, 1);
  EXPECT_EQ(Compare({inf}, {Bf16(1)}, kNan, false, true).inserted_nan, 1);
  EXPECT_EQ(Compare({inf}, {Bf16(0)}, kNan).mismatches, 0);
  EXPECT_EQ(Compare({inf}, {Bf16(0)}, Bits(0)).mismatches, 1);
  EXPECT_EQ(Compare({nan}, {Bf16(1)}, kNan).mismatches, 0);
  EXPECT_EQ(Compare({nan}, {Bf16(1)}, 0x7fc10000).mismatches, 1);  // not the canonical one
  EXPECT_EQ(Compare({large}, {large}, Bits(kInf)).overflowed, 1);
  EXPECT_EQ(Compare({Bf16(1)}, {Bf16(1)}, Bits(kInf)).mismatches, 1);
  EXPECT_EQ(Compare({Bf16(1)}, {Bf16(1)}, kNan, false, true).mismatches, 1);  // finite operands make no NaN
}

TEST(GoldenBf16Test, OverflowOnTheWayHasTheSignOfWhatMayOverflow) {
  const int16_t large = 0x7f7f, minus = static_cast<int16_t>(0xff7f);
  const int32_t kNan = 0x7fc00000;
  const float kInf = std::numeric_limits<float>::infinity();
  EXPECT_EQ(Compare({large, large}, {large, Bf16(1)}, Bits(-kInf)).mismatches, 1);
  EXPECT_EQ(Compare({large, large}, {large, Bf16(1)}, kNan).mismatches, 1);
  EXPECT_EQ(Compare({large, minus}, {large, large}, kNan).overflowed, 1);
  EXPECT_EQ(Compare({large, minus}, {large, large}, Bits(-kInf)).overflowed, 1);
  EXPECT_EQ(Compare({large, minus}, {large, large}, Bits(0)).mismatches, 1);
  EXPECT_EQ(Compare({0x7f80, minus}, {Bf16(1), large}, kNan).overflowed, 1);   // inf, and a sum that is -inf before it
  EXPECT_EQ(Compare({0x7f80, large}, {Bf16(1), large}, kNan).mismatches, 1);
}

// The products' magnitudes add up to less than what fp32 reaches, their roundings do not.
TEST(GoldenBf16Test, RoundingsMayOverflow) {
  std::vector<int16_t> x;
  for (const float value : {255 * 0x1p60f, 255 * 0x1p52f, 63 * 0x1p46f, 3 * 0x1p42f, 3 * 0x1p42f, 3 * 0x1p42f, 3 * 0x1p42f}) {
    x.push_back(Bf16(value));
  }
  const std::vector<int16_t> w(x.size(), Bf16(0x1p60f));
  float sum = 0;
  for (const int16_t value : x) sum += Bf16ToFloat(static_cast<uint16_t>(value)) * 0x1p60f;
  ASSERT_TRUE(std::isinf(sum));
  EXPECT_LE(GoldenBf16(DotProduct(7), Pass::kForward, x, w)[0].magnitude(), std::numeric_limits<float>::max());
  EXPECT_EQ(Compare(x, w, Bits(sum)).overflowed, 1);
  EXPECT_EQ(Compare(x, w, Bits(-sum)).mismatches, 1);
  const std::vector<int16_t> one = {Bf16(0x1.fep127f), Bf16(0x1p119f)};  // a tie between the largest bf16 and infinity
  EXPECT_EQ(Compare(one, {Bf16(1), Bf16(1)}, Bits(std::numeric_limits<float>::infinity()), true).overflowed, 1);
  EXPECT_EQ(Compare(one, {Bf16(1), Bf16(1)}, Bits(std::numeric_limits<float>::infinity())).mismatches, 1);
}

TEST(GoldenBf16Test, TheBoundGrowsWithEveryProduct) {
  RealGolden g;
  g.positive = 1;
  double last = 0;
  for (g.products = 1; g.products < 0x1p32; g.products *= 4) {
    EXPECT_GT(g.bound(), last);
    last = g.bound();
  }
  EXPECT_LT(last, 100);
}

TEST(GoldenBf16Test, ErrorsOfNothingAreInUnitsOfTheSmallestNumber) {
  const std::vector<int16_t> x = {Bf16(1), Bf16(0x1p-30f), Bf16(-1), Bf16(-0x1p-30f)};
  const Comparison c = Compare(x, std::vector<int16_t>(4, Bf16(1)), Bits(-0x1p-30f));
  EXPECT_EQ(c.mismatches, 0);
  EXPECT_EQ(c.worst_ulp, 0x1p119);
}

TEST(GoldenBf16Test, AnElementThatBothMissCountsOnce) {
  const auto compare = [](std::vector<int32_t> result, const std::vector<int32_t>& in_order) {
    Layer layer;
    layer.input = {1, 1, 1, 2};
    return CompareWithGolden(layer, Pass::kForward, {Bf16(1), Bf16(2)}, {Bf16(3)}, result, true, false, false, in_order);
  };
  EXPECT_EQ(compare({Bits(3), Bits(6)}, {Bits(3), Bits(6)}).mismatches, 0);
  const Comparison both = compare({Bits(3), Bits(7)}, {Bits(3), Bits(6)});
  EXPECT_EQ(both.mismatches, 1);
  EXPECT_EQ(both.order_mismatches, 1);
  EXPECT_EQ(both.first_mismatch, 1);
  const Comparison order = compare({Bits(3), Bits(6)}, {Bits(4), Bits(6)});
  EXPECT_EQ(order.mismatches, 1);
  EXPECT_EQ(order.first_mismatch, 0);
}

}  // namespace
}  // namespace ecoflow
