// SPDX-License-Identifier: Apache-2.0
#include "gen/handoff/handoff.h"

#include <unistd.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/files.h"

namespace ecoflow {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

Bundle HandOff(const HwConfig& config) {
  Bundle bundle = GenerateRtl(config).value();
  const Status status = AddHandOff(config, bundle);
  EXPECT_TRUE(status.ok()) << (status.ok() ? "" : status.error().message);
  return bundle;
}

std::vector<std::string> RtlFiles(const Bundle& bundle) {
  std::vector<std::string> files;
  std::istringstream words(bundle.at("files.f"));
  for (std::string word; words >> word;) {
    if (word.ends_with(".sv")) files.push_back(word);
  }
  return files;
}

class HandOffTest : public ::testing::TestWithParam<const char*> {
 protected:
  HwConfig config_ = LoadHwConfig(GetParam()).value();
  Bundle bundle_ = HandOff(config_);
};

TEST_P(HandOffTest, EveryFileNamesItsLicence) {
  for (const auto& [name, text] : bundle_) {
    if (name.ends_with(".json") || name == "files.f") continue;
    EXPECT_NE(text.substr(0, 200).find("SPDX-License-Identifier: Apache-2.0\n"), std::string::npos) << name;
  }
}

TEST_P(HandOffTest, SameInputGivesSameBytes) { EXPECT_EQ(HandOff(config_), bundle_); }

TEST_P(HandOffTest, ListsEveryRtlFileInOrder) {
  const auto files = RtlFiles(bundle_);
  for (const auto& [name, text] : bundle_) {  // files.f itself is complete
    if (!name.ends_with(".sv")) continue;
    EXPECT_EQ(std::count(files.begin(), files.end(), name), 1) << name;
  }
  for (const char* list : {"eco_top.core", "Bender.yml", "config.mk"}) {
    std::size_t at = 0;
    for (const std::string& file : files) {
      const std::size_t found = bundle_.at(list).find(file, at);
      ASSERT_NE(found, std::string::npos) << list << ": " << file;
      at = found + file.size();
    }
  }
}

TEST_P(HandOffTest, ConstrainsClockAndEveryPort) {
  for (const char* name : {"eco_top.sdc", "eco_top.xdc"}) {
    const std::string& text = bundle_.at(name);
    EXPECT_EQ(text.find('@'), std::string::npos);
    EXPECT_NE(text.find(fmt::format("-period {:.3f} ", 1000.0 / config_.clock_mhz)), std::string::npos);
    const json manifest = json::parse(bundle_.at("manifest.json"));
    for (const auto& port : manifest["ports"]) {
      if (port["name"] == "clk_i") continue;
      const std::string pattern = port["name"].get<std::string>() + (port["bits"] == 1 ? "}]" : "[*]}]");
      const std::size_t at = text.find("[get_ports {" + pattern);
      ASSERT_NE(at, std::string::npos) << name << ": " << pattern;
      const std::size_t line = text.rfind('\n', at) + 1;
      EXPECT_EQ(text.compare(line, 11, port["direction"] == "input" ? "set_input_d" : "set_output_"), 0);
    }
  }
}

TEST_P(HandOffTest, YamlParsesAndNamesFilesThatExist) {
  const fs::path folder = fs::temp_directory_path() / (std::string("ecoflow_handoff_") + GetParam() + std::to_string(::getpid()));
  ASSERT_TRUE(WriteBundle(bundle_, folder).ok());
  // FuseSoC checks the first line itself; the rest is YAML.
  ASSERT_TRUE(bundle_.at("eco_top.core").starts_with("CAPI=2:\n"));
  const std::string program = R"(
import os, yaml
core = yaml.safe_load(open("eco_top.core"))
assert core["CAPI=2"] is None and core["name"].count(":") == 3, core["name"]
listed = []
for fileset in core["filesets"].values():
    for entry in fileset["files"]:
        listed += [entry] if isinstance(entry, str) else list(entry)
for target in core["targets"].values():
    assert target["toplevel"] == "eco_top" and set(target["filesets"]) <= set(core["filesets"])
bender = yaml.safe_load(open("Bender.yml"))
assert bender["package"]["name"] == ")" + config_.name + R"("
for group in bender["sources"]:
    listed += group["files"] + group["include_dirs"]
missing = [name for name in listed if not os.path.exists(name)]
assert not missing, missing
)";
  ASSERT_TRUE(WriteFileAtomically(folder / "check.py", program).ok());
  EXPECT_EQ(std::system(("cd " + folder.string() + " && /usr/bin/python3 check.py").c_str()), 0);
  // OpenROAD-flow-scripts includes config.mk from another folder.
  ASSERT_TRUE(WriteFileAtomically(folder / "try.mk",
                                  "include " + (folder / "config.mk").string() +
                                      "\nall:\n\tls $(VERILOG_FILES) $(SDC_FILE) $(VERILOG_INCLUDE_DIRS)\n")
                  .ok());
  EXPECT_EQ(std::system(("cd / && make -s -f " + (folder / "try.mk").string() + " >/dev/null").c_str()), 0);
  fs::remove_all(folder);
}

TEST_P(HandOffTest, ManifestNamesEveryFileAndTheMemoriesOfTheRtl) {
  const json manifest = json::parse(bundle_.at("manifest.json"));
  EXPECT_EQ(manifest["files"].size() + 1, bundle_.size());
  for (const auto& file : manifest["files"]) {
    EXPECT_EQ(file["hash"], HashHex(bundle_.at(file["name"])));
  }
  for (const auto& memory : manifest["memories"]) {
    // The last part of the path stands in the RTL as an instance of the wrapper.
    const std::string path = memory["instance"];
    const std::string instance = " " + path.substr(path.rfind('.') + 1) + " (";
    bool found = false;
    for (const auto& [name, text] : bundle_) {
      found |= name.ends_with(".sv") && text.find("eco_regfile #(") != std::string::npos &&
               text.find(instance) != std::string::npos;
    }
    EXPECT_TRUE(found) << path;
  }
}

INSTANTIATE_TEST_SUITE_P(Shipped, HandOffTest,
                         ::testing::Values("ecoflow_13x15", "eyeriss_12x14", "ecoflow_4x4"));

TEST(HandOffBudgetTest, ClockAndSharesComeFromTheArguments) {
  HwConfig config = LoadHwConfig("ecoflow_4x4").value();
  config.clock_mhz = 300;
  Bundle bundle = GenerateRtl(config).value();
  ASSERT_TRUE(AddHandOff(config, bundle, {.io_percent = 10, .uncertainty_percent = 2}).ok());
  const std::string& sdc = bundle.at("eco_top.sdc");
  EXPECT_NE(sdc.find("-period 3.333 "), std::string::npos);
  EXPECT_NE(sdc.find("set_input_delay 0.333 "), std::string::npos);
  EXPECT_NE(sdc.find("set_clock_uncertainty 0.067 "), std::string::npos);
  EXPECT_NE(sdc.find("keep 80 %, all others 90 %"), std::string::npos);
}

TEST(TemplateTest, ValuesListsAndUnknownKeys) {
  const auto text = FillTemplate("a @X@ b\n- @F@ of @X@\nme@home @ end\n", "t", {{"X", "1"}},
                                 {{"F", {"p", "q"}}});
  ASSERT_TRUE(text.ok()) << text.error().message;
  EXPECT_EQ(text.value(), "a 1 b\n- p of 1\n- q of 1\nme@home @ end\n");
  const auto unknown = FillTemplate("@Y@\n", "t", {}, {});
  ASSERT_FALSE(unknown.ok());
  EXPECT_EQ(unknown.error().message, "t: nobody gives a value for @Y@");
}

}  // namespace
}  // namespace ecoflow
