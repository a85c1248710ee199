#include "gantry/server/access_log.hpp"

#include <array>
#include <set>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "gantry/base/handle.hpp"
#include "gantry/server/api_description.hpp"

namespace gantry::server {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const http::Route kMetadata{http::Method::kGet, "/dicom-web/studies/{study}/metadata", http::Permission::kRead,
                            "A study's attributes.", http::Handler()};

http::AccessRecord record_of(const http::Route* route, int status) {
  http::AccessRecord record;
  record.request_id = "r1";
  record.tenant = "clinic-a";
  record.principal = "ann";
  record.remote_address = "10.0.0.7";
  record.method = "GET";
  record.path = "/dicom-web/studies/1.2.3/metadata";
  record.route = route;
  record.status = status;
  record.duration = std::chrono::microseconds(1500);
  record.complete = true;
  return record;
}

/// The line that is written of `record`.
std::string line_of(const http::AccessRecord& record) {
  int ends[2];
  EXPECT_EQ(::pipe(ends), 0);
  const UniqueFd out(ends[0]), in(ends[1]);
  {
    observe::LogSettings settings;
    settings.format = observe::LogFormat::kJson;
    settings.fd = in.get();
    observe::Log log(settings);
    log_access(log, record);
  }
  std::array<char, 4096> text{};
  const auto count = ::read(out.get(), text.data(), text.size());
  return count > 0 ? std::string(text.data(), static_cast<std::size_t>(count)) : std::string();
}

TEST(AccessLog, SaysWhoDidWhatToWhatAndHowItEnded) {
  const std::string line = line_of(record_of(&kMetadata, 200));
  for (const char* field :
       {R"("tenant":"clinic-a")", R"("principal":"ann")", R"("operation":"get_dicom_web_studies__study__metadata")",
        R"("path":"/dicom-web/studies/1.2.3/metadata")", R"("outcome":"success")", R"("duration_ms":1.5)",
        R"("remote":"10.0.0.7")", R"("request_id":"r1")", R"("status":200)", R"("level":"info")"}) {
    EXPECT_THAT(line, HasSubstr(field));
  }
  EXPECT_THAT(line, Not(HasSubstr("detail"))) << "there is none";
}

TEST(AccessLog, TheOperationIsTheOneThatTheApiDescriptionNames) {
  const std::array<http::Route, 1> routes{kMetadata};
  EXPECT_THAT(ApiDescription(routes, "1").openapi(),
              HasSubstr("\"operationId\":\"" + operation_name(&kMetadata) + "\""));
  EXPECT_EQ(operation_name(nullptr), "none") << "nothing is there";
}

TEST(AccessLog, EveryStatusHasOneOutcome) {
  const auto outcome = [](int status) { return outcome_of(status, true); };
  for (const int status : {200, 202, 204, 206, 304}) EXPECT_EQ(outcome(status), "success") << status;
  for (const int status : {401, 403, 429}) EXPECT_EQ(outcome(status), "refused") << status;
  for (const int status : {404, 410}) EXPECT_EQ(outcome(status), "not_found") << status;
  for (const int status : {400, 405, 406, 408, 409, 413, 414, 415, 416, 431, 501, 505})
    EXPECT_EQ(outcome(status), "rejected") << status;
  EXPECT_EQ(outcome(503), "unavailable");
  EXPECT_EQ(outcome(500), "failed");
}

TEST(AccessLog, AnAnswerThatWasCutIsNoSuccess) {
  EXPECT_EQ(outcome_of(200, false), "incomplete");
  EXPECT_EQ(outcome_of(500, false), "failed") << "what was wrong before counts more";
  auto record = record_of(&kMetadata, 200);
  record.complete = false;
  record.error_detail = "the client did not take the whole answer";
  EXPECT_THAT(line_of(record), HasSubstr(R"("outcome":"incomplete")"));
  EXPECT_THAT(line_of(record), HasSubstr(R"("detail":"the client did not take the whole answer")"));
}

TEST(AccessLog, OurFaultsStandOut) {
  EXPECT_THAT(line_of(record_of(&kMetadata, 500)), HasSubstr(R"("level":"error")"));
  EXPECT_THAT(line_of(record_of(&kMetadata, 503)), HasSubstr(R"("level":"warn")"));
  EXPECT_THAT(line_of(record_of(nullptr, 501)), HasSubstr(R"("level":"info")"));
}

}  // namespace
}  // namespace gantry::server
