// SPDX-License-Identifier: Apache-2.0
// Zeros of padded convolutions: the formulas and examples of Sec. 3.1.
#include "compiler/dataflow/direct.h"

#include <gtest/gtest.h>

#include <set>

#include "base/files.h"
#include "compiler/compiler.h"

namespace ecoflow {
namespace {

// A layer whose output (the error) is n x n, with a k x k filter at stride s.
Layer Square(int n, int k, int s) {
  Layer layer;
  layer.input = {1, 1, (n - 1) * s + k, (n - 1) * s + k};
  layer.kernel = {k, k};
  layer.strides = {s, s};
  return layer;
}

TEST(PaddingTest, FormulasOfSection311) {
  for (int n = 1; n <= 9; ++n) {
    for (int k = 1; k <= 7; ++k) {
      for (int s = 1; s <= 5; ++s) {
        const auto zeros = CountPadding(MakePaddedProblem(Square(n, k, s), Pass::kInputGrad));
        const int64_t inside = s * (n - 1) + 1;
        EXPECT_EQ(zeros.input_inner_zeros, inside * inside - n * n) << n << k << s;
        EXPECT_EQ(zeros.input_outer_zeros, 4 * (k - 1) * inside + 4 * (k - 1) * (k - 1)) << n << k << s;
        EXPECT_EQ(zeros.kernel_zeros, 0);
        // Sec. 3.1.2: the error as a kernel is padded inside only.
        const auto dilated = CountPadding(MakePaddedProblem(Square(n, k, s), Pass::kFilterGrad));
        EXPECT_EQ(dilated.kernel_elements, inside * inside);
        EXPECT_EQ(dilated.kernel_zeros, inside * inside - n * n);
        EXPECT_EQ(dilated.input_inner_zeros + dilated.input_outer_zeros, 0);
      }
    }
  }
}

TEST(PaddingTest, ExamplesOfFigure4) {
  const auto a = CountPadding(MakePaddedProblem(Square(3, 3, 1), Pass::kInputGrad));
  EXPECT_EQ(a.input_elements, 49);
  EXPECT_EQ(a.input_inner_zeros, 0);
  EXPECT_EQ(a.input_outer_zeros, 40);
  const auto b = CountPadding(MakePaddedProblem(Square(2, 3, 2), Pass::kInputGrad));
  EXPECT_EQ(b.input_elements, 49);
  EXPECT_EQ(b.input_inner_zeros, 5);
  EXPECT_EQ(b.input_outer_zeros, 40);
  const auto c = CountPadding(MakePaddedProblem(Square(2, 3, 2), Pass::kFilterGrad));
  EXPECT_EQ(c.kernel_elements, 9);
  EXPECT_EQ(c.kernel_zeros, 5);
}

TEST(PaddingTest, MoreThanSeventyPercentOfTheProductsAtStride2) {
  for (const Pass pass : {Pass::kInputGrad, Pass::kFilterGrad}) {
    const DirectProblem p = MakePaddedProblem(Square(28, 3, 2), pass);
    const double useful = static_cast<double>(UsefulMacs(p)) / static_cast<double>(PaddedMacs(p));
    EXPECT_LT(useful, 0.3) << ToString(pass);
    EXPECT_GT(useful, 0.2) << ToString(pass);
  }
}

TEST(PaddingTest, PaddedAndZeroFreeFormsHaveTheSameUsefulProducts) {
  Layer layer;
  layer.input = {2, 6, 11, 8};
  layer.output_channels = 4;
  layer.kernel = {3, 2};
  layer.strides = {2, 3};
  layer.pads = {4, 0, 1, 2};
  layer.dilations = {1, 2};
  layer.group = 2;
  for (const Pass pass : {Pass::kForward, Pass::kFilterGrad}) {
    const DirectProblem padded = MakePaddedProblem(layer, pass);
    const DirectProblem direct = MakeDirectProblem(layer, pass);
    EXPECT_EQ(UsefulMacs(padded), UsefulMacs(direct));
    const UsefulElements a = CountUseful(padded), b = CountUseful(direct);
    EXPECT_EQ(a.errors, b.errors);
    EXPECT_EQ(a.filters, b.filters);
    EXPECT_EQ(a.results, b.results);
  }
  EXPECT_EQ(UsefulMacs(MakePaddedProblem(layer, Pass::kInputGrad)),
            UsefulMacs(MakeTransposedProblem(layer)));
}

TEST(PaddingTest, CompileReportsTheZeros) {
  const HwConfig config = LoadHwConfig("ecoflow_4x4").value();
  const auto compiled = Compile(config, Square(2, 3, 2), Pass::kInputGrad, "row-stationary");
  ASSERT_TRUE(compiled.ok());
  EXPECT_EQ(compiled.value().mapping.at("input_inner_zeros"), 5);
  EXPECT_EQ(compiled.value().mapping.at("input_outer_zeros"), 40);
  EXPECT_EQ(compiled.value().useful_macs, 36);
}

TEST(SectionsTest, CutABorderedProblemIntoBorderlessOnes) {
  Layer layer;
  layer.input = {2, 6, 11, 8};
  layer.output_channels = 4;
  layer.kernel = {5, 3};
  layer.strides = {1, 2};
  layer.pads = {2, 1, 3, 2};
  layer.dilations = {1, 2};
  for (const Pass pass : {Pass::kForward, Pass::kFilterGrad}) {
    const DirectProblem whole = MakeDirectProblem(layer, pass);
    int64_t useful = 0, results = 0;
    for (const Section& rows : Sections(whole, 0)) {
      for (const Section& columns : Sections(whole, 1)) {
        const DirectProblem part = Cut(Cut(whole, 0, rows), 1, columns);
        EXPECT_EQ(UsefulMacs(part), PaddedMacs(part));
        useful += UsefulMacs(part);
        results += part.out[0] * part.out[1];
      }
    }
    EXPECT_EQ(useful, UsefulMacs(whole));
    EXPECT_LT(useful, PaddedMacs(whole));
    EXPECT_EQ(results, whole.out[0] * whole.out[1]);
  }
}

// Rows of Tables 5 and 7 at full size: image and descriptors stay small (Sec. 4.1.1: an FSM).
// Products by the addresses of what they multiply and of their result.
using Products = std::multiset<std::array<int64_t, 3>>;

int64_t AddressOf(const TensorAddress& at, int64_t outc, int64_t red, int64_t row, int64_t col) {
  return at.base + outc * at.outc + red * at.red + row * at.row + col * at.col;
}
Products ProductsOf(const TransposedProblem& p) {
  Products products;
  for (int64_t oy = 0; oy < p.in[0]; ++oy) {
    for (int64_t ox = 0; ox < p.in[1]; ++ox) {
      for (int64_t i = 0; i < p.kernel[0]; ++i) {
        for (int64_t j = 0; j < p.kernel[1]; ++j) {
          const int64_t y = oy * p.stride[0] + i * p.dilation[0] - p.pad[0];
          const int64_t x = ox * p.stride[1] + j * p.dilation[1] - p.pad[1];
          if (y < 0 || y >= p.out[0] || x < 0 || x >= p.out[1]) continue;
          products.insert({AddressOf(p.error_at, 0, 1, oy, ox), AddressOf(p.kernel_at, 1, 1, i, j),
                           AddressOf(p.result_at, 1, 0, y, x)});
        }
      }
    }
  }
  return products;
}
int64_t AddressOf(const TensorAddress& at, std::array<int64_t, 2> phase) {
  return phase[0] * at.phase_row + phase[1] * at.phase_col;
}
bool HasTap(const TapNumbers& taps, int64_t index, int64_t phase) {
  const int64_t number = taps.base + taps.step * index + taps.phase_step * phase;
  return taps.size == 0 || (number >= 0 && number < taps.size);
}
void AddProducts(const DirectProblem& p, Products& products, std::array<int64_t, 2> phase) {
  for (int64_t y = 0; y < p.out[0]; ++y) {
    for (int64_t x = 0; x < p.out[1]; ++x) {
      for (int64_t i = 0; i < p.kernel[0]; ++i) {
        for (int64_t j = 0; j < p.kernel[1]; ++j) {
          const int64_t v = y * p.stride[0] + i * p.dilation[0] - p.pad[0];
          const int64_t u = x * p.stride[1] + j * p.dilation[1] - p.pad[1];
          if (v < 0 || v >= p.in[0] || u < 0 || u >= p.in[1]) continue;
          if (!HasTap(p.taps[0], i, phase[0]) || !HasTap(p.taps[1], j, phase[1])) continue;
          products.insert({AddressOf(p.input_at, 0, 1, v, u) + AddressOf(p.input_at, phase),
                           AddressOf(p.kernel_at, 1, 1, i, j) + AddressOf(p.kernel_at, phase),
                           AddressOf(p.result_at, 1, 0, y, x) + AddressOf(p.result_at, phase)});
        }
      }
    }
  }
}
// Of all phases.
void AddProducts(const DirectProblem& p, Products& products) {
  for (int64_t row = 0; row < p.phases.count[0]; ++row) {
    for (int64_t col = 0; col < p.phases.count[1]; ++col) AddProducts(p, products, {row, col});
  }
}

std::vector<Layer> OddTransposedLayers() {
  std::vector<Layer> layers;
  for (int stride = 1; stride <= 4; ++stride) {
    for (int dilation = 1; dilation <= 4; ++dilation) {
      for (int pad = 0; pad <= 5; ++pad) {
        Layer layer;
        layer.input = {1, 2, 13, 17};
        layer.output_channels = 3;
        layer.kernel = {1 + (stride + pad) % 4, 1 + (dilation + pad) % 3};
        layer.strides = {stride, 1 + dilation % 3};
        layer.dilations = {dilation, 1 + stride % 3};
        layer.pads = {pad, 5 - pad, pad % 3, 1};
        if (CheckLayer(layer, "").ok()) layers.push_back(layer);
      }
    }
  }
  return layers;
}

TEST(ResidueTest, ProductsAreThoseOfTheTransposedConvolution) {
  const std::vector<Layer> layers = OddTransposedLayers();
  ASSERT_GT(layers.size(), 50u);
  for (const Layer& layer : layers) {
    const TransposedProblem transposed = MakeTransposedProblem(layer);
    const std::vector<DirectProblem> residues = ResidueProblems(transposed);
    Products products;
    for (const DirectProblem& d : residues) {
      AddProducts(d, products);
      EXPECT_EQ(d.in_step, (std::array<int64_t, 2>{1, 1}));
    }
    ASSERT_EQ(products, ProductsOf(transposed)) << ToJsonText(layer);
    if (layer.strides == std::array<int, 2>{1, 1}) {
      EXPECT_LE(residues.size(), 1u);
    }
  }
}

// Kernels with and without a tap more for some residues, padding at either end, dilation: on some axes all
// residues are alike, on others some, or none.
std::vector<Layer> StridedLayers() {
  std::vector<Layer> layers;
  for (int stride = 2; stride <= 5; ++stride) {
    for (int taps = 1; taps <= 3; ++taps) {
      for (int pad = 0; pad <= 2 * stride; ++pad) {
        for (int dilation = 1; dilation <= 3; ++dilation) {
          Layer layer;
          layer.input = {1, 2, (4 + pad % 2) * stride + pad % 3, 4 * stride + 3};
          layer.output_channels = 3;
          layer.kernel = {taps * stride - (pad % 3 == 2), 1 + (pad + taps) % 4};
          layer.strides = {stride, 1 + pad % 4};
          layer.dilations = {dilation, 1 + (pad + dilation) % 3};
          layer.pads = {pad, pad % 3, stride == 3 ? pad : 0, taps};
          if (CheckLayer(layer, "").ok()) layers.push_back(layer);
        }
      }
    }
  }
  return layers;
}

TEST(PhaseTest, ProductsAreThoseOfTheTransposedConvolution) {
  int all = 0, some = 0;
  std::vector<Layer> layers = StridedLayers();
  for (const Layer& layer : OddTransposedLayers()) layers.push_back(layer);
  ASSERT_GT(layers.size(), 150u);
  for (const Layer& layer : layers) {
    const TransposedProblem transposed = MakeTransposedProblem(layer);
    const std::size_t residues = ResidueProblems(transposed).size();
    const std::vector<DirectProblem> problems = PhaseProblems(transposed);
    Products products;
    for (const DirectProblem& d : problems) {
      AddProducts(d, products);
      EXPECT_EQ(d.outc, transposed.outc * d.phases.all());
      EXPECT_EQ(d.red, transposed.red);
    }
    ASSERT_EQ(products, ProductsOf(transposed)) << ToJsonText(layer);
    all += problems.size() == 1 && residues > 1;
    some += problems.size() > 1 && problems.size() < residues;
  }
  EXPECT_GE(all, 20);
  EXPECT_GE(some, 20);
}

// Shifts by whole strides, and taps that some phases do not have.
TEST(PhaseTest, ShiftedProductsAreThoseOfTheTransposedConvolution) {
  std::map<bool, int> more;  // phases than without
  std::vector<Layer> layers = StridedLayers();
  for (const Layer& layer : OddTransposedLayers()) layers.push_back(layer);
  const auto most = [](const std::vector<DirectProblem>& problems) {
    int64_t phases = 0;
    for (const DirectProblem& d : problems) phases = std::max(phases, d.phases.all());
    return phases;
  };
  for (const Layer& layer : layers) {
    const TransposedProblem transposed = MakeTransposedProblem(layer);
    for (const bool fill : {false, true}) {
      const std::vector<DirectProblem> problems = ShiftedPhaseProblems(transposed, fill);
      Products products;
      for (const DirectProblem& d : problems) AddProducts(d, products);
      ASSERT_EQ(products, ProductsOf(transposed)) << ToJsonText(layer) << fill;
      more[fill] += most(problems) > most(fill ? ShiftedPhaseProblems(transposed, false) : PhaseProblems(transposed));
    }
  }
  EXPECT_GE(more[false], 20);
  EXPECT_GE(more[true], 20);
}

TEST(PhaseTest, OneProblemWhereTheStrideDividesKernelAndPadding) {
  Layer layer = Square(10, 64, 32);
  std::vector<DirectProblem> problems = PhaseProblems(MakeTransposedProblem(layer));
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_EQ(problems[0].phases.count, (std::array<int64_t, 2>{32, 32}));
  EXPECT_EQ(problems[0].kernel, (std::array<int64_t, 2>{2, 2}));
  layer = Square(10, 4, 4);
  layer.strides = {1, 4};  // one axis only
  problems = PhaseProblems(MakeTransposedProblem(layer));
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_EQ(problems[0].phases.count, (std::array<int64_t, 2>{1, 4}));
  layer = Square(10, 4, 2);
  layer.pads = {1, 1, 1, 1};  // residues whose taps begin at different errors
  EXPECT_EQ(PhaseProblems(MakeTransposedProblem(layer)).size(), 4u);
  // All but the outermost results together, these by side and corner.
  const auto shifted = ShiftedPhaseProblems(MakeTransposedProblem(layer), false);
  ASSERT_EQ(shifted.size(), 9u);
  EXPECT_TRUE(std::any_of(shifted.begin(), shifted.end(), [](const DirectProblem& d) {
    return d.phases.all() == 4 && d.out == std::array<int64_t, 2>{10, 10} && d.kernel == std::array<int64_t, 2>{2, 2};
  }));
}

TEST(PhaseTest, ProductsAreThoseOfTheDirectConvolution) {
  int of_sum = 0, of_batch = 0;
  for (const Layer& layer : StridedLayers()) {
    for (const Pass pass : {Pass::kForward, Pass::kFilterGrad}) {
      const DirectProblem whole = MakeDirectProblem(layer, pass);
      Products products;
      AddProducts(whole, products);
      if (const auto d = PhasesOfSum(whole)) {
        Products phased;
        AddProducts(*d, phased);
        ASSERT_EQ(phased, products) << ToJsonText(layer);
        EXPECT_EQ(d->red, whole.red * d->phases.all());
        for (int axis = 0; axis < 2; ++axis) EXPECT_TRUE(d->phases.count[axis] == 1 || d->stride[axis] == 1);
        ++of_sum;
      }
      if (const auto d = PhasesOfBatch(whole)) {
        Products phased;
        AddProducts(*d, phased);
        ASSERT_EQ(phased, products) << ToJsonText(layer);
        EXPECT_EQ(d->batch, whole.batch * d->phases.all());
        for (int axis = 0; axis < 2; ++axis) EXPECT_TRUE(d->phases.count[axis] == 1 || d->dilation[axis] == 1);
        ++of_batch;
      }
    }
  }
  EXPECT_GE(of_sum, 20);
  EXPECT_GE(of_batch, 20);
}

// Taps times the results that they meet: every product once, none with a border zero.
TEST(ResidueTest, TapSectionsCoverEveryProductOnce) {
  for (const Layer& layer : OddTransposedLayers()) {
    for (const DirectProblem& d : ResidueProblems(MakeTransposedProblem(layer))) {
      Products whole, cut;
      AddProducts(d, whole);
      int64_t slots = 0;
      for (const Section& r : TapSections(d, 0)) {
        for (const Section& c : TapSections(d, 1)) {
          AddProducts(Cut(Cut(d, 0, r), 1, c), cut);
          slots += r.count * r.taps * c.count * c.taps;
        }
      }
      ASSERT_EQ(cut, whole) << ToJsonText(layer);
      EXPECT_EQ(slots, static_cast<int64_t>(whole.size()));
    }
  }
}

// Errors with the taps that meet a result: every product once, and none that padding cuts away.
TEST(ResidueTest, ErrorRangesCoverEveryProductOnce) {
  for (const Layer& layer : OddTransposedLayers()) {
    const TransposedProblem p = MakeTransposedProblem(layer);
    Products cut;
    int64_t products = 0;
    for (const ErrorRange& r : ErrorRanges(p, 0)) {
      for (const ErrorRange& c : ErrorRanges(p, 1)) {
        cut.merge(ProductsOf(Cut(Cut(p, 0, r), 1, c)));
        products += r.errors * r.taps * c.errors * c.taps;
      }
    }
    ASSERT_EQ(cut, ProductsOf(p)) << ToJsonText(layer);
    EXPECT_EQ(products, static_cast<int64_t>(cut.size()));
  }
}

TEST(ImageSizeTest, EveryTableRowTakesLessThan64KB) {
  const HwConfig config = LoadHwConfig("ecoflow_13x15").value();
  for (const char* file : {"paper_table5.json", "paper_table7.json", "alexnet_original.json"}) {
    const auto layers = LoadWorkload((SourceRoot() / "workloads" / file).string());
    ASSERT_TRUE(layers.ok());
    for (const Layer& layer : layers.value().layers) {
      for (const Pass pass : {Pass::kForward, Pass::kInputGrad, Pass::kFilterGrad}) {
        for (const char* dataflow : {"ecoflow", "row-stationary", "auto"}) {
          const auto compiled = Compile(config, layer, pass, dataflow);
          ASSERT_TRUE(compiled.ok()) << layer.name << compiled.error().message;
          const int64_t bytes = ImageBytes(compiled.value().schedule);
          EXPECT_LT(bytes, 64 * 1024) << layer.name << ToString(pass) << dataflow;
          EXPECT_GT(bytes, 1000);
        }
      }
    }
  }
}

}  // namespace
}  // namespace ecoflow
