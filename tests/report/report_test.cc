// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "choose/choose.h"
#include "compiler/compiler.h"
#include "model/cycle_model.h"
#include "report/baselines.h"
#include "report/network_report.h"
#include "report/render.h"

namespace ecoflow {
namespace {

TEST(BaselinesTest, SystolicArrayTakesScaleSimsCycles) {
  // One fold of 13 x 15 results: 2*13 + 15 + 100 - 2.
  EXPECT_EQ(SystolicCycles(13, 15, 100, 13, 15), 139);
  // A row more begins a second fold; four folds in two directions.
  EXPECT_EQ(SystolicCycles(14, 15, 100, 13, 15), 2 * 139);
  EXPECT_EQ(SystolicCycles(26, 30, 100, 13, 15), 4 * 139);
  // A square array: 2*32 + 32 + 128 - 2.
  EXPECT_EQ(SystolicCycles(32, 32, 128, 32, 32), 222);
}

TEST(BaselinesTest, LoweredIsPaddedAndTakesNoLessThanItsWords) {
  const HwConfig hw = LoadHwConfig("ecoflow_13x15").value();
  Layer layer;
  layer.input = {1, 3, 9, 9};
  layer.output_channels = 20;
  layer.kernel = {3, 3};
  layer.strides = {2, 2};
  // Input gradient: 9x9 positions of 3 channels, depth 20*9, inserted zeros and all.
  const LoweredCycles lowered = Lowered(MakePaddedProblem(layer, Pass::kInputGrad), hw);
  EXPECT_EQ(lowered.systolic, 7 * 1 * (2 * 13 + 15 + 180 - 2));
  EXPECT_EQ(lowered.bandwidth, (81 * 1 * 180 + 3 * 7 * 180 + 6) / 7);
  EXPECT_EQ(lowered.cycles(), std::max(lowered.systolic, lowered.bandwidth));
}

class ReportTest : public ::testing::Test {
 protected:
  void SetUp() override {
    Layer layer;
    layer.name = "a<b";
    layer.input = {2, 6, 11, 11};
    layer.output_channels = 8;
    layer.kernel = {3, 3};
    layer.strides = {2, 2};
    layers_ = {layer};
    options_.passes = {Pass::kForward, Pass::kInputGrad, Pass::kFilterGrad};
    options_.dataflow = "ecoflow";
    report_ = ReportNetwork("net", layers_, hw_, options_).value();
    plain_ = ToText(report_);
  }
  HwConfig hw_ = LoadHwConfig("ecoflow_4x4").value();
  std::vector<Layer> layers_;
  ReportOptions options_;
  NetworkReport report_;
  std::string plain_;
};

TEST_F(ReportTest, RowsAreTheCycleModels) {
  ASSERT_EQ(report_.rows.size(), 3u);
  for (std::size_t k = 0; k < 3; ++k) {
    const auto compiled = Choose(hw_, layers_[0], options_.passes[k], "ecoflow").value().compiled;
    const auto counts = PredictCycles(compiled.schedule, hw_, {}).value();
    const ReportRow& row = report_.rows[k];
    EXPECT_EQ(row.cycles, counts.cycles);
    EXPECT_EQ(row.issued_macs, row.macs);
    EXPECT_EQ(row.wide_words, counts.wide_words);
    EXPECT_EQ(row.roofline_cycles, RooflineCycles(compiled));
    EXPECT_EQ(row.pe_share.size(), 16u);
    EXPECT_GT(row.bound_share, 0);
    EXPECT_LE(row.bound_share, 1);
    const auto padded = Compile(hw_, layers_[0], options_.passes[k], "row-stationary").value();
    EXPECT_EQ(row.row_stationary, PredictCycles(padded.schedule, hw_, {}).value().cycles);
  }
  // GANAX removes the zeros of transposed passes only.
  EXPECT_EQ(report_.rows[1].ganax, report_.rows[1].cycles);
  EXPECT_EQ(report_.rows[2].ganax, report_.rows[2].row_stationary);
  EXPECT_EQ(report_.TotalCycles(),
            report_.rows[0].cycles + report_.rows[1].cycles + report_.rows[2].cycles);
}

TEST_F(ReportTest, FormsAgree) {
  const auto json = ToJson(report_);
  EXPECT_EQ(json["rows"].size(), 3u);
  EXPECT_EQ(json["total_cycles"], report_.TotalCycles());
  const std::string csv = ToCsv({report_});
  EXPECT_EQ(std::count(csv.begin(), csv.end(), '\n'), 4);
  const auto fields = [](const std::string& line) { return std::count(line.begin(), line.end(), ','); };
  const std::string head = csv.substr(0, csv.find('\n'));
  const std::string last = csv.substr(csv.rfind('\n', csv.size() - 2) + 1);
  EXPECT_EQ(fields(head), fields(last));
  const std::string text = ToText(report_);
  for (const char* pass : {"forward", "input-grad", "filter-grad"}) {
    EXPECT_NE(text.find(pass), std::string::npos);
  }
}

TEST_F(ReportTest, RowsHaveEstimatesTimesAndKinds) {
  for (std::size_t k = 0; k < 3; ++k) {
    const ReportRow& row = report_.rows[k];
    const auto compiled = Compile(hw_, layers_[0], options_.passes[k], "ecoflow").value();
    if (row.cycles == PredictCycles(compiled.schedule, hw_, {}).value().cycles) {
      EXPECT_EQ(row.estimate, compiled.mapping.at("estimated_cycles"));
    }
    EXPECT_TRUE(row.HasEstimate());
    EXPECT_DOUBLE_EQ(row.EstimateError(), static_cast<double>(row.estimate) / static_cast<double>(row.cycles) - 1);
    EXPECT_GT(row.seconds, 0);
    EXPECT_FALSE(row.kinds.empty());
    EXPECT_TRUE(row.error.empty());
  }
}

// Everything that does not tell the time.
nlohmann::json Timeless(const std::vector<NetworkReport>& reports) {
  nlohmann::json json = ToJson(reports);
  json["summary"].erase("seconds");
  json["summary"].erase("peak_megabytes");
  for (auto& network : json["networks"]) {
    for (auto& row : network["rows"]) row.erase("seconds");
  }
  return json;
}

TEST_F(ReportTest, AnyNumberOfJobsGivesTheSame) {
  Layer other = layers_[0];
  other.name = "other";
  other.strides = {1, 1};
  const std::vector<ReportRequest> requests = {{"one", {layers_[0], other}, hw_, options_},
                                               {"two", {other}, hw_, options_}};
  const auto alone = ReportNetworks(requests, 1).value();
  std::size_t told = 0;
  const auto many = ReportNetworks(requests, 3, [&](std::size_t done, std::size_t of, const std::string&) {
    EXPECT_LE(done, told);  // called by one thread at a time
    EXPECT_EQ(of, 9u);
    ++told;
  }).value();
  EXPECT_EQ(told, 9u);
  EXPECT_EQ(Timeless(alone), Timeless(many));
  for (std::size_t k = 0; k < 2; ++k) EXPECT_EQ(ToText(alone[k]), ToText(many[k]));
  EXPECT_EQ(alone[0].rows[3].layer, "other");
}

TEST_F(ReportTest, ARowThatCannotRunSaysWhy) {
  Layer wide;  // a map with a border, longer than a PE counts
  wide.name = "wide";
  wide.input = {1, 2, 1, 70000};
  wide.output_channels = 2;
  wide.kernel = {1, 5};
  wide.pads = {0, 2, 0, 2};
  options_.passes = {Pass::kFilterGrad};
  const auto reports = ReportNetworks({{"net", {wide, layers_[0]}, hw_, options_}}).value();
  const NetworkReport& report = reports[0];
  ASSERT_EQ(report.rows.size(), 2u);
  EXPECT_EQ(report.Failed(), 1u);
  EXPECT_NE(report.rows[0].error.find("cannot run on this array"), std::string::npos);
  EXPECT_EQ(report.rows[0].RooflineFraction(), 0);
  EXPECT_FALSE(report.rows[0].kinds.empty());
  EXPECT_EQ(report.rows[1].cycles, report_.rows[2].cycles);
  EXPECT_DOUBLE_EQ(report.MeanRooflineFraction(), report.rows[1].RooflineFraction());
  const std::string text = ToText(report);
  EXPECT_NE(text.find(report.rows[0].error), std::string::npos);
  EXPECT_NE(text.find("1 of 2 rows cannot run\n"), std::string::npos);
  EXPECT_EQ(ToJson(report)["rows"][0]["error"], report.rows[0].error);
  EXPECT_NE(ToCsv(reports).find("cannot run"), std::string::npos);
  EXPECT_NE(ToHtml(reports).find("cannot run"), std::string::npos);
}

TEST_F(ReportTest, BaselinesCanBeLeftOut) {
  options_.baselines = false;
  const auto report = ReportNetwork("net", layers_, hw_, options_).value();
  EXPECT_EQ(report.rows[0].cycles, report_.rows[0].cycles);
  EXPECT_TRUE(ToJson(report)["rows"][0]["baselines"].is_null());
  EXPECT_NE(ToCsv({report}).find(",-,-,-,"), std::string::npos);
  EXPECT_EQ(ToHtml({report}).find("speedup over lowered"), std::string::npos);
}

TEST_F(ReportTest, UnknownNamesAreRefused) {
  options_.dataflow = "lowered";
  EXPECT_EQ(ReportNetwork("net", layers_, hw_, options_).error().message,
            "--dataflow lowered: expected ecoflow, row-stationary or auto");
}

// Lines and fields of a text by RFC 4180.
std::vector<std::vector<std::string>> ParseCsv(const std::string& text) {
  std::vector<std::vector<std::string>> lines = {{""}};
  bool quoted = false;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    std::string& field = lines.back().back();
    if (quoted && c == '"' && at + 1 < text.size() && text[at + 1] == '"') {
      field += text[++at];
    } else if (c == '"') {
      quoted = !quoted;
    } else if (quoted || (c != ',' && c != '\n')) {
      field += c;
    } else if (c == ',') {
      lines.back().emplace_back();
    } else {
      lines.emplace_back(1);
    }
  }
  lines.pop_back();
  return lines;
}

TEST_F(ReportTest, AnyNameSurvivesEveryForm) {
  for (const std::string name : {"a, \"b\"", "<script>&'\"", "two\nlines\r\n", "\x1b[31mred", "\xC3\xA4"}) {
    layers_[0].name = name;
    const auto report = ReportNetwork(name, layers_, hw_, options_).value();
    const auto csv = ParseCsv(ToCsv({report}));
    ASSERT_EQ(csv.size(), 4u) << name;
    for (const auto& line : csv) EXPECT_EQ(line.size(), csv[0].size()) << name;
    EXPECT_EQ(csv[1][0], name);
    const auto json = nlohmann::json::parse(ToJson(report).dump());
    EXPECT_EQ(json["network"], name);
    EXPECT_EQ(json["rows"][0]["layer"], name);
    const std::string html = ToHtml({report}), text = ToText(report);
    EXPECT_EQ(html.find("<script"), std::string::npos);
    EXPECT_EQ(html.find('\x1b'), std::string::npos);
    EXPECT_EQ(text.find('\x1b'), std::string::npos);
    // A title, a head, three rows, a total, and what stands between and below.
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), std::count(plain_.begin(), plain_.end(), '\n')) << name;
  }
}

TEST_F(ReportTest, PageNeedsNothingElse) {
  const std::string html = ToHtml({report_});
  EXPECT_EQ(html.find("http"), std::string::npos);
  EXPECT_EQ(html.find("<script"), std::string::npos);
  EXPECT_EQ(html.find("a<b"), std::string::npos);
  EXPECT_NE(html.find("a&lt;b"), std::string::npos);
  std::size_t charts = 0;
  for (std::size_t at = html.find("<svg"); at != std::string::npos; at = html.find("<svg", at + 1)) ++charts;
  EXPECT_EQ(charts, 3u + 3u);  // bars per pass, a map of the PEs per row
}

}  // namespace
}  // namespace ecoflow
