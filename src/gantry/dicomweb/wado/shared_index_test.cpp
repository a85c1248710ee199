// Over an index that other nodes write to: what a request asks of it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gantry/archive/store_test_support.hpp"
#include "gantry/archive/version_reader.hpp"
#include "gantry/dicomweb/read_test_support.hpp"

namespace gantry::dicomweb {
namespace {

using namespace gantry::dicomweb::testing;
using archive::testing::Faults;
using ::testing::Each;
using ::testing::IsEmpty;
using ::testing::Not;

class SharedIndexRoutes : public ReadFixture {
 protected:
  Faults faults_;
  archive::testing::FaultyIndex index_{archive_.index, faults_};
  archive::VersionReader versions_{index_};
  archive::RetrieveService retrieves_{index_, archive_.objects, {&versions_}};
  archive::QueryService queries_{index_};
  Services shared_{services_.store, queries_,    retrieves_, services_.deletes,
                   &versions_,      index_pool_, disk_pool_, settings()};

  Services& served() override { return shared_; }
  /// The answer, and that nothing was asked for it but versions.
  Answer get_by_versions(const std::string& target, const Fields& fields = {}) {
    faults_.take_calls();
    Answer answer = get(target, fields);
    EXPECT_THAT(faults_.take_calls(), Each("versions")) << target;
    return answer;
  }
};

TEST_F(SharedIndexRoutes, AnUnchangedAnswerReadsNothingButTheVersion) {
  archive_.store(Made{});
  for (const char* target : {"/studies/1.2.1/metadata", "/studies/1.2.1/series/1.2.1.1/metadata", "/studies?limit=5",
                             "/studies/1.2.1/series"}) {
    const auto first = get(target);
    ASSERT_EQ(first.status, 200) << target;
    const auto again = get_by_versions(target, {{"If-None-Match", first.header("ETag")}});
    EXPECT_EQ(again.status, 304) << target;
    EXPECT_EQ(again.header("ETag"), first.header("ETag"));
  }
}

TEST_F(SharedIndexRoutes, AWarmFrameAndWarmMetadataAskForVersionsAlone) {
  Made made;
  made.tail = archive::testing::pixels(2, 2, 8, "1", "abcd");
  archive_.store(made);
  const std::string frame = "/studies/1.2.1/series/1.2.1.1/instances/1.2.1.1.1/frames/1";
  const auto cold = get(frame), metadata = get("/studies/1.2.1/series/1.2.1.1/metadata");
  EXPECT_EQ(get_by_versions(frame).body, cold.body);
  EXPECT_EQ(get_by_versions("/studies/1.2.1/series/1.2.1.1/metadata").body, metadata.body);
}

TEST_F(SharedIndexRoutes, WhatIsNotThereAsksForVersionsAloneAndIsThereWhenItCame) {
  EXPECT_EQ(get_by_versions("/studies/1.2.1/metadata").status, 404);
  EXPECT_EQ(get_by_versions("/studies/1.2.1/series/1.2.1.1/metadata").status, 404);
  archive_.store(Made{});
  EXPECT_EQ(get("/studies/1.2.1/metadata").status, 200);
}

TEST_F(SharedIndexRoutes, WithoutConfirmationTheAnswerIs503) {
  Made made;
  made.tail = archive::testing::pixels(2, 2, 8, "1", "abcd");
  archive_.store(made);
  const std::string frame = "/studies/1.2.1/series/1.2.1.1/instances/1.2.1.1.1/frames/1";
  for (const std::string& target : {frame, std::string("/studies/1.2.1/metadata"), std::string("/studies")}) {
    ASSERT_EQ(get(target).status, 200);
    faults_.fail("versions", Faults::When::kBefore, Error::unavailable("no connection"));
    EXPECT_EQ(get(target).status, 503) << target;
    EXPECT_EQ(get(target).status, 200) << target;
  }
}

}  // namespace
}  // namespace gantry::dicomweb
