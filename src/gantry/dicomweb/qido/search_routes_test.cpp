#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gantry/dicomweb/read_test_support.hpp"

namespace gantry::dicomweb {
namespace {

using namespace gantry::dicomweb::testing;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class SearchRoutes : public ReadFixture {
 protected:
  void store_studies(int count) {
    for (int i = 1; i <= count; ++i) {
      Made made;
      made.study = "1.2." + std::to_string(i);
      made.series = made.study + ".1";
      made.sop = made.study + ".1.1";
      made.patient_id = "P-" + std::to_string(i);
      archive_.store(made);
    }
  }

  static std::size_t count(const Answer& answer, const std::string& text = "\"0020000D\"") {
    std::size_t found = 0;
    for (auto at = answer.body.find(text); at != std::string::npos; at = answer.body.find(text, at + 1)) ++found;
    return found;
  }
};

TEST_F(SearchRoutes, TheStudyListAsTheViewerAsksForIt) {
  store_studies(3);
  const auto answer =
      get_as("/studies?limit=101&offset=0&fuzzymatching=true&includefield=00081030%2C00080060%2C00080090%2C00100030",
             "application/dicom+json");
  EXPECT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(answer.header("Content-Type"), "application/dicom+json");
  EXPECT_EQ(count(answer), 3U);
  EXPECT_THAT(answer.body, HasSubstr("Kopf nativ"));
  EXPECT_EQ(answer.header("Warning"), "") << "fuzzy matching is done";
  EXPECT_EQ(answer.header("X-Total-Count"), "3");
  EXPECT_TRUE(answer.compressible);
}

TEST_F(SearchRoutes, FiltersArriveDecoded) {
  store_studies(2);
  EXPECT_EQ(count(get("/studies?00100020=P-2")), 1U);
  EXPECT_EQ(count(get("/studies?PatientName=*Test%5EGantry*")), 2U);
  EXPECT_EQ(count(get("/studies?StudyDescription=*kopf%20nat*")), 2U);
  EXPECT_EQ(count(get("/studies?ModalitiesInStudy=MR%2CCT")), 2U);
  EXPECT_EQ(count(get("/studies?StudyInstanceUID=1.2.1%5C1.2.2")), 2U);
  EXPECT_EQ(count(get("/studies?StudyDate=20240131-20240131")), 2U);
  EXPECT_EQ(count(get("/studies?StudyDate=20240201-")), 0U);
}

TEST_F(SearchRoutes, AllSixResources) {
  store_studies(2);
  EXPECT_EQ(count(get("/series")), 2U);
  EXPECT_EQ(count(get("/instances")), 2U);
  EXPECT_EQ(count(get("/studies/1.2.1/series")), 1U);
  EXPECT_EQ(count(get("/studies/1.2.1/instances")), 1U);
  EXPECT_EQ(count(get("/studies/1.2.1/series/1.2.1.1/instances")), 1U);
  EXPECT_EQ(count(get("/studies/1.2.1/series/1.2.2.1/instances")), 0U);
}

TEST_F(SearchRoutes, NothingFoundIsAnEmptyListAndAsConfiguredOrInXmlNoContent) {
  for (const char* target : {"/studies", "/studies/1.2.3.4.5/series", "/studies?StudyInstanceUID=1.2.3.4.5"}) {
    const auto answer = get(target);
    EXPECT_EQ(answer.status, 200) << target;
    EXPECT_EQ(answer.body, "[]") << target;
  }
  EXPECT_EQ(get_as("/studies", "multipart/related; type=\"application/dicom+xml\"").status, 204);
  services_.settings.empty_search_is_204 = true;
  EXPECT_EQ(get("/studies").status, 204);
}

TEST_F(SearchRoutes, MoreResultsAreAnnounced) {
  store_studies(5);
  const auto first = get("/studies?limit=2");
  EXPECT_EQ(count(first), 2U);
  EXPECT_EQ(first.header("Warning"), "299 /dicom-web: There are 3 additional results that can be requested");
  EXPECT_EQ(first.header("X-Total-Count"), "5");
  const auto last = get("/studies?limit=2&offset=4&PatientName=Test*");
  EXPECT_EQ(count(last), 1U);
  EXPECT_EQ(last.header("Warning"), "");
  EXPECT_EQ(last.header("X-Total-Count"), "5");
  EXPECT_THAT(get("/studies?limit=5000").header("Warning"), HasSubstr("1000"));
}

// PS3.18 §8.3.4.2.
TEST_F(SearchRoutes, FuzzyMatchingForgivesTyposInNames) {
  store_studies(2);
  EXPECT_EQ(count(get("/studies?PatientName=Gantri%20test")), 0U);
  EXPECT_EQ(count(get("/studies?PatientName=Gantri%20test&fuzzymatching=true")), 2U);
  EXPECT_EQ(count(get("/studies?PatientName=Nobody&fuzzymatching=true")), 0U);
}

// PS3.18 §10.6.3.3.
TEST_F(SearchRoutes, ARecordKeyGoesOnWhereItsRecordStood) {
  store_studies(5);
  const auto first = get("/studies?limit=2&PriorRecordKey=");
  EXPECT_EQ(first.header("X-Total-Count"), "5");
  const auto at = first.body.rfind("\"InlineBinary\":\"") + 16;
  const auto key = first.body.substr(at, first.body.find('"', at) - at);
  const auto next = get("/studies?limit=2&PriorRecordKey=" + key.substr(0, key.find('=')));
  EXPECT_EQ(count(next), 2U);
  EXPECT_THAT(next.body, AllOf(HasSubstr("1.2.3"), HasSubstr("1.2.4"), Not(HasSubstr("\"1.2.2\""))));
  EXPECT_EQ(next.header("Warning"), "299 /dicom-web: There are 1 additional results that can be requested");
  EXPECT_EQ(next.header("X-Total-Count"), "") << "only what follows was counted";
  EXPECT_EQ(get("/studies?PriorRecordKey=unusable").status, 400);
  EXPECT_EQ(get("/series?PriorRecordKey=" + key).status, 400) << "of another level";
}

TEST_F(SearchRoutes, MalformedParametersAreRefusedWithAReason) {
  for (const char* query : {"limit=-1", "limit=x", "limit=", "limit=1e3", "offset=1.5", "offset=1000001",
                            "fuzzymatching=maybe", "StudyDate=yesterday", "StudyDate=20240230", "StudyTime=99",
                            "StudyInstanceUID=abc", "PatientNam=x", "includefield=Nonsense", "orderby=Nonsense",
                            "SeriesNumber=1", "PatientName=%zz", "limit=99999999999999999999"}) {
    const auto answer = get(std::string("/studies?") + query);
    EXPECT_EQ(answer.status, 400) << query << answer.body;
    EXPECT_GT(answer.body.size(), 40U) << query;
  }
  EXPECT_EQ(get("/studies/abc/series").status, 400);
  EXPECT_EQ(get("/studies/1.2/series/x/instances").status, 400);
}

TEST_F(SearchRoutes, WhatWasSearchedForStaysOutOfTheLog) {
  for (const char* query :
       {"PatientBirthDate=Doe%5EJane", "StudyInstanceUID=Doe%5EJane", "Doe%5EJane=1", "limit=Doe%5EJane"}) {
    const auto answer = get(std::string("/studies?") + query);
    if (answer.status == 400) EXPECT_THAT(answer.body, HasSubstr("Doe^Jane")) << "who asked may know";
    EXPECT_THAT(answer.log_detail, Not(HasSubstr("Doe"))) << query;
  }
}

TEST_F(SearchRoutes, AnUnchangedArchiveAnswersNotModified) {
  store_studies(1);
  const auto first = get("/studies");
  EXPECT_EQ(get("/studies", {{"If-None-Match", first.header("ETag")}}).status, 304);
  EXPECT_EQ(get("/studies?limit=1", {{"If-None-Match", first.header("ETag")}}).status, 200);
  store_studies(2);
  EXPECT_EQ(get("/studies", {{"If-None-Match", first.header("ETag")}}).status, 200);
}

TEST_F(SearchRoutes, XmlHasADocumentPerHit) {
  store_studies(2);
  const auto answer = get_as("/studies", "multipart/related; type=\"application/dicom+xml\"");
  EXPECT_EQ(answer.status, 200);
  const auto parts = parts_of(answer);
  ASSERT_EQ(parts.size(), 2U);
  EXPECT_THAT(parts[0].body, AllOf(StartsWith("<?xml"), HasSubstr("keyword=\"StudyInstanceUID\"")));
  EXPECT_EQ(get_as("/studies", "image/png").status, 406);
}

TEST_F(SearchRoutes, OrderByIsOurs) {
  store_studies(3);
  const auto answer = get("/studies?orderby=PatientID");
  EXPECT_LT(answer.body.find("P-1"), answer.body.find("P-2"));
  EXPECT_LT(answer.body.find("P-2"), answer.body.find("P-3"));
  const auto down = get("/studies?orderby=-PatientID");
  EXPECT_GT(down.body.find("P-1"), down.body.find("P-2"));
}

TEST_F(SearchRoutes, TenantsSeeTheirOwnAlone) {
  store_studies(1);
  EXPECT_EQ(get("/studies", {}, "clinic-b").body, "[]");
}

TEST_F(SearchRoutes, LongListsAreStreamedWhole) {
  for (int i = 1; i <= 1500; ++i) {
    Made made;
    made.sop = "1.2.1.1." + std::to_string(i);
    made.instance_number = std::to_string(i);
    archive_.store(made);
  }
  const auto answer = get("/studies/1.2.1/instances");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(count(answer, "\"00080018\""), 1500U);
  EXPECT_FALSE(answer.known_length) << "made on the way out";
  EXPECT_THAT(answer.body, AllOf(StartsWith("[{"), ::testing::EndsWith("}]")));
  EXPECT_EQ(answer.header("X-Total-Count"), "1500");
}

}  // namespace
}  // namespace gantry::dicomweb
