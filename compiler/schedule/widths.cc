// SPDX-License-Identifier: Apache-2.0
#include "compiler/schedule/widths.h"

#include <algorithm>
#include <array>
#include <map>

#include "isa/pe_fsm.h"
#include "isa/pe_image.h"

namespace ecoflow {
namespace {

struct Bounds {
  int64_t low = 0, high = 0;
  Bounds operator+(const Bounds& o) const { return {low + o.low, high + o.high}; }
  // `n` times this, one after the other, for any n up to `times`.
  Bounds UpTo(int64_t times) const {
    return {std::min<int64_t>(0, low * times), std::max<int64_t>(0, high * times)};
  }
  Bounds Times(int64_t times) const { return {low * times, high * times}; }
  Bounds Or(const Bounds& o) const { return {std::min(low, o.low), std::max(high, o.high)}; }
};

// What the levels below a level do to a coordinate: where it goes and where it ends, seen from where
// it was before; once it has been set back to its base, seen from there.
struct Excursion {
  Bounds visited, left_at;        // from where it was
  bool reset = false;             // it is set back: then it ends seen from its base
  Bounds from_base;               // where it goes, with `reset` only
};

// One more level of `count` or `least_count` indices around `body`; `reset`, `delta`: its step.
Excursion Around(const Excursion& body, int64_t count, int64_t least_count, bool reset, int64_t delta) {
  Excursion e = body;
  if (count == 1) return e;
  const Bounds step{delta, delta};
  if (!reset && !body.reset) {
    const Bounds period = body.left_at + step;
    e.visited = period.UpTo(count - 1) + body.visited;
    e.left_at = period.Times(count - 1).Or(period.Times(least_count - 1)) + body.left_at;
    return e;
  }
  // From the second index on the body starts where the step left it, seen from the base.
  const Bounds start = reset ? step : body.left_at + step;
  Bounds base = start + body.visited;
  if (body.reset) base = base.Or(body.from_base);
  e.from_base = body.reset ? body.from_base.Or(base) : base;
  e.reset = true;
  e.left_at = body.reset ? body.left_at : start + body.left_at;
  return e;
}

struct Move {
  bool reset;
  int64_t delta;
};
Move MoveOf(const PeImage::Record& r, std::size_t coordinate) {
  switch (coordinate) {
    case 0: return {r.coordinates.YReset != 0, r.coordinates.YDelta};
    case 1: return {r.coordinates.XReset != 0, r.coordinates.XDelta};
    default: return {r.coordinates.ZReset != 0, r.coordinates.ZDelta};
  }
}

// Where a coordinate goes in a pass, seen from its base. `count_1`: indices of level 1, at most and least.
Bounds Travel(const PeImage& image, int levels, std::size_t coordinate, int64_t param_last,
              std::array<int64_t, 2> count_1) {
  Excursion e;
  for (int l = 0; l < levels; ++l) {
    const PeImage::Record& r = image.levels[static_cast<std::size_t>(l)];
    const int64_t count = 1 + (l == image.mode.ParamLevel ? param_last : r.files.Last);
    const Move move = MoveOf(r, coordinate);
    e = l == 1 ? Around(e, count_1[0], count_1[1], move.reset, move.delta)
               : Around(e, count, count, move.reset, move.delta);
  }
  return e.reset ? e.visited.Or(e.from_base) : e.visited;
}

// The same for every number of indices that level 1 has.
Bounds Travel(const PeImage& image, int levels, std::size_t coordinate, int64_t param_last) {
  const int64_t most = 1 + (image.mode.ParamLevel == 1 ? param_last : image.levels[1].files.Last);
  const int64_t least = image.limit.Ragged > 0 ? most - 1 : most;
  if (least == most || least > 1) return Travel(image, levels, coordinate, param_last, {most, least});
  // Once of two indices, once of one: only with two is its step made, and its reset. Between two resets
  // the coordinate goes nowhere else than without any, from its base or from where the step takes it.
  const Bounds never = Travel(image, levels, coordinate, param_last, {least, least});
  const Move move = MoveOf(image.levels[1], coordinate);
  return Travel(image, levels, coordinate, param_last, {most, most})
      .Or(never)
      .Or(never + Bounds{move.delta, move.delta});
}

struct Used {  // of a program: what its pass words say
  std::array<Bounds, 3> base;
  int64_t least_last = 0, most_last = 0;

  Used Or(const Used& o) const {
    return {{base[0].Or(o.base[0]), base[1].Or(o.base[1]), base[2].Or(o.base[2])},
            std::min(least_last, o.least_last), std::max(most_last, o.most_last)};
  }
};
using UsedByProgram = std::map<int64_t, Used>;

void Add(UsedByProgram& used, int64_t program, const Used& words) {
  const auto [place, fresh] = used.try_emplace(program, words);
  if (!fresh) place->second = place->second.Or(words);
}

Status CheckProgram(const PeImage& image, int levels, const Used& used) {
  const int64_t last_1 = image.mode.ParamLevel == 1 ? used.least_last : image.levels[1].files.Last;
  if (image.limit.Ragged > 0 && last_1 == 0) {
    return BadInput("the layer cannot run on this array: a ragged level 1 of one index");
  }
  constexpr std::array<char, 3> kNames = {'Y', 'X', 'Z'};
  constexpr int64_t kSpan = int64_t{1} << kCoordinateBits;
  const auto [kinds, limits] = CoordinateRanges(image);
  for (std::size_t k = 0; k < 3; ++k) {
    if (kinds[k] == kRangeOff) continue;
    // Between two of these numbers of indices everything grows evenly.
    Bounds travel = Travel(image, levels, k, used.least_last);
    for (const int64_t last : {std::min(used.least_last + 1, used.most_last), used.most_last}) {
      travel = travel.Or(Travel(image, levels, k, last));
    }
    const Bounds at = used.base[k] + travel;
    // A circular shift looks for -1, which is the largest value without a sign.
    const bool circular = kinds[k] == kRangeCircular;
    const int64_t low = circular ? -kSpan + 1 : limits[k] - kSpan;
    const int64_t high = circular ? kSpan - 2 : kSpan - 1;
    if (at.low < low || at.high > high) {
      return BadInput("the layer cannot run on this array: coordinate {} of the PEs goes from {} to {}, "
                      "expected {}..{}", kNames[k], at.low, at.high, low, high);
    }
  }
  return {};
}

// Whether everything fits wherever the variables are within their bounds, which are wider than the values: most
// schedules need no look at their pass words.
bool FitWithinBounds(const Schedule& schedule, const HwConfig& hw) {
  UsedByProgram used;
  for (const PassDescriptor& d : schedule.passes) {
    Used u;
    for (const ParamField& field : d.fields) {
      const Range of = d.nest.Bounds(field.var);
      if (const FieldSpan span = SpanOf(field); of.low < span.low || of.high > span.high) return false;
      const Bounds bounds{of.low, of.high - 1};
      if (field.name == "YBase") u.base[0] = bounds;
      if (field.name == "XBase") u.base[1] = bounds;
      if (field.name == "ZBase") u.base[2] = bounds;
      if (field.name == "ParamLast") u.least_last = bounds.low, u.most_last = bounds.high;
    }
    const Range variants = d.variant < 0 ? Range{-1, 0, 1} : d.nest.Bounds(d.variant);
    if (variants.high - variants.low > std::ssize(schedule.programs)) return false;
    for (int64_t variant = variants.low; variant < variants.high; ++variant) Add(used, d.first_program + variant, u);
  }
  return std::all_of(used.begin(), used.end(), [&](const auto& program) {
    if (program.first < 0 || program.first >= std::ssize(schedule.programs)) return false;
    const PeImage image = DecodeImage(schedule.programs[static_cast<std::size_t>(program.first)]);
    return CheckProgram(image, hw.num_levels(), program.second).ok();
  });
}

}  // namespace

Status CheckWidths(const Schedule& schedule, const HwConfig& hw) {
  if (FitWithinBounds(schedule, hw)) return {};
  UsedByProgram used;
  for (const PassDescriptor& d : schedule.passes) {
    for (NestCursor cursor(d.nest); !cursor.done(); cursor.Next()) {
      ECO_RETURN_IF_ERROR(CheckPassWord(d, cursor));
      const ParamWord word = DecodeParam(PassWord(d, cursor));
      if (word.Active == 0) continue;
      Add(used, ProgramOf(d, cursor), {{Bounds{word.YBase, word.YBase}, {word.XBase, word.XBase}, {word.ZBase, word.ZBase}},
                                       word.ParamLast, word.ParamLast});
    }
  }
  for (const auto& [number, u] : used) {
    const PeImage image = DecodeImage(schedule.programs.at(static_cast<std::size_t>(number)));
    ECO_RETURN_IF_ERROR(CheckProgram(image, hw.num_levels(), u));
  }
  return {};
}

}  // namespace ecoflow
