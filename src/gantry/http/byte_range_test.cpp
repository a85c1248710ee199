#include "gantry/http/byte_range.hpp"

#include <gtest/gtest.h>

namespace gantry::http {
namespace {

using Kind = RangeRequest::Kind;

TEST(ByteRange, GivesWhatIsAskedCutToTheLength) {
  EXPECT_EQ(parse_range("bytes=0-9", 100).ranges, (std::vector<ByteRange>{{0, 9}}));
  EXPECT_EQ(parse_range("bytes=90-1000", 100).ranges, (std::vector<ByteRange>{{90, 99}}));
  EXPECT_EQ(parse_range("bytes=90-", 100).ranges, (std::vector<ByteRange>{{90, 99}}));
  EXPECT_EQ(parse_range("bytes=-10", 100).ranges, (std::vector<ByteRange>{{90, 99}}));
  EXPECT_EQ(parse_range("bytes=-1000", 100).ranges, (std::vector<ByteRange>{{0, 99}}));
  EXPECT_EQ(parse_range("Bytes = 1-2 , ,5-6", 100).ranges, (std::vector<ByteRange>{{1, 2}, {5, 6}}));
}

TEST(ByteRange, BeyondTheEndIsUnsatisfiable) {
  EXPECT_EQ(parse_range("bytes=100-", 100).kind, Kind::kUnsatisfiable);
  EXPECT_EQ(parse_range("bytes=-0", 100).kind, Kind::kUnsatisfiable);
  EXPECT_EQ(parse_range("bytes=0-", 0).kind, Kind::kUnsatisfiable);
  EXPECT_EQ(parse_range("bytes=-5", 0).kind, Kind::kUnsatisfiable);
  EXPECT_EQ(parse_range("bytes=99999999999999999999999-", 100).kind, Kind::kUnsatisfiable);
  EXPECT_EQ(parse_range("bytes=100-,5-6", 100).ranges, (std::vector<ByteRange>{{5, 6}}));
}

TEST(ByteRange, WhatIsMalformedIsIgnored) {
  for (const char* field :
       {"", "bytes", "bytes=", "bytes=,", "bytes=a-b", "bytes=5", "bytes=9-5", "bytes=-", "bytes=--5", "bytes=1-2,x",
        "bytes=+1-2", "items=0-5", "byte=0-5", "bytes:0-5", "bytes=0x1-2"}) {
    EXPECT_EQ(parse_range(field, 100).kind, Kind::kNone) << field;
  }
}

TEST(ByteRange, TooManyRangesAreIgnored) {
  std::string field = "bytes=0-0";
  for (int i = 0; i < 16; ++i) field += ",0-0";
  EXPECT_EQ(parse_range(field, 100).kind, Kind::kNone);
}

}  // namespace
}  // namespace gantry::http
