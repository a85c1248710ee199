#include "gantry/archive/search_plan.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gantry::archive {
namespace {

using index::Field;
using index::Level;
using index::Match;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Result<SearchPlan> plan(Level level, std::vector<SearchKey> keys, std::vector<std::string> include = {}) {
  SearchRequest request;
  request.level = level;
  request.keys = std::move(keys);
  request.include = std::move(include);
  return plan_search(request, {});
}

/// The one match that the key becomes.
Match match_of(Level level, const std::string& attribute, const std::string& value) {
  auto planned = plan(level, {{attribute, value}});
  if (!planned || planned->query.matches.size() != 1) {
    ADD_FAILURE() << attribute << "=" << value << ": " << (planned ? "not one match" : planned.error().detail());
    return {};
  }
  return planned->query.matches.front();
}

std::string refusal(Level level, std::vector<SearchKey> keys) {
  const auto planned = plan(level, std::move(keys));
  if (planned) return "";
  EXPECT_EQ(planned.error().kind(), ErrorKind::kInvalid);
  return planned.error().detail();
}

TEST(SearchPlan, KnowsEveryRequiredMatchingKeyByKeywordAndByTag) {
  struct Key {
    const char* keyword;
    const char* tag;
    const char* value;
    Field field;
  };
  const Key keys[] = {
      {"StudyDate", "00080020", "20240101", Field::kStudyDate},
      {"StudyTime", "00080030", "10", Field::kStudyTime},
      {"AccessionNumber", "00080050", "A1", Field::kAccessionNumber},
      {"ModalitiesInStudy", "00080061", "CT", Field::kModalitiesInStudy},
      {"ReferringPhysicianName", "00080090", "Who", Field::kReferringPhysicianName},
      {"PatientName", "00100010", "Who", Field::kPatientName},
      {"PatientID", "00100020", "P1", Field::kPatientId},
      {"StudyInstanceUID", "0020000d", "1.2", Field::kStudyUid},
      {"StudyID", "00200010", "S1", Field::kStudyId},
      {"Modality", "00080060", "CT", Field::kModality},
      {"SeriesInstanceUID", "0020000E", "1.2", Field::kSeriesUid},
      {"SeriesNumber", "00200011", "3", Field::kSeriesNumber},
      {"PerformedProcedureStepStartDate", "00400244", "20240101", Field::kPerformedProcedureStepStartDate},
      {"PerformedProcedureStepStartTime", "00400245", "10", Field::kPerformedProcedureStepStartTime},
      {"RequestAttributesSequence.ScheduledProcedureStepID", "00400275.00400009", "X",
       Field::kScheduledProcedureStepId},
      {"RequestAttributesSequence.RequestedProcedureID", "00400275.00401001", "X", Field::kRequestedProcedureId},
      {"SOPClassUID", "00080016", "1.2", Field::kSopClassUid},
      {"SOPInstanceUID", "00080018", "1.2", Field::kSopUid},
      {"InstanceNumber", "00200013", "7", Field::kInstanceNumber},
  };
  for (const auto& key : keys) {
    EXPECT_EQ(match_of(Level::kInstance, key.keyword, key.value).field, key.field) << key.keyword;
    EXPECT_EQ(match_of(Level::kInstance, key.tag, key.value).field, key.field) << key.tag;
  }
}

TEST(SearchPlan, WildcardsCountWhereTheStandardHasThem) {
  EXPECT_EQ(match_of(Level::kStudy, "PatientID", "P*").kind, Match::Kind::kWildcard);
  EXPECT_EQ(match_of(Level::kStudy, "PatientID", "P_%").kind, Match::Kind::kAnyOf);
  EXPECT_EQ(match_of(Level::kStudy, "PatientName", "*a*").kind, Match::Kind::kName);
  EXPECT_EQ(match_of(Level::kStudy, "StudyDescription", "*a b*").kind, Match::Kind::kFolded);
  EXPECT_THAT(refusal(Level::kStudy, {{"StudyInstanceUID", "1.2.*"}}), HasSubstr("StudyInstanceUID"));
  EXPECT_THAT(refusal(Level::kStudy, {{"StudyDate", "2024*"}}), HasSubstr("StudyDate"));
}

TEST(SearchPlan, ListsOfUidsAndModalitiesSplitAtCommaAndBackslash) {
  EXPECT_THAT(match_of(Level::kStudy, "StudyInstanceUID", "1.2,1.3").values, ElementsAre("1.2", "1.3"));
  EXPECT_THAT(match_of(Level::kStudy, "StudyInstanceUID", "1.2\\1.3").values, ElementsAre("1.2", "1.3"));
  EXPECT_THAT(match_of(Level::kStudy, "ModalitiesInStudy", "CT,MR").values, ElementsAre("CT", "MR"));
  EXPECT_THAT(match_of(Level::kStudy, "PatientID", "a,b").values, ElementsAre("a,b")) << "a comma is part of an ID";
  EXPECT_THAT(refusal(Level::kStudy, {{"StudyInstanceUID", "1.2,one"}}), HasSubstr("one"));
}

TEST(SearchPlan, EmptyValuesAndLoneAsterisksMatchEverything) {
  const auto planned = plan(Level::kStudy, {{"PatientID", ""}, {"PatientName", "*"}, {"StudyDate", ""}});
  ASSERT_TRUE(planned);
  EXPECT_THAT(planned->query.matches, IsEmpty());
}

TEST(SearchPlan, TimeAndDateRangesCombineOnlyWhenAsked) {
  SearchRequest request;
  request.keys = {{"StudyDate", "20240101-20240102"}, {"StudyTime", "10-11"}};
  auto separate = plan_search(request, {});
  ASSERT_TRUE(separate);
  EXPECT_EQ(separate->query.matches.size(), 2U);
  request.combined_date_time = true;
  auto combined = plan_search(request, {});
  ASSERT_TRUE(combined);
  ASSERT_EQ(combined->query.matches.size(), 1U);
  EXPECT_EQ(combined->query.matches[0].kind, Match::Kind::kDateTimeRange);
  EXPECT_THAT(combined->query.matches[0].values, ElementsAre("20240101", "100000.000000", "20240102", "115959.999999"));
}

TEST(SearchPlan, UnknownAttributesAreRefusedByName) {
  EXPECT_THAT(refusal(Level::kStudy, {{"PatientNme", "x"}}), HasSubstr("PatientNme"));
  EXPECT_THAT(refusal(Level::kStudy, {{"00080FFF", "x"}}), HasSubstr("00080FFF"));
  EXPECT_THAT(refusal(Level::kStudy, {{"00400275.0040000", "x"}}), HasSubstr("00400275.0040000"));
  EXPECT_THAT(refusal(Level::kStudy, {{"patient.name", "x"}}), HasSubstr("patient.name"));
}

TEST(SearchPlan, OtherUnknownParametersAreIgnoredWithAWarning) {
  const auto planned = plan(Level::kStudy, {{"_cachebuster", "x"}, {"foo\r\nX: y", "z"}});
  ASSERT_TRUE(planned);
  ASSERT_EQ(planned->warnings.size(), 2U);
  EXPECT_THAT(planned->warnings[0], HasSubstr("_cachebuster"));
  EXPECT_EQ(planned->warnings[1].find_first_of("\r\n"), std::string::npos) << "nothing a header field can't hold";
}

TEST(SearchPlan, KeysOfLowerLevelsAreRefusedNotIgnored) {
  EXPECT_THAT(refusal(Level::kStudy, {{"SeriesDescription", "x"}}), HasSubstr("series level"));
  EXPECT_THAT(refusal(Level::kStudy, {{"Modality", "CT"}}), HasSubstr("ModalitiesInStudy"));
  EXPECT_THAT(refusal(Level::kSeries, {{"SOPInstanceUID", "1.2"}}), HasSubstr("instance level"));
}

TEST(SearchPlan, AttributesWithoutAnIndexNeedACompanion) {
  EXPECT_THAT(refusal(Level::kSeries, {{"StationName", "X"}}), HasSubstr("no index"));
  const auto beside = plan(Level::kSeries, {{"StationName", "X"}, {"PatientID", "P1"}});
  ASSERT_TRUE(beside);
  EXPECT_EQ(beside->conditions.size(), 1U);
  EXPECT_TRUE(beside->query.with_attributes);
  SearchRequest under;
  under.level = Level::kInstance;
  under.study = StudyUid("1.2");
  under.keys = {{"ImageType", "ORIGINAL"}};
  EXPECT_TRUE(plan_search(under, {}));
}

TEST(SearchPlan, WhatTheServerWorksOutCanBeReturnedButNotMatched) {
  EXPECT_TRUE(plan(Level::kStudy, {{"NumberOfStudyRelatedInstances", ""}}));
  EXPECT_THAT(refusal(Level::kStudy, {{"NumberOfStudyRelatedInstances", "3"}}), HasSubstr("not matched"));
}

TEST(SearchPlan, MalformedNumbersAreRefused) {
  for (const char* value : {"one", "1.5", "", "1-2", "999999999999999"}) {
    if (*value == '\0') continue;
    EXPECT_THAT(refusal(Level::kSeries, {{"SeriesNumber", value}}), HasSubstr("SeriesNumber")) << value;
  }
}

TEST(SearchPlan, IncludesOfLowerLevelsAreLeftOut) {
  const auto planned = plan(Level::kStudy, {}, {"00081030", "Modality", "PatientBirthDate"});
  ASSERT_TRUE(planned);
  EXPECT_THAT(planned->include.tags, ElementsAre(dicom::Tag(0x00081030), dicom::Tag(0x00100030)));
  EXPECT_FALSE(planned->query.with_attributes) << "both have columns";
  for (const Level level : {Level::kStudy, Level::kSeries, Level::kInstance}) {
    const auto private_ones = plan(level, {}, {"00091001"});
    ASSERT_TRUE(private_ones);
    EXPECT_THAT(private_ones->include.tags, ElementsAre(dicom::Tag(0x00091001))) << "it has no level of its own";
    EXPECT_TRUE(private_ones->query.with_attributes);
  }
  EXPECT_FALSE(plan(Level::kStudy, {}, {"NoSuchField"}));
}

TEST(SearchPlan, ThePageIsBounded) {
  SearchRequest request;
  auto planned = plan_search(request, {});
  ASSERT_TRUE(planned);
  EXPECT_EQ(planned->limit, 100U);
  request.limit = 5000;
  planned = plan_search(request, {});
  ASSERT_TRUE(planned);
  EXPECT_EQ(planned->limit, 1000U);
  EXPECT_THAT(planned->warnings, Contains(HasSubstr("1000")));
  request = {};
  request.level = Level::kInstance;
  request.study = StudyUid("1.2");
  planned = plan_search(request, {});
  ASSERT_TRUE(planned);
  EXPECT_EQ(planned->limit, std::nullopt) << "the whole list of a study";
  request.offset = 1'000'001;
  EXPECT_FALSE(plan_search(request, {}));
}

// PS3.18 §8.3.4.2: fuzzy matching is of person names, and of nothing else.
TEST(SearchPlan, FuzzyMatchingChangesPersonNamesAlone) {
  SearchRequest request;
  request.fuzzy = true;
  request.keys = {{"PatientName", "doe"}, {"ReferringPhysicianName", "who"}, {"StudyDescription", "head"}};
  const auto planned = plan_search(request, {});
  ASSERT_TRUE(planned);
  EXPECT_THAT(planned->warnings, IsEmpty());
  ASSERT_EQ(planned->query.matches.size(), 3U);
  EXPECT_EQ(planned->query.matches[0].kind, Match::Kind::kFuzzyName);
  EXPECT_EQ(planned->query.matches[1].kind, Match::Kind::kFuzzyName);
  EXPECT_EQ(planned->query.matches[2].kind, Match::Kind::kFolded);
}

// PS3.18 §8.3.4.6, PS3.4 C.2.2.2.8: an entity has all of the values.
TEST(SearchPlan, MultipleValuesAreAllAskedFor) {
  SearchRequest request;
  request.multiple_matching = true;
  request.keys = {{"ModalitiesInStudy", "CT\\PT"}, {"StudyInstanceUID", "1.2\\1.3"}, {"PatientID", "A\\B"}};
  auto planned = plan_search(request, {});
  ASSERT_TRUE(planned);
  ASSERT_EQ(planned->query.matches.size(), 5U);
  EXPECT_THAT(planned->query.matches[0].values, ElementsAre("CT"));
  EXPECT_THAT(planned->query.matches[1].values, ElementsAre("PT"));
  EXPECT_THAT(planned->query.matches[2].values, ElementsAre("1.2", "1.3")) << "a list of UIDs stays one";
  request.multiple_matching = false;
  planned = plan_search(request, {});
  ASSERT_TRUE(planned);
  ASSERT_EQ(planned->query.matches.size(), 3U);
  EXPECT_THAT(planned->query.matches[0].values, ElementsAre("CT", "PT")) << "without the parameter: any of them";
}

TEST(SearchPlan, APriorRecordKeyHasItsOwnOrder) {
  SearchRequest request;
  request.keys = {{"PriorRecordKey", ""}};
  auto planned = plan_search(request, {});
  ASSERT_TRUE(planned);
  EXPECT_THAT(planned->query.after, IsEmpty());
  EXPECT_TRUE(planned->include.names(dicom::Tag(0x0008041B)));
  request.keys[0].value = "MXx8fDEuMg";
  planned = plan_search(request, {});
  ASSERT_TRUE(planned);
  EXPECT_THAT(planned->query.after, ElementsAre("", "", "1.2"));
  request.order = {"PatientID"};
  EXPECT_FALSE(plan_search(request, {}));
  EXPECT_THAT(refusal(Level::kStudy, {{"0008041C", "no key"}}), HasSubstr("PriorRecordKey"));
  EXPECT_THAT(refusal(Level::kStudy, {{"RecordKey", "MXx8fDEuMg"}}), HasSubstr("not matched"));
  EXPECT_THAT(refusal(Level::kStudy, {{"TimezoneOffsetFromUTC", "CET"}}), HasSubstr("offset"));
}

TEST(SearchPlan, OrdersByAttributesOfItsLevel) {
  SearchRequest request;
  request.order = {"-PatientName", "00200010"};
  auto planned = plan_search(request, {});
  ASSERT_TRUE(planned);
  ASSERT_EQ(planned->query.order.size(), 2U);
  EXPECT_TRUE(planned->query.order[0].descending);
  EXPECT_EQ(planned->query.order[1].field, Field::kStudyId);
  for (const char* wrong : {"SeriesNumber", "StationName", "-", "nonsense"}) {
    request.order = {wrong};
    EXPECT_FALSE(plan_search(request, {})) << wrong;
  }
}

}  // namespace
}  // namespace gantry::archive
