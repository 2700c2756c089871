// SPDX-License-Identifier: Apache-2.0
#include "tests/e2e/fst_reader.h"

// As Verilator itself builds them (verilated_fst_c.cpp).
#define FST_CONFIG_INCLUDE "fst_config.h"
#include "gtkwave/fastlz.c"
#include "gtkwave/fstapi.c"
#include "gtkwave/lz4.c"

namespace ecoflow {

Waveform ReadWaveform(const std::string& path) {
  Waveform wave;
  void* reader = fstReaderOpen(path.c_str());
  if (reader == nullptr) return wave;
  wave.signals = fstReaderGetVarCount(reader);
  wave.end_time = fstReaderGetEndTime(reader);
  fstReaderSetFacProcessMaskAll(reader);
  const auto count = [](void* changes, uint64_t, fstHandle, const unsigned char*) {
    ++*static_cast<uint64_t*>(changes);
  };
  wave.readable = fstReaderIterBlocks(reader, count, &wave.changes, nullptr) != 0;
  fstReaderClose(reader);
  return wave;
}

}  // namespace ecoflow
