#include "gantry/archive/query_service.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gantry/archive/json_slice.hpp"
#include "gantry/archive/read_test_support.hpp"

namespace gantry::archive {
namespace {

using namespace gantry::archive::testing;
using index::Level;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class QueryServiceTest : public ::testing::Test {
 protected:
  Result<SearchResult> search(SearchRequest request) { return archive_.queries.search(context_for(), request); }

  std::vector<std::string> rows(SearchRequest request) {
    auto found = search(std::move(request));
    EXPECT_TRUE(found) << found.error().detail();
    std::vector<std::string> list;
    if (!found) return list;
    last_ = *std::move(found);
    for (;;) {
      auto row = last_.hits->next();
      EXPECT_TRUE(row) << row.error().detail();
      if (!row || !*row) return list;
      list.push_back(**row);
    }
  }

  /// The first value of each row's attribute.
  std::vector<std::string> values(SearchRequest request, std::string_view tag) {
    std::vector<std::string> list;
    for (const auto& row : rows(std::move(request))) list.push_back(value_of(row, tag));
    return list;
  }

  static std::string value_of(std::string_view row, std::string_view tag) {
    const auto attribute = json::member(row, tag);
    if (!attribute) return "(absent)";
    const auto items = json::member(*attribute, "Value");
    if (!items) return "(empty)";
    json::Walker walker(*items);
    return walker.next() ? json::text_of(walker.value()) : "(no value)";
  }

  static SearchRequest by(Level level, std::vector<SearchKey> keys) {
    SearchRequest request;
    request.level = level;
    request.keys = std::move(keys);
    return request;
  }

  TestArchive archive_;
  SearchResult last_;
};

TEST_F(QueryServiceTest, AStudyHasEveryRequiredAttributeInAscendingOrder) {
  archive_.store(Made{});
  const auto found = rows({});
  ASSERT_EQ(found.size(), 1U);
  std::vector<std::string> keys;
  json::Walker walker(found[0]);
  while (walker.next()) keys.emplace_back(walker.key());
  EXPECT_THAT(
      keys, ElementsAre("00080020", "00080030", "00080050", "00080056", "00080061", "00080090", "00081190", "00100010",
                        "00100020", "00100030", "00100040", "0020000D", "00200010", "00201206", "00201208"));
  EXPECT_EQ(json::member(found[0], "00100010"), R"({"vr":"PN","Value":[{"Alphabetic":"Test^Gantry"}]})");
  EXPECT_EQ(json::member(found[0], "00100030"), R"({"vr":"DA"})") << "without Value when empty";
  EXPECT_EQ(json::member(found[0], "00201208"), R"({"vr":"IS","Value":[1]})");
  EXPECT_EQ(value_of(found[0], "00081190"), "/dicom-web/studies/1.2.1");
  EXPECT_EQ(last_.total, 1U);
  EXPECT_EQ(last_.remaining, 0U);
}

TEST_F(QueryServiceTest, ModalitiesInStudyIsLeftOutWhenNoSeriesHasOne) {
  Made made;
  made.modality = "";
  archive_.store(made);
  EXPECT_EQ(value_of(rows({})[0], "00080061"), "(absent)");
  SearchRequest all;
  all.include = {"all"};
  EXPECT_EQ(value_of(rows(all)[0], "00080061"), "(absent)");
}

TEST_F(QueryServiceTest, NamesMatchWithoutRegardToCaseAndAccents) {
  Made made;
  made.patient_name = "M\xC3\xBCller^Anna";
  archive_.store(made);
  for (const char* pattern : {"m*ller*", "MULLER^ANNA", "*anna*", "m\xC3\xBC*"}) {
    EXPECT_EQ(rows(by(Level::kStudy, {{"PatientName", pattern}})).size(), 1U) << pattern;
  }
  for (const char* pattern : {"*100%*", "*_*", "muller"}) {
    EXPECT_THAT(rows(by(Level::kStudy, {{"PatientName", pattern}})), IsEmpty()) << pattern;
  }
}

TEST_F(QueryServiceTest, SeriesOfAllStudiesCarryTheirStudysAttributes) {
  archive_.store(Made{});
  const auto anywhere = rows(by(Level::kSeries, {{"PatientID", "P-1"}}));
  ASSERT_EQ(anywhere.size(), 1U);
  EXPECT_EQ(value_of(anywhere[0], "00100010"), R"({"Alphabetic":"Test^Gantry"})");
  EXPECT_EQ(value_of(anywhere[0], "00080060"), "CT");
  EXPECT_EQ(json::member(anywhere[0], "00400275"), R"({"vr":"SQ"})");
  SearchRequest within;
  within.level = Level::kSeries;
  within.study = StudyUid("1.2.1");
  const auto under = rows(within);
  ASSERT_EQ(under.size(), 1U);
  EXPECT_EQ(value_of(under[0], "00100010"), "(absent)") << "the study is named in the path";
  EXPECT_EQ(value_of(under[0], "0020000D"), "1.2.1");
  EXPECT_EQ(value_of(under[0], "00201209"), "1");
  EXPECT_EQ(value_of(under[0], "00200011"), "1");
  EXPECT_EQ(value_of(under[0], "00081190"), "/dicom-web/studies/1.2.1/series/1.2.1.1");
}

// PS3.18 §10.6.3.3, PS3.4 C.6.4.
TEST_F(QueryServiceTest, RecordKeysWalkThroughEverythingOnce) {
  for (int i = 0; i < 7; ++i) {
    Made made;
    made.study = "1.2." + std::to_string(i);
    made.series = made.study + ".1";
    made.sop = made.series + ".1";
    made.study_date = i % 2 == 0 ? "20240131" : "2024013" + std::to_string(i % 2);
    archive_.store(made);
  }
  for (const Level level : {Level::kStudy, Level::kSeries, Level::kInstance}) {
    const auto whole = values(by(level, {}), "0020000D");
    ASSERT_EQ(whole.size(), 7U);
    std::vector<std::string> walked;
    std::string key;
    for (int page = 0; page < 4; ++page) {
      auto request = by(level, {{"PriorRecordKey", key}});
      request.limit = 2;
      const auto found = rows(request);
      ASSERT_EQ(found.size(), page < 3 ? 2U : 1U);
      EXPECT_EQ(last_.remaining, page < 3 ? 5U - 2U * static_cast<unsigned>(page) : 0U) << "counted from that record";
      for (const auto& row : found) walked.push_back(value_of(row, "0020000D"));
      const auto attribute = json::member(found.back(), "0008041B");
      ASSERT_TRUE(attribute);
      EXPECT_EQ(json::member(*attribute, "vr"), "\"OB\"");
      key = json::text_of(*json::member(*attribute, "InlineBinary"));
    }
    EXPECT_EQ(walked, whole);
    auto asked = by(level, {});
    asked.include = {"RecordKey"};
    EXPECT_EQ(json::member(*json::member(rows(asked)[6], "0008041B"), "InlineBinary"), '"' + key + '"');
    EXPECT_EQ(value_of(rows(by(level, {}))[0], "0008041B"), "(absent)");
  }
}

TEST_F(QueryServiceTest, ASearchInATimeZoneCountsAndPagesItsOwnHits) {
  for (int hour = 20; hour < 24; ++hour) {
    Made made;
    made.study = "1.2." + std::to_string(hour);
    made.series = made.study + ".1";
    made.sop = made.series + ".1";
    made.study_date = "20240229";
    made.study_time = std::to_string(hour) + "0000";
    archive_.store(made);
  }
  // They say no zone, so nothing moves; the zone must not lose or add any of them.
  auto request =
      by(Level::kStudy, {{"StudyDate", "20240229"}, {"StudyTime", "21-22"}, {"TimezoneOffsetFromUTC", "+0900"}});
  request.limit = 1;
  EXPECT_THAT(values(request, "0020000D"), ElementsAre("1.2.22"));
  EXPECT_EQ(last_.total, 2U);
  EXPECT_EQ(last_.remaining, 1U);
}

TEST_F(QueryServiceTest, PrivateAttributesAreFoundAndGivenAtEveryLevel) {
  Made made;
  made.tail = part10::DataSetBuilder{};
  made.tail.text({0x0029, 0x0010}, "LO", "GANTRY TEST").text({0x0029, 0x1001}, "LO", "hidden");
  archive_.store(made);
  for (const Level level : {Level::kStudy, Level::kSeries, Level::kInstance}) {
    const auto found = rows(by(level, {{"StudyInstanceUID", "1.2.1"}, {"00291001", "hid*"}}));
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(value_of(found[0], "00291001"), "hidden");
    EXPECT_THAT(rows(by(level, {{"StudyInstanceUID", "1.2.1"}, {"00291001", "seen"}})), IsEmpty());
  }
}

TEST_F(QueryServiceTest, InstancesComeInOrderOfTheirNumbers) {
  for (const int number : {10, 2, 1}) {
    Made made;
    made.sop = "1.2.1.1." + std::to_string(number);
    made.instance_number = std::to_string(number);
    archive_.store(made);
  }
  SearchRequest request;
  request.level = Level::kInstance;
  request.study = StudyUid("1.2.1");
  EXPECT_THAT(values(request, "00200013"), ElementsAre("1", "2", "10"));
  request.offset = 1;
  request.limit = 1;
  EXPECT_THAT(values(request, "00200013"), ElementsAre("2"));
  EXPECT_EQ(last_.total, 3U);
  EXPECT_EQ(last_.remaining, 1U);
}

TEST_F(QueryServiceTest, IncludesComeFromColumnsAndFromTheStoredJson) {
  archive_.store(Made{});
  SearchRequest request;
  request.include = {"00081030", "00080060", "00100030"};
  const auto study = rows(request)[0];
  EXPECT_EQ(value_of(study, "00081030"), "Kopf nativ");
  EXPECT_EQ(value_of(study, "00080060"), "(absent)") << "Modality belongs to the series";
  request.level = Level::kSeries;
  request.include = {"StationName"};
  EXPECT_EQ(value_of(rows(request)[0], "00081010"), "SCANNER7");
}

TEST_F(QueryServiceTest, IncludeAllGivesEveryAttributeOfTheInstanceButTheCharacterSet) {
  Made made;
  made.tail.text({0x0029, 0x0010}, "LO", "ACME").text({0x0029, 0x1001}, "LO", "secret sauce");
  archive_.store(made);
  SearchRequest request;
  request.level = Level::kInstance;
  request.include = {"all"};
  const auto row = rows(request)[0];
  EXPECT_EQ(value_of(row, "00291001"), "secret sauce");
  EXPECT_EQ(value_of(row, "00081010"), "SCANNER7");
  EXPECT_EQ(value_of(row, "00080005"), "(absent)");
  request.level = Level::kStudy;
  EXPECT_EQ(value_of(rows(request)[0], "00291001"), "(absent)");
}

TEST_F(QueryServiceTest, AttributesWithoutAColumnAreMatchedOnTheStoredJson) {
  Made one;
  one.sop = "1.2.1.1.1";
  one.tail.text({0x0018, 0x0060}, "DS", "120.0");
  Made two;
  two.sop = "1.2.1.1.2";
  two.instance_number = "2";
  two.tail.text({0x0018, 0x0060}, "DS", "80");
  archive_.store(one);
  archive_.store(two);
  SearchRequest request;
  request.level = Level::kInstance;
  request.study = StudyUid("1.2.1");
  request.keys = {{"KVP", "120"}};
  EXPECT_THAT(values(request, "00080018"), ElementsAre("1.2.1.1.1"));
  request.keys = {{"StationName", "SCAN*"}};
  request.offset = 1;
  EXPECT_THAT(values(request, "00080018"), ElementsAre("1.2.1.1.2")) << "offset counts matches";
  request.offset = 0;
  request.limit = 1;
  EXPECT_THAT(values(request, "00080018"), ElementsAre("1.2.1.1.1"));
  EXPECT_EQ(last_.remaining, 1U);
  request.keys = {{"KVP", "fast"}};
  EXPECT_FALSE(search(request));
}

TEST_F(QueryServiceTest, TheUnfilteredTotalComesFromTheCounters) {
  for (int i = 1; i <= 5; ++i) {
    Made made;
    made.study = "1.2." + std::to_string(i);
    made.series = made.study + ".1";
    made.sop = made.study + ".1.1";
    made.study_date = "2024010" + std::to_string(i);
    archive_.store(made);
  }
  SearchRequest request;
  request.limit = 2;
  EXPECT_THAT(values(request, "0020000D"), ElementsAre("1.2.5", "1.2.4")) << "newest first";
  EXPECT_EQ(last_.total, 5U);
  EXPECT_EQ(last_.remaining, 3U);
  request.offset = 9;
  EXPECT_THAT(rows(request), IsEmpty());
  EXPECT_EQ(last_.total, 5U);
  EXPECT_EQ(last_.remaining, 0U);
  request = {};
  request.limit = 0;
  EXPECT_THAT(rows(request), IsEmpty());
  EXPECT_EQ(last_.remaining, 5U);
}

TEST_F(QueryServiceTest, AListLongerThanAPageIsWholeAndInOrder) {
  // 300 rows of 64 kB do not fit into a page of 8 MB.
  for (int i = 1; i <= 300; ++i) {
    Made made;
    made.sop = "1.2.1.1." + std::to_string(i);
    made.instance_number = std::to_string(i);
    made.tail.text({0x0029, 0x0010}, "LO", "ACME").text({0x0029, 0x1001}, "UT", std::string(60'000, 'x'));
    archive_.store(made);
  }
  SearchRequest request;
  request.level = Level::kInstance;
  request.study = StudyUid("1.2.1");
  request.include = {"all"};
  const auto numbers = values(request, "00200013");
  ASSERT_EQ(numbers.size(), 300U);
  for (int i = 0; i < 300; ++i) EXPECT_EQ(numbers[static_cast<std::size_t>(i)], std::to_string(i + 1));

  auto found = search(request);
  ASSERT_TRUE(found);
  EXPECT_FALSE(found->hits->in_memory());
  ASSERT_TRUE(found->hits->next());
  Made late;
  late.sop = "1.2.1.1.999";
  archive_.store(late);
  Result<std::optional<std::string>> row = std::optional<std::string>();
  do row = found->hits->next();
  while (row && *row);
  ASSERT_FALSE(row) << "the study changed between two pages";
  EXPECT_EQ(row.error().kind(), ErrorKind::kUnavailable);
}

TEST_F(QueryServiceTest, TenantsSeeTheirOwnAlone) {
  archive_.store(Made{}, "clinic-b");
  EXPECT_THAT(rows({}), IsEmpty());
  EXPECT_EQ(*archive_.queries.state(context_for()), 0U);
  EXPECT_GT(*archive_.queries.state(context_for("clinic-b")), 0U);
}

TEST_F(QueryServiceTest, UrisBeginWithTheRootThatTheCallerNames) {
  Made made;
  made.tail = pixels(2, 2, 8, "1", "abcd");
  archive_.store(made);
  SearchRequest request;
  request.level = Level::kInstance;
  request.include = {"all"};
  request.root = "https://pacs.example/x/dicom-web";
  const auto row = rows(request)[0];
  EXPECT_EQ(value_of(row, "00081190"),
            "https://pacs.example/x/dicom-web/studies/1.2.1/series/1.2.1.1/instances/1.2.1.1.1");
  EXPECT_THAT(row, HasSubstr("\"BulkDataURI\":\"https://pacs.example/x/dicom-web/studies/"));
}

}  // namespace
}  // namespace gantry::archive
