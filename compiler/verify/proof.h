// SPDX-License-Identifier: Apache-2.0
// Proof that a schedule computes its pass, on symbols, from the images and descriptors that leave
// the compiler (Sec. 4.1.1: products and labels). Nothing of the mapping is used: what a product
// is and where it belongs comes from the definition of the convolution (relation.h).
#pragma once

#include <cstdint>

#include "base/result.h"
#include "compiler/layer/layer.h"
#include "compiler/schedule/stream.h"
#include "gen/config/hw_config.h"

namespace ecoflow {

struct ProofOptions {
  int64_t most_slots = 300'000;  // slots to execute; the first pass of each part always
  int64_t most_pass_slots = 1'000'000;  // of a larger pass some columns are executed
  int64_t most_part_slots = 4'000'000;  // in the first passes of all parts: of many, likewise
  bool fillers = false;            // products with an inserted zero are meant, or of results that padding cuts away
};

struct ProofCoverage {
  int64_t passes = 0, of_passes = 0;  // executed; rounds, where passes share what is in the files
  bool all_columns = true;
  bool complete() const { return passes == of_passes && all_columns; }
};

// Proves, or says what does not hold, for every pass that is executed:
// - words and programs fit: no PE waits for a word that never comes or keeps one;
// - every product belongs to a result, or with `fillers` to a sum that is dropped, and only products
//   of one result add up: inside a PE, up a column, or in the accumulator, whose slots are started,
//   completed and reused in this order;
// - no register file or queue is exceeded;
// - the GON takes every sum and files it under its result.
// When all passes are executed: every product of two real elements is computed exactly once.
// Larger schedules than `most_slots` are sampled: the first of each part, last and
// passes spread between; of passes larger than `most_pass_slots` or a part's share, columns.
Result<ProofCoverage> Prove(const Layer& layer, Pass pass, const HwConfig& config,
                            const Schedule& schedule, int64_t useful_macs,
                            const ProofOptions& options);

}  // namespace ecoflow
