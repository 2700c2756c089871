// SPDX-License-Identifier: Apache-2.0
#include "report/check.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/files.h"

namespace ecoflow {
namespace {

std::string Entry(const std::string& more) { return R"({"targets": [{"workloads": ["w"], )" + more + "}]}"; }

Target One(const std::string& more) {
  const auto targets = ParseTargets(Entry(more), "t.json");
  EXPECT_TRUE(targets.ok() && targets.value().size() == 1) << more;
  return targets.value().at(0);
}

NetworkReport Report() {
  NetworkReport report;
  const auto add = [&](const char* layer, const char* pass, int64_t roofline, int64_t cycles) {
    ReportRow row;
    row.layer = layer;
    row.pass = pass;
    row.kinds = {pass == std::string("forward") ? "1x1" : "grouped"};
    row.macs = 1;
    row.roofline_cycles = roofline;
    row.cycles = cycles;
    row.estimate = cycles + cycles / 20;
    row.seconds = 0.5;
    report.rows.push_back(row);
  };
  add("a", "forward", 80, 100);
  add("b", "forward", 90, 200);
  add("a", "filter-grad", 100, 100);
  return report;
}

TEST(CheckTest, PassesAndMisses) {
  const NetworkReport report = Report();
  const struct {
    const char* target;
    double measured;
    bool pass;
  } cases[] = {
      {R"("statistic": "geometric_mean", "passes": ["forward"], "floor": 0.6)", 0.6, true},
      {R"("statistic": "geometric_mean", "kind": "grouped", "floor": 1.1)", 1, false},
      {R"("statistic": "least", "floor": 0.45)", 0.45, true},
      {R"("statistic": "least", "floor": 0.46)", 0.45, false},
      {R"("statistic": "below_0.75", "ceiling": 0.4)", 1.0 / 3, true},
      {R"("statistic": "below_0.50", "ceiling": 0)", 1.0 / 3, false},
      {R"("statistic": "below_0.50", "kind": "grouped", "ceiling": 0)", 0, true},
      {R"("statistic": "cycles_share", "floor": 0.675)", 0.675, true},
      {R"("statistic": "cycles_share", "passes": ["forward"], "floor": 0.675)", 170.0 / 300, false},
      {R"("statistic": "estimates_within_5_percent", "floor": 1)", 1, true},
      {R"("statistic": "seconds", "ceiling": 0.25)", 0.5, false},
      {R"("statistic": "median_seconds", "ceiling": 0.5)", 0.5, true},
  };
  for (const auto& one : cases) {
    const CheckedTarget checked = CheckTarget(One(one.target), report);
    EXPECT_NEAR(checked.measured, one.measured, 1e-12) << one.target;
    EXPECT_EQ(checked.pass, one.pass) << one.target;
  }
  EXPECT_TRUE(CheckTarget(One(R"("statistic": "peak_megabytes", "ceiling": 1e6)"), report).pass);
  EXPECT_FALSE(CheckTarget(One(R"("statistic": "peak_megabytes", "ceiling": 1)"), report).pass);
}

TEST(CheckTest, RowsThatCannotRunAndNoRowsAreMisses) {
  NetworkReport report = Report();
  const Target target = One(R"("statistic": "geometric_mean", "kind": "1x1", "floor": 0.1)");
  EXPECT_TRUE(CheckTarget(target, report).pass);
  report.rows[1].error = "cannot run";
  EXPECT_FALSE(CheckTarget(target, report).pass);
  EXPECT_EQ(CheckTarget(target, report).note, "1 of 2 rows cannot run");
  EXPECT_TRUE(CheckTarget(One(R"("statistic": "geometric_mean", "kind": "grouped", "floor": 0.1)"), report).pass);
  const CheckedTarget none = CheckTarget(One(R"("statistic": "below_0.50", "kind": "1-D", "ceiling": 0)"), report);
  EXPECT_FALSE(none.pass);
  EXPECT_EQ(none.note, "no such row");
}

TEST(CheckTest, AnEntryStandsForEachWorkloadAndPass) {
  const auto targets = ParseTargets(R"({"targets": [{"workloads": ["v", "w"], "passes": ["forward", "input-grad"],
      "batch": 2, "dataflow": "ecoflow", "statistic": "cycles_share", "floor": 0.5}]})", "t.json").value();
  ASSERT_EQ(targets.size(), 4u);
  EXPECT_EQ(targets[1].pass, "input-grad");
  EXPECT_EQ(targets[2].workload, "w");
  EXPECT_TRUE(targets[0].SameRun(targets[1]));
  EXPECT_FALSE(targets[0].SameRun(targets[2]));

  EXPECT_EQ(TargetsOf(targets, "x", {}).value().size(), 4u);
  EXPECT_EQ(TargetsOf(targets, "x", {"./x/../x/w.json"}).value().size(), 2u);
  EXPECT_EQ(TargetsOf(targets, "x", {"w.json"}).error().message, "w.json: no target names it");
  const std::string text = ToText({CheckTarget(targets[0], Report())});
  EXPECT_NE(text.find("v ecoflow batch 2, forward  roofline cycles of all cycles  >=   0.500       0.567     pass"),
            std::string::npos) << text;
  EXPECT_NE(text.find("1 of 1 targets met, 0 missed"), std::string::npos);
}

TEST(CheckTest, BadFilesAreRefused) {
  const std::pair<std::string, std::string> cases[] = {
      {Entry(R"("statistic": "least")"), "targets[0] = {\"statistic\":\"least\",\"workloads\":[\"w\"]}, expected either floor or ceiling"},
      {Entry(R"("statistic": "least", "floor": 1, "ceiling": 1)"), "expected either floor or ceiling"},
      {Entry(R"("statistic": "least", "floor": "1")"), "targets[0].floor = \"1\", expected a number"},
      {Entry(R"("statistic": "least", "floor": 1, "kind": "round")"), "targets[0].kind = \"round\", expected a kind of"},
      {Entry(R"("statistic": "most", "floor": 1)"), "most"},
      {Entry(R"("statistic": "least", "floor": 1, "of": 1)"), "of"},
      {R"({"targets": [{"workloads": ["../w"], "statistic": "least", "floor": 1}]})", "../w"},
      {"{}", "missing key targets"},
  };
  for (const auto& [text, message] : cases) {
    const auto targets = ParseTargets(text, "t.json");
    ASSERT_FALSE(targets.ok()) << text;
    EXPECT_EQ(targets.error().message.find("t.json: "), 0u) << targets.error().message;
    EXPECT_NE(targets.error().message.find(message), std::string::npos) << targets.error().message;
  }
}

TEST(CheckTest, TheProjectsTargetsNameWhatThereIs) {
  const auto file = SourceRoot() / "workloads/targets.json";
  const auto targets = ParseTargets(ReadFile(file).value(), file);
  ASSERT_TRUE(targets.ok()) << targets.error().message;
  for (const Target& target : targets.value()) {
    EXPECT_TRUE(LoadWorkload(SourceRoot() / "workloads" / (target.workload + ".json")).ok()) << target.workload;
    EXPECT_TRUE(LoadHwConfig(target.config).ok());
  }
  // Each network is there; what is no network is the paper's tables and the public layers.
  for (const auto& entry : std::filesystem::directory_iterator(SourceRoot() / "workloads")) {
    const std::string name = entry.path().stem();
    if (name.starts_with("paper_table") || name == "targets") continue;
    EXPECT_TRUE(std::any_of(targets.value().begin(), targets.value().end(),
                            [&](const Target& target) { return target.workload == name; })) << name;
  }
}

}  // namespace
}  // namespace ecoflow
