// SPDX-License-Identifier: Apache-2.0
// Shows the mapping of a small layer the way Figs. 5 and 7 do, from the images that leave the compiler.
#pragma once

#include <string>

#include "base/result.h"
#include "compiler/compiler.h"

namespace ecoflow {

// Which PE multiplies what in which step, the multicast groups of each PE, and where the products
// of each result meet, in the first pass. Fails (bad input) when that is too much to print.
Result<std::string> ShowMapping(const CompiledLayer& compiled);

}  // namespace ecoflow
