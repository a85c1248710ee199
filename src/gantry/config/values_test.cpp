#include "gantry/config/values.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gantry::config {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;

TEST(Bytes, AreReadWithAndWithoutUnit) {
  EXPECT_EQ(parse_bytes("0"), 0U);
  EXPECT_EQ(parse_bytes("4096"), 4096U);
  EXPECT_EQ(parse_bytes("32kB"), 32U * 1024);
  EXPECT_EQ(parse_bytes(" 16 GiB "), 16ULL << 30);
  EXPECT_EQ(parse_bytes("2t"), 2ULL << 40);
  for (const char* text :
       {"", "GB", "-1", "+1", "1.5GB", "1 zB", "1GB2", "0x10", "9223372036854775808", "9000000000GB"}) {
    EXPECT_EQ(parse_bytes(text), std::nullopt) << text;
  }
}

TEST(Durations, NeedAUnit) {
  EXPECT_EQ(parse_duration("250ms"), 250ms);
  EXPECT_EQ(parse_duration("10 s"), 10s);
  EXPECT_EQ(parse_duration("5min"), 5min);
  EXPECT_EQ(parse_duration("5m"), 5min);
  EXPECT_EQ(parse_duration("24h"), 24h);
  EXPECT_EQ(parse_duration("7d"), 168h);
  for (const char* text : {"", "10", "s", "-1s", "1.5s", "1y", "99999999999999999d"})
    EXPECT_EQ(parse_duration(text), std::nullopt) << text;
}

TEST(Amounts, AreWrittenShortAndComeBack) {
  EXPECT_EQ(format_bytes(16ULL << 30), "16GB");
  EXPECT_EQ(format_bytes(1536), "1536");
  EXPECT_EQ(format_bytes(0), "0");
  EXPECT_EQ(format_duration(90min), "90min");
  EXPECT_EQ(format_duration(24h), "1d");
  EXPECT_EQ(format_duration(0ms), "0s");
  for (const std::uint64_t bytes :
       {0ULL, 1ULL, 1023ULL, 1024ULL, 1025ULL, 3ULL << 20, 5ULL << 40, 9'223'372'036'854'775'807ULL}) {
    EXPECT_EQ(parse_bytes(format_bytes(bytes)), bytes);
  }
  for (const auto duration : {0ms, 1ms, 999ms, 1000ms, 1001ms, 3'600'000ms, 86'400'001ms}) {
    EXPECT_EQ(parse_duration(format_duration(duration)), duration);
  }
}

TEST(Switches, HaveTheUsualWords) {
  for (const char* text : {"true", "ON", "yes", "1"}) EXPECT_EQ(parse_switch(text), true) << text;
  for (const char* text : {"false", "off", "No", "0"}) EXPECT_EQ(parse_switch(text), false) << text;
  for (const char* text : {"", "2", "maybe", "truee"}) EXPECT_EQ(parse_switch(text), std::nullopt) << text;
}

TEST(Addresses, AreHostAndPort) {
  for (const char* text : {"127.0.0.1:8080", "0.0.0.0:0", "localhost:65535", "[::1]:80", "[::]:11112"})
    EXPECT_TRUE(is_address(text)) << text;
  for (const char* text : {"", "nowhere", ":80", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:8o", "::1:80",
                           "[]:80", "[::1]", "http://a:80", "a b:80", "u@h:80", "h:-1"}) {
    EXPECT_FALSE(is_address(text)) << text;
  }
}

TEST(Lists, HaveCommas) {
  EXPECT_THAT(split_list(" a, b ,,c"), ElementsAre("a", "b", "c"));
  EXPECT_TRUE(split_list("").empty());
  EXPECT_TRUE(split_list(" , ").empty());
}

TEST(Nearest, FindsTheNameThatWasMeant) {
  const std::vector<std::string> names{"listen", "header_bytes", "line_bytes", "url"};
  EXPECT_EQ(nearest("lisen", names), "listen");
  EXPECT_EQ(nearest("ulr", names), "url");
  EXPECT_EQ(nearest("headerbytes", names), "header_bytes");
  EXPECT_EQ(nearest("frobnicate", names), std::nullopt);
  EXPECT_EQ(edit_distance("", "abc"), 3U);
  EXPECT_EQ(edit_distance("abcd", "abdc"), 1U);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3U);
}

TEST(TomlString, EscapesWhatMustBe) { EXPECT_EQ(toml_string("a\"b\\c\nd\x7F"), "\"a\\\"b\\\\c\\u000Ad\\u007F\""); }

}  // namespace
}  // namespace gantry::config
