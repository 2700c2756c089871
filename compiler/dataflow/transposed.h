// SPDX-License-Identifier: Apache-2.0
// The transposed convolution behind a layer's pass (Sec. 2.1.2): every element of a small map is
// multiplied by a kernel and scattered into a larger one.
//
// out[n][g*outc + c][y][x] = sum over f, i, j, (oy, ox) with y = oy*sh + i*dh - pad_top and
// x = ox*sw + j*dw - pad_left of  error[n][g*red + f][oy][ox] * filter[g*red + f][c][i][j].
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "compiler/dataflow/tensor.h"
#include "compiler/layer/layer.h"

namespace ecoflow {

// Index 0 of a pair is vertical, 1 horizontal.
struct TransposedProblem {
  int64_t batch = 1, groups = 1;
  int64_t red = 1;                         // channels of a group that are summed over
  int64_t outc = 1;                        // result channels of a group
  std::array<int64_t, 2> in = {1, 1};      // map of errors
  std::array<int64_t, 2> out = {1, 1};     // map of results
  std::array<int64_t, 2> kernel = {1, 1};  // taps that can meet a result
  std::array<int64_t, 2> stride = {1, 1};
  std::array<int64_t, 2> dilation = {1, 1};
  std::array<int64_t, 2> pad = {0, 0};     // top, left, of the first tap: may be negative
  TensorAddress error_at, kernel_at, result_at;
  bool empty = false;                      // no product has two real elements

  TensorView Errors() const;
  TensorView Kernel() const;
  TensorView Results() const;
};

// Input gradient of Conv, forward of ConvTranspose.
bool IsTransposed(Op op, Pass pass);
TransposedProblem MakeTransposedProblem(const Layer& layer);

// Neighbouring errors of an axis that meet results with the same taps.
struct ErrorRange {
  int64_t first_error = 0, errors = 0;
  int64_t first_tap = 0, taps = 0;
};
// All errors of the axis that meet any, in order.
std::vector<ErrorRange> ErrorRanges(const TransposedProblem& problem, int axis);
// The part of the problem with these errors and taps; taken of both axes, every product meets a result.
TransposedProblem Cut(TransposedProblem problem, int axis, const ErrorRange& range);

// Products of two real elements.
// Products of all errors with all taps of the kernel, also of results that padding cuts away.
int64_t AllMacs(const TransposedProblem& problem);
int64_t UsefulMacs(const TransposedProblem& problem);
// Elements of each operand, and of the result, that take part in one.
struct UsefulElements {
  int64_t errors = 0, filters = 0, results = 0;
};
UsefulElements CountUseful(const TransposedProblem& problem);

}  // namespace ecoflow
