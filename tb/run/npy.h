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

// Bit patterns of bf16 from float32 whose values are bf16, or from bit patterns (<u2, |V2: NumPy has no bfloat16).
// `rounded`, when given, counts values that are rounded to bf16; without it such a value is an error.
Result<std::vector<int16_t>> ReadNpyBf16(const std::string& path, const std::array<int64_t, 4>& shape,
                                         int64_t* rounded);

// Bit patterns of psums as little-endian int32 or float32, C order. Content of a .npy file, version 1.0.
std::string NpyContent(const std::vector<int32_t>& psums, bool floating_point, const std::array<int64_t, 4>& shape);

}  // namespace ecoflow
