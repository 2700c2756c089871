// SPDX-License-Identifier: Apache-2.0
#include "base/files.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <cstdlib>
#include <thread>

#include "base/interrupt.h"
#include "base/process.h"

namespace ecoflow {
namespace {

namespace fs = std::filesystem;

class FilesTest : public ::testing::Test {
 protected:
  std::size_t Entries() const {
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder_.path()), {}));
  }
  std::string Content(const char* name) const { return ReadFile(folder_.path() / name).value(); }
  fs::path At(const char* name) const { return folder_.path() / name; }

  TemporaryFolder folder_ = TemporaryFolder::Create().value();
};

TEST_F(FilesTest, WritesAndReplaces) {
  ASSERT_TRUE(WriteFileAtomically(At("f"), "one").ok());
  ASSERT_TRUE(WriteFileAtomically(At("f"), "two").ok());
  EXPECT_EQ(Content("f"), "two");
  EXPECT_EQ(Entries(), 1u);
}

TEST_F(FilesTest, LinksKeepPointing) {
  ASSERT_TRUE(WriteFileAtomically(At("f"), "one").ok());
  fs::create_symlink("f", At("link"));
  fs::create_symlink(At("link"), At("link2"));
  fs::create_symlink("new", At("dangling"));
  for (const char* link : {"link", "link2", "dangling"}) {
    EXPECT_TRUE(CheckWritable(At(link), "--json").ok());
    ASSERT_TRUE(WriteFileAtomically(At(link), link).ok());
    EXPECT_TRUE(fs::is_symlink(At(link)));
  }
  EXPECT_EQ(Content("f"), "link2");
  EXPECT_EQ(Content("new"), "dangling");
  fs::create_symlink("circle", At("circle"));
  EXPECT_EQ(CheckWritable(At("circle"), "--json").error().message,
            "--json " + At("circle").string() + ": cannot be written: Too many levels of symbolic links");
}

TEST_F(FilesTest, WhatIsNoRegularFileIsWrittenTo) {
  ASSERT_EQ(::mkfifo(At("fifo").c_str(), 0600), 0);
  std::string got;
  std::thread reader([&] { got = ReadFile(At("fifo")).value(); });
  EXPECT_TRUE(CheckWritable(At("fifo"), "--json").ok());
  EXPECT_TRUE(WriteFileAtomically(At("fifo"), "through").ok());
  reader.join();
  EXPECT_EQ(got, "through");
  EXPECT_TRUE(fs::is_fifo(At("fifo")));
  fs::create_symlink("/dev/null", At("null"));
  EXPECT_TRUE(WriteFileAtomically(At("null"), "gone").ok());
  EXPECT_TRUE(fs::is_symlink(At("null")) && fs::is_character_file("/dev/null"));
  EXPECT_EQ(WriteFileAtomically("/dev/full", "x").error().message,
            "/dev/full: cannot be written: No space left on device");
  EXPECT_TRUE(fs::is_character_file("/dev/full"));
}

// A size limit stands for a full disk, which needs root.
TEST_F(FilesTest, AWriteThatFailsLeavesNothing) {
  ASSERT_TRUE(WriteFileAtomically(At("f"), "old").ok());
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = ::signal(SIGXFSZ, SIG_IGN);
  const rlimit small = {1000, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const Status written = WriteFileAtomically(At("f"), std::string(5000, 'x'));
  ::setrlimit(RLIMIT_FSIZE, &before);
  ::signal(SIGXFSZ, handler);
  ASSERT_FALSE(written.ok());
  EXPECT_EQ(written.error().message, At("f").string() + ": cannot be written: File too large");
  EXPECT_EQ(Content("f"), "old");
  EXPECT_EQ(Entries(), 1u);
}

TEST_F(FilesTest, WhatAKilledProcessLeftIsTakenOver) {
  fs::create_directory(At("f.tmp0"));
  ASSERT_TRUE(WriteFileAtomically(At("f.tmp0") / "file", "half").ok());
  ASSERT_TRUE(WriteFileAtomically(At("f"), "whole").ok());
  EXPECT_EQ(Entries(), 1u);
}

TEST_F(FilesTest, TwoWritersDoNotMeet) {
  auto first = OutputFile::Create(At("f"));
  auto second = OutputFile::Create(At("f"));
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_NE(first.value().temporary(), second.value().temporary());
}

TEST_F(FilesTest, TemporaryFoldersOfDeadProcessesAreSwept) {
  const fs::path parent = TemporaryFolder::Create().value().path().parent_path();
  const fs::path stale = parent / "ecoflow.tmp-stale0";
  fs::create_directories(stale / "obj");
  const auto mine = TemporaryFolder::Create();
  EXPECT_FALSE(fs::exists(stale));
  EXPECT_TRUE(fs::exists(folder_.path()));  // in use
  EXPECT_TRUE(fs::exists(mine.value().path()));
}

TEST(ProcessTest, NoShellSeesTheWords) {
  EXPECT_EQ(RunProgram({{"printf", "%s|", "a b", "$(x)", "'\";&"}, {}, {}}).value(), "a b|$(x)|'\";&|");
  EXPECT_EQ(RunProgram({{"sh", "-c", "pwd; echo $V >&2"}, "/", {{"V", "seen"}}}).value(), "/\nseen\n");
  EXPECT_EQ(RunProgram({{"sh", "-c", "echo why; exit 4"}, {}, {}}).error().message, "failed: why\n");
  EXPECT_EQ(RunProgram({{"no-such-program"}, {}, {}}).error().message,
            "cannot start no-such-program: No such file or directory");
  EXPECT_TRUE(HasProgram("sh"));
  EXPECT_FALSE(HasProgram("no-such-program"));
}

}  // namespace
}  // namespace ecoflow
