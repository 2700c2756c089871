// SPDX-License-Identifier: Apache-2.0
// Baselines that are formulas, beside the padded row-stationary dataflow that runs on the array.
#pragma once

#include <cstdint>

#include "compiler/dataflow/direct.h"
#include "gen/config/hw_config.h"

namespace ecoflow {

// Cycles of an output-stationary systolic array of S_R x S_C for a matrix product of
// rows x depth by depth x columns, as SCALE-Sim has it (Samajdar et al., "A systematic methodology
// for characterizing scalability of DNN accelerators using SCALE-Sim", ISPASS 2020): each fold of
// S_R x S_C results takes 2 S_R + S_C + depth - 2 cycles.
int64_t SystolicCycles(int64_t rows, int64_t columns, int64_t depth, int64_t array_rows,
                       int64_t array_columns);

// The TPU's way ("lowered"): im2col of the padded pass, then the systolic array, of the size of
// `config`'s array. Its edges take array_rows + array_columns words a cycle where operands flow in;
// with the input buses of `config` a fold takes no less than the cycles to bring its words.
struct LoweredCycles {
  int64_t systolic = 0;   // by the formula, words for nothing
  int64_t bandwidth = 0;  // words of all folds over the GIN lanes
  int64_t cycles() const { return systolic > bandwidth ? systolic : bandwidth; }
};
LoweredCycles Lowered(const DirectProblem& padded, const HwConfig& config);

}  // namespace ecoflow
