// SPDX-License-Identifier: Apache-2.0
#include "tests/e2e/random_layers.h"

#include <algorithm>
#include <random>

#include "compiler/dataflow/direct.h"

namespace ecoflow {

int64_t DefaultMacs(int64_t pes, bool padded) {
  if (pes <= kLargeArray) return 60'000;
  return padded ? 400'000 : 2'000'000;
}

Layer RandomLayer(uint64_t seed, Op op, Pass pass, bool padded, int64_t max_macs, int64_t pes) {
  std::mt19937_64 random(seed * 0x9e3779b97f4a7c15ull + 1);
  const auto pick = [&](int low, int high) {
    return low + static_cast<int>(random() % static_cast<uint64_t>(high - low + 1));
  };
  const auto one_in = [&](int n) { return pick(1, n) == 1; };
  for (;;) {
    Layer layer;
    layer.name = "seed" + std::to_string(seed);
    layer.op = op;
    for (int axis = 0; axis < 2; ++axis) {
      layer.kernel[axis] = one_in(3) ? pick(1, 15) : pick(1, 5);
      layer.strides[axis] = one_in(4) ? pick(1, 5) : pick(1, 2);
      layer.dilations[axis] = one_in(3) ? pick(1, 3) : 1;
      layer.pads[axis] = one_in(2) ? 0 : pick(0, layer.kernel[axis] * layer.dilations[axis]);
      layer.pads[axis + 2] = one_in(2) ? layer.pads[axis] : pick(0, layer.kernel[axis]);
      layer.input[2 + axis] = one_in(4) ? pick(1, 2) : pick(1, one_in(3) ? 33 : 12);
      if (layer.op == Op::kConvTranspose && one_in(2)) {
        layer.output_padding[axis] =
            pick(0, std::max(layer.strides[axis], layer.dilations[axis]) - 1);
      }
    }
    if (one_in(4)) {  // squares are the common case
      layer.kernel[1] = layer.kernel[0];
      layer.strides[1] = layer.strides[0];
      layer.dilations[1] = layer.dilations[0];
      layer.input[3] = layer.input[2];
    }
    if (one_in(10)) {  // one-dimensional
      layer.input[2] = layer.kernel[0] = 1;
      layer.pads[0] = layer.pads[2] = 0;
    }
    if (one_in(30)) {  // one-dimensional and long: loop counts of all sizes
      layer.input[2] = layer.kernel[0] = 1;
      layer.pads[0] = layer.pads[2] = 0;
      layer.input[3] = pick(900, 3000);
    }
    if (one_in(10)) {  // fully connected
      layer.input[2] = layer.input[3] = layer.kernel[0] = layer.kernel[1] = 1;
      layer.pads = {0, 0, 0, 0};
    }
    layer.input[0] = one_in(3) ? pick(2, 4) : 1;
    layer.group = one_in(4) ? pick(2, 4) : 1;
    // Now and then more channels or filters than a register file has entries.
    layer.input[1] = layer.group * (one_in(6) ? pick(20, 300) : pick(1, 9));
    layer.output_channels = layer.group * (one_in(6) ? pick(20, 300) : pick(1, 9));
    if (one_in(8)) {  // depthwise
      layer.group = layer.input[1];
      layer.output_channels = layer.group * pick(1, 2);
    }
    if (pes > kLargeArray && !one_in(4)) {
      const int stride = one_in(4) ? 2 : 1;
      for (int axis = 0; axis < 2; ++axis) {
        layer.kernel[axis] = pick(2, 3);
        layer.strides[axis] = stride;
        layer.dilations[axis] = 1;
        layer.pads[axis] = axis == 0 ? 1 : 0;
        layer.pads[axis + 2] = one_in(4) ? 1 : 0;
        layer.input[2 + axis] = pick(8, 16);
        layer.output_padding[axis] = 0;
      }
      // One-dimensional ones have few borders, and no rows to spread over the array.
      if (!one_in(6)) {
        layer.input[2] = layer.kernel[0] = 1;
        layer.pads = {0, 1, 0, one_in(2) ? 1 : 0};
        layer.input[3] = pick(60, 150);
      }
      layer.group = 1;
      layer.input[1] = pick(16, 48);
      layer.output_channels = pick(16, 64);
    }
    if (!CheckLayer(layer, "").ok()) continue;
    const auto small = layer.op == Op::kConv ? layer.OutputShape() : layer.InputShape();
    const auto filter = layer.FilterShape();
    int64_t macs = small[0] * small[2] * small[3] * filter[0] * filter[1] * filter[2] * filter[3];
    if (padded) macs = PaddedMacs(MakePaddedProblem(layer, pass));
    if (macs <= max_macs) return layer;
  }
}

}  // namespace ecoflow
