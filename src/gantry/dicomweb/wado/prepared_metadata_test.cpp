// Prepared metadata on the wire: which form a client is sent, and what an unchanged one costs.

#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zstd.h>

#include "gantry/archive/series_preparer.hpp"
#include "gantry/archive/store_test_support.hpp"
#include "gantry/base/sha256.hpp"
#include "gantry/dicomweb/read_test_support.hpp"

namespace gantry::dicomweb {
namespace {

using namespace gantry::dicomweb::testing;
using archive::testing::Faults;
using ::testing::Each;

constexpr const char* kStudy = "/studies/1.2.1/metadata";
constexpr const char* kSeries = "/studies/1.2.1/series/1.2.1.1/metadata";

/// Of one zstd frame that is all there is; "" otherwise.
std::string of_zstd(const std::string& bytes) {
  if (ZSTD_findFrameCompressedSize(bytes.data(), bytes.size()) != bytes.size()) return "";
  std::string text(1 << 20, '\0');
  const auto size = ZSTD_decompress(text.data(), text.size(), bytes.data(), bytes.size());
  if (ZSTD_isError(size) != 0) return "";
  text.resize(size);
  return text;
}

class PreparedMetadataRoutes : public ReadFixture {
 protected:
  void prepare() {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));  // a series at rest
    archive::PreparerSettings settings;
    settings.quiet_period = std::chrono::milliseconds(0);
    archive::SeriesPreparer preparer(archive_.index, archive_.objects, settings);
    const auto done = preparer.work(context_for(""), {});
    ASSERT_TRUE(done) << done.error().detail();
  }
  Answer get_coded(const std::string& target, const std::string& accept_encoding) {
    return get(target, {{"Accept-Encoding", accept_encoding}});
  }
  void store(const std::string& series, int number, const std::string& description = "") {
    Made made;
    made.series = series;
    made.sop = series + "." + std::to_string(number);
    made.series_description = description;
    archive_.store(made);
  }
};

TEST_F(PreparedMetadataRoutes, ASeriesGoesOutByZstdWhereTheClientNamesIt) {
  for (int i = 1; i <= 3; ++i) store("1.2.1.1", i);
  prepare();
  const auto plain = get(kSeries);
  for (const char* accepts : {"zstd", "gzip, deflate, br, zstd", "gzip;q=0.5, ZSTD;q=0.5, zstd;q=0.7"}) {
    const auto zstd = get_coded(kSeries, accepts);
    EXPECT_EQ(zstd.header("Content-Encoding"), "zstd") << accepts;
    EXPECT_EQ(of_zstd(zstd.body), plain.body);
    EXPECT_NE(zstd.header("ETag"), plain.header("ETag"));
    EXPECT_EQ(get(kSeries, {{"If-None-Match", zstd.header("ETag")}}).header("ETag"), zstd.header("ETag"));
  }
  for (const char* accepts : {"gzip", "*", "gzip, zstd;q=0.9", "gzip, zstd;q=0", "gzip, zstd;q=x"})
    EXPECT_EQ(get_coded(kSeries, accepts).header("Content-Encoding"), "gzip") << accepts;
  for (const char* accepts : {"identity", "gzip;q=0, zstd;q=0.0", "zstandard"})
    EXPECT_EQ(get_coded(kSeries, accepts).body, plain.body) << accepts;
  store("1.2.1.2", 1);
  EXPECT_EQ(get_coded("/studies/1.2.1/series/1.2.1.2/metadata", "gzip, zstd").header("Content-Encoding"), "gzip")
      << "built while somebody waits";
}

TEST_F(PreparedMetadataRoutes, AStudyIsOneZstdFrameOrGzip) {
  store("1.2.1.1", 1);
  prepare();
  EXPECT_EQ(of_zstd(get_coded(kStudy, "gzip, zstd").body), get(kStudy).body) << "of one series";
  store("1.2.1.2", 1);
  prepare();
  EXPECT_EQ(get_coded(kStudy, "gzip, zstd").header("Content-Encoding"), "gzip")
      << "many clients read no second frame";
  EXPECT_EQ(get_coded(kStudy, "zstd").header("Content-Encoding"), "");
}

TEST_F(PreparedMetadataRoutes, ALongZstdFrameIsSentFromItsObject) {
  store("1.2.1.1", 1, random_hex(20'000));  // which does not shrink to a few bytes
  prepare();
  const auto zstd = get_coded(kSeries, "zstd");
  EXPECT_EQ(zstd.file_ranges, 1U);
  EXPECT_EQ(of_zstd(zstd.body), get(kSeries).body);
}

/// A process that just started: nothing is in memory.
class ColdRoutes : public PreparedMetadataRoutes {
 protected:
  Faults faults_;
  archive::testing::FaultyIndex index_{archive_.index, faults_};
  archive::RetrieveService retrieves_{index_, archive_.objects};
  archive::QueryService queries_{index_};
  Services cold_{services_.store, queries_, retrieves_, services_.deletes, nullptr, index_pool_, disk_pool_, settings()};
  bool is_cold_ = false;

  Services& served() override { return is_cold_ ? cold_ : services_; }
};

TEST_F(ColdRoutes, AnUnchangedAnswerReadsNothingButTheVersion) {
  store("1.2.1.1", 1);
  prepare();
  for (const char* target : {kStudy, kSeries}) {
    is_cold_ = false;
    const std::string etag = get(target).header("ETag");
    is_cold_ = true;
    faults_.take_calls();
    EXPECT_EQ(get(target, {{"If-None-Match", etag}}).status, 304);
    EXPECT_THAT(faults_.take_calls(), ::testing::ElementsAre("version_of")) << target;
    EXPECT_EQ(get(target, {{"If-None-Match", "\"another\""}}).status, 200);
    EXPECT_EQ(get("/studies/1.2.9/metadata", {{"If-None-Match", etag}}).status, 404);
  }
}

}  // namespace
}  // namespace gantry::dicomweb
