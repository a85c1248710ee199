#include "gantry/archive/json_slice.hpp"

#include <string>

#include <gtest/gtest.h>

namespace gantry::archive::json {
namespace {

TEST(JsonSlice, WalksMembersInOrderWithTheirRawValues) {
  Walker walker(R"({"00080005":{"vr":"CS","Value":["a]b}\"{"]}, "00100010" : {"vr":"PN"},"7FE00010":-1.5e3})");
  ASSERT_TRUE(walker.next());
  EXPECT_EQ(walker.key(), "00080005");
  EXPECT_EQ(walker.value(), R"({"vr":"CS","Value":["a]b}\"{"]})");
  ASSERT_TRUE(walker.next());
  EXPECT_EQ(walker.value(), R"({"vr":"PN"})");
  ASSERT_TRUE(walker.next());
  EXPECT_EQ(walker.value(), "-1.5e3");
  EXPECT_FALSE(walker.next());
  EXPECT_FALSE(walker.damaged());
}

TEST(JsonSlice, FindsNothingInEmptyContainers) {
  for (const char* text : {"{}", "[]", " { } "}) {
    Walker walker(text);
    EXPECT_FALSE(walker.next()) << text;
    EXPECT_FALSE(walker.damaged()) << text;
  }
}

TEST(JsonSlice, EveryTruncationIsDamagedAndNeverReadsBeyondTheEnd) {
  const std::string whole =
      R"({"00100010":{"vr":"PN","Value":[{"Alphabetic":"A\\^\"B"}]},"00200013":{"vr":"IS","Value":[1,null]}})";
  for (std::size_t length = 0; length < whole.size(); ++length) {
    const std::string cut = whole.substr(0, length);  // its own memory, so that a sanitizer sees a read behind it
    Walker walker(cut);
    while (walker.next()) (void)text_of(walker.value());
    EXPECT_TRUE(walker.damaged()) << cut;
  }
}

TEST(JsonSlice, DeepNestingCostsNoStack) {
  const std::string deep = "[" + std::string(1'000'000, '[') + std::string(1'000'000, ']') + "]";
  Walker walker(deep);
  ASSERT_TRUE(walker.next());
  EXPECT_EQ(walker.value().size(), 2'000'000U);
}

TEST(JsonSlice, ResolvesEscapes) {
  EXPECT_EQ(text_of(R"("a\"\\\/\n\u00e9\ud83d\ude00")"), "a\"\\/\n\xC3\xA9\xF0\x9F\x98\x80");
  EXPECT_EQ(text_of(R"("\ud83d")"), "\xEF\xBF\xBD") << "half a pair";
  EXPECT_EQ(text_of(R"("\u12")"),
            "\xEF\xBF\xBD"
            "12")
      << "too few digits";
  EXPECT_EQ(text_of("12.50"), "12.50");
}

TEST(JsonSlice, FindsAMemberByName) {
  EXPECT_EQ(member(R"({"vr":"LO","Value":["x"]})", "Value"), R"(["x"])");
  EXPECT_EQ(member(R"({"vr":"LO"})", "Value"), std::nullopt);
  EXPECT_EQ(member("[1]", "Value"), std::nullopt);
}

}  // namespace
}  // namespace gantry::archive::json
