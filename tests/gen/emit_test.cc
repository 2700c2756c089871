// SPDX-License-Identifier: Apache-2.0
#include "gen/emit/emit.h"

#include <unistd.h>

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <regex>

#include "base/files.h"

namespace ecoflow {
namespace {

namespace fs = std::filesystem;

class GeneratedRtlTest : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / (std::string("ecoflow_emit_") + GetParam() + std::to_string(::getpid()));
    fs::remove_all(folder_);
    bundle_ = GenerateRtl(LoadHwConfig(GetParam()).value()).value();
    ASSERT_TRUE(WriteBundle(bundle_, folder_).ok());
  }
  void TearDown() override { fs::remove_all(folder_); }
  // Exit status of a shell command in the folder; its output is in log.txt.
  int Shell(const std::string& command) const {
    return std::system(("cd " + folder_.string() + " && (" + command + ") > log.txt 2>&1").c_str());
  }
  std::string Log() const { return ReadFile(folder_ / "log.txt").value(); }

  fs::path folder_;
  Bundle bundle_;
};

TEST_P(GeneratedRtlTest, SameInputGivesSameBytes) {
  EXPECT_EQ(GenerateRtl(LoadHwConfig(GetParam()).value()).value(), bundle_);
}

// The list as it is, from any folder, without a further waiver.
TEST_P(GeneratedRtlTest, IsCleanUnderVerilatorLint) {
  EXPECT_EQ(Shell("cd / && verilator --lint-only -Wall -F " + folder_.string() + "/files.f"), 0);
  EXPECT_EQ(Log(), "");
}

TEST_P(GeneratedRtlTest, IsReadByIcarusAsItIs) {
  EXPECT_EQ(Shell("iverilog -g2012 -s eco_top -o top -f files.f"), 0) << Log().substr(0, 1000);
  EXPECT_EQ(Log().find("error"), std::string::npos) << Log().substr(0, 1000);
}

TEST_P(GeneratedRtlTest, IsReadByYosysWithoutUndrivenNets) {
  // Elaborates every module; synthesis to cells is the business of `ecoflow area`.
  std::string files = bundle_.at("files.f");
  files = files.substr(files.find('\n') + 1);  // after +incdir+
  for (char& c : files) c = c == '\n' ? ' ' : c;
  ASSERT_EQ(Shell("yosys -q -p 'read_verilog -sv -Irtl/include " + files +
                  "; hierarchy -check -top eco_top; proc; opt -fast; check -assert'"), 0)
      << Log();
  EXPECT_EQ(Log().find("no driver"), std::string::npos) << Log();
  EXPECT_EQ(Log().find("multiple conflicting drivers"), std::string::npos) << Log();
}

TEST_P(GeneratedRtlTest, ManifestNamesEveryPortAndFile) {
  const std::string& manifest = bundle_.at("manifest.json");
  const std::regex port("(input|output)\\s+logic[^,\n]*?(\\w+_(i|o|ni)),?\\s");
  const std::string& top = bundle_.at("eco_top.sv");
  int ports = 0;
  for (std::sregex_iterator it(top.begin(), top.end(), port), end; it != end; ++it, ++ports) {
    EXPECT_NE(manifest.find("\"" + (*it)[2].str() + "\""), std::string::npos) << (*it)[2];
  }
  EXPECT_GT(ports, 30);
  EXPECT_NE(manifest.find("config_hash"), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(Shipped, GeneratedRtlTest, ::testing::Values("ecoflow_13x15", "ecoflow_4x4", "ecoflow_4x4_bf16"));
INSTANTIATE_TEST_SUITE_P(Large, GeneratedRtlTest,
                         ::testing::Values("eyeriss_13x15", "eyeriss_12x14", "ecoflow_13x15_bf16", "eyeriss_12x14_bf16"));

TEST(RtlConstantsTest, PackageIsThatOfTheTables) {
  EXPECT_EQ(ReadFile(SourceRoot() / "rtl/eco_pkg.sv").value(), ConstantsPackage());
}

}  // namespace
}  // namespace ecoflow
