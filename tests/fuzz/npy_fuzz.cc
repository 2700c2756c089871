// SPDX-License-Identifier: Apache-2.0
// .npy: refused with a message, or a tensor of the shape that was asked for.
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
  const auto tensor = ReadNpy(path, {1, 2, 3, 1});
  if (!tensor.ok()) return ExpectRefusal(tensor.error());
  FUZZ_CHECK(tensor.value().size() == 6);
}

}  // namespace ecoflow
