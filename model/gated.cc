// SPDX-License-Identifier: Apache-2.0
#include "model/gated.h"

#include <algorithm>
#include <array>

namespace ecoflow {
namespace {

// Which elements of a tensor; one for each is 1.
using Mask = std::vector<int8_t>;

// Marked elements of a tensor, added up over blocks of `divisor` elements along each axis.
class Census {
 public:
  Census(const Mask& tensor, const std::array<int64_t, 4>& shape,
         const std::array<int64_t, 4>& divisor) {
    int64_t size = 1;
    for (std::size_t axis = 4; axis-- > 0;) {
      stride_[axis] = size;
      size *= (shape[axis] + divisor[axis] - 1) / divisor[axis];
    }
    count_.resize(static_cast<std::size_t>(size));
    std::size_t from = 0;
    for (int64_t a = 0; a < shape[0]; ++a) {
      for (int64_t b = 0; b < shape[1]; ++b) {
        for (int64_t c = 0; c < shape[2]; ++c) {
          int64_t* to = &count_[At(a / divisor[0], b / divisor[1], c / divisor[2], 0)];
          for (int64_t d = 0; d < shape[3]; ++d) to[d / divisor[3]] += tensor[from++];
        }
      }
    }
  }
  std::size_t At(int64_t a, int64_t b, int64_t c, int64_t d) const {
    return static_cast<std::size_t>(a * stride_[0] + b * stride_[1] + c * stride_[2] + d * stride_[3]);
  }
  const int64_t* operator()(int64_t a, int64_t b, int64_t c, int64_t d) const {
    return &count_[At(a, b, c, d)];
  }

 private:
  std::array<int64_t, 4> stride_{};
  std::vector<int64_t> count_;
};

// Results along one axis whose source p * stride + offset lies in 0..size-1: [begin, end).
std::array<int64_t, 2> Inside(int64_t count, int64_t stride, int64_t offset, int64_t size) {
  std::array<int64_t, 2> range = {0, count};
  while (range[0] < count && range[0] * stride + offset < 0) ++range[0];
  while (range[1] > range[0] && (range[1] - 1) * stride + offset >= size) --range[1];
  return range;
}

// A tap of one axis, how far its elements of the fine map are ahead, and the coarse ones that it meets.
struct Tap {
  int64_t number, ahead;
  std::array<int64_t, 2> met;
};
// With `dropped`, between the first and the last that meet any, all meet all.
std::vector<Tap> Taps(const Layer& layer, std::size_t axis, int64_t coarse, int64_t fine, bool dropped) {
  std::vector<Tap> taps;
  std::size_t end = 0;  // behind the last that meets any
  for (int64_t i = 0; i < layer.kernel[axis]; ++i) {
    const int64_t ahead = i * layer.dilations[axis] - layer.pads[axis];
    Tap tap{i, ahead, Inside(coarse, layer.strides[axis], ahead, fine)};
    const bool meets = tap.met[0] < tap.met[1];
    if (!meets && taps.empty()) continue;
    if (dropped) tap.met = {0, coarse};
    taps.push_back(tap);
    if (meets) end = taps.size();
  }
  taps.resize(end);
  return taps;
}

// Products of a marked element of the first operand and one of the second.
//
// A layer relates a fine map (input of Conv, output of ConvTranspose), a coarse map and the filter
// [coarse channel][fine channel of the group][kh][kw]. An axis that only one operand of the pass has
// is summed out of that operand first; what is left are taps, positions and shared channels.
int64_t CountProducts(const Layer& layer, Pass pass, const Mask& first, const Mask& second, bool dropped) {
  const bool conv = layer.op == Op::kConv;
  const std::array<int64_t, 4> fine = conv ? layer.InputShape() : layer.OutputShape();
  const std::array<int64_t, 4> coarse = conv ? layer.OutputShape() : layer.InputShape();
  const std::array<int64_t, 4> filter = layer.FilterShape();
  const int64_t groups = layer.group, fine_per_group = fine[1] / groups;
  const int64_t coarse_per_group = coarse[1] / groups;

  int64_t total = 0;
  // Calls visit(i, j, p, q range, y, first x) for every tap and row of the coarse map in the fine one.
  const auto visit = [&](auto&& row) {
    const auto rows = Taps(layer, 0, coarse[2], fine[2], dropped), columns = Taps(layer, 1, coarse[3], fine[3], dropped);
    for (const auto& [i, dy, ps] : rows) {
      for (const auto& [j, dx, qs] : columns) {
        for (int64_t p = ps[0]; p < ps[1]; ++p) {
          row(i, j, p, qs, p * layer.strides[0] + dy, dx);
        }
      }
    }
  };
  const int64_t step = layer.strides[1];

  if (pass == Pass::kFilterGrad) {
    // Both maps: images and groups are shared.
    const auto& fine_map = conv ? first : second;
    const auto& coarse_map = conv ? second : first;
    const Census f(fine_map, fine, {1, fine_per_group, 1, 1});
    const Census c(coarse_map, coarse, {1, coarse_per_group, 1, 1});
    for (int64_t n = 0; n < fine[0]; ++n) {
      for (int64_t g = 0; g < groups; ++g) {
        visit([&](int64_t, int64_t, int64_t p, std::array<int64_t, 2> qs, int64_t y, int64_t dx) {
          const int64_t* a = c(n, g, p, 0);
          const int64_t* b = f(n, g, y, 0);
          for (int64_t q = qs[0]; q < qs[1]; ++q) total += a[q] * b[q * step + dx];
        });
      }
    }
    return total;
  }
  // The filter and one of the maps: its channels are shared, images are summed out.
  const bool reads_fine = conv == (pass == Pass::kForward);
  const auto& map_shape = reads_fine ? fine : coarse;
  const Census map(first, map_shape, {map_shape[0], 1, 1, 1});
  const Census taps(second, filter,
                    reads_fine ? std::array<int64_t, 4>{coarse_per_group, 1, 1, 1}
                               : std::array<int64_t, 4>{1, fine_per_group, 1, 1});
  for (int64_t channel = 0; channel < map_shape[1]; ++channel) {
    const int64_t of_filter = reads_fine ? channel / fine_per_group : channel;
    const int64_t of_fine = reads_fine ? channel % fine_per_group : 0;
    visit([&](int64_t i, int64_t j, int64_t p, std::array<int64_t, 2> qs, int64_t y, int64_t dx) {
      const int64_t* a = map(0, channel, reads_fine ? y : p, 0);
      int64_t sum = 0;
      for (int64_t q = qs[0]; q < qs[1]; ++q) sum += a[reads_fine ? q * step + dx : q];
      total += sum * *taps(of_filter, of_fine, i, j);
    });
  }
  return total;
}

template <typename Holds>
Mask Marked(const std::vector<int16_t>& tensor, Holds holds) {
  Mask mask(tensor.size());
  std::transform(tensor.begin(), tensor.end(), mask.begin(), [&](int16_t bits) { return holds(bits) ? 1 : 0; });
  return mask;
}

bool IsZeroBf16(int16_t bits) { return (bits & 0x7fff) == 0; }
bool IsFiniteBf16(int16_t bits) { return (bits & 0x7f80) != 0x7f80; }

}  // namespace

int64_t CountUngatedProducts(const Layer& layer, Pass pass, bool floating_point, const std::vector<int16_t>& first,
                             const std::vector<int16_t>& second, bool dropped) {
  const auto count = [&](auto one, auto other) {
    return CountProducts(layer, pass, Marked(first, one), Marked(second, other), dropped);
  };
  if (!floating_point) {
    const auto nonzero = [](int16_t value) { return value != 0; };
    return count(nonzero, nonzero);
  }
  const auto nonzero = [](int16_t bits) { return !IsZeroBf16(bits); };
  const auto not_finite = [](int16_t bits) { return !IsFiniteBf16(bits); };
  int64_t total = count(nonzero, nonzero);
  if (!std::all_of(second.begin(), second.end(), IsFiniteBf16)) total += count(IsZeroBf16, not_finite);
  if (!std::all_of(first.begin(), first.end(), IsFiniteBf16)) total += count(not_finite, IsZeroBf16);
  return total;
}

int64_t CountUngatedProducts(const CompiledLayer& compiled, const std::vector<int16_t>& first,
                             const std::vector<int16_t>& second) {
  const auto& gon = compiled.schedule.gon;
  const bool dropped = std::any_of(gon.begin(), gon.end(), [](const GonDescriptor& d) { return !d.real.empty(); });
  return CountUngatedProducts(compiled.layer, compiled.pass, compiled.config.floating_point(), first, second, dropped);
}

}  // namespace ecoflow
