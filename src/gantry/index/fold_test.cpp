#include "gantry/index/fold.hpp"

#include <string>

#include <gtest/gtest.h>

#include "gantry/index/fields.hpp"
#include "gantry/index/wildcard.hpp"

namespace gantry::index {
namespace {

TEST(Fold, CaseAndAccentsDoNotCount) {
  EXPECT_EQ(fold("MÜLLER^Jürgen"), "muller^jurgen");
  EXPECT_EQ(fold("Strasse"), fold("STRAßE"));
  EXPECT_EQ(fold("Ｙａｍａｄａ"), "yamada");
  EXPECT_EQ(fold("A\u030A"), fold("Å"));
  EXPECT_EQ(fold("ΣΑΣ"), fold("σας"));
  EXPECT_EQ(fold("김희중"), "김희중");
  EXPECT_EQ(fold("𝔐üller"), "muller");
}

TEST(Fold, KeepsBrokenBytesAsReplacementCharacters) {
  EXPECT_EQ(fold("a\xff\xfe"), "a\uFFFD\uFFFD");
  EXPECT_EQ(fold("\xF0\x9F"), fold("\xF0\x9F"));
  EXPECT_EQ(fold(std::string("A\0B", 3)), std::string("a\0b", 3));
  EXPECT_EQ(fold(""), "");
}

TEST(Fold, FoldingTwiceChangesNothingForEveryCharacter) {
  for (char32_t c = 1; c < 0x110000; ++c) {
    if (c >= 0xD800 && c < 0xE000) continue;
    std::string text;
    if (c < 0x80) {
      text = {static_cast<char>(c)};
    } else if (c < 0x800) {
      text = {static_cast<char>(0xC0 | (c >> 6)), static_cast<char>(0x80 | (c & 63))};
    } else if (c < 0x10000) {
      text = {static_cast<char>(0xE0 | (c >> 12)), static_cast<char>(0x80 | ((c >> 6) & 63)),
              static_cast<char>(0x80 | (c & 63))};
    } else {
      text = {static_cast<char>(0xF0 | (c >> 18)), static_cast<char>(0x80 | ((c >> 12) & 63)),
              static_cast<char>(0x80 | ((c >> 6) & 63)), static_cast<char>(0x80 | (c & 63))};
    }
    const std::string once = fold(text);
    ASSERT_EQ(fold(once), once) << "U+" << std::hex << static_cast<unsigned>(c);
  }
}

TEST(Wildcards, StarIsAnyRunAndQuestionMarkIsOneCharacter) {
  EXPECT_TRUE(matches_wildcard("*", ""));
  EXPECT_TRUE(matches_wildcard("a*c", "abbbc"));
  EXPECT_TRUE(matches_wildcard("a*b*c", "a--b--b--c"));
  EXPECT_FALSE(matches_wildcard("a*c", "abbbcd"));
  EXPECT_TRUE(matches_wildcard("J?rgen", "Jürgen"));
  EXPECT_TRUE(matches_wildcard("??", "山𠮷"));
  EXPECT_FALSE(matches_wildcard("???", "山𠮷"));
  EXPECT_FALSE(matches_wildcard("?*?", "é"));
  EXPECT_FALSE(matches_wildcard("?", ""));
  EXPECT_FALSE(matches_wildcard("", "a"));
  EXPECT_TRUE(matches_wildcard("", ""));
  EXPECT_FALSE(matches_wildcard("\xC3*", "\u00E9")) << "half a character is not the beginning of a whole one";
  EXPECT_TRUE(matches_wildcard("\xC3*", "\xC3 x"));
  EXPECT_FALSE(matches_wildcard("abc", "ABC"));
}

TEST(Wildcards, EverythingElseIsLiteral) {
  for (const std::string c : {"%", "_", "\\", "[", "]", "'", "\"", "^", "$", ".", "+", "(", "|"}) {
    EXPECT_TRUE(matches_wildcard("x" + c + "y", "x" + c + "y")) << c;
    EXPECT_FALSE(matches_wildcard("x" + c + "y", "xay")) << c;
    EXPECT_FALSE(matches_wildcard("x" + c + "*", "xay")) << c;
  }
  EXPECT_FALSE(matches_wildcard("[a-z]*", "b"));
}

TEST(Wildcards, AHostilePatternCostsAtMostTheProductOfTheLengths) {
  std::string pattern;
  for (int i = 0; i < 2'000; ++i) pattern += "*a";
  pattern += "b";
  const std::string text(100'000, 'a');
  EXPECT_FALSE(matches_wildcard(pattern, text));
  EXPECT_FALSE(FoldedPattern(pattern).matches(text));
}

TEST(Wildcards, AFoldedLiteralNeverBecomesAWildcard) {
  EXPECT_FALSE(FoldedPattern("a＊c").matches("abc"));  // U+FF0A folds into '*'
  EXPECT_TRUE(FoldedPattern("a＊c").matches("a*c"));
  EXPECT_FALSE(FoldedPattern("a＊c").has_wildcards());
  EXPECT_TRUE(FoldedPattern("ÄB*").is_prefix_only());
  EXPECT_EQ(FoldedPattern("ÄB*").prefix(), "ab");
  EXPECT_FALSE(FoldedPattern("ÄB*c*").is_prefix_only());
  EXPECT_FALSE(FoldedPattern("ab").is_prefix_only());
}

TEST(PersonNames, AreMatchedByComponentGroup) {
  const std::string name = "Yamada^Tarou=山田^太郎=やまだ^たろう";
  EXPECT_TRUE(matches_person_name("yamada*", name));
  EXPECT_TRUE(matches_person_name("山田*", name));
  EXPECT_TRUE(matches_person_name("やまだ^たろう", name));
  EXPECT_TRUE(matches_person_name("=山田^太郎", name));
  EXPECT_TRUE(matches_person_name("==やまだ*", name));
  EXPECT_TRUE(matches_person_name("YAMADA*=山*=や*", name));
  EXPECT_FALSE(matches_person_name("山田*=", name));
  EXPECT_FALSE(matches_person_name("yamada*=川*", name));
  EXPECT_FALSE(matches_person_name("yamada", name));
  EXPECT_FALSE(matches_person_name("*=*=*=x", name));
}

TEST(PersonNames, TrailingCaretsDoNotCount) {
  EXPECT_TRUE(matches_person_name("Doe^^^^", "doe"));
  EXPECT_TRUE(matches_person_name("Doe", "DOE^^^^"));
  EXPECT_TRUE(matches_person_name("Doe^*", "Doe"));
  EXPECT_FALSE(matches_person_name("Doe^John", "Doe^John^^Dr"));
  EXPECT_TRUE(matches_person_name("*^John", "doe^JOHN^"));
  EXPECT_TRUE(matches_person_name("", ""));
  EXPECT_FALSE(matches_person_name("", "Doe"));
  EXPECT_TRUE(matches_person_name("*", ""));
}

TEST(Keys, DatesAndTimesHaveOneForm) {
  EXPECT_EQ(date_key("20040102"), "20040102");
  EXPECT_EQ(date_key("2004.01.02"), "20040102");
  EXPECT_EQ(date_key("20041302"), "");
  EXPECT_EQ(date_key("2004010"), "");
  EXPECT_EQ(date_key("２００４0102"), "");
  EXPECT_EQ(time_key("10"), "100000.000000");
  EXPECT_EQ(time_key("103015.5"), "103015.500000");
  EXPECT_EQ(time_key("10:30:15"), "103015.000000");
  EXPECT_EQ(time_key("235960"), "235960.000000");
  EXPECT_EQ(time_key("2460"), "");
  EXPECT_EQ(time_key("1030.5"), "");
  EXPECT_EQ(time_key("103"), "");
  EXPECT_EQ(time_key_upper("1030"), "103060.999999");
  EXPECT_EQ(time_key_upper("103015.5"), "103015.599999");
}

TEST(Keys, NumbersCompareByValue) {
  EXPECT_EQ(number_key("007"), 7);
  EXPECT_EQ(number_key(" +7 "), 7);
  EXPECT_EQ(number_key("-3"), -3);
  EXPECT_EQ(number_key("2.0"), 2);
  EXPECT_EQ(number_key("2.5"), kNoNumber);
  EXPECT_EQ(number_key(""), kNoNumber);
  EXPECT_EQ(number_key("+-3"), kNoNumber);
  EXPECT_EQ(number_key("99999999999999999999"), kNoNumber);
}

TEST(SearchColumns, AreCutBetweenCharactersOnly) {
  std::string text;
  for (int i = 0; i < 3000; ++i) text += "𠮷";
  EXPECT_EQ(search_text(text).size(), 4 * kSearchTextMost);
  EXPECT_EQ(search_name(text).size(), 4 * kSearchTextMost);
  EXPECT_EQ(search_name("Doe^^=^=").size(), 3U);
}

}  // namespace
}  // namespace gantry::index
