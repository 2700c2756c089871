// SPDX-License-Identifier: Apache-2.0
#include "report/summary.h"

#include <sys/resource.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "report/kinds.h"

namespace ecoflow {
namespace {

using nlohmann::ordered_json;

constexpr std::size_t kSlowest = 10;

// Rows for which `wanted` holds.
template <typename Wanted>
std::vector<PlacedRow> Those(const std::vector<PlacedRow>& rows, Wanted wanted) {
  std::vector<PlacedRow> some;
  std::copy_if(rows.begin(), rows.end(), std::back_inserter(some), wanted);
  return some;
}

// In integers: 5 % off is within 5 %, whatever the last bit of a quotient says.
bool IsWithin(const ReportRow& row, int64_t percent) {
  return 100 * std::abs(row.estimate - row.cycles) <= percent * row.cycles;
}

std::string Least(const RooflineFigures& f, bool with_network) {
  return f.least.row == nullptr
             ? ""
             : fmt::format("{:.3f}  {}", f.least.row->RooflineFraction(), NameOf(f.least, with_network));
}

ordered_json Place(const PlacedRow& placed) {
  if (placed.row == nullptr) return nullptr;
  return {{"network", placed.report->network}, {"layer", placed.row->layer}, {"pass", placed.row->pass}};
}

ordered_json ToJson(const RooflineFigures& f) {
  ordered_json j;
  j["rows"] = f.rows;
  j["failed"] = f.failed;
  j["roofline_fraction_geomean"] = f.mean;
  j["least_roofline_fraction"] = f.least.row == nullptr ? 0 : f.least.row->RooflineFraction();
  j["least"] = Place(f.least);
  j["below_0.75"] = f.below_75;
  j["below_0.50"] = f.below_50;
  j["cycles"] = f.cycles;
  j["roofline_cycles"] = f.roofline_cycles;
  j["roofline_cycles_share"] = f.CyclesFraction();
  return j;
}

}  // namespace

std::string NameOf(const PlacedRow& placed, bool with_network) {
  const std::string name = fmt::format("{} {}", Printable(placed.row->layer), placed.row->pass);
  return with_network ? fmt::format("{}: {}", Printable(placed.report->network), name) : name;
}

RooflineFigures MeasureRoofline(const std::vector<PlacedRow>& rows) {
  RooflineFigures f;
  double logs = 0;
  for (const PlacedRow& placed : rows) {
    const ReportRow& row = *placed.row;
    const bool failed = !row.error.empty();
    if (!failed && row.macs == 0) continue;
    const double fraction = row.RooflineFraction();
    ++f.rows;
    f.failed += failed;
    f.below_75 += fraction < 0.75;
    f.below_50 += fraction < 0.50;
    if (f.least.row == nullptr || fraction < f.least.row->RooflineFraction()) f.least = placed;
    if (failed) continue;
    logs += std::log(fraction);
    f.cycles += row.cycles;
    f.roofline_cycles += row.roofline_cycles;
  }
  if (f.rows > f.failed) f.mean = std::exp(logs / static_cast<double>(f.rows - f.failed));
  return f;
}

EstimateFigures MeasureEstimates(const std::vector<PlacedRow>& rows) {
  EstimateFigures f;
  for (const PlacedRow& placed : rows) {
    if (!placed.row->HasEstimate()) continue;
    const double error = placed.row->EstimateError();
    ++f.rows;
    f.within_5 += IsWithin(*placed.row, 5);
    f.within_10 += IsWithin(*placed.row, 10);
    f.within_25 += IsWithin(*placed.row, 25);
    if (f.lowest.row == nullptr || error < f.lowest.row->EstimateError()) f.lowest = placed;
    if (f.highest.row == nullptr || error > f.highest.row->EstimateError()) f.highest = placed;
  }
  for (double* share : {&f.within_5, &f.within_10, &f.within_25}) {
    if (f.rows > 0) *share /= static_cast<double>(f.rows);
  }
  return f;
}

TimeFigures MeasureTimes(const std::vector<PlacedRow>& rows) {
  TimeFigures f;
  f.slowest = rows;
  std::stable_sort(f.slowest.begin(), f.slowest.end(), [](const PlacedRow& a, const PlacedRow& b) {
    return a.row->seconds > b.row->seconds;
  });
  const auto at = [&](std::size_t k) { return f.slowest[k].row->seconds; };
  if (const std::size_t count = rows.size(); count > 0) f.median = (at(count / 2) + at((count - 1) / 2)) / 2;
  for (const PlacedRow& placed : rows) f.total += placed.row->seconds;
  f.slowest.resize(std::min(f.slowest.size(), kSlowest));
  return f;
}

double PeakMegabytes() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) * 1024 / 1e6;
}

std::vector<PlacedRow> RowsOf(const NetworkReport& report) {
  std::vector<PlacedRow> rows;
  for (const ReportRow& row : report.rows) rows.push_back({&report, &row});
  return rows;
}

Summary Summarize(const std::vector<NetworkReport>& reports) {
  Summary s;
  s.several = reports.size() > 1;
  std::vector<PlacedRow> rows;
  for (const NetworkReport& report : reports) {
    const auto some = RowsOf(report);
    rows.insert(rows.end(), some.begin(), some.end());
    for (const Pass pass : {Pass::kForward, Pass::kInputGrad, Pass::kFilterGrad}) {
      const auto figures =
          MeasureRoofline(Those(some, [&](const PlacedRow& p) { return p.row->pass == ToString(pass); }));
      if (figures.rows > 0) s.passes.push_back({report.network, ToString(pass), figures});
    }
  }
  s.all = MeasureRoofline(rows);
  for (const Kind& kind : AllKinds()) {
    const auto figures = MeasureRoofline(Those(rows, [&](const PlacedRow& p) {
      return std::find(p.row->kinds.begin(), p.row->kinds.end(), kind.name) != p.row->kinds.end();
    }));
    if (figures.rows > 0) s.kinds.push_back({"", kind.name, figures});
  }
  s.estimates = MeasureEstimates(rows);
  s.times = MeasureTimes(rows);
  s.peak_mb = PeakMegabytes();
  return s;
}

std::string ToText(const Summary& s) {
  std::string out = fmt::format("{:<30}{:>6}{:>8}{:>8}{:>8}{:>8}  {}\n", "roofline fraction", "rows", "failed",
                                "geomean", "< 0.75", "< 0.50", "least");
  const auto fractions = [&](const std::string& name, const RooflineFigures& f) {
    out += fmt::format("{:<30}{:>6}{:>8}{:>8.3f}{:>8}{:>8}  {}\n", name, f.rows, f.failed, f.mean, f.below_75,
                       f.below_50, Least(f, s.several));
  };
  fractions("all", s.all);
  for (const auto& kind : s.kinds) fractions("  " + kind.name, kind.figures);

  std::size_t width = 7;
  for (const auto& group : s.passes) width = std::max(width, Printable(group.network).size());
  out += fmt::format("\n{:<{}}  {:<12}{:>6}{:>17}{:>17}{:>9}\n", "network", width, "pass", "rows",
                     "roofline cycles", "cycles", "share");
  for (const auto& group : s.passes) {
    out += fmt::format("{:<{}}  {:<12}{:>6}{:>17}{:>17}{:>9.3f}\n", Printable(group.network), width, group.name,
                       group.figures.rows, Thousands(group.figures.roofline_cycles),
                       Thousands(group.figures.cycles), group.figures.CyclesFraction());
  }

  const EstimateFigures& e = s.estimates;
  out += fmt::format("\nestimates of {} rows: {:.1f} % within 5 %, {:.1f} % within 10 %, {:.1f} % within 25 %\n",
                     e.rows, 100 * e.within_5, 100 * e.within_10, 100 * e.within_25);
  for (const auto& [what, placed] : {std::pair{"lowest", e.lowest}, std::pair{"highest", e.highest}}) {
    if (placed.row == nullptr) continue;
    out += fmt::format("  {:<8}{:>+9.1f} %  {}\n", what, 100 * placed.row->EstimateError(), NameOf(placed, s.several));
  }

  out += fmt::format("\nprocessor time to choose a mapping: {:.1f} s, median {:.3f} s; slowest rows\n", s.times.total,
                     s.times.median);
  for (const PlacedRow& placed : s.times.slowest) {
    out += fmt::format("  {:>8.3f} s  {}\n", placed.row->seconds, NameOf(placed, s.several));
  }
  out += fmt::format("peak memory of the process: {:.0f} MB\n", s.peak_mb);
  return out;
}

ordered_json ToJson(const Summary& s) {
  ordered_json j;
  j["all"] = ToJson(s.all);
  j["kinds"] = ordered_json::object();
  for (const auto& kind : s.kinds) j["kinds"][kind.name] = ToJson(kind.figures);
  j["passes"] = ordered_json::array();
  for (const auto& group : s.passes) {
    ordered_json one = {{"network", group.network}, {"pass", group.name}};
    one.update(ToJson(group.figures));
    j["passes"].push_back(std::move(one));
  }
  const auto worst = [](const PlacedRow& placed) {
    ordered_json one = Place(placed);
    if (placed.row != nullptr) one["estimate_error"] = placed.row->EstimateError();
    return one;
  };
  j["estimates"] = {{"rows", s.estimates.rows},
                    {"within_5_percent", s.estimates.within_5},
                    {"within_10_percent", s.estimates.within_10},
                    {"within_25_percent", s.estimates.within_25},
                    {"lowest", worst(s.estimates.lowest)},
                    {"highest", worst(s.estimates.highest)}};
  j["seconds"] = {{"total", s.times.total}, {"median", s.times.median}, {"slowest", ordered_json::array()}};
  for (const PlacedRow& placed : s.times.slowest) {
    ordered_json one = Place(placed);
    one["seconds"] = placed.row->seconds;
    j["seconds"]["slowest"].push_back(std::move(one));
  }
  j["peak_megabytes"] = s.peak_mb;
  return j;
}

}  // namespace ecoflow
