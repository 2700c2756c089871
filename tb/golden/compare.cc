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
  if (value == 0) return 0x1p-149;
  int exponent = 0;
  std::frexp(value, &exponent);
  return std::ldexp(1.0, std::max(exponent - 24, -149));
}

constexpr double kInfinite = std::numeric_limits<double>::infinity();
constexpr double kBeyondBf16 = 0x1.ffp127;  // rounded to an infinite number

class RealComparer {
 public:
  RealComparer(bool rounded, bool nan_by_zeros, Comparison& into)
      : rounded_(rounded), nan_by_zeros_(nan_by_zeros), c_(into) {}

  bool Agrees(const RealGolden& g, uint32_t bits) {
    const float y = std::bit_cast<float>(bits);
    if (std::isnan(y) && bits != kFp32Nan) return false;
    if (std::isnan(g.sum)) return std::isnan(y);
    if (std::isnan(y) && nan_by_zeros_) return ++c_.inserted_nan, true;
    // Infinite by an operand, or because a sum on the way is beyond fp32; not a number when both signs are.
    const bool up = g.sum == kInfinite || g.may_overflow(g.positive, g.negative);
    const bool down = g.sum == -kInfinite || g.may_overflow(g.negative, g.positive);
    if (std::isnan(y)) return up && down && ++c_.overflowed;
    if (std::isinf(g.sum)) return static_cast<double>(y) == g.sum;
    if (std::isinf(y)) {
      const double sum = y > 0 ? g.sum : -g.sum;
      return ((y > 0 ? up : down) || (rounded_ && sum + g.bound() >= kBeyondBf16)) && ++c_.overflowed;
    }
    if (g.overflows()) return false;
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
                             bool floating_point, bool rounded, bool inserted_zeros, const std::vector<int32_t>& in_order) {
  Comparison c;
  c.real = floating_point;
  c.ordered = !in_order.empty();
  CHECK(in_order.empty() || in_order.size() == result.size());
  const auto tell = [&](std::size_t at, bool agrees) {
    const bool ordered = in_order.empty() || in_order[at] == result[at];
    c.order_mismatches += !ordered;
    if (!(agrees && ordered) && c.mismatches++ == 0) c.first_mismatch = static_cast<int64_t>(at);
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
