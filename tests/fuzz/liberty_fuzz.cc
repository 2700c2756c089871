// SPDX-License-Identifier: Apache-2.0
// Cell library: refused with a message, or areas that are numbers.
#include <cmath>

#include "area/synthesis.h"
#include "tests/fuzz/fuzz.h"

namespace ecoflow {

void FuzzOne(const std::string& input) {
  const auto library = ParseLiberty(input, "l.lib");
  if (!library.ok()) return ExpectRefusal(library.error());
  FUZZ_CHECK(!library.value().name.empty());
  FUZZ_CHECK(std::isfinite(library.value().flip_flop_area) && library.value().flip_flop_area > 0);
}

}  // namespace ecoflow
