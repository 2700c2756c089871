// SPDX-License-Identifier: Apache-2.0
#include "compiler/dataflow/direct.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <utility>
#include <vector>

#include "base/ints.h"

namespace ecoflow {
namespace {

struct Axis {
  int64_t products = 0, inputs = 0, taps = 0, results = 0;
};

int64_t CeilOf(int64_t a, int64_t b) { return a > 0 ? CeilDiv(a, b) : -(-a / b); }

// Index of the real input element that result `at` and tap `i` meet; -1 when there is none.
int64_t InputAt(const DirectProblem& p, int axis, int64_t at, int64_t i) {
  if (i % p.kernel_step[axis] != 0) return -1;
  const int64_t v = at * p.stride[axis] + i * p.dilation[axis] - p.pad[axis];
  if (v < 0 || v % p.in_step[axis] != 0 || v / p.in_step[axis] >= p.in[axis]) return -1;
  return v / p.in_step[axis];
}

Axis CountAxis(const DirectProblem& p, int axis) {
  Axis count;
  std::vector<char> input(static_cast<std::size_t>(p.in[axis]));
  std::vector<char> tap(static_cast<std::size_t>(p.kernel[axis]));
  for (int64_t at = 0; at < p.out[axis]; ++at) {
    bool used = false;
    for (int64_t i = 0; i < p.kernel[axis]; ++i) {
      const int64_t from = InputAt(p, axis, at, i);
      if (from < 0) continue;
      ++count.products;
      used = true;
      input[static_cast<std::size_t>(from)] = tap[static_cast<std::size_t>(i)] = 1;
    }
    count.results += used;
  }
  count.inputs = std::count(input.begin(), input.end(), 1);
  count.taps = std::count(tap.begin(), tap.end(), 1);
  return count;
}

bool InsertsZeros(const DirectProblem& p, int axis) { return p.in_step[axis] > 1 || p.kernel_step[axis] > 1; }

// Places 0 to `places` - 1, `step` apart, the first at `begin`, that lie on the map: first and end.
std::pair<int64_t, int64_t> OnMap(const DirectProblem& p, int axis, int64_t begin, int64_t step, int64_t places) {
  const int64_t first = std::clamp<int64_t>(CeilOf(-begin, step), 0, places);
  const int64_t end = std::clamp<int64_t>(CeilOf(p.in[axis] - begin, step), first, places);
  return {first, end};
}
// The taps that a result meets, between inserted zeros from the first to the last.
std::pair<int64_t, int64_t> TapsOf(const DirectProblem& p, int axis, int64_t at) {
  if (!InsertsZeros(p, axis)) return OnMap(p, axis, at * p.stride[axis] - p.pad[axis], p.dilation[axis], p.kernel[axis]);
  int64_t first = 0, end = p.kernel[axis];
  while (first < end && InputAt(p, axis, at, first) < 0) ++first;
  while (end > first && InputAt(p, axis, at, end - 1) < 0) --end;
  return {first, end};
}
// Likewise the results that a tap meets, without inserted zeros.
std::pair<int64_t, int64_t> ResultsOf(const DirectProblem& p, int axis, int64_t tap) {
  CHECK(!InsertsZeros(p, axis));
  return OnMap(p, axis, tap * p.dilation[axis] - p.pad[axis], p.stride[axis], p.out[axis]);
}

// Leaves out leading and trailing taps and results without a product.
void Trim(DirectProblem& p, int axis) {
  int64_t first = p.out[axis], last = -1, first_tap = p.kernel[axis], end_tap = 0;
  for (int64_t at = 0; at < p.out[axis]; ++at) {
    const auto [from, end] = TapsOf(p, axis, at);
    if (from == end) continue;
    first = std::min(first, at);
    last = at;
    first_tap = std::min(first_tap, from);
    end_tap = std::max(end_tap, end);
  }
  if (last < 0) {
    p.empty = true;
    return;
  }
  p = Cut(p, axis, {first, last - first + 1, first_tap, end_tap - first_tap});
}

// Result: the small map.
DirectProblem SmallMap(const Layer& layer) {
  const LayerTensors t = TensorsOf(layer);
  DirectProblem p;
  p.batch = layer.batch();
  p.groups = layer.group;
  p.outc = t.small_channels;
  p.red = t.large_channels;
  p.input_at = t.large_at;
  p.kernel_at = t.filter_at;
  p.result_at = t.small_at;
  std::swap(p.result_at.outc, p.result_at.red);
  for (int axis = 0; axis < 2; ++axis) {
    p.in[axis] = t.large[2 + axis];
    p.out[axis] = t.small[2 + axis];
    p.kernel[axis] = layer.kernel[axis];
    p.stride[axis] = layer.strides[axis];
    p.dilation[axis] = layer.dilations[axis];
    p.pad[axis] = layer.pads[axis];
  }
  return p;
}

// Result: the filter. Errors (the small map) are the kernel, images are summed over.
DirectProblem Filter(const Layer& layer) {
  const LayerTensors t = TensorsOf(layer);
  DirectProblem p;
  p.batch = t.large_channels;
  p.groups = layer.group;
  p.outc = t.small_channels;
  p.red = layer.batch();
  p.input_operand = layer.op == Op::kConv ? 0 : 1;
  p.input_at = t.large_at;
  std::swap(p.input_at.batch, p.input_at.red);
  p.kernel_at = t.small_at;
  p.kernel_at.outc = t.small_at.red;
  p.kernel_at.red = t.small_at.batch;
  p.kernel_at.batch = 0;
  p.result_at = t.filter_at;
  p.result_at.batch = t.filter_at.red;
  p.result_at.red = 0;
  for (int axis = 0; axis < 2; ++axis) {
    p.in[axis] = t.large[2 + axis];
    p.out[axis] = layer.kernel[axis];
    p.kernel[axis] = t.small[2 + axis];
    p.stride[axis] = layer.dilations[axis];
    p.dilation[axis] = layer.strides[axis];
    p.pad[axis] = layer.pads[axis];
  }
  return p;
}

// Result: the large map, from an up-sampled small map and the rotated filter.
DirectProblem LargeMap(const Layer& layer) {
  const LayerTensors t = TensorsOf(layer);
  DirectProblem p;
  p.batch = layer.batch();
  p.groups = layer.group;
  p.outc = t.large_channels;
  p.red = t.small_channels;
  p.input_at = t.small_at;
  p.kernel_at = t.filter_at;
  std::swap(p.kernel_at.outc, p.kernel_at.red);
  p.kernel_at.base = int64_t{layer.kernel[0]} * layer.kernel[1] - 1;
  p.kernel_at.row = -t.filter_at.row;
  p.kernel_at.col = -1;
  p.result_at = t.large_at;
  std::swap(p.result_at.outc, p.result_at.red);
  for (int axis = 0; axis < 2; ++axis) {
    p.in[axis] = t.small[2 + axis];
    p.out[axis] = t.large[2 + axis];
    p.kernel[axis] = layer.kernel[axis];
    p.dilation[axis] = layer.dilations[axis];
    p.in_step[axis] = layer.strides[axis];
    p.pad[axis] = int64_t{layer.dilations[axis]} * (layer.kernel[axis] - 1) - layer.pads[axis];
  }
  return p;
}

// One axis of a residue problem; false when it has no tap or no result. With g = gcd(stride, dilation), s' =
// stride / g and d' = dilation / g, result y is met where o * s' + i * d' = (y + pad) / g = residue + s' * m:
// taps i = first_tap + s' * k, errors o = m + (residue - first_tap * d') / s' - d' * k.
bool CutToResidue(DirectProblem& d, const TransposedProblem& p, int axis, int64_t residue, bool fill) {
  const int64_t g = std::gcd(p.stride[axis], p.dilation[axis]);
  const int64_t period = p.stride[axis] / g, dilation = p.dilation[axis] / g;
  int64_t first_tap = 0;
  while (first_tap * dilation % period != residue) ++first_tap;
  if (first_tap >= p.kernel[axis]) return false;
  const int64_t taps = fill ? CeilDiv(p.kernel[axis], period) : (p.kernel[axis] - 1 - first_tap) / period + 1;
  const int64_t first = CeilOf(p.pad[axis] - g * residue, p.stride[axis]);  // of m
  const int64_t at = g * residue + p.stride[axis] * first - p.pad[axis];
  if (at >= p.out[axis]) return false;

  d.in[axis] = p.in[axis];
  d.out[axis] = (p.out[axis] - 1 - at) / p.stride[axis] + 1;
  d.kernel[axis] = taps;
  d.dilation[axis] = dilation;
  d.pad[axis] = dilation * (taps - 1) - (residue - first_tap * dilation) / period - first;
  int64_t TensorAddress::*const along = axis == 0 ? &TensorAddress::row : &TensorAddress::col;
  d.kernel_at.base += (first_tap + period * (taps - 1)) * (d.kernel_at.*along);
  d.kernel_at.*along *= -period;
  if (fill) d.taps[axis] = {first_tap + period * (taps - 1), -period, 0, p.kernel[axis]};
  d.result_at.base += at * (d.result_at.*along);
  d.result_at.*along *= p.stride[axis];
  return true;
}

// One axis of a problem: that of a residue, or of neighbouring residues that differ by addresses only.
struct Residues {
  DirectProblem first;  // of which the fields of the axis count
  int64_t count = 1;
  int64_t input_step = 0, kernel_step = 0, result_step = 0;  // from a residue's addresses to the next one's
  int64_t tap_step = 0;  // likewise of the taps' numbers
};

// Whether residue `d` is the next one of `r`.
bool Continues(const Residues& r, const DirectProblem& d, int axis) {
  const DirectProblem& a = r.first;
  return a.in[axis] == d.in[axis] && a.out[axis] == d.out[axis] && a.kernel[axis] == d.kernel[axis] &&
         a.stride[axis] == d.stride[axis] && a.dilation[axis] == d.dilation[axis] && a.pad[axis] == d.pad[axis] &&
         a.taps[axis].size == d.taps[axis].size &&
         (r.count == 1 || (d.input_at.base - a.input_at.base == r.count * r.input_step &&
                           d.kernel_at.base - a.kernel_at.base == r.count * r.kernel_step &&
                           d.result_at.base - a.result_at.base == r.count * r.result_step &&
                           d.taps[axis].base - a.taps[axis].base == r.count * r.tap_step));
}

// Puts neighbours that are alike together.
std::vector<Residues> Together(const std::vector<DirectProblem>& residues, int axis) {
  std::vector<Residues> runs;
  for (const DirectProblem& d : residues) {
    if (runs.empty() || !Continues(runs.back(), d, axis)) {
      runs.push_back({d});
      continue;
    }
    Residues& run = runs.back();
    if (run.count++ == 1) {
      run.input_step = d.input_at.base - run.first.input_at.base;
      run.kernel_step = d.kernel_at.base - run.first.kernel_at.base;
      run.result_step = d.result_at.base - run.first.result_at.base;
      run.tap_step = d.taps[axis].base - run.first.taps[axis].base;
    }
  }
  return runs;
}

// Puts those together that are alike where they meet the same input elements, whichever number a result has; what of
// them lies before and behind is left apart.
std::vector<Residues> TogetherShifted(const std::vector<DirectProblem>& residues, int axis) {
  std::map<std::pair<int64_t, int64_t>, std::vector<DirectProblem>> alike;  // by taps and dilation
  for (const DirectProblem& d : residues) alike[{d.kernel[axis], d.dilation[axis]}].push_back(d);
  std::vector<Residues> runs;
  for (auto& [taps_and_dilation, group] : alike) {
    // In numbers of the input element that the first tap meets.
    int64_t first = -group.front().pad[axis], end = first + group.front().out[axis];
    for (const DirectProblem& d : group) {
      first = std::max(first, -d.pad[axis]);
      end = std::min(end, d.out[axis] - d.pad[axis]);
    }
    std::vector<DirectProblem> shared, before, behind;
    for (const DirectProblem& d : group) {
      const auto add = [&](std::vector<DirectProblem>& to, int64_t from, int64_t count) {
        if (count <= 0) return;
        DirectProblem part = Cut(d, axis, {from, count, 0, d.kernel[axis]});
        Trim(part, axis);
        to.push_back(part);
      };
      if (end <= first) {
        add(shared, 0, d.out[axis]);
        continue;
      }
      const int64_t from = first + d.pad[axis];
      add(before, 0, from);
      add(shared, from, end - first);
      add(behind, from + end - first, d.out[axis] - (from + end - first));
    }
    std::sort(shared.begin(), shared.end(), [](const auto& a, const auto& b) { return a.result_at.base < b.result_at.base; });
    for (const auto* part : {&before, &shared, &behind}) {
      const std::vector<Residues> together = Together(*part, axis);
      runs.insert(runs.end(), together.begin(), together.end());
    }
  }
  return runs;
}

// The problem of residues of both axes of `whole`.
DirectProblem Combine(const DirectProblem& whole, const Residues& rows, const Residues& columns,
                      int64_t TensorAddress::*index, int64_t DirectProblem::*size) {
  DirectProblem d = rows.first;
  const DirectProblem& c = columns.first;
  d.in[1] = c.in[1];
  d.out[1] = c.out[1];
  d.kernel[1] = c.kernel[1];
  d.stride[1] = c.stride[1];
  d.dilation[1] = c.dilation[1];
  d.pad[1] = c.pad[1];
  const auto address = [](TensorAddress& at, const TensorAddress& of_columns, const TensorAddress& of_whole, int64_t row_step,
                          int64_t column_step) {
    at.base += of_columns.base - of_whole.base;
    at.col = of_columns.col;
    at.phase_row = row_step;
    at.phase_col = column_step;
  };
  address(d.input_at, c.input_at, whole.input_at, rows.input_step, columns.input_step);
  address(d.kernel_at, c.kernel_at, whole.kernel_at, rows.kernel_step, columns.kernel_step);
  address(d.result_at, c.result_at, whole.result_at, rows.result_step, columns.result_step);
  d.phases = {index, {rows.count, columns.count}};
  d.taps = {rows.first.taps[0], columns.first.taps[1]};
  d.taps[0].phase_step = rows.tap_step, d.taps[1].phase_step = columns.tap_step;
  d.*size *= d.phases.all();
  return d;
}

// Input elements beyond those that any product meets are left out, so that residues are alike that only differ there.
void TrimInput(DirectProblem& p, int axis) {
  const int64_t last = (p.out[axis] - 1) * p.stride[axis] + (p.kernel[axis] - 1) * p.dilation[axis] - p.pad[axis];
  p.in[axis] = std::min(p.in[axis], last + 1);
}

// The input of one axis from element first = step * q + residue on, every `step` elements.
void ThinInput(DirectProblem& p, int axis, int64_t first, int64_t step) {
  const int64_t q = -CeilOf(-first, step), residue = first - q * step;
  int64_t TensorAddress::*const along = axis == 0 ? &TensorAddress::row : &TensorAddress::col;
  p.input_at.base += residue * (p.input_at.*along);
  p.input_at.*along *= step;
  p.in[axis] = CeilOf(p.in[axis] - residue, step);
  p.pad[axis] = -q;
}

// Taps residue + period * k of one axis: input elements of one residue modulo the stride.
DirectProblem TapsOfResidue(DirectProblem p, int axis, int64_t residue) {
  const int64_t period = p.stride[axis] / std::gcd(p.stride[axis], p.dilation[axis]);
  int64_t TensorAddress::*const along = axis == 0 ? &TensorAddress::row : &TensorAddress::col;
  ThinInput(p, axis, residue * p.dilation[axis] - p.pad[axis], p.stride[axis]);
  p.kernel_at.base += residue * (p.kernel_at.*along);
  p.kernel_at.*along *= period;
  p.kernel[axis] = CeilDiv(p.kernel[axis] - residue, period);
  p.dilation[axis] = p.dilation[axis] * period / p.stride[axis];
  p.stride[axis] = 1;
  return p;
}

// Results residue + period * m of one axis: input elements of one residue modulo the dilation.
DirectProblem ResultsOfResidue(DirectProblem p, int axis, int64_t residue) {
  const int64_t period = p.dilation[axis] / std::gcd(p.stride[axis], p.dilation[axis]);
  int64_t TensorAddress::*const along = axis == 0 ? &TensorAddress::row : &TensorAddress::col;
  ThinInput(p, axis, residue * p.stride[axis] - p.pad[axis], p.dilation[axis]);
  p.result_at.base += residue * (p.result_at.*along);
  p.result_at.*along *= period;
  p.out[axis] = CeilDiv(p.out[axis] - residue, period);
  p.stride[axis] = p.stride[axis] * period / p.dilation[axis];
  p.dilation[axis] = 1;
  return p;
}

// All residues of an axis, if they are alike and have what `same` says in common; else the axis as it is.
Residues AllAlike(const DirectProblem& whole, int axis, int64_t count,
                  DirectProblem (*of_residue)(DirectProblem, int, int64_t), int64_t Residues::*same) {
  std::vector<DirectProblem> residues;
  for (int64_t residue = 0; residue < count; ++residue) {
    DirectProblem d = of_residue(whole, axis, residue);
    if (d.in[axis] < 1) return {whole};
    Trim(d, axis);
    TrimInput(d, axis);
    if (d.empty) return {whole};
    residues.push_back(d);
  }
  std::vector<Residues> runs = Together(residues, axis);
  return runs.size() == 1 && runs.front().*same == 0 ? runs.front() : Residues{whole};
}

// Every residue of one axis of a transposed convolution that has a product.
std::vector<DirectProblem> ResiduesOfAxis(const DirectProblem& whole, const TransposedProblem& p, int axis, bool fill = false) {
  std::vector<DirectProblem> residues;
  const int64_t period = p.stride[axis] / std::gcd(p.stride[axis], p.dilation[axis]);
  for (int64_t residue = 0; residue < period; ++residue) {
    DirectProblem d = whole;
    if (!CutToResidue(d, p, axis, residue, fill)) continue;
    Trim(d, axis);
    if (!d.empty) residues.push_back(d);
  }
  return residues;
}

DirectProblem Whole(const TransposedProblem& p) {
  DirectProblem whole;
  whole.batch = p.batch;
  whole.groups = p.groups;
  whole.outc = p.outc;
  whole.red = p.red;
  whole.input_at = p.error_at;
  whole.kernel_at = p.kernel_at;
  whole.result_at = p.result_at;
  return whole;
}

std::vector<DirectProblem> CombineAll(const DirectProblem& whole, const std::vector<Residues>& rows,
                                      const std::vector<Residues>& columns) {
  std::vector<DirectProblem> problems;
  for (const Residues& r : rows) {
    for (const Residues& c : columns) {
      problems.push_back(Combine(whole, r, c, &TensorAddress::outc, &DirectProblem::outc));
    }
  }
  return problems;
}

}  // namespace

TensorView DirectProblem::Input() const {
  return {input_operand, input_at, {groups, batch, 1, red, in[0], in[1]}, phases};
}
TensorView DirectProblem::Kernel() const {
  return {1 - input_operand, kernel_at,
          {groups, 1, outc, red, CeilDiv(kernel[0], kernel_step[0]), CeilDiv(kernel[1], kernel_step[1])},
          phases, taps};
}
TensorView DirectProblem::Results() const {
  return {0, result_at, {groups, batch, outc, 1, out[0], out[1]}, phases};
}

DirectProblem MakeDirectProblem(const Layer& layer, Pass pass) {
  DirectProblem p = pass == Pass::kFilterGrad ? Filter(layer) : SmallMap(layer);
  Trim(p, 0);
  Trim(p, 1);
  return p;
}

std::vector<DirectProblem> ResidueProblems(const TransposedProblem& p) {
  if (p.empty) return {};
  const DirectProblem whole = Whole(p);
  const auto apart = [&](int axis) {
    std::vector<Residues> residues;
    for (const DirectProblem& d : ResiduesOfAxis(whole, p, axis)) residues.push_back({d});
    return residues;
  };
  return CombineAll(whole, apart(0), apart(1));
}

std::vector<DirectProblem> PhaseProblems(const TransposedProblem& p) {
  if (p.empty) return {};
  const DirectProblem whole = Whole(p);
  return CombineAll(whole, Together(ResiduesOfAxis(whole, p, 0), 0), Together(ResiduesOfAxis(whole, p, 1), 1));
}

std::vector<DirectProblem> ShiftedPhaseProblems(const TransposedProblem& p, bool fill) {
  if (p.empty) return {};
  const DirectProblem whole = Whole(p);
  const auto runs = [&](int axis) {
    const int64_t period = p.stride[axis] / std::gcd(p.stride[axis], p.dilation[axis]);
    return TogetherShifted(ResiduesOfAxis(whole, p, axis, fill && p.kernel[axis] % period != 0), axis);
  };
  return CombineAll(whole, runs(0), runs(1));
}

std::optional<DirectProblem> PhasesOfSum(const DirectProblem& p) {
  if (p.empty) return std::nullopt;
  const auto alike = [&](int axis) {
    const int64_t period = p.stride[axis] / std::gcd(p.stride[axis], p.dilation[axis]);
    return AllAlike(p, axis, std::min(period, p.kernel[axis]), TapsOfResidue, &Residues::result_step);
  };
  const DirectProblem d = Combine(p, alike(0), alike(1), &TensorAddress::red, &DirectProblem::red);
  return d.phases.all() > 1 ? std::optional(d) : std::nullopt;
}

std::optional<DirectProblem> PhasesOfBatch(const DirectProblem& p) {
  if (p.empty) return std::nullopt;
  const auto alike = [&](int axis) {
    const int64_t period = p.dilation[axis] / std::gcd(p.stride[axis], p.dilation[axis]);
    return AllAlike(p, axis, std::min(period, p.out[axis]), ResultsOfResidue, &Residues::kernel_step);
  };
  const DirectProblem d = Combine(p, alike(0), alike(1), &TensorAddress::batch, &DirectProblem::batch);
  return d.phases.all() > 1 ? std::optional(d) : std::nullopt;
}

DirectProblem MakePaddedProblem(const Layer& layer, Pass pass) {
  DirectProblem p = pass == Pass::kFilterGrad          ? Filter(layer)
                    : IsTransposed(layer.op, pass) ? LargeMap(layer)
                                                       : SmallMap(layer);
  for (int axis = 0; axis < 2; ++axis) {
    p.kernel[axis] = (p.kernel[axis] - 1) * p.dilation[axis] + 1;
    p.kernel_step[axis] = p.dilation[axis];
    p.dilation[axis] = 1;
  }
  return p;
}

std::vector<Section> Sections(const DirectProblem& p, int axis) {
  std::vector<Section> sections;
  for (int64_t at = 0; at < p.out[axis]; ++at) {
    const auto [first_tap, end_tap] = TapsOf(p, axis, at);
    const Section s{at, 1, first_tap, end_tap - first_tap};
    if (s.taps == 0) continue;
    const bool continues = !sections.empty() && sections.back().first_tap == s.first_tap &&
                           sections.back().taps == s.taps &&
                           sections.back().first + sections.back().count == at;
    if (continues) {
      ++sections.back().count;
    } else {
      sections.push_back(s);
    }
  }
  return sections;
}

std::vector<Section> TapSections(const DirectProblem& p, int axis) {
  std::vector<Section> sections;
  for (int64_t i = 0; i < p.kernel[axis]; ++i) {
    const auto [first, end] = ResultsOf(p, axis, i);
    const Section s{first, end - first, i, 1};
    if (s.count == 0) continue;
    const bool alike = !sections.empty() && sections.back().first == s.first && sections.back().count == s.count &&
                       sections.back().first_tap + sections.back().taps == i;
    if (alike) {
      ++sections.back().taps;
    } else {
      sections.push_back(s);
    }
  }
  return sections;
}

DirectProblem Cut(DirectProblem p, int axis, const Section& s) {
  p.pad[axis] -= s.first * p.stride[axis] + s.first_tap * p.dilation[axis];
  p.kernel_at.base += s.first_tap * (axis == 0 ? p.kernel_at.row : p.kernel_at.col);
  p.taps[axis].base += s.first_tap * p.taps[axis].step;
  p.result_at.base += s.first * (axis == 0 ? p.result_at.row : p.result_at.col);
  p.kernel[axis] = s.taps;
  p.out[axis] = s.count;
  return p;
}

std::optional<DirectProblem> Exchange(const DirectProblem& p) {
  if (p.phases.count != Phases{}.count) return std::nullopt;  // of an index that would change its meaning
  DirectProblem e = p;
  const auto exchanged = [](TensorAddress at) {
    std::swap(at.batch, at.outc);
    return at;
  };
  e.batch = p.outc, e.outc = p.batch;
  e.input_at = exchanged(p.kernel_at), e.kernel_at = exchanged(p.input_at), e.result_at = exchanged(p.result_at);
  // The result channels of a group are an axis of the filter, and the other way round.
  e.input_operand = 1 - p.input_operand;
  for (int axis = 0; axis < 2; ++axis) {
    if (p.dilation[axis] != 1 || p.in_step[axis] != 1 || p.kernel_step[axis] != 1) return std::nullopt;
    // Input element j and tap i meet at result y where i = j + pad - stride * y.
    int64_t TensorAddress::*const along = axis == 0 ? &TensorAddress::row : &TensorAddress::col;
    e.in[axis] = p.kernel[axis], e.kernel[axis] = p.in[axis];
    e.pad[axis] = (p.out[axis] - 1) * p.stride[axis] - p.pad[axis];
    e.result_at.base += (p.out[axis] - 1) * (p.result_at.*along);
    e.result_at.*along = -(p.result_at.*along);
    Trim(e, axis);
  }
  if (e.empty) return std::nullopt;
  return e;
}

int64_t UsefulMacs(const DirectProblem& p) {
  return p.batch * p.groups * p.red * p.outc * CountAxis(p, 0).products * CountAxis(p, 1).products;
}

UsefulElements CountUseful(const DirectProblem& p) {
  const Axis y = CountAxis(p, 0), x = CountAxis(p, 1);
  if (y.products == 0 || x.products == 0) return {};
  return {p.batch * p.groups * p.red * y.inputs * x.inputs,
          p.groups * p.red * p.outc * y.taps * x.taps,
          p.batch * p.groups * p.outc * y.results * x.results};
}

PaddingCount CountPadding(const DirectProblem& p) {
  // Per axis: span of the map that is read, of the part between real elements, and these.
  int64_t all = 1, inside = 1, real = 1, taps = 1, real_taps = 1;
  for (int axis = 0; axis < 2; ++axis) {
    const int64_t extent = (p.out[axis] - 1) * p.stride[axis] + p.kernel[axis];
    int64_t count = 0, first = 0, last = -1;
    for (int64_t e = 0; e < p.in[axis]; ++e) {
      const int64_t at = e * p.in_step[axis] + p.pad[axis];
      if (at < 0 || at >= extent) continue;
      if (count++ == 0) first = at;
      last = at;
    }
    all *= extent;
    inside *= last - first + 1;
    real *= count;
    taps *= p.kernel[axis];
    real_taps *= (p.kernel[axis] - 1) / p.kernel_step[axis] + 1;
  }
  return {all, inside - real, all - inside, taps, taps - real_taps};
}

int64_t PaddedMacs(const DirectProblem& p) {
  return p.batch * p.groups * p.outc * p.red * p.out[0] * p.out[1] * p.kernel[0] * p.kernel[1];
}

}  // namespace ecoflow
