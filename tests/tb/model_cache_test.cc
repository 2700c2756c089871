// SPDX-License-Identifier: Apache-2.0
#include "tb/model/model_cache.h"

#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <cstdlib>
#include <map>

#include "base/files.h"

namespace ecoflow {
namespace {

namespace fs = std::filesystem;

class CacheRootTest : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : kNames) {
      if (const char* value = std::getenv(name)) before_[name] = value;
      ::unsetenv(name);
    }
  }
  void TearDown() override {
    for (const char* name : kNames) {
      ::unsetenv(name);
      if (before_.contains(name)) ::setenv(name, before_[name].c_str(), 1);
    }
  }
  static constexpr const char* kNames[] = {"ECOFLOW_CACHE", "XDG_CACHE_HOME", "HOME"};
  std::map<std::string, std::string> before_;
};

TEST_F(CacheRootTest, IsAbsoluteAndNeverShared) {
  // Without any variable: the home that the system knows, or a folder named by the user.
  const fs::path last = CacheRoot().value();
  const passwd* user = ::getpwuid(::geteuid());
  const fs::path home = user == nullptr ? "" : user->pw_dir;
  const bool usable = fs::is_directory(home) && ::access(home.c_str(), W_OK) == 0;
  EXPECT_EQ(last, usable ? home / ".cache/ecoflow" : fs::path("/tmp/ecoflow-" + std::to_string(::geteuid())));
  ::setenv("HOME", "/h", 1);
  EXPECT_EQ(CacheRoot().value(), "/h/.cache/ecoflow");
  ::setenv("XDG_CACHE_HOME", "not/absolute", 1);
  EXPECT_EQ(CacheRoot().value(), "/h/.cache/ecoflow");
  ::setenv("XDG_CACHE_HOME", "/x", 1);
  EXPECT_EQ(CacheRoot().value(), "/x/ecoflow");
  ::setenv("ECOFLOW_CACHE", "some where", 1);
  EXPECT_EQ(CacheRoot().value(), fs::current_path() / "some where");
}

TEST(LoadModelTest, LoadsNothingThatOthersCanWrite) {
  const auto folder = TemporaryFolder::Create().value();
  const fs::path model = folder.path() / "model.so";
  ASSERT_TRUE(WriteFileAtomically(model, "no library").ok());
  ASSERT_EQ(::chmod(model.c_str(), 0722), 0);
  EXPECT_NE(LoadModel(model, 1, "").error().message.find("with mode 722, expected user"), std::string::npos);
  ASSERT_EQ(::chmod(model.c_str(), 0700), 0);
  EXPECT_NE(LoadModel(model, 1, "").error().message.find("cannot be loaded"), std::string::npos);
  if (::geteuid() == 0) {
    ASSERT_EQ(::chown(model.c_str(), 12345, 12345), 0);
    EXPECT_NE(LoadModel(model, 1, "").error().message.find("belongs to user 12345"), std::string::npos);
  }
  fs::create_symlink(model, folder.path() / "link.so");
  EXPECT_NE(LoadModel(folder.path() / "link.so", 1, "").error().message.find("cannot be loaded"),
            std::string::npos);
}

}  // namespace
}  // namespace ecoflow
