// SPDX-License-Identifier: Apache-2.0
// Hardware configuration: refused with a message, or the same after writing and reading it again.
#include "gen/config/hw_config.h"
#include "tests/fuzz/fuzz.h"

namespace ecoflow {

void FuzzOne(const std::string& input) {
  const auto config = ParseHwConfig(input, "c.json");
  if (!config.ok()) return ExpectRefusal(config.error());
  const std::string text = ToJsonText(config.value());
  const auto again = ParseHwConfig(text, "c.json");
  FUZZ_CHECK(again.ok() && ToJsonText(again.value()) == text);
}

}  // namespace ecoflow
