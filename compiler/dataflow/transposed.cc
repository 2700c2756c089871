// SPDX-License-Identifier: Apache-2.0
#include "compiler/dataflow/transposed.h"

#include <utility>
#include <vector>

#include "base/result.h"

namespace ecoflow {
namespace {

// Taps, errors and results of one axis that meet: pairs (o, i) with 0 <= o*s + i*d - p < size.
struct Axis {
  int64_t products = 0, errors = 0, taps = 0, results = 0;
};

Axis CountAxis(int64_t in, int64_t out, int64_t kernel, int64_t stride, int64_t dilation,
               int64_t pad) {
  Axis axis;
  std::vector<char> tap(static_cast<std::size_t>(kernel)), result(static_cast<std::size_t>(out));
  for (int64_t o = 0; o < in; ++o) {
    bool used = false;
    for (int64_t i = 0; i < kernel; ++i) {
      const int64_t at = o * stride + i * dilation - pad;
      if (at < 0 || at >= out) continue;
      ++axis.products;
      used = true;
      tap[static_cast<std::size_t>(i)] = 1;
      result[static_cast<std::size_t>(at)] = 1;
    }
    axis.errors += used;
  }
  for (char t : tap) axis.taps += t;
  for (char r : result) axis.results += r;
  return axis;
}

Axis CountAxis(const TransposedProblem& p, int axis) {
  return CountAxis(p.in[axis], p.out[axis], p.kernel[axis], p.stride[axis], p.dilation[axis],
                   p.pad[axis]);
}

}  // namespace

bool IsTransposed(Op op, Pass pass) {
  return (op == Op::kConv && pass == Pass::kInputGrad) ||
         (op == Op::kConvTranspose && pass == Pass::kForward);
}

TransposedProblem MakeTransposedProblem(const Layer& layer) {
  const LayerTensors t = TensorsOf(layer);
  TransposedProblem p;
  p.batch = layer.batch();
  p.groups = layer.group;
  p.red = t.small_channels;
  p.outc = t.large_channels;
  p.error_at = t.small_at;
  p.kernel_at = t.filter_at;
  std::swap(p.kernel_at.outc, p.kernel_at.red);
  p.result_at = t.large_at;
  std::swap(p.result_at.outc, p.result_at.red);
  for (int axis = 0; axis < 2; ++axis) {
    p.in[axis] = t.small[2 + axis];
    p.out[axis] = t.large[2 + axis];
    p.stride[axis] = layer.strides[axis];
    p.dilation[axis] = layer.dilations[axis];
    // Taps that only ever meet padding are left out: first and last one that meets a result.
    int64_t first = -1, last = -1;
    for (int64_t i = 0; i < layer.kernel[axis]; ++i) {
      if (CountAxis(p.in[axis], p.out[axis], 1, p.stride[axis], 1,
                    layer.pads[axis] - i * p.dilation[axis]).products == 0) {
        continue;
      }
      if (first < 0) first = i;
      last = i;
    }
    if (first < 0) {
      p.empty = true;
      first = last = 0;
    }
    p.kernel_at.base += first * (axis == 0 ? p.kernel_at.row : p.kernel_at.col);
    p.kernel[axis] = last - first + 1;
    p.pad[axis] = layer.pads[axis] - first * p.dilation[axis];
  }
  return p;
}

TensorView TransposedProblem::Errors() const {
  return {0, error_at, {groups, batch, 1, red, in[0], in[1]}};
}
TensorView TransposedProblem::Kernel() const {
  return {1, kernel_at, {groups, 1, outc, red, kernel[0], kernel[1]}};
}
TensorView TransposedProblem::Results() const {
  return {0, result_at, {groups, batch, outc, 1, out[0], out[1]}};
}

std::vector<ErrorRange> ErrorRanges(const TransposedProblem& p, int axis) {
  std::vector<ErrorRange> ranges;
  for (int64_t o = 0; o < p.in[axis]; ++o) {
    ErrorRange r{o, 1, 0, 0};
    for (int64_t i = 0; i < p.kernel[axis]; ++i) {
      const int64_t at = o * p.stride[axis] + i * p.dilation[axis] - p.pad[axis];
      if (at < 0 || at >= p.out[axis]) continue;
      if (r.taps++ == 0) r.first_tap = i;
    }
    if (r.taps == 0) continue;
    const bool alike = !ranges.empty() && ranges.back().first_tap == r.first_tap && ranges.back().taps == r.taps &&
                       ranges.back().first_error + ranges.back().errors == o;
    if (alike) {
      ++ranges.back().errors;
    } else {
      ranges.push_back(r);
    }
  }
  return ranges;
}

TransposedProblem Cut(TransposedProblem p, int axis, const ErrorRange& r) {
  int64_t TensorAddress::*const along = axis == 0 ? &TensorAddress::row : &TensorAddress::col;
  p.error_at.base += r.first_error * (p.error_at.*along);
  p.kernel_at.base += r.first_tap * (p.kernel_at.*along);
  p.pad[axis] -= r.first_error * p.stride[axis] + r.first_tap * p.dilation[axis];
  p.in[axis] = r.errors;
  p.kernel[axis] = r.taps;
  return p;
}

int64_t AllMacs(const TransposedProblem& p) {
  return p.batch * p.groups * p.red * p.outc * p.in[0] * p.in[1] * p.kernel[0] * p.kernel[1];
}

int64_t UsefulMacs(const TransposedProblem& p) {
  return p.batch * p.groups * p.red * p.outc * CountAxis(p, 0).products * CountAxis(p, 1).products;
}

UsefulElements CountUseful(const TransposedProblem& p) {
  const Axis y = CountAxis(p, 0), x = CountAxis(p, 1);
  if (y.products == 0 || x.products == 0) return {};
  return {p.batch * p.groups * p.red * y.errors * x.errors,
          p.groups * p.red * p.outc * y.taps * x.taps,
          p.batch * p.groups * p.outc * y.results * x.results};
}

}  // namespace ecoflow
