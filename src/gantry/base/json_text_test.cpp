#include "gantry/base/json_text.hpp"

#include <gtest/gtest.h>

namespace gantry {
namespace {

TEST(JsonText, KnowsWhatIsOneCharacterOfUtf8) {
  EXPECT_EQ(utf8_length("a"), 1U);
  EXPECT_EQ(utf8_length("\xC3\xA9x"), 2U);
  EXPECT_EQ(utf8_length("\xE5\xB1\xB1"), 3U);
  EXPECT_EQ(utf8_length("\xF0\x9F\x98\x80"), 4U);
  EXPECT_EQ(utf8_length("\xF4\x8F\xBF\xBF"), 4U);
  for (const char* bad : {"", "\x80", "\xC3", "\xC3(", "\xC0\x80", "\xE0\x80\x80", "\xED\xA0\x80", "\xE5\xB1",
                          "\xF0\x80\x80\x80", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF"}) {
    EXPECT_EQ(utf8_length(bad), 0U) << bad;
  }
}

TEST(JsonText, ReplacesEachByteThatIsNoText) {
  EXPECT_EQ(as_utf8("a\xFF\xED\xA0z\xC3\xA9"), "a\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBDz\xC3\xA9");
  EXPECT_EQ(json_string("\xC3"), "\"\xEF\xBF\xBD\"");
}

TEST(JsonText, EscapesWhatAStringMayNotHold) {
  EXPECT_EQ(json_string("a\"b\\c\n\t\x01\x7F"), R"("a\"b\\c\n\t\u0001\u007f")");
  std::string out = "[";
  append_json_string(out, "");
  EXPECT_EQ(out, "[\"\"");
}

}  // namespace
}  // namespace gantry
