// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/fuzz.h"

#include <cstddef>
#include <cstdint>

#ifdef ECOFLOW_LIBFUZZER

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  ecoflow::FuzzOne(std::string(reinterpret_cast<const char*>(data), size));
  return 0;
}

#else

// Replay of a corpus: every file of the folders given.
#include <filesystem>

#include "base/files.h"

int main(int argc, char** argv) {
  int count = 0;
  for (int k = 1; k < argc; ++k) {
    for (const auto& entry : std::filesystem::directory_iterator(argv[k])) {
      const auto text = ecoflow::ReadFile(entry.path());
      FUZZ_CHECK(text.ok());
      std::fprintf(stderr, "%s\n", entry.path().c_str());
      ecoflow::FuzzOne(text.value());
      ++count;
    }
  }
  std::printf("%d inputs\n", count);
  return count > 0 ? 0 : 1;
}

#endif
