// SPDX-License-Identifier: Apache-2.0
#include "tb/golden/golden.h"

namespace ecoflow {

// A layer relates three tensors: the large map L, the small map S and the filter F. For Conv the
// input is large and the output small; for ConvTranspose the other way round. All passes visit the
// same products: S[n][m][p][q] meets L[n][c][p*sh + i*dh - top][q*sw + j*dw - left] by
// F[m][c][i][j]. Which of the three is the result makes the pass.
std::vector<int32_t> Golden(const Layer& layer, Pass pass, const std::vector<int16_t>& first,
                            const std::vector<int16_t>& second) {
  const bool conv = layer.op == Op::kConv;
  const auto in = layer.InputShape();
  const auto out = layer.OutputShape();
  const auto& small = conv ? out : in;
  const auto& large = conv ? in : out;
  const int64_t small_channels = small[1] / layer.group;
  const int64_t large_channels = large[1] / layer.group;

  const auto shape = ResultShape(layer, pass);
  std::vector<uint32_t> sum(static_cast<std::size_t>(shape[0] * shape[1] * shape[2] * shape[3]), 0);

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
                sum[index(part_result)] += static_cast<uint32_t>(
                    int32_t{first[index(part_first)]} * int32_t{second[index(part_second)]});
              }
            }
          }
        }
      }
    }
  }
  return {sum.begin(), sum.end()};
}

}  // namespace ecoflow
