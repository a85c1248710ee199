#include "gantry/archive/search_values.hpp"

#include <gtest/gtest.h>

namespace gantry::archive {
namespace {

void expect_range(const Result<ValueRange>& range, const char* from, const char* to) {
  ASSERT_TRUE(range) << range.error().detail();
  EXPECT_EQ(range->from, from);
  EXPECT_EQ(range->to, to);
}

TEST(SearchValues, DatesAndTheirRanges) {
  expect_range(parse_date_range("20240229"), "20240229", "20240229");
  expect_range(parse_date_range("20240101-20241231"), "20240101", "20241231");
  expect_range(parse_date_range("20240101-"), "20240101", "");
  expect_range(parse_date_range("-20240101"), "", "20240101");
  expect_range(parse_date_range("2024.01.31"), "20240131", "20240131");
}

TEST(SearchValues, RefusesDatesThatAreNone) {
  for (const char* text : {"yesterday", "2024", "20240230", "20230229", "20241301", "20240100", "-", "2024-01-31",
                           "20240101-x", "20241231-20240101", "2024*", "20240101-20240201-20240301", ""}) {
    EXPECT_FALSE(parse_date_range(text)) << text;
  }
}

TEST(SearchValues, AShortTimeMeansItsWholeSpan) {
  expect_range(parse_time_range("10"), "100000.000000", "105959.999999");
  expect_range(parse_time_range("1015-1130"), "101500.000000", "113059.999999");
  expect_range(parse_time_range("101530.25"), "101530.250000", "101530.259999");
  expect_range(parse_time_range("-10:15"), "", "101559.999999");
}

TEST(SearchValues, RefusesTimesThatAreNone) {
  for (const char* text :
       {"25", "1060", "101561", "1", "101", "10.5", "101500.1234567", "101500.", "noon", "-", "11-10", "10*"}) {
    EXPECT_FALSE(parse_time_range(text)) << text;
  }
}

TEST(SearchValues, DateTimesArePaddedFromTheRight) {
  expect_range(parse_date_time_range("2024"), "20240101000000.000000", "20241231235959.999999");
  expect_range(parse_date_time_range("202402"), "20240201000000.000000", "20240229235959.999999");
  expect_range(parse_date_time_range("20240229-2024022910"), "20240229000000.000000", "20240229105959.999999");
  EXPECT_FALSE(parse_date_time_range("20241"));
  EXPECT_FALSE(parse_date_time_range("20240230"));
}

TEST(SearchValues, StoredValuesCompareInOneForm) {
  EXPECT_EQ(comparable_time("1015"), "101500.000000");
  EXPECT_EQ(comparable_date("2024.01.31"), "20240131");
  EXPECT_EQ(comparable_date_time("20240131101500.5+0100"), "20240131101500.500000");
  EXPECT_EQ(comparable_date("unknown"), std::nullopt);
}

TEST(SearchValues, ListsLoseBlanksAndEmptyParts) {
  EXPECT_EQ(split_list(" CT , ,MR\\US,", ",\\"), (std::vector<std::string>{"CT", "MR", "US"}));
}

}  // namespace
}  // namespace gantry::archive
