// SPDX-License-Identifier: Apache-2.0
// What the fuzz targets share. Each target defines FuzzOne; fuzz_main.cc calls it from libFuzzer, or
// with the files named on the command line.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string>

#include "base/result.h"

#define FUZZ_CHECK(condition)                                                       \
  do {                                                                              \
    if (!(condition)) {                                                             \
      std::fprintf(stderr, "%s:%d: %s does not hold\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                 \
    }                                                                               \
  } while (false)

namespace ecoflow {

// One input: aborts when the reader does not keep its promises.
void FuzzOne(const std::string& input);

// Bad input is the user's, and said in one line.
inline void ExpectRefusal(const Error& error) {
  FUZZ_CHECK(error.code == ExitCode::kBadInput);
  FUZZ_CHECK(!error.message.empty());
}

}  // namespace ecoflow
