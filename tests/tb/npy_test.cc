// SPDX-License-Identifier: Apache-2.0
#include "tb/run/npy.h"

#include <unistd.h>

#include <gtest/gtest.h>

#include <filesystem>

#include "base/files.h"

namespace ecoflow {
namespace {

namespace fs = std::filesystem;

class NpyTest : public ::testing::Test {
 protected:
  void SetUp() override { path_ = (fs::temp_directory_path() / ("ecoflow_npy_test" + std::to_string(::getpid()) + ".npy")).string(); }
  void TearDown() override { fs::remove(path_); }
  static std::string File(const std::string& descr, const std::string& order,
                          const std::string& shape, std::size_t bytes) {
    std::string header = "{'descr': '" + descr + "', 'fortran_order': " + order + ", 'shape': " + shape + ", }\n";
    std::string content = std::string("\x93NUMPY\x01", 7) + '\0';
    content += static_cast<char>(header.size());
    content += '\0';
    content += header;
    for (std::size_t k = 0; k < bytes; ++k) content += static_cast<char>(k);
    return content;
  }
  std::string ErrorOf(const std::string& content) {
    EXPECT_TRUE(WriteFileAtomically(path_, content).ok());
    const auto result = ReadNpy(path_, {1, 2, 3, 1});
    EXPECT_FALSE(result.ok());
    return result.ok() ? "" : result.error().message.substr(path_.size());
  }
  std::string path_;
};

TEST_F(NpyTest, ReadsInt16) {
  ASSERT_TRUE(WriteFileAtomically(path_, File("<i2", "False", "(1, 2, 3, 1)", 12)).ok());
  EXPECT_EQ(ReadNpy(path_, {1, 2, 3, 1}).value(),
            (std::vector<int16_t>{0x0100, 0x0302, 0x0504, 0x0706, 0x0908, 0x0b0a}));
}

TEST_F(NpyTest, SaysWhatIsWrong) {
  const std::string good = File("<i2", "False", "(1, 2, 3, 1)", 12);
  EXPECT_EQ(ErrorOf(good.substr(0, good.size() - 1)), ": holds 11 bytes of data, expected 12: truncated");
  EXPECT_EQ(ErrorOf(good + "x"), ": holds 13 bytes of data, expected 12");
  EXPECT_EQ(ErrorOf(good.substr(0, 40)), ": .npy header is damaged");
  std::string large = std::string("\x93NUMPY\x02", 7) + std::string("\0\0\0\x10\0", 5);
  large += "{'descr': '" + std::string(0x100000, 'x') + "'}";  // a header of 1 MB
  EXPECT_EQ(ErrorOf(large), ": .npy header is damaged");
  EXPECT_EQ(ErrorOf("hello, this is text"), ": is no .npy file");
  EXPECT_EQ(ErrorOf(""), ": is no .npy file");
  EXPECT_EQ(ErrorOf(File("<f4", "False", "(1, 2, 3, 1)", 24)),
            ": dtype <f4, expected '<i2' (int16, little endian)");
  EXPECT_EQ(ErrorOf(File(">i2", "False", "(1, 2, 3, 1)", 12)),
            ": dtype >i2, expected '<i2' (int16, little endian)");
  EXPECT_EQ(ErrorOf(File("<i2", "False", "(1, 2, 18446744073709551619, 1)", 12)),
            ": shape = 18446744073709551619, expected an integer, 0..9223372036854775807");
  EXPECT_EQ(ErrorOf(File("<i2", "True", "(1, 2, 3, 1)", 12)), ": Fortran order, expected C order");
  EXPECT_EQ(ErrorOf(File("<i2", "False", "(1, 3, 2, 1)", 12)),
            ": shape (1, 3, 2, 1), expected (1, 2, 3, 1)");
  EXPECT_EQ(ErrorOf(File("<i2", "False", "(6,)", 12)), ": shape (6,), expected (1, 2, 3, 1)");
  EXPECT_EQ(ErrorOf(File("<i2", "False", "[6]", 12)), ": .npy header is damaged");
}

TEST_F(NpyTest, ReadsBf16FromFloat32AndFromBitPatterns) {
  const std::vector<float> values = {1.0f, -0.0f, 0x1p-133f, std::numeric_limits<float>::infinity(), 0x1.fep127f, -3.5f};
  const std::vector<int16_t> bits = {0x3f80, -0x8000, 0x0001, 0x7f80, 0x7f7f, static_cast<int16_t>(0xc060)};
  const auto file = [&](const char* descr, const void* data, std::size_t bytes) {
    return File(descr, "False", "(1, 2, 3, 1)", 0) + std::string(static_cast<const char*>(data), bytes);
  };
  for (const auto& content : {file("<f4", values.data(), 24), file("<u2", bits.data(), 12), file("|V2", bits.data(), 12)}) {
    ASSERT_TRUE(WriteFileAtomically(path_, content).ok());
    EXPECT_EQ(ReadNpyBf16(path_, {1, 2, 3, 1}, nullptr).value(), bits);
  }
  ASSERT_TRUE(WriteFileAtomically(path_, file("<f4", values.data(), 23)).ok());
  EXPECT_EQ(ReadNpyBf16(path_, {1, 2, 3, 1}, nullptr).error().message, path_ + ": holds 23 bytes of data, expected 24: truncated");
  ASSERT_TRUE(WriteFileAtomically(path_, File("<i2", "False", "(1, 2, 3, 1)", 12)).ok());
  EXPECT_EQ(ReadNpyBf16(path_, {1, 2, 3, 1}, nullptr).error().message,
            path_ + ": dtype <i2, expected '<f4' (float32), or bit patterns of bf16: '<u2' or '|V2' (all little endian)");
}

TEST_F(NpyTest, RoundsToBf16OnlyWhenAsked) {
  // A tie to even each way, one above a tie, the largest float, a NaN with a payload, one that is bf16 already.
  const std::vector<uint32_t> words = {0x3f808000, 0x3f818000, 0x3f808001, 0x7f7fffff, 0x7f800001, 0xbf800000};
  std::string content = File("<f4", "False", "(1, 2, 3, 1)", 0);
  content.append(reinterpret_cast<const char*>(words.data()), 24);
  ASSERT_TRUE(WriteFileAtomically(path_, content).ok());
  EXPECT_EQ(ReadNpyBf16(path_, {1, 2, 3, 1}, nullptr).error().message,
            path_ + ": element 0 = 1.0039062 is no bf16 value; --round rounds to the nearest");
  int64_t rounded = 0;
  EXPECT_EQ(ReadNpyBf16(path_, {1, 2, 3, 1}, &rounded).value(),
            (std::vector<int16_t>{0x3f80, 0x3f82, 0x3f81, 0x7f80, 0x7fc0, static_cast<int16_t>(0xbf80)}));
  EXPECT_EQ(rounded, 4);
}

TEST_F(NpyTest, WrittenContentHasHeaderOf64AndData) {
  const std::string content = NpyContent({1, -1}, false, {1, 1, 1, 2});
  EXPECT_EQ((content.size() - 8) % 64, 0u);
  EXPECT_NE(content.find("'descr': '<i4', 'fortran_order': False, 'shape': (1, 1, 1, 2)"),
            std::string::npos);
  EXPECT_EQ(content.substr(content.size() - 8), std::string("\1\0\0\0\xff\xff\xff\xff", 8));
  std::string real = content;  // the same bits
  EXPECT_EQ(NpyContent({1, -1}, true, {1, 1, 1, 2}), real.replace(real.find("<i4"), 3, "<f4"));
}

}  // namespace
}  // namespace ecoflow
