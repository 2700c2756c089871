// SPDX-License-Identifier: Apache-2.0
#include "tb/run/npy.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <regex>

#include "base/bf16.h"
#include "base/files.h"
#include "base/numbers.h"

namespace ecoflow {
namespace {

static_assert(std::endian::native == std::endian::little);

constexpr IntegerRange kExtent = {0, std::numeric_limits<int64_t>::max()};  // of an axis
constexpr std::string_view kMagic = "\x93NUMPY";

std::string ShapeText(const std::array<int64_t, 4>& shape) {
  return fmt::format("({}, {}, {}, {})", shape[0], shape[1], shape[2], shape[3]);
}

// Header and data of a file, checked but for the type.
struct NpyFile {
  std::string content;
  std::string type;
  std::size_t begin = 0;  // of the data
};

Result<NpyFile> OpenNpy(const std::string& path, const std::array<int64_t, 4>& shape,
                        const std::vector<std::pair<std::string, std::size_t>>& types, const char* expected) {
  ECO_ASSIGN(const std::string content, ReadFile(path));
  if (!content.starts_with(kMagic) || content.size() < 12) {
    return BadInput("{}: is no .npy file", path);
  }
  const auto byte = [&](std::size_t k) { return static_cast<std::size_t>(static_cast<unsigned char>(content[k])); };
  const bool version1 = byte(6) == 1;
  const std::size_t begin = version1 ? 10 : 12;
  const std::size_t length =
      version1 ? byte(8) | byte(9) << 8 : byte(8) | byte(9) << 8 | byte(10) << 16 | byte(11) << 24;
  // NumPy's header of four dimensions takes 128 bytes; matching a pattern recurses on its length.
  constexpr std::size_t kMaxHeader = 4096;
  if (byte(6) < 1 || byte(6) > 3 || length > kMaxHeader || begin + length > content.size()) {
    return BadInput("{}: .npy header is damaged", path);
  }
  const std::string header = content.substr(begin, length);
  static const std::regex descr("'descr'\\s*:\\s*'([^']*)'");
  static const std::regex order("'fortran_order'\\s*:\\s*(True|False)");
  static const std::regex dims("'shape'\\s*:\\s*(\\([0-9, ]*\\))");
  std::smatch type, fortran, size;
  if (!std::regex_search(header, type, descr) || !std::regex_search(header, fortran, order) ||
      !std::regex_search(header, size, dims)) {
    return BadInput("{}: .npy header is damaged", path);
  }
  const auto known = std::find_if(types.begin(), types.end(), [&](const auto& one) { return one.first == type[1]; });
  if (known == types.end()) return BadInput("{}: dtype {}, expected {}", path, type[1].str(), expected);
  if (fortran[1] == "True") return BadInput("{}: Fortran order, expected C order", path);
  static const std::regex number("[0-9]+");
  std::vector<int64_t> found;
  for (auto it = std::sregex_iterator(size[1].first, size[1].second, number);
       it != std::sregex_iterator(); ++it) {
    ECO_ASSIGN(const __int128 extent, TextInteger(it->str(), path, "shape", kExtent));
    found.push_back(static_cast<int64_t>(extent));
  }
  if (!std::equal(found.begin(), found.end(), shape.begin(), shape.end())) {
    return BadInput("{}: shape {}, expected {}", path, size[1].str(), ShapeText(shape));
  }
  const auto elements = static_cast<std::size_t>(shape[0] * shape[1] * shape[2] * shape[3]);
  const std::size_t there = content.size() - begin - length;
  const std::size_t bytes = known->second * elements;
  if (there != bytes) {
    return BadInput("{}: holds {} bytes of data, expected {}{}", path, there, bytes, there < bytes ? ": truncated" : "");
  }
  const std::string name = type[1];
  return NpyFile{content, name, begin + length};
}

// The data as numbers; the file has been found to hold that many.
template <typename Number>
std::vector<Number> Numbers(const NpyFile& file) {
  std::vector<Number> values((file.content.size() - file.begin) / sizeof(Number));
  if (!values.empty()) std::memcpy(values.data(), file.content.data() + file.begin, sizeof(Number) * values.size());
  return values;
}

}  // namespace

Result<std::vector<int16_t>> ReadNpy(const std::string& path, const std::array<int64_t, 4>& shape) {
  ECO_ASSIGN(const NpyFile file, OpenNpy(path, shape, {{"<i2", 2}}, "'<i2' (int16, little endian)"));
  return Numbers<int16_t>(file);
}

Result<std::vector<int16_t>> ReadNpyBf16(const std::string& path, const std::array<int64_t, 4>& shape,
                                         int64_t* rounded) {
  ECO_ASSIGN(const NpyFile file,
             OpenNpy(path, shape, {{"<f4", 4}, {"<u2", 2}, {"|V2", 2}, {"<V2", 2}},
                     "'<f4' (float32), or bit patterns of bf16: '<u2' or '|V2' (all little endian)"));
  if (file.type != "<f4") return Numbers<int16_t>(file);
  const auto values = Numbers<float>(file);
  std::vector<int16_t> words(values.size());
  for (std::size_t k = 0; k < values.size(); ++k) {
    const uint16_t word = RoundToBf16(values[k]);
    if (Bf16ToFloat(word) != values[k] && !std::isnan(values[k])) {
      if (rounded == nullptr) {
        return BadInput("{}: element {} = {} is no bf16 value; --round rounds to the nearest", path, k, values[k]);
      }
      ++*rounded;
    }
    words[k] = static_cast<int16_t>(word);
  }
  return words;
}

std::string NpyContent(const std::vector<int32_t>& values, bool floating_point, const std::array<int64_t, 4>& shape) {
  std::string header = fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': {}, }}",
                                   floating_point ? "<f4" : "<i4", ShapeText(shape));
  while ((kMagic.size() + 4 + header.size() + 1) % 64 != 0) header += ' ';
  header += '\n';
  std::string content(kMagic);
  content += '\x01';
  content += '\x00';
  content += static_cast<char>(header.size() & 0xff);
  content += static_cast<char>(header.size() >> 8);
  content += header;
  const std::size_t at = content.size();
  content.resize(at + 4 * values.size());
  if (!values.empty()) std::memcpy(content.data() + at, values.data(), 4 * values.size());
  return content;
}

}  // namespace ecoflow
