// Proof that a schedule computes its layer, on symbols, from the images and descriptors that leave
// the compiler (Sec. 4.1.1: outer product and labels).
//
// Nothing of the mapping is used: the checker reads IDs, image words, pass words and streams as
// the array does, and takes what a product is and where it belongs from the definition of the
// convolution.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "compiler/dataflow/transposed.h"
#include "compiler/schedule/stream.h"
#include "gen/config/hw_config.h"

namespace ecoflow {

// One step of a PE in a pass, on symbols: what the worked example prints.
struct SymbolicSlot {
  bool multiplies = false;   // otherwise the stream word is dropped
  int64_t filter = -1;       // element of the stored kernel tensor
  int64_t error = -1;        // element of the map of errors
  bool starts = false, from_below = false;
  bool ends = false, to_above = false;
  int64_t label = -1;        // element of the result that the product belongs to
};

// All steps of the PEs (row-major) in one pass, for one channel of the tile. Fails when the
// streams or images do not fit together.
Result<std::vector<std::vector<SymbolicSlot>>> ExecuteSymbolically(
    const TransposedProblem& problem, const HwConfig& config, const Schedule& schedule,
    const std::vector<int64_t>& pass, int64_t channel);

// Proves, or says what does not hold:
// - every product of two real elements is computed exactly once: on all symbols of the first pass
//   of each kind (kinds differ in where borders lie), on first and last filter of the others, for
//   the first channel of a tile and in its first band also the last (channels repeat one state);
//   and over the passes, whose shares of errors, filters and channels partition the layer;
// - by PEs that the IDs reach, with operands that the streams bring;
// - labels add up only inside a PE, up a column, or in the accumulator, whose slots are started,
//   completed and reused in this order;
// - no register file, queue or ID count is exceeded.
Status ProveTransposed(const TransposedProblem& problem, const HwConfig& config,
                       const Schedule& schedule);

}  // namespace ecoflow
