// SPDX-License-Identifier: Apache-2.0
// The emitted RTL of extreme configurations is clean under `verilator --lint-only -Wall`; two of them
// are read by Yosys, too.
#include <unistd.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <functional>

#include "base/files.h"
#include "gen/emit/emit.h"

namespace ecoflow {
namespace {

namespace fs = std::filesystem;

struct GridPoint {
  const char* name;
  std::function<void(HwConfig&)> change;  // of ecoflow_4x4
  bool yosys = false;
};

void Sizes(HwConfig& c, int rows, int columns) {
  c.rows = rows;
  c.columns = columns;
}
void Pipeline(HwConfig& c, int multiplier, int adder) {
  c.multiplier_stages = multiplier;
  c.adder_latency = adder;
}
void Smallest(HwConfig& c) {
  c.ifmap_depth = c.filter_depth = 2;
  c.psum_depth = 1;
  c.queue_depth = 8;
  c.image_store_depth = 14;
  c.accumulator_words = 4;
}
void Largest(HwConfig& c) {
  c.ifmap_depth = c.filter_depth = 256;
  c.psum_depth = 32;
  c.queue_depth = 32;
  c.image_store_depth = 18;
  c.accumulator_words = 27648;
}
void Lanes(HwConfig& c, int wide, int narrow, int gon, int local) {
  c.gin_wide_bits = 16 * wide;
  c.gin_narrow_bits = 16 * narrow;
  c.gon_bits = 32 * gon;
  c.local_bits = 32 * local;
  c.queue_depth = wide > 16 ? 32 : wide > 8 ? 16 : 8;
  c.accumulator_words = std::max(c.accumulator_words, 2 * gon);
}
void Ids(HwConfig& c, int ids, int bits) {
  c.ids_per_controller = ids;
  c.id_bits = bits;
}

// Every limit of hw_config.schema.json and every value of the short ranges.
const std::vector<GridPoint>& Grid() {
  static const std::vector<GridPoint> grid = {
      {"one_pe", [](HwConfig& c) { Sizes(c, 1, 1), Ids(c, 1, 2); }, true},
      {"one_pe_smallest", [](HwConfig& c) { Sizes(c, 1, 1), Ids(c, 1, 2), Smallest(c), Lanes(c, 1, 1, 1, 1), Pipeline(c, 1, 1); }},
      {"one_pe_largest", [](HwConfig& c) { Sizes(c, 1, 1), Ids(c, 8, 8), Lanes(c, 24, 10, 10, 10), Largest(c), Pipeline(c, 4, 4); }},
      {"one_row", [](HwConfig& c) { Sizes(c, 1, 64), Ids(c, 1, 7); }},
      {"one_column", [](HwConfig& c) { Sizes(c, 64, 1), Ids(c, 1, 7); }},
      {"not_powers_of_two", [](HwConfig& c) { Sizes(c, 7, 3), c.ifmap_depth = 75, c.filter_depth = 224, c.psum_depth = 24; }},
      {"one_id", [](HwConfig& c) { Ids(c, 1, 3); }},
      {"eight_ids", [](HwConfig& c) { Ids(c, 8, 4); }},
      {"eight_bits", [](HwConfig& c) { Ids(c, 2, 8); }},
      {"two_bits", [](HwConfig& c) { Sizes(c, 2, 2), Ids(c, 1, 2); }},
      {"smallest", Smallest, true},
      {"largest", Largest},
      {"narrow_buses", [](HwConfig& c) { Lanes(c, 1, 1, 1, 1); }},
      {"wide_buses", [](HwConfig& c) { Lanes(c, 24, 10, 10, 10); }},
      {"five_levels", [](HwConfig& c) { c.image_store_depth = 14; }},
      {"six_levels", [](HwConfig& c) { c.image_store_depth = 16; }},
      {"latency_1_1", [](HwConfig& c) { Pipeline(c, 1, 1); }},
      {"latency_2_2", [](HwConfig& c) { Pipeline(c, 2, 2); }},
      {"latency_3_3", [](HwConfig& c) { Pipeline(c, 3, 3); }},
      {"latency_4_4", [](HwConfig& c) { Pipeline(c, 4, 4); }},
      {"latency_1_4", [](HwConfig& c) { Pipeline(c, 1, 4); }},
      {"latency_4_1", [](HwConfig& c) { Pipeline(c, 4, 1); }},
      {"slow_adder_one_psum", [](HwConfig& c) { Pipeline(c, 1, 2), c.psum_depth = 1; }},
      {"slow_adder_many_psums", [](HwConfig& c) { Pipeline(c, 2, 3), c.psum_depth = 32; }},
      {"bf16_1_1", [](HwConfig& c) { Pipeline(c, 1, 1), c.number_format = "bf16"; }, true},
      {"bf16_2_2", [](HwConfig& c) { Pipeline(c, 2, 2), c.number_format = "bf16"; }},
      {"bf16_2_3_smallest", [](HwConfig& c) { Smallest(c), Pipeline(c, 2, 3), c.number_format = "bf16"; }},
      {"bf16_4_4", [](HwConfig& c) { Pipeline(c, 4, 4), c.number_format = "bf16"; }},
      // 64 x 64 takes Verilator four minutes and is no other code.
      {"most_columns", [](HwConfig& c) { Sizes(c, 5, 64), Ids(c, 8, 8); }},
  };
  return grid;
}

std::vector<std::size_t> YosysPoints() {
  std::vector<std::size_t> points;
  for (std::size_t k = 0; k < Grid().size(); ++k) {
    if (Grid()[k].yosys) points.push_back(k);
  }
  return points;
}

class LintGridTest : public ::testing::TestWithParam<std::size_t> {
 protected:
  void SetUp() override {
    HwConfig config = LoadHwConfig("ecoflow_4x4").value();
    Point().change(config);
    config.name = Point().name;
    // A point of the grid is one that the schema allows.
    const auto checked = ParseHwConfig(ToJsonText(config), config.name);
    ASSERT_TRUE(checked.ok()) << checked.error().message;
    bundle_ = GenerateRtl(checked.value()).value();
    folder_ = fs::temp_directory_path() / ("ecoflow_grid_" + config.name + std::to_string(::getpid()));
    ASSERT_TRUE(WriteBundle(bundle_, folder_).ok());
  }
  void TearDown() override { fs::remove_all(folder_); }
  const GridPoint& Point() const { return Grid()[GetParam()]; }
  // Exit status of a shell command in the folder; its output is in log.txt.
  int Shell(const std::string& command) const {
    return std::system(("cd " + folder_.string() + " && (" + command + ") > log.txt 2>&1").c_str());
  }
  std::string Log() const { return ReadFile(folder_ / "log.txt").value(); }

  fs::path folder_;
  Bundle bundle_;
};

TEST_P(LintGridTest, IsCleanUnderVerilatorLint) {
  EXPECT_EQ(Shell("verilator --lint-only -Wall -F files.f"), 0);
  EXPECT_EQ(Log(), "");
}

class YosysGridTest : public LintGridTest {};
TEST_P(YosysGridTest, IsReadByYosys) {
  std::string files = bundle_.at("files.f");
  files = files.substr(files.find('\n') + 1);  // after +incdir+
  for (char& c : files) c = c == '\n' ? ' ' : c;
  EXPECT_EQ(Shell("yosys -q -p 'read_verilog -sv -Irtl/include " + files +
                  "; hierarchy -check -top eco_top; proc; opt -fast; check -assert'"), 0);
  EXPECT_EQ(Log().find("no driver"), std::string::npos) << Log();
}

INSTANTIATE_TEST_SUITE_P(Extremes, LintGridTest, ::testing::Range(std::size_t{0}, Grid().size()),
                         [](const auto& point) { return std::string(Grid()[point.param].name); });
// Yosys is slow: some points only.
INSTANTIATE_TEST_SUITE_P(Extremes, YosysGridTest, ::testing::ValuesIn(YosysPoints()),
                         [](const auto& point) { return std::string(Grid()[point.param].name); });

}  // namespace
}  // namespace ecoflow
