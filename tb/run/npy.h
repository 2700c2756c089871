// SPDX-License-Identifier: Apache-2.0
// NumPy .npy files of the tensors. Own code, because the libraries at hand (xtensor, Debian 12)
// take truncated files for whole ones and allocate what the header asks for.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

namespace ecoflow {

// Little-endian int16, C order, of exactly this shape. Messages name the file and what is wrong.
Result<std::vector<int16_t>> ReadNpy(const std::string& path, const std::array<int64_t, 4>& shape);

// Little-endian int32, C order. Content of a .npy file, version 1.0.
std::string NpyContent(const std::vector<int32_t>& values, const std::array<int64_t, 4>& shape);

}  // namespace ecoflow
