// SPDX-License-Identifier: Apache-2.0
#include "tb/golden/golden.h"

#include <cmath>

#include "base/bf16.h"

namespace ecoflow {
namespace {

// A layer relates three tensors: the large map L, the small map S and the filter F. For Conv the
// input is large and the output small; for ConvTranspose the other way round. All passes visit the
// same products: S[n][m][p][q] meets L[n][c][p*sh + i*dh - top][q*sw + j*dw - left] by
// F[m][c][i][j]. Which of the three is the result makes the pass.
// Calls visit(element of the first operand, of the second, of the result) for each product.
template <typename Visit>
void ForEachProduct(const Layer& layer, Pass pass, Visit visit) {
  const bool conv = layer.op == Op::kConv;
  const auto in = layer.InputShape();
  const auto out = layer.OutputShape();
  const auto& small = conv ? out : in;
  const auto& large = conv ? in : out;
  const int64_t small_channels = small[1] / layer.group;
  const int64_t large_channels = large[1] / layer.group;

  // Which tensor is which: forward reads (ifmap, filter), input-grad (error, filter), filter-grad
  // (ifmap, error).
  enum class Part { kSmall, kLarge, kFilter };
  const Part ifmap = conv ? Part::kLarge : Part::kSmall;
  const Part error = conv ? Part::kSmall : Part::kLarge;
  const Part part_first = pass == Pass::kInputGrad ? error : ifmap;
  const Part part_second = pass == Pass::kFilterGrad ? error : Part::kFilter;
  const Part part_result = pass == Pass::kForward     ? error
                           : pass == Pass::kInputGrad ? ifmap
                                                      : Part::kFilter;

  for (int64_t n = 0; n < small[0]; ++n) {
    for (int64_t m = 0; m < small[1]; ++m) {
      const int64_t group = m / small_channels;
      for (int64_t c = 0; c < large_channels; ++c) {
        const int64_t large_c = group * large_channels + c;
        for (int64_t i = 0; i < layer.kernel[0]; ++i) {
          for (int64_t j = 0; j < layer.kernel[1]; ++j) {
            const int64_t f = ((m * large_channels + c) * layer.kernel[0] + i) * layer.kernel[1] + j;
            for (int64_t p = 0; p < small[2]; ++p) {
              const int64_t y = p * layer.strides[0] + i * layer.dilations[0] - layer.pads[0];
              if (y < 0 || y >= large[2]) continue;
              for (int64_t q = 0; q < small[3]; ++q) {
                const int64_t x = q * layer.strides[1] + j * layer.dilations[1] - layer.pads[1];
                if (x < 0 || x >= large[3]) continue;
                const int64_t s = ((n * small[1] + m) * small[2] + p) * small[3] + q;
                const int64_t l = ((n * large[1] + large_c) * large[2] + y) * large[3] + x;
                const auto index = [&](Part part) {
                  return static_cast<std::size_t>(part == Part::kSmall   ? s
                                                  : part == Part::kLarge ? l
                                                                         : f);
                };
                visit(index(part_first), index(part_second), index(part_result));
              }
            }
          }
        }
      }
    }
  }
}

std::size_t ResultElements(const Layer& layer, Pass pass) {
  const auto shape = ResultShape(layer, pass);
  return static_cast<std::size_t>(shape[0] * shape[1] * shape[2] * shape[3]);
}

std::vector<double> ToDouble(const std::vector<int16_t>& bf16) {
  std::vector<double> values(bf16.size());
  for (std::size_t k = 0; k < values.size(); ++k) values[k] = Bf16ToFloat(static_cast<uint16_t>(bf16[k]));
  return values;
}

}  // namespace

std::vector<int32_t> Golden(const Layer& layer, Pass pass, const std::vector<int16_t>& first,
                            const std::vector<int16_t>& second) {
  std::vector<uint32_t> sum(ResultElements(layer, pass), 0);
  ForEachProduct(layer, pass, [&](std::size_t a, std::size_t b, std::size_t result) {
    sum[result] += static_cast<uint32_t>(int32_t{first[a]} * int32_t{second[b]});
  });
  return {sum.begin(), sum.end()};
}

std::vector<RealGolden> GoldenBf16(const Layer& layer, Pass pass, const std::vector<int16_t>& first,
                                   const std::vector<int16_t>& second) {
  std::vector<RealGolden> golden(ResultElements(layer, pass));
  const auto x = ToDouble(first), y = ToDouble(second);
  ForEachProduct(layer, pass, [&](std::size_t a, std::size_t b, std::size_t result) {
    RealGolden& g = golden[result];
    const double product = x[a] * y[b];  // exact
    g.sum += product;
    if (std::isfinite(product)) {
      (product > 0 ? g.positive : g.negative) += std::fabs(product);
      g.largest = std::max(g.largest, std::fabs(product));
    }
    g.whole = g.whole && x[a] == std::trunc(x[a]) && y[b] == std::trunc(y[b]);
    ++g.products;
  });
  return golden;
}

}  // namespace ecoflow
