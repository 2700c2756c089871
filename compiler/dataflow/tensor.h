// SPDX-License-Identifier: Apache-2.0
// Where the elements of a layer's tensors lie.
#pragma once

#include <array>
#include <cstdint>

#include "compiler/layer/layer.h"

namespace ecoflow {

// Of an element: base + sum of index * factor; axes that a tensor does not have have factor 0.
struct TensorAddress {
  int64_t base = 0, group = 0, batch = 0, outc = 0, red = 0, row = 0, col = 0;
  int64_t phase_row = 0, phase_col = 0;  // of the parts of the index that counts phases
};

// One index may count phases, too: plus `first`, it is (index, phase_row, phase_col), the last one fastest.
struct Phases {
  int64_t TensorAddress::*index = &TensorAddress::outc;
  std::array<int64_t, 2> count = {1, 1};
  int64_t first = 0;

  int64_t all() const { return count[0] * count[1]; }
};

// Of an axis of a kernel whose phases have different numbers of taps: the index of a tap and the phase give its number in
// the filter, base + step * index + phase_step * phase; beyond `size` there is none. Size 0: all exist.
struct TapNumbers {
  int64_t base = 0, step = 0, phase_step = 0, size = 0;
};

// How many elements it has along each axis; 1 where it has no such axis.
struct TensorSize {
  int64_t group = 1, batch = 1, outc = 1, red = 1, row = 1, col = 1;
};

// A tensor as a problem sees it.
struct TensorView {
  int operand = 0;  // of PassOperands; of a result without meaning
  TensorAddress at;
  TensorSize size;
  Phases phases = {};
  std::array<TapNumbers, 2> taps = {};  // rows, columns of a kernel
};

// The three tensors of a layer (golden model, tb/golden): a large map, a small map, the filter. In maps
// batch counts images and red the channels of a group; in the filter outc counts channels of the small
// map, red those of the large one.
struct LayerTensors {
  std::array<int64_t, 4> small, large;
  int64_t small_channels, large_channels;  // of a group
  TensorAddress small_at, large_at, filter_at;
};
LayerTensors TensorsOf(const Layer& layer);

}  // namespace ecoflow
