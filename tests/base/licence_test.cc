// SPDX-License-Identifier: Apache-2.0
// Every source file names the licence in its first lines.
#include <gtest/gtest.h>

#include <set>

#include "base/files.h"

namespace ecoflow {
namespace {

namespace fs = std::filesystem;

// Folders that hold no sources of the project.
bool IsLeftOut(const fs::path& folder) {
  const std::string name = folder.filename().string();
  return name.starts_with(".") || name.starts_with("build") || name == "out";
}

void Collect(const fs::path& folder, std::vector<fs::path>& sources) {
  static const std::set<std::string> kinds = {".cc", ".h",  ".sv",    ".svh", ".py", ".sh",
                                              ".in", ".ys", ".cmake", ".vlt", ".def"};
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.is_directory()) {
      if (!IsLeftOut(entry.path())) Collect(entry.path(), sources);
    } else if (kinds.contains(entry.path().extension().string()) ||
               entry.path().filename() == "CMakeLists.txt") {
      sources.push_back(entry.path());
    }
  }
}

TEST(LicenceTest, EverySourceNamesIt) {
  std::vector<fs::path> sources;
  Collect(SourceRoot(), sources);
  EXPECT_GT(sources.size(), 200u);
  for (const fs::path& source : sources) {
    const std::string text = ReadFile(source).value();
    EXPECT_NE(text.substr(0, 200).find(" SPDX-License-Identifier: Apache-2.0\n"), std::string::npos) << source;
  }
}

TEST(LicenceTest, ItsTextIsThere) {
  const std::string text = ReadFile(SourceRoot() / "LICENSE").value();
  EXPECT_NE(text.find("Apache License"), std::string::npos);
  EXPECT_NE(text.find("END OF TERMS AND CONDITIONS"), std::string::npos);
}

}  // namespace
}  // namespace ecoflow
