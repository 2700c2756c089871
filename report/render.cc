// SPDX-License-Identifier: Apache-2.0
#include "report/render.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "report/summary.h"

namespace ecoflow {
namespace {

std::string Speedup(int64_t baseline, int64_t cycles) {
  if (baseline == 0 || cycles == 0) return "-";
  return fmt::format("{:.2f}", static_cast<double>(baseline) / static_cast<double>(cycles));
}

struct Baseline {
  const char* name;
  int64_t ReportRow::*cycles;
  const char* color;
};
constexpr Baseline kBaselines[] = {{"row-stationary", &ReportRow::row_stationary, "#8a8f98"},
                                   {"lowered", &ReportRow::lowered, "#c9a227"},
                                   {"ganax", &ReportRow::ganax, "#4f8f6f"}};

int64_t Total(const NetworkReport& report, int64_t ReportRow::*field) {
  int64_t total = 0;
  for (const ReportRow& row : report.rows) total += row.*field;
  return total;
}

// Bars per layer of the cycles of each baseline and of this dataflow, as speedup over `lowered`
// (the paper's Figs. 9 and 10 normalise to the TPU), on a logarithmic axis.
std::string SpeedupChart(const NetworkReport& report, const std::string& pass) {
  std::vector<const ReportRow*> rows;
  double most = 1;
  for (const ReportRow& row : report.rows) {
    if (row.pass != pass || row.lowered == 0 || row.cycles == 0) continue;
    rows.push_back(&row);
    for (const int64_t cycles : {row.cycles, row.row_stationary, row.ganax}) {
      if (cycles > 0) most = std::max(most, static_cast<double>(row.lowered) / static_cast<double>(cycles));
    }
  }
  if (rows.empty()) return "";
  constexpr int kBar = 12, kGap = 22, kHeight = 220, kLeft = 46;
  const int group = 4 * kBar + kGap;
  const int width = kLeft + group * static_cast<int>(rows.size()) + 10;
  const double top = std::ceil(std::log2(most) + 0.01), bottom = -2;
  const auto y_of = [&](double speedup) {
    const double place = (std::log2(std::max(speedup, 0.25)) - bottom) / (top - bottom);
    return kHeight - place * (kHeight - 14);
  };
  std::string svg = fmt::format("<h2>{}: speedup over lowered</h2>\n<svg width=\"{}\" height=\"{}\" role=\"img\">\n",
                                HtmlText(pass), width, kHeight + 110);
  for (double mark = bottom; mark <= top; ++mark) {
    const double y = y_of(std::exp2(mark));
    svg += fmt::format("<line x1=\"{}\" x2=\"{}\" y1=\"{:.1f}\" y2=\"{:.1f}\" stroke=\"#e3e3e3\"/>"
                       "<text x=\"{}\" y=\"{:.1f}\" text-anchor=\"end\">{:g}x</text>\n",
                       kLeft, width, y, y, kLeft - 5, y + 4, std::exp2(mark));
  }
  for (std::size_t k = 0; k < rows.size(); ++k) {
    const ReportRow& row = *rows[k];
    const double x0 = kLeft + static_cast<double>(k) * group + kGap / 2.0;
    const std::tuple<const char*, int64_t, const char*> bars[] = {
        {"lowered", row.lowered, kBaselines[1].color},
        {"row-stationary", row.row_stationary, kBaselines[0].color},
        {"ganax", row.ganax, kBaselines[2].color},
        {report.dataflow.c_str(), row.cycles, "#2b5fb3"}};
    for (int b = 0; b < 4; ++b) {
      const auto& [name, cycles, color] = bars[b];
      if (cycles == 0) continue;
      const double speedup = static_cast<double>(row.lowered) / static_cast<double>(cycles);
      const double y = y_of(speedup);
      svg += fmt::format("<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{}\" height=\"{:.1f}\" fill=\"{}\">"
                         "<title>{} {}: {} cycles, {:.2f}x</title></rect>\n",
                         x0 + b * kBar, y, kBar - 1, kHeight - y, color, HtmlText(row.layer), name,
                         Thousands(cycles), speedup);
    }
    svg += fmt::format("<text transform=\"translate({:.1f},{}) rotate(-40)\" text-anchor=\"end\">{}</text>\n",
                       x0 + 2 * kBar, kHeight + 14, HtmlText(row.layer));
  }
  return svg + "</svg>\n";
}

// Share of the cycles in which each PE issued a MAC.
std::string PeMap(const NetworkReport& report, const ReportRow& row) {
  constexpr int kCell = 9;
  std::string svg = fmt::format("<figure><svg width=\"{}\" height=\"{}\">", report.config.columns * kCell,
                                report.config.rows * kCell);
  for (std::size_t pe = 0; pe < row.pe_share.size(); ++pe) {
    const int r = static_cast<int>(pe) / report.config.columns, c = static_cast<int>(pe) % report.config.columns;
    const int light = static_cast<int>(std::lround(96 - 60 * row.pe_share[pe]));
    svg += fmt::format("<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"hsl(215 60% {}%)\">"
                       "<title>PE {},{}: {:.1f} %</title></rect>",
                       c * kCell, r * kCell, kCell - 1, kCell - 1, light, r, c, 100 * row.pe_share[pe]);
  }
  return svg + fmt::format("</svg><figcaption>{} {}</figcaption></figure>\n", HtmlText(row.layer), row.pass);
}

constexpr const char* kLegend =
    "\nutil: useful MACs of all PE-cycles; roof: fraction of the roofline; estim.: what the mapper's estimate is off\n"
    "by; bound by: the resource most in use and its share; words: all networks; last columns: speedup over the\n"
    "baselines.\n";

std::string Joined(const std::vector<std::string>& words) {
  std::string all;
  for (const std::string& word : words) all += (all.empty() ? "" : "; ") + word;
  return all;
}

// As much of a page as belongs to one network.
std::string HtmlBody(const NetworkReport& report) {
  std::string out = fmt::format(
      "<h1>{}</h1>\n<p>{} dataflow on {}: {} x {} PEs, {} MHz; cycles by the exact cycle model.</p>\n",
      HtmlText(report.network), HtmlText(report.dataflow), HtmlText(report.config.name), report.config.rows,
      report.config.columns, report.config.clock_mhz);
  out += "<p class=\"key\">";
  for (const Baseline& b : {kBaselines[1], kBaselines[0], kBaselines[2]}) {
    out += fmt::format("<span style=\"background:{}\"></span>{}", b.color, b.name);
  }
  out += fmt::format("<span style=\"background:#2b5fb3\"></span>{}</p>\n", HtmlText(report.dataflow));
  for (const char* pass : {"forward", "input-grad", "filter-grad"}) out += SpeedupChart(report, pass);
  out += "<h2>Utilization by PE</h2>\n<p>Share of the cycles in which a PE issues a MAC, dark is busy.</p>\n";
  for (const ReportRow& row : report.rows) {
    if (row.error.empty()) out += PeMap(report, row);
  }
  return out + "<h2>Numbers</h2>\n<pre>" + HtmlText(ToText(report) + kLegend) + "</pre>\n";
}

}  // namespace

std::string ToText(const NetworkReport& report) {
  const std::string batch = report.batch > 0 ? fmt::format("batch {}, ", report.batch) : "";
  std::string out = fmt::format("{}, {}{} dataflow, on {} ({} x {} PEs, {} MHz), by the cycle model\n\n",
                                Printable(report.network), batch, report.dataflow, report.config.name,
                                report.config.rows, report.config.columns, report.config.clock_mhz);
  std::size_t name = 5;
  for (const ReportRow& row : report.rows) name = std::max(name, Printable(row.layer).size());
  out += fmt::format("{:<{}}  {:<12}{:<16}{:>13}{:>10}{:>7}{:>7}{:>10}  {:<11}{:>6}{:>15}{:>10}{:>9}{:>8}\n", "layer",
                     name, "pass", "mapping", "cycles", "ms", "util", "roof", "estim.", "bound by", "", "words",
                     "row-st.", "lowered", "ganax");
  for (const ReportRow& row : report.rows) {
    if (!row.error.empty()) {
      out += fmt::format("{:<{}}  {:<12}{}\n", Printable(row.layer), name, row.pass, row.error);
      continue;
    }
    out += fmt::format("{:<{}}  {:<12}{:<16}{:>13}{:>10.3f}{:>7.3f}{:>7.3f}{:>10}"
                       "  {:<11}{:>6.2f}{:>15}{:>10}{:>9}{:>8}\n",
                       Printable(row.layer), name, row.pass, row.family, Thousands(row.cycles),
                       report.Milliseconds(row.cycles), row.Utilization(report.config.pe_count()),
                       row.RooflineFraction(),
                       row.HasEstimate() ? fmt::format("{:+.1f} %", 100 * row.EstimateError()) : "-", row.bound_by,
                       row.bound_share, Thousands(row.wide_words + row.narrow_words + row.gon_words + row.local_words),
                       Speedup(row.row_stationary, row.cycles), Speedup(row.lowered, row.cycles),
                       Speedup(row.ganax, row.cycles));
  }
  const int64_t total = report.TotalCycles();
  out += fmt::format("{:<{}}  {:<28}{:>13}{:>10.3f}{:>7}{:>7.3f}{:>10}"
                     "  {:<17}{:>15}{:>10}{:>9}{:>8}\n", "total", name, "",
                     Thousands(total), report.Milliseconds(total), "", report.MeanRooflineFraction(), "",
                     "(geometric mean)",
                     Thousands(Total(report, &ReportRow::wide_words) + Total(report, &ReportRow::narrow_words) +
                               Total(report, &ReportRow::gon_words) + Total(report, &ReportRow::local_words)),
                     Speedup(Total(report, &ReportRow::row_stationary), total),
                     Speedup(Total(report, &ReportRow::lowered), total),
                     Speedup(Total(report, &ReportRow::ganax), total));
  if (const std::size_t failed = report.Failed(); failed > 0) {
    out += fmt::format("{} of {} rows cannot run\n", failed, report.rows.size());
  }
  return out;
}

std::string ToText(const std::vector<NetworkReport>& reports) {
  std::string out;
  for (const NetworkReport& report : reports) out += (out.empty() ? "" : "\n") + ToText(report);
  return out + kLegend + "\n" + ToText(Summarize(reports));
}

nlohmann::ordered_json ToJson(const NetworkReport& report) {
  nlohmann::ordered_json j;
  j["network"] = report.network;
  j["dataflow"] = report.dataflow;
  j["config"] = report.config.name;
  j["batch"] = report.batch > 0 ? nlohmann::ordered_json(report.batch) : nullptr;
  j["pe_count"] = report.config.pe_count();
  j["clock_mhz"] = report.config.clock_mhz;
  j["failed"] = report.Failed();
  j["total_cycles"] = report.TotalCycles();
  j["roofline_fraction_geomean"] = report.MeanRooflineFraction();
  for (const ReportRow& row : report.rows) {
    nlohmann::ordered_json r;
    r["layer"] = row.layer;
    r["op"] = row.op;
    r["pass"] = row.pass;
    r["kinds"] = row.kinds;
    r["error"] = row.error.empty() ? nlohmann::ordered_json() : nlohmann::ordered_json(row.error);
    r["family"] = row.family;
    r["cycles"] = row.cycles;
    r["estimate"] = row.estimate;
    r["estimate_error"] = row.HasEstimate() ? nlohmann::ordered_json(row.EstimateError()) : nullptr;
    r["seconds"] = row.seconds;
    r["milliseconds"] = report.Milliseconds(row.cycles);
    r["useful_macs"] = row.macs;
    r["issued_macs"] = row.issued_macs;
    r["utilization"] = row.Utilization(report.config.pe_count());
    r["roofline_cycles"] = row.roofline_cycles;
    r["roofline_fraction"] = row.RooflineFraction();
    r["bound_by"] = row.bound_by;
    r["bound_share"] = row.bound_share;
    r["words"] = {{"gin_wide", row.wide_words}, {"gin_narrow", row.narrow_words},
                  {"gon", row.gon_words}, {"local", row.local_words}};
    if (report.baselines) {
      r["baselines"] = {{"row_stationary", row.row_stationary}, {"lowered", row.lowered}, {"ganax", row.ganax}};
      r["row_stationary_issued_share"] = row.row_stationary_share;
    } else {
      r["baselines"] = nullptr;
      r["row_stationary_issued_share"] = nullptr;
    }
    r["pe_issued_share"] = row.pe_share;
    j["rows"].push_back(std::move(r));
  }
  return j;
}

nlohmann::ordered_json ToJson(const std::vector<NetworkReport>& reports) {
  nlohmann::ordered_json j;
  if (reports.size() == 1) {
    j = ToJson(reports.front());
  } else {
    for (const NetworkReport& report : reports) j["networks"].push_back(ToJson(report));
  }
  j["summary"] = ToJson(Summarize(reports));
  return j;
}

std::string ToCsv(const std::vector<NetworkReport>& reports) {
  std::string out =
      "layer,op,pass,family,cycles,milliseconds,useful_macs,issued_macs,utilization,roofline_cycles,"
      "roofline_fraction,bound_by,bound_share,gin_wide,gin_narrow,gon,local,row_stationary_cycles,"
      "lowered_cycles,ganax_cycles,network,dataflow,config,batch,estimate,estimate_error,seconds,kinds,error\n";
  for (const NetworkReport& report : reports) {
    const auto baseline = [&](int64_t cycles) { return report.baselines ? fmt::format("{}", cycles) : "-"; };
    for (const ReportRow& row : report.rows) {
      out += fmt::format("{},{},{},{},{},{:.6f},{},{},{:.6f},{},{:.6f},{},{:.6f},"
                         "{},{},{},{},{},{},{},{},{},{},{},{},{},{:.6f},{},{}\n",
                         CsvField(row.layer), row.op, row.pass, row.family, row.cycles, report.Milliseconds(row.cycles),
                         row.macs, row.issued_macs, row.Utilization(report.config.pe_count()),
                         row.roofline_cycles, row.RooflineFraction(), row.bound_by, row.bound_share,
                         row.wide_words, row.narrow_words, row.gon_words, row.local_words,
                         baseline(row.row_stationary), baseline(row.lowered), baseline(row.ganax),
                         CsvField(report.network), report.dataflow, CsvField(report.config.name),
                         report.batch > 0 ? fmt::format("{}", report.batch) : "-", row.estimate,
                         row.HasEstimate() ? fmt::format("{:.6f}", row.EstimateError()) : "-", row.seconds,
                         CsvField(Joined(row.kinds)), CsvField(row.error));
    }
  }
  return out;
}

std::string ToHtml(const std::vector<NetworkReport>& reports) {
  std::string title;
  for (const NetworkReport& report : reports) title += (title.empty() ? "" : ", ") + report.network;
  std::string out = fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{}</title>\n<style>\n"
      "body {{ font: 14px system-ui, sans-serif; margin: 2em auto; max-width: 1200px; color: #222; }}\n"
      "svg text {{ font-size: 11px; fill: #444; }} figure {{ display: inline-block; margin: 6px 14px 6px 0; }}\n"
      "figcaption {{ font-size: 11px; }} pre {{ font-size: 12px; overflow-x: auto; }}\n"
      ".key span {{ display: inline-block; width: 11px; height: 11px; margin: 0 4px 0 14px; }}\n"
      "</style></head><body>\n",
      HtmlText(title));
  for (const NetworkReport& report : reports) out += HtmlBody(report);
  return out + "<h1>Summary</h1>\n<pre>" + HtmlText(ToText(Summarize(reports))) + "</pre>\n</body></html>\n";
}

}  // namespace ecoflow
