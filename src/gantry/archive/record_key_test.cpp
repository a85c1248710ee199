#include "gantry/archive/record_key.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gantry/dicom/json_writer.hpp"

namespace gantry::archive {
namespace {

using index::Level;
using ::testing::ElementsAre;

index::SearchRow series_row() {
  index::SearchRow row;
  row.study.study = StudyUid("1.2");
  row.study.attributes.study_date = "2024.01.31";
  row.study.attributes.study_time = "1015";
  row.series.emplace();
  row.series->series = SeriesUid("1.2.3");
  row.series->attributes.series_number = "007";
  return row;
}

std::string encoded(std::string_view bytes) {
  std::string text;
  dicom::append_base64(text, bytes);
  return text;
}

TEST(RecordKey, NamesTheHitsPlaceInTheOrder) {
  const auto place = place_of_record_key(encoded(record_key_of(series_row())), Level::kSeries);
  ASSERT_TRUE(place) << place.error().detail();
  EXPECT_THAT(*place, ElementsAre("20240131", "101500.000000", "1.2", "7", "1.2.3"));
}

TEST(RecordKey, EveryFormOfBase64Passes) {
  index::SearchRow row;
  row.study.study = StudyUid("1.2.34");
  for (std::string text = encoded(record_key_of(row));;) {
    const auto place = place_of_record_key(text, Level::kStudy);
    ASSERT_TRUE(place) << text;
    EXPECT_THAT(*place, ElementsAre("", "", "1.2.34"));
    if (!text.ends_with('=')) break;
    text.pop_back();
  }
  EXPECT_TRUE(place_of_record_key("MXx8fDEuMg", Level::kStudy)) << "1|||1.2";
}

TEST(RecordKey, UnusableOnesAreInvalid) {
  const std::string series = encoded(record_key_of(series_row()));
  EXPECT_FALSE(place_of_record_key(series, Level::kStudy)) << "of another level";
  EXPECT_FALSE(place_of_record_key(series, Level::kInstance));
  EXPECT_FALSE(place_of_record_key(std::string(2000, 'A'), Level::kStudy));
  for (const char* bytes : {"", "1", "2|20240131||1.2", "1|2024||1.2", "1|20240131|1015|1.2", "1|||", "1|||1.2|",
                            "1|||1.2' OR '1'='1", "1|||1.2|x|1.3"}) {
    EXPECT_FALSE(place_of_record_key(encoded(bytes), Level::kStudy)) << bytes;
  }
  for (const char* text : {"*", "MXx8fDEuM", "MXx8 fDEuMg", "\xff"}) {
    EXPECT_FALSE(place_of_record_key(text, Level::kStudy)) << text;
  }
}

}  // namespace
}  // namespace gantry::archive
