#include "gantry/archive/time_zone.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gantry::archive {
namespace {

using index::Field;
using index::Match;

index::SearchRow study(const char* date, const char* time, const char* zone) {
  index::SearchRow row;
  row.study.attributes.study_date = date;
  row.study.attributes.study_time = time;
  row.study.attributes.timezone_offset = zone;
  return row;
}

index::SearchQuery on(const char* date) {
  index::SearchQuery query;
  query.matches = {{Field::kStudyDate, Match::Kind::kRange, {date, date}, {}}};
  return query;
}

TEST(TimeZone, OffsetsAreReadAsPS36WritesThem) {
  EXPECT_EQ(parse_zone("+0100"), 60);
  EXPECT_EQ(parse_zone("-0330"), -210);
  EXPECT_EQ(parse_zone("0100"), 60) << "a plus sign that a query lost";
  EXPECT_EQ(parse_zone("+1400"), 14 * 60);
  for (const char* wrong : {"", "+", "+100", "+01:00", "+1401", "-1201", "+0160", "CET", "+01000"}) {
    EXPECT_EQ(parse_zone(wrong), std::nullopt) << wrong;
  }
}

TEST(TimeZone, DatesAndTimesAreThoseOfTheAskersClock) {
  auto query = on("20240301");
  const ZonedMatches tokyo(9 * 60, query);
  EXPECT_TRUE(tokyo.hold(study("20240229", "2300", "+0100"))) << "07:00 on the first in Tokyo";
  EXPECT_FALSE(tokyo.hold(study("20240229", "1200", "+0100")));
  EXPECT_FALSE(tokyo.hold(study("20240301", "2300", "+0100"))) << "the second in Tokyo";
  EXPECT_TRUE(tokyo.hold(study("20240301", "2300", "")));
  EXPECT_FALSE(tokyo.hold(study("20240229", "2300", ""))) << "no zone: as it is";
  EXPECT_TRUE(tokyo.hold(study("20240301", "", "+0100"))) << "no time: the day as it is";
}

TEST(TimeZone, TheIndexLooksWidelyEnough) {
  auto query = on("20240301");
  query.matches.push_back({Field::kStudyTime, Match::Kind::kRange, {"08", "10"}, {}});
  query.matches.push_back({Field::kPatientBirthDate, Match::Kind::kRange, {"19700101", ""}, {}});
  const ZonedMatches zoned(-12 * 60, query);
  ASSERT_EQ(query.matches.size(), 2U) << "times of day are asked of hits alone; births have no zone";
  EXPECT_THAT(query.matches[0].values, ::testing::ElementsAre("20240228", "20240303"));
  EXPECT_EQ(query.matches[1].field, Field::kPatientBirthDate);
  EXPECT_TRUE(zoned.hold(study("20240302", "1015", "+1400"))) << "26 hours later here: 08:15 on the first";
  EXPECT_FALSE(zoned.hold(study("20240302", "1315", "+1400")));
}

}  // namespace
}  // namespace gantry::archive
