// SPDX-License-Identifier: Apache-2.0
// image.json of an image folder, beside a good configuration and layer: refused with a message, or
// a schedule that passed CheckSchedule and survives writing and reading.
#include <filesystem>

#include "base/files.h"
#include "compiler/compiler.h"
#include "tests/fuzz/fuzz.h"

namespace ecoflow {

void FuzzOne(const std::string& input) {
  static const TemporaryFolder folder = [] {
    auto made = TemporaryFolder::Create();
    FUZZ_CHECK(made.ok());
    for (const char* file : {"config.json", "layer.json", "mapping.json"}) {
      const auto text = ReadFile(SourceRoot() / "tests/fuzz/corpus/image_folder" / file);
      FUZZ_CHECK(text.ok() && WriteFileAtomically(made.value().path() / file, text.value()).ok());
    }
    return std::move(made).value();
  }();
  FUZZ_CHECK(WriteFileAtomically(folder.path() / "image.json", input).ok());
  const auto compiled = ReadCompiled(folder.path());
  if (!compiled.ok()) return ExpectRefusal(compiled.error());
  const auto document = ToJson(compiled.value().schedule);
  Schedule again;
  FUZZ_CHECK(Read(JsonPlace(document, "schedule"), again).ok() && ToJson(again) == document);
}

}  // namespace ecoflow
