// SPDX-License-Identifier: Apache-2.0
#include "compiler/schedule/setup.h"

#include "base/result.h"
#include "compiler/schedule/stream.h"
#include "isa/pe_image.h"

namespace ecoflow {

ArraySetup::ArraySetup(const HwConfig& hw)
    : row_wide(static_cast<std::size_t>(hw.rows)),
      row_narrow(row_wide),
      col_wide(static_cast<std::size_t>(hw.pe_count())),
      col_narrow(col_wide),
      rows_(hw.rows),
      columns_(hw.columns),
      ids_(hw.ids_per_controller),
      id_bits_(hw.id_bits),
      num_tags_(hw.num_tags()) {}

std::vector<uint64_t> ArraySetup::Words() const {
  std::vector<uint64_t> words;
  const int bottom = rows_ - 1, right = columns_ - 1;
  const auto encode = [&](const IdList& tags) {
    CHECK(static_cast<int>(tags.size()) <= ids_);
    uint64_t word = 0;
    for (int k = 0; k < ids_; ++k) {
      int64_t tag = num_tags_;  // all ones: unused
      if (k < static_cast<int>(tags.size())) {
        tag = tags[static_cast<std::size_t>(k)];
        CHECK(tag >= 0 && tag < num_tags_);
      }
      word |= static_cast<uint64_t>(tag) << (k * id_bits_);
    }
    return word;
  };
  for (const auto& [address, ids] : {std::pair{kCfgRowWide, &row_wide},
                                     std::pair{kCfgRowNarrow, &row_narrow}}) {
    words.push_back(ConfigHeader(0, bottom, 0, 0, address, true, rows_));
    for (const IdList& tags : *ids) words.push_back(encode(tags));
  }
  for (const auto& [address, ids] : {std::pair{kCfgColWide, &col_wide},
                                     std::pair{kCfgColNarrow, &col_narrow}}) {
    std::vector<uint64_t> of_pes;
    for (const IdList& tags : *ids) of_pes.push_back(encode(tags));
    const std::vector<uint64_t> on_port = WordsOnPort(of_pes, rows_, columns_, address);
    words.insert(words.end(), on_port.begin(), on_port.end());
  }
  words.push_back(ConfigHeader(0, bottom, 0, right, kCfgLoader, false, 1));
  words.push_back(static_cast<uint64_t>(ifmap_wide) | static_cast<uint64_t>(ifmap_narrow) << 12 |
                  static_cast<uint64_t>(filter_wide) << 24 |
                  static_cast<uint64_t>(filter_narrow) << 36 |
                  static_cast<uint64_t>(ifmap_wide == 0) << 48 |
                  static_cast<uint64_t>(filter_wide == 0 || filter_narrow_first) << 49);
  words.push_back(ConfigHeader(0, bottom, 0, right, kCfgEnable, false, 1));
  words.push_back(0);
  return words;
}

}  // namespace ecoflow
