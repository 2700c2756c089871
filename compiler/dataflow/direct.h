// SPDX-License-Identifier: Apache-2.0
// The direct convolution behind a layer's pass, in one general form:
//
// out[b][g*outc + o][y][x] = sum over r, i, j of
//     input[b][g*red + r][v(y, i)][v(x, j)] * kernel[g*outc + o][r][i][j],
// with v(y, i) = (y*stride + i*dilation - pad) / in_step.
//
// The forward pass of Conv is one. A filter gradient is one, too (Sec. 2.1.3): a "batch" of input
// channels, summed over the images, whose kernel is the map of errors, dilated by the layer's
// stride. A transposed convolution becomes one by inserting zeros (Sec. 3.1.1).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "compiler/dataflow/tensor.h"
#include "compiler/dataflow/transposed.h"
#include "compiler/layer/layer.h"

namespace ecoflow {

// Index 0 of a pair is vertical, 1 horizontal.
struct DirectProblem {
  int64_t batch = 1, groups = 1;
  int64_t outc = 1;  // result channels of a group
  int64_t red = 1;   // channels of a group that are summed over
  std::array<int64_t, 2> in = {1, 1};      // real elements of the input
  std::array<int64_t, 2> out = {1, 1};
  std::array<int64_t, 2> kernel = {1, 1};  // taps
  std::array<int64_t, 2> stride = {1, 1};
  std::array<int64_t, 2> dilation = {1, 1};
  std::array<int64_t, 2> pad = {0, 0};     // top, left; may be negative
  // Inserted zeros: real elements lie this far apart; 1 without.
  std::array<int64_t, 2> in_step = {1, 1};
  std::array<int64_t, 2> kernel_step = {1, 1};
  TensorAddress input_at, kernel_at, result_at;  // rows and columns count real elements
  int input_operand = 0;                         // which of PassOperands; the kernel is the other
  Phases phases;                                 // counted by one of outc, red and batch
  std::array<TapNumbers, 2> taps;                // where phases differ in how many they have
  bool empty = false;                            // no product has two real elements

  TensorView Input() const;
  TensorView Kernel() const;
  TensorView Results() const;
};

// Every pass that is not transposed, without any inserted zero; taps and results that only meet
// padding at the edges are left out.
DirectProblem MakeDirectProblem(const Layer& layer, Pass pass);

// A transposed convolution as direct ones: results whose positions are alike modulo stride / gcd(stride,
// dilation) meet the same taps, mirrored, errors dilation / gcd apart. One problem for each residue that has a
// product, without any inserted zero; stride-1 passes are a single one.
std::vector<DirectProblem> ResidueProblems(const TransposedProblem& problem);

// The same with fewer problems: neighbouring residues of an axis that are the same problem with other addresses are
// phases of it, and as such result channels ("sub-pixel convolution").
std::vector<DirectProblem> PhaseProblems(const TransposedProblem& problem);
// Likewise where residues are alike but for a shift by whole strides, as of a kernel of 4 x 4 at stride 2 with padding 1: the
// results of all phases that meet the same input elements, and before and behind them those that only some have.
// With `fill`, residues that have a tap less than others get one that no filter has: zeros, under one more phase.
std::vector<DirectProblem> ShiftedPhaseProblems(const TransposedProblem& problem, bool fill);

// A direct convolution whose taps are put together by the residue of the input that they meet, modulo the stride: phases
// of the summed channels ("space to depth"), stride 1. On the axes where all residues are alike; none where
// there is no such axis.
std::optional<DirectProblem> PhasesOfSum(const DirectProblem& problem);

// Likewise results by the residue of their input, modulo the dilation: phases of the batch, kernel without dilation.
std::optional<DirectProblem> PhasesOfBatch(const DirectProblem& problem);

// Any pass as an accelerator for inference runs it: inner zeros in the input where the pass is
// transposed, in the kernel where it is dilated, and border zeros as input (Sec. 3.1). All
// products count.
DirectProblem MakePaddedProblem(const Layer& layer, Pass pass);

// Neighbouring results of one axis that meet the same real elements' taps.
struct Section {
  int64_t first = 0, count = 0;      // results
  int64_t first_tap = 0, taps = 0;
};
// All results of the axis that meet any, in order. For problems without inserted zeros.
std::vector<Section> Sections(const DirectProblem& problem, int axis);
// Every tap of the axis with the results that it meets; neighbours that meet the same are put together.
std::vector<Section> TapSections(const DirectProblem& problem, int axis);
// The part of the problem that a section is.
DirectProblem Cut(DirectProblem problem, int axis, const Section& section);

// The same sums with the operands' places exchanged: the input becomes the kernel, the results are turned round.
// For a large kernel over a small map, which has fewer borders then. None for dilated problems and for
// those with phases.
std::optional<DirectProblem> Exchange(const DirectProblem& problem);

// Products of two real elements, and elements that take part in one.
int64_t UsefulMacs(const DirectProblem& problem);
UsefulElements CountUseful(const DirectProblem& problem);  // errors: of the input

// Zeros of one channel (Sec. 3.1).
struct PaddingCount {
  int64_t input_elements = 0;     // of the map that the products read, zeros included
  int64_t input_inner_zeros = 0;  // between real elements
  int64_t input_outer_zeros = 0;  // around them
  int64_t kernel_elements = 0;
  int64_t kernel_zeros = 0;
};
PaddingCount CountPadding(const DirectProblem& padded);
// All products, with zeros.
int64_t PaddedMacs(const DirectProblem& padded);

}  // namespace ecoflow
