// SPDX-License-Identifier: Apache-2.0
#include "base/text.h"

#include <gtest/gtest.h>

namespace ecoflow {
namespace {

TEST(TextTest, CsvFieldsAreQuotedWhereTheyMustBe) {
  EXPECT_EQ(CsvField("plain name"), "plain name");
  EXPECT_EQ(CsvField("a, \"b\""), "\"a, \"\"b\"\"\"");
  EXPECT_EQ(CsvField("a\nb"), "\"a\nb\"");
  EXPECT_EQ(CsvField("a\rb"), "\"a\rb\"");
}

TEST(TextTest, HtmlHoldsAnyText) {
  EXPECT_EQ(HtmlText("<a href=\"x\"> & 'y'"), "&lt;a href=&quot;x&quot;&gt; &amp; &#39;y&#39;");
  EXPECT_EQ(HtmlText(std::string("a\x01" "b\0c\n", 6)), "a\xEF\xBF\xBD" "b\xEF\xBF\xBD" "c\n");
  EXPECT_EQ(HtmlText("\xC3\xA4\xC2\x85"), "\xC3\xA4\xEF\xBF\xBD");  // a letter, then U+0085
  EXPECT_EQ(HtmlText("\xFF"), "\xEF\xBF\xBD");
}

TEST(TextTest, PrintableTextHasNoControlCharacters) {
  EXPECT_EQ(Printable("a\nb\tc\x1b[31m\x7f"), "a\\nb\\tc\\x1b[31m\\x7f");
  EXPECT_EQ(Printable("\xC3\xA4\xC2\x9B"), "\xC3\xA4\\x9b");  // U+009B starts a command, too
  EXPECT_EQ(Printable("\xFF"), "\xEF\xBF\xBD");
}

TEST(TextTest, InvalidUtf8IsReplaced) {
  EXPECT_EQ(ToUtf8("a\"\\\xC3\xA4"), "a\"\\\xC3\xA4");
  EXPECT_EQ(ToUtf8("a\xFF" "b"), "a\xEF\xBF\xBD" "b");
}

}  // namespace
}  // namespace ecoflow
