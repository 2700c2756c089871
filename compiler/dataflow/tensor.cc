// SPDX-License-Identifier: Apache-2.0
#include "compiler/dataflow/tensor.h"

namespace ecoflow {

LayerTensors TensorsOf(const Layer& layer) {
  LayerTensors t{};
  const bool conv = layer.op == Op::kConv;
  t.small = conv ? layer.OutputShape() : layer.InputShape();
  t.large = conv ? layer.InputShape() : layer.OutputShape();
  t.small_channels = t.small[1] / layer.group;
  t.large_channels = t.large[1] / layer.group;
  const auto map = [&](const std::array<int64_t, 4>& shape, int64_t channels) {
    TensorAddress at;
    at.batch = shape[1] * shape[2] * shape[3];
    at.red = shape[2] * shape[3];
    at.group = channels * at.red;
    at.row = shape[3];
    at.col = 1;
    return at;
  };
  t.small_at = map(t.small, t.small_channels);
  t.large_at = map(t.large, t.large_channels);
  t.filter_at.red = int64_t{layer.kernel[0]} * layer.kernel[1];
  t.filter_at.outc = t.large_channels * t.filter_at.red;
  t.filter_at.group = t.small_channels * t.filter_at.outc;
  t.filter_at.row = layer.kernel[1];
  t.filter_at.col = 1;
  return t;
}

}  // namespace ecoflow
