// SPDX-License-Identifier: Apache-2.0
// .npy, of int16 and of bf16: refused with a message, or a tensor of the shape that was asked for.
#include "tb/run/npy.h"

#include "base/files.h"
#include "tests/fuzz/fuzz.h"

namespace ecoflow {

void FuzzOne(const std::string& input) {
  static const TemporaryFolder folder = [] {
    auto made = TemporaryFolder::Create();
    FUZZ_CHECK(made.ok());
    return std::move(made).value();
  }();
  const std::string path = (folder.path() / "t.npy").string();
  FUZZ_CHECK(WriteFileAtomically(path, input).ok());
  int64_t rounded = 0;
  for (const auto& tensor : {ReadNpy(path, {1, 2, 3, 1}), ReadNpyBf16(path, {1, 2, 3, 1}, nullptr), ReadNpyBf16(path, {1, 2, 3, 1}, &rounded)}) {
    if (tensor.ok()) {
      FUZZ_CHECK(tensor.value().size() == 6);
    } else {
      ExpectRefusal(tensor.error());
    }
  }
}

}  // namespace ecoflow
