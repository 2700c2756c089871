// SPDX-License-Identifier: Apache-2.0
#include "report/summary.h"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

namespace ecoflow {
namespace {

ReportRow Row(const std::string& layer, Pass pass, int64_t roofline, int64_t cycles, int64_t estimate, double seconds) {
  ReportRow row;
  row.layer = layer;
  row.pass = ToString(pass);
  row.kinds = {pass == Pass::kForward ? "stride-1 forward" : "grouped"};
  row.macs = 1;
  row.roofline_cycles = roofline;
  row.cycles = cycles;
  row.estimate = estimate;
  row.seconds = seconds;
  return row;
}

// Fractions 0.9, 0.4, 0.6; estimates off by 0, -20, +8 %; and a row that cannot run, and one without a product.
std::vector<NetworkReport> Reports() {
  std::vector<NetworkReport> reports(2);
  reports[0].network = "one";
  reports[0].rows = {Row("a", Pass::kForward, 90, 100, 100, 1), Row("b", Pass::kFilterGrad, 40, 100, 80, 3)};
  reports[1].network = "two";
  reports[1].rows = {Row("c", Pass::kForward, 600, 1000, 1080, 2), Row("d", Pass::kForward, 0, 0, 0, 0.5),
                     Row("e", Pass::kForward, 0, 10, 0, 0.25)};
  reports[1].rows[1].macs = 0;
  reports[1].rows[1].error = "cannot run";
  reports[1].rows[2].macs = 0;
  return reports;
}

TEST(SummaryTest, FiguresOfHandMadeRows) {
  const auto reports = Reports();
  const Summary s = Summarize(reports);
  EXPECT_EQ(s.all.rows, 4u);
  EXPECT_EQ(s.all.failed, 1u);
  EXPECT_DOUBLE_EQ(s.all.mean, std::cbrt(0.9 * 0.4 * 0.6));
  EXPECT_EQ(s.all.least.row->layer, "d");
  EXPECT_EQ(s.all.below_75, 3u);
  EXPECT_EQ(s.all.below_50, 2u);
  ASSERT_EQ(s.kinds.size(), 2u);
  EXPECT_EQ(s.kinds[0].name, "stride-1 forward");
  EXPECT_EQ(s.kinds[0].figures.rows, 3u);
  EXPECT_DOUBLE_EQ(s.kinds[0].figures.mean, std::sqrt(0.9 * 0.6));
  EXPECT_EQ(s.kinds[1].figures.least.row->layer, "b");

  // Network and pass; passes without rows are left out.
  ASSERT_EQ(s.passes.size(), 3u);
  EXPECT_EQ(s.passes[1].network, "one");
  EXPECT_EQ(s.passes[1].name, "filter-grad");
  EXPECT_DOUBLE_EQ(s.passes[1].figures.CyclesFraction(), 0.4);
  EXPECT_DOUBLE_EQ(s.passes[2].figures.CyclesFraction(), 0.6);

  EXPECT_EQ(s.estimates.rows, 3u);
  EXPECT_DOUBLE_EQ(s.estimates.within_5, 1.0 / 3);
  EXPECT_DOUBLE_EQ(s.estimates.within_10, 2.0 / 3);
  EXPECT_DOUBLE_EQ(s.estimates.within_25, 1);
  EXPECT_EQ(s.estimates.lowest.row->layer, "b");
  EXPECT_EQ(s.estimates.highest.row->layer, "c");

  ASSERT_EQ(s.times.slowest.size(), 5u);
  EXPECT_EQ(s.times.slowest[0].row->layer, "b");
  EXPECT_DOUBLE_EQ(s.times.median, 1);
  EXPECT_DOUBLE_EQ(s.times.total, 6.75);
  EXPECT_GT(s.peak_mb, 1);
}

TEST(SummaryTest, FormsHoldTheFigures) {
  const auto reports = Reports();
  const auto json = ToJson(Summarize(reports));
  EXPECT_EQ(json["all"]["rows"], 4);
  EXPECT_EQ(json["kinds"]["grouped"]["least"]["layer"], "b");
  EXPECT_EQ(json["passes"][2]["roofline_cycles_share"], 0.6);
  EXPECT_EQ(json["estimates"]["lowest"]["layer"], "b");
  EXPECT_EQ(json["seconds"]["median"], 1);
  const std::string text = ToText(Summarize(reports));
  for (const char* part : {"two: d forward", "  grouped ", "-20.0 %  one: b filter-grad", "median 1.000 s"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
  }
}

TEST(SummaryTest, AtMostTenRowsAreTheSlowest) {
  NetworkReport report;
  for (int k = 0; k < 12; ++k) report.rows.push_back(Row("l", Pass::kForward, 1, 1, 1, k));
  const TimeFigures f = MeasureTimes(RowsOf(report));
  EXPECT_EQ(f.slowest.size(), 10u);
  EXPECT_DOUBLE_EQ(f.slowest.back().row->seconds, 2);
  EXPECT_DOUBLE_EQ(f.median, 5.5);
}

TEST(SummaryTest, NoRows) {
  const std::vector<NetworkReport> none(1);
  const Summary s = Summarize(none);
  EXPECT_EQ(s.all.rows, 0u);
  EXPECT_EQ(s.all.mean, 0);
  EXPECT_EQ(s.times.median, 0);
  EXPECT_TRUE(ToJson(s)["all"]["least"].is_null());
  EXPECT_FALSE(ToText(s).empty());
}

}  // namespace
}  // namespace ecoflow
