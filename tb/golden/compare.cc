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
  RealComparer(bool rounded, bool nan_by_zeros, Comparison& into)
      : rounded_(rounded), nan_by_zeros_(nan_by_zeros), c_(into) {}

  bool Agrees(const RealGolden& g, uint32_t bits) {
    const float y = std::bit_cast<float>(bits);
    const bool may_overflow = g.magnitude > (rounded_ ? 0x1.fep127 : std::numeric_limits<float>::max());
    if (std::isnan(y) && bits != kFp32Nan) return false;
    if (std::isnan(g.sum)) return std::isnan(y);
    if (std::isnan(y) && nan_by_zeros_) return ++c_.inserted_nan, true;
    if (!std::isfinite(y) && may_overflow) return ++c_.overflowed, true;
    if (std::isinf(g.sum)) return static_cast<double>(y) == g.sum;
    if (!std::isfinite(y)) return false;
    const double error = std::fabs(static_cast<double>(y) - g.sum);
    if (g.exact()) {
      const auto sum = static_cast<float>(g.sum);
      return bits == (rounded_ ? uint32_t{RoundToBf16(sum)} << 16 : std::bit_cast<uint32_t>(sum));
    }
    // Rounded to nearest, 8 bits: half a unit of the last place more.
    const double bound = g.bound() + (rounded_ ? (std::fabs(g.sum) + g.bound()) * 0x1p-8 + 0x1p-133 : 0);
    if (error == 0) return true;
    c_.worst_share = std::max(c_.worst_share, error / bound);
    c_.worst_ulp = std::max(c_.worst_ulp, error / Ulp(g.sum));
    return error <= bound;
  }

 private:
  bool rounded_, nan_by_zeros_;
  Comparison& c_;
};

}  // namespace

Comparison CompareWithGolden(const Layer& layer, Pass pass, const std::vector<int16_t>& first,
                             const std::vector<int16_t>& second, const std::vector<int32_t>& result,
                             bool floating_point, bool rounded, bool inserted_zeros) {
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
  RealComparer comparer(rounded, inserted_zeros && !(AllFinite(first) && AllFinite(second)), c);
  for (std::size_t k = 0; k < golden.size(); ++k) {
    tell(k, comparer.Agrees(golden[k], static_cast<uint32_t>(result[k])));
  }
  return c;
}

}  // namespace ecoflow
