#include "gantry/http/query_string.hpp"

#include <gtest/gtest.h>

namespace gantry::http {
namespace {

TEST(PercentDecode, DecodesOnceAndRefusesWhatIsBroken) {
  EXPECT_EQ(*percent_decode("a%5Eb%2Cc+d", true), "a^b,c d");
  EXPECT_EQ(*percent_decode("a+b%252F", false), "a+b%2F");
  EXPECT_EQ(*percent_decode("%C3%BC", true), "ü");
  for (const char* text : {"%", "%4", "%zz", "%4g", "abc%", "%00"}) EXPECT_FALSE(percent_decode(text, true)) << text;
}

TEST(PercentEncode, ComesBackThroughDecoding) {
  std::string every_byte;
  for (int byte = 1; byte < 256; ++byte) every_byte.push_back(static_cast<char>(byte));
  EXPECT_EQ(*percent_decode(percent_encode(every_byte), true), every_byte);
  EXPECT_EQ(percent_encode("1.2-3_4~a b"), "1.2-3_4~a%20b");
}

TEST(ParseQuery, KeepsOrderAndRepeatedNames) {
  const auto pairs = parse_query("includefield=a%2Cb&&x&includefield=c&y=1=2");
  ASSERT_TRUE(pairs);
  EXPECT_EQ(*pairs, (QueryPairs{{"includefield", "a,b"}, {"x", ""}, {"includefield", "c"}, {"y", "1=2"}}));
  EXPECT_TRUE(parse_query("")->empty());
}

TEST(ParseQuery, RefusesBrokenEscapesAndTooManyKeys) {
  EXPECT_FALSE(parse_query("a=%"));
  EXPECT_FALSE(parse_query("%=a"));
  EXPECT_TRUE(parse_query("a&b&c", 3));
  EXPECT_FALSE(parse_query("a&b&c&d", 3));
}

TEST(ParseTarget, SplitsPathAndQuery) {
  const auto target = parse_target("/dicom-web/studies/1.2%2E3?limit=1&a=%2F");
  ASSERT_TRUE(target);
  EXPECT_EQ(target->path, "/dicom-web/studies/1.2.3");
  EXPECT_EQ(target->query, "limit=1&a=%2F");
  EXPECT_EQ(parse_target("http://host:80/x?y")->path, "/x");
  EXPECT_EQ(parse_target("http://host")->path, "/");
  EXPECT_EQ(parse_target("http://host?y")->query, "y");
}

TEST(ParseTarget, RefusesWhatCouldLeaveTheTree) {
  for (const char* text : {"", "x", "*", "/a/../b", "/a/./b", "/..", "/%2e%2e/x", "/a/%2E%2e", "/a%2fb", "/a%2Fb",
                           "/a%5cb", "/a\\b", "/a%00", "/a%0d%0a", "/%zz", "?x/.."}) {
    if (std::string_view(text) == "?x/..") {
      EXPECT_TRUE(parse_target(text)) << text;
    } else {
      EXPECT_FALSE(parse_target(text)) << text;
    }
  }
}

}  // namespace
}  // namespace gantry::http
