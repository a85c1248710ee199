#include "gantry/http/media_type.hpp"

#include <gtest/gtest.h>

namespace gantry::http {
namespace {

TEST(MediaType, ReadsWhatSendersReallyWrite) {
  const auto media =
      parse_media_type(R"( Multipart/Related ; Type=application/dicom;  boundary="a b\"c" ; transfer-syntax=* )");
  ASSERT_TRUE(media);
  EXPECT_EQ(media->essence(), "multipart/related");
  EXPECT_EQ(media->parameter("type"), "application/dicom");
  EXPECT_EQ(media->parameter("boundary"), "a b\"c");
  EXPECT_EQ(media->parameter("transfer-syntax"), "*");
  EXPECT_EQ(media->parameter("absent"), std::nullopt);
  EXPECT_TRUE(parse_media_type("text/plain;"));
  EXPECT_TRUE(parse_media_type("multipart/related; boundary==_?x:y/z"));
}

TEST(MediaType, RefusesWhatIsNone) {
  for (const char* text :
       {"", " ", "text", "/plain", "text/", "text plain", "*/plain", "a/b; c", "a/b; c=\"open", "a/b, c/d", "a/b x"}) {
    EXPECT_FALSE(parse_media_type(text)) << text;
  }
}

TEST(Accept, OrdersByQualityThenAsSent) {
  const auto ranges =
      parse_accept("text/*;q=0.5, application/dicom+json, */*;q=0.1, multipart/related; type=\"a/b,c\";q=1.0, x/y;q=0");
  ASSERT_EQ(ranges.size(), 5U);
  EXPECT_EQ(ranges[0].type.essence(), "application/dicom+json");
  EXPECT_EQ(ranges[1].type.parameter("type"), "a/b,c");
  EXPECT_EQ(ranges[1].type.parameter("q"), std::nullopt);
  EXPECT_EQ(ranges[2].quality, 500);
  EXPECT_EQ(ranges[3].type.essence(), "*/*");
  EXPECT_EQ(ranges[4].quality, 0);
}

TEST(Accept, SkipsWhatCannotBeReadAndKeepsTheRest) {
  const auto ranges = parse_accept("nonsense, application/json;q=7, , image/jpeg;q=0.8888, text/html;q=0.25, c/d;q=0.5;q=0.6");
  ASSERT_EQ(ranges.size(), 1U);
  EXPECT_EQ(ranges[0].type.essence(), "text/html");
  EXPECT_EQ(ranges[0].quality, 250);
  EXPECT_TRUE(parse_accept("").empty());
}

}  // namespace
}  // namespace gantry::http
