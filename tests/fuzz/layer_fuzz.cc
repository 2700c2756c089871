// SPDX-License-Identifier: Apache-2.0
// Layer or workload: refused with a message, or shapes of at least one element that survive writing
// and reading.
#include "compiler/layer/layer.h"
#include "tests/fuzz/fuzz.h"

namespace ecoflow {

void FuzzOne(const std::string& input) {
  for (const char* name : {"", "l"}) {
    for (int batch : {0, 3}) {
      const auto layer = ParseLayer(input, "l.json", name, batch);
      if (!layer.ok()) {
        ExpectRefusal(layer.error());
        continue;
      }
      const Layer& l = layer.value();
      for (const auto& shape : {l.InputShape(), l.FilterShape(), l.OutputShape()}) {
        for (int64_t size : shape) FUZZ_CHECK(size >= 1);
      }
      const std::string text = ToJsonText(l);
      const auto again = ParseLayer(text, "l.json", "", 0);
      FUZZ_CHECK(again.ok() && ToJsonText(again.value()) == text);
    }
  }
}

}  // namespace ecoflow
