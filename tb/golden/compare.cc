// SPDX-License-Identifier: Apache-2.0
#include "tb/golden/compare.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "base/bf16.h"
#include "base/result.h"
#include "tb/golden/golden.h"

namespace ecoflow {
namespace {

bool AllFinite(const std::vector<int16_t>& bf16) {
  return std::all_of(bf16.begin(), bf16.end(), [](int16_t bits) { return (bits & 0x7f80) != 0x7f80; });
}

// Distance to the next fp32 number at `value`.
double Ulp(double value) {
  int exponent = 0;
  std::frexp(value, &exponent);
  return std::ldexp(1.0, std::max(exponent - 24, -149));
}

class RealComparer {
 public:
  RealComparer(bool nan_by_zeros, Comparison& into) : nan_by_zeros_(nan_by_zeros), c_(into) {}

  bool Agrees(const RealGolden& g, uint32_t bits) {
    const float y = std::bit_cast<float>(bits);
    const bool may_overflow = g.magnitude > std::numeric_limits<float>::max();
    if (std::isnan(y) && bits != kFp32Nan) return false;
    if (std::isnan(g.sum)) return std::isnan(y);
    if (std::isnan(y) && nan_by_zeros_) return ++c_.inserted_nan, true;
    if (!std::isfinite(y) && may_overflow) return ++c_.overflowed, true;
    if (std::isinf(g.sum)) return static_cast<double>(y) == g.sum;
    if (!std::isfinite(y)) return false;
    const double error = std::fabs(static_cast<double>(y) - g.sum);
    if (g.exact()) return bits == std::bit_cast<uint32_t>(static_cast<float>(g.sum));
    if (error == 0) return true;
    c_.worst_share = std::max(c_.worst_share, error / g.bound());
    c_.worst_ulp = std::max(c_.worst_ulp, error / Ulp(g.sum));
    return error <= g.bound();
  }

 private:
  bool nan_by_zeros_;
  Comparison& c_;
};

}  // namespace

Comparison CompareWithGolden(const Layer& layer, Pass pass, const std::vector<int16_t>& first,
                             const std::vector<int16_t>& second, const std::vector<int32_t>& result,
                             bool floating_point, bool inserted_zeros) {
  Comparison c;
  c.real = floating_point;
  const auto tell = [&](std::size_t at, bool agrees) {
    if (!agrees && c.mismatches++ == 0) c.first_mismatch = static_cast<int64_t>(at);
  };
  if (!floating_point) {
    const auto golden = Golden(layer, pass, first, second);
    CHECK(golden.size() == result.size());
    for (std::size_t k = 0; k < golden.size(); ++k) tell(k, golden[k] == result[k]);
    return c;
  }
  const auto golden = GoldenBf16(layer, pass, first, second);
  CHECK(golden.size() == result.size());
  RealComparer comparer(inserted_zeros && !(AllFinite(first) && AllFinite(second)), c);
  for (std::size_t k = 0; k < golden.size(); ++k) {
    tell(k, comparer.Agrees(golden[k], static_cast<uint32_t>(result[k])));
  }
  return c;
}

}  // namespace ecoflow
