// SPDX-License-Identifier: Apache-2.0
#include "report/check.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/json_fields.h"
#include "base/json_schema.h"
#include "base/text.h"
#include "report/kinds.h"
#include "report/summary.h"

namespace ecoflow {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

namespace {

constexpr const char* kSchema = "report/targets.schema.json";

struct Figure {
  double value = 0;
  PlacedRow row{};  // the one that it is about, if any
};

using Rows = std::vector<PlacedRow>;

Figure Slowest(const Rows& rows) {
  const PlacedRow row = MeasureTimes(rows).slowest.front();
  return {row.row->seconds, row};
}

Figure Least(const Rows& rows) {
  const PlacedRow row = MeasureRoofline(rows).least;
  return {row.row == nullptr ? 0 : row.row->RooflineFraction(), row};
}

}  // namespace

struct Statistic {
  const char* key;    // in the file
  const char* title;
  const char* unit;
  double scale;       // value in the file -> in `unit`
  int digits;
  Figure (*measure)(const Rows& rows);
};

namespace {

Figure Mean(const Rows& rows) {
  const RooflineFigures f = MeasureRoofline(rows);
  return {f.mean, f.least};
}

Figure Below75(const Rows& rows) {
  const RooflineFigures f = MeasureRoofline(rows);
  return {f.Share(f.below_75), f.least};
}

Figure Below50(const Rows& rows) {
  const RooflineFigures f = MeasureRoofline(rows);
  return {f.Share(f.below_50), f.least};
}

Figure CyclesShare(const Rows& rows) {
  const RooflineFigures f = MeasureRoofline(rows);
  return {f.CyclesFraction(), f.least};
}

Figure Within5(const Rows& rows) { return {MeasureEstimates(rows).within_5, {}}; }
Figure Median(const Rows& rows) { return {MeasureTimes(rows).median, {}}; }
Figure Peak(const Rows&) { return {PeakMegabytes(), {}}; }

constexpr Statistic kStatistics[] = {
    {"geometric_mean", "geometric mean of roofline fraction", "", 1, 3, Mean},
    {"least", "least roofline fraction", "", 1, 3, Least},
    {"below_0.75", "rows below 0.75 of the roofline", "%", 100, 1, Below75},
    {"below_0.50", "rows below 0.50 of the roofline", "%", 100, 1, Below50},
    {"cycles_share", "roofline cycles of all cycles", "", 1, 3, CyclesShare},
    {"estimates_within_5_percent", "estimates within 5 % of the cycles", "%", 100, 1, Within5},
    {"seconds", "slowest row", "s", 1, 3, Slowest},
    {"median_seconds", "median of rows", "s", 1, 3, Median},
    {"peak_megabytes", "peak memory of the process", "MB", 1, 0, Peak},
};

// The schema cannot say it: its words know integers only.
Status ReadBound(const JsonPlace& at, Target& target) {
  const bool floor = at.value().contains("floor");
  if (floor == at.value().contains("ceiling")) return at.Wrong("either floor or ceiling");
  const JsonPlace bound = at.Member(floor ? "floor" : "ceiling");
  if (!bound.value().is_number()) return bound.Wrong("a number");
  target.floor = floor;
  target.bound = bound.value().get<double>();
  return {};
}

Result<std::vector<Target>> ReadEntry(const JsonPlace& at) {
  Target target;
  std::vector<std::string> workloads, passes;
  std::string statistic;
  ECO_RETURN_IF_ERROR(at.Get("workloads", workloads));
  ECO_RETURN_IF_ERROR(at.GetIfAny("dataflow", target.dataflow));
  ECO_RETURN_IF_ERROR(at.GetIfAny("config", target.config));
  ECO_RETURN_IF_ERROR(at.GetIfAny("batch", target.batch));
  ECO_RETURN_IF_ERROR(at.GetIfAny("kind", target.kind));
  ECO_RETURN_IF_ERROR(at.GetIfAny("passes", passes));
  ECO_RETURN_IF_ERROR(at.Get("statistic", statistic));
  ECO_RETURN_IF_ERROR(ReadBound(at, target));
  if (!target.kind.empty()) {
    const auto kinds = AllKinds();
    if (std::none_of(kinds.begin(), kinds.end(), [&](const Kind& kind) { return kind.name == target.kind; })) {
      return at.Member("kind").Wrong("a kind of report/kinds.cc");
    }
  }
  target.statistic = std::find_if(std::begin(kStatistics), std::end(kStatistics),
                                  [&](const Statistic& one) { return one.key == statistic; });
  CHECK(target.statistic != std::end(kStatistics));
  if (passes.empty()) passes = {""};
  std::vector<Target> targets;
  for (const std::string& workload : workloads) {
    for (const std::string& pass : passes) {
      target.workload = workload;
      target.pass = pass;
      targets.push_back(target);
    }
  }
  return targets;
}

std::string RunName(const Target& t) {
  std::string name = fmt::format("{} {}", t.workload, t.dataflow);
  if (t.batch > 0) name += fmt::format(" batch {}", t.batch);
  if (t.config != Target().config) name += fmt::format(" on {}", Printable(t.config));
  for (const std::string& part : {t.kind, t.pass}) name += part.empty() ? "" : ", " + part;
  return name;
}

std::string Shown(const Statistic& s, double value) {
  return fmt::format("{:.{}f} {:<2}", value * s.scale, s.digits, s.unit);
}

}  // namespace

Result<std::vector<Target>> ParseTargets(const std::string& text, const std::string& name) {
  ECO_ASSIGN(const nlohmann::json document, ParseJson(text, name));
  ECO_RETURN_IF_ERROR(CheckSchema(document, name, kSchema));
  const JsonPlace root(document, name);
  const JsonPlace list = root.Member("targets");
  std::vector<Target> targets;
  for (std::size_t k = 0; k < list.value().size(); ++k) {
    ECO_ASSIGN(const auto some, ReadEntry(list.Item(k)));
    targets.insert(targets.end(), some.begin(), some.end());
  }
  return targets;
}

Result<std::vector<Target>> TargetsOf(const std::vector<Target>& targets, const fs::path& folder,
                                      const std::vector<std::string>& workloads) {
  if (workloads.empty()) return targets;
  std::error_code ec;
  const auto canonical = [&](const fs::path& path) { return fs::weakly_canonical(fs::absolute(path), ec); };
  std::vector<bool> wanted(targets.size());
  for (const std::string& file : workloads) {
    bool any = false;
    for (std::size_t k = 0; k < targets.size(); ++k) {
      if (canonical(folder / (targets[k].workload + ".json")) != canonical(file)) continue;
      any = wanted[k] = true;
    }
    if (!any) return BadInput("{}: no target names it", Printable(file));
  }
  std::vector<Target> some;
  for (std::size_t k = 0; k < targets.size(); ++k) {
    if (wanted[k]) some.push_back(targets[k]);
  }
  return some;
}

CheckedTarget CheckTarget(const Target& target, const NetworkReport& report) {
  CheckedTarget checked{target};
  Rows rows;
  for (const PlacedRow& placed : RowsOf(report)) {
    const auto& kinds = placed.row->kinds;
    const bool kind = target.kind.empty() || std::find(kinds.begin(), kinds.end(), target.kind) != kinds.end();
    if (kind && (target.pass.empty() || placed.row->pass == target.pass)) rows.push_back(placed);
  }
  if (rows.empty()) {
    checked.note = "no such row";
    return checked;
  }
  const Figure figure = target.statistic->measure(rows);
  checked.measured = figure.value;
  checked.pass = target.floor ? figure.value >= target.bound : figure.value <= target.bound;
  if (figure.row.row != nullptr) checked.note = NameOf(figure.row, false);
  const auto failed = static_cast<std::size_t>(
      std::count_if(rows.begin(), rows.end(), [](const PlacedRow& p) { return !p.row->error.empty(); }));
  if (failed > 0) {
    checked.pass = false;
    checked.note = fmt::format("{} of {} rows cannot run", failed, rows.size());
  }
  return checked;
}

std::string ToText(const std::vector<CheckedTarget>& checked) {
  std::size_t run = 6, title = 6, passed = 0;
  for (const CheckedTarget& c : checked) {
    run = std::max(run, RunName(c.target).size());
    title = std::max(title, std::string(c.target.statistic->title).size());
    passed += c.pass;
  }
  std::string out = fmt::format("{:<{}}  {:<{}}  {:>13}  {:>10}  {:<6}  {}\n", "rows", run, "figure", title, "target",
                                "measured", "result", "least or slowest row");
  for (const CheckedTarget& c : checked) {
    const Statistic& s = *c.target.statistic;
    const std::string line =
        fmt::format("{:<{}}  {:<{}}  {} {:>10}  {:>10}  {:<6}  {}", RunName(c.target), run, s.title, title,
                    c.target.floor ? ">=" : "<=", Shown(s, c.target.bound), Shown(s, c.measured),
                    c.pass ? "pass" : "MISS", c.note);
    out += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  }
  return out + fmt::format("{} of {} targets met, {} missed\n", passed, checked.size(), checked.size() - passed);
}

ordered_json ToJson(const std::vector<CheckedTarget>& checked) {
  ordered_json list = ordered_json::array();
  for (const CheckedTarget& c : checked) {
    const Target& t = c.target;
    ordered_json j;
    j["workload"] = t.workload;
    j["dataflow"] = t.dataflow;
    j["config"] = t.config;
    j["batch"] = t.batch > 0 ? ordered_json(t.batch) : nullptr;
    j["kind"] = t.kind.empty() ? nullptr : ordered_json(t.kind);
    j["pass"] = t.pass.empty() ? nullptr : ordered_json(t.pass);
    j["statistic"] = t.statistic->key;
    j[t.floor ? "floor" : "ceiling"] = t.bound;
    j["measured"] = c.measured;
    j["met"] = c.pass;
    j["note"] = c.note;
    list.push_back(std::move(j));
  }
  return list;
}

}  // namespace ecoflow
