#include "gantry/audit/record.hpp"

#include <cstdlib>
#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gantry/audit/message.hpp"
#include "gantry/audit/record_query.hpp"
#include "gantry/audit/spool.hpp"
#include "gantry/base/sha256.hpp"

namespace gantry::audit {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

Access access(const std::string& user, const std::string& study) {
  Access access;
  access.request_id = "r-" + user;
  access.tenant = "clinic-a";
  access.user = user;
  access.address = "192.0.2.7";
  access.operation = operation::kRetrieve;
  access.method = "GET";
  access.resource = "/dicom-web/studies/{study}";
  access.study = study;
  access.status = 200;
  return access;
}

AccessEnd end(std::uint64_t begin, int status = 200, bool complete = true) {
  return {begin, status, 1000, 100, 2500, complete};
}

class RecordsTest : public ::testing::Test {
 protected:
  RecordsTest() : folder_(std::filesystem::temp_directory_path() / ("gantry-records-" + random_hex(8))) { reopen(); }
  ~RecordsTest() override { std::filesystem::remove_all(folder_); }
  void reopen() {
    spool_.reset();
    SpoolSettings settings;
    settings.folder = folder_;
    settings.node = "a";
    settings.sync_every = std::chrono::hours(1);
    settings.now = [this] { return now_; };
    auto opened = Spool::open(settings);
    ASSERT_TRUE(opened);
    spool_ = *std::move(opened);
  }
  std::uint64_t begin(const Access& what) { return *spool_->append("begin", begin_members(what)); }
  void finish(const AccessEnd& how) { ASSERT_TRUE(spool_->append("end", end_members(how))); }
  std::vector<std::string> users(const RecordQuery& query, std::size_t most = 1000) {
    std::vector<std::string> found;
    const auto read = for_records(folder_, query, [&](const Record& record, std::uint64_t) {
      found.push_back(record.access.user + " " + std::string(outcome_of(record)));
      return found.size() < most;
    });
    EXPECT_TRUE(read);
    read_ = *read;
    return found;
  }

  const std::filesystem::path folder_;
  Time now_{std::chrono::sys_days(std::chrono::November / 30 / 2026) + std::chrono::hours(16)};
  std::unique_ptr<Spool> spool_;
  RecordsRead read_;
};

TEST_F(RecordsTest, AreWholeOnceTheyEndedInWhateverOrder) {
  const auto ann = begin(access("ann", "1.2")), bob = begin(access("bob", "1.3")), cat = begin(access("cat", "1.2"));
  finish(end(cat, 404));
  finish(end(ann, 200, false));
  finish(end(bob));
  begin(access("dan", "1.2"));
  EXPECT_THAT(users({}), ElementsAre("cat failure", "ann incomplete", "bob success"));
  EXPECT_TRUE(read_.all);
  RecordQuery query;
  query.with_open = true;
  query.study = "1.2";
  EXPECT_THAT(users(query), ElementsAre("cat failure", "ann incomplete", "dan unknown"));
  query.outcome = "failure";
  EXPECT_THAT(users(query), ElementsAre("cat failure"));
}

TEST_F(RecordsTest, AnAccessWhoseProcessDiedEndsUnknownAtTheNextStart) {
  begin(access("ann", "1.2"));
  reopen();
  const auto bob = begin(access("bob", "1.2"));
  finish(end(bob, 403));
  EXPECT_THAT(users({}), ElementsAre("ann unknown", "bob refused"));
}

TEST_F(RecordsTest, AreReadPageByPage) {
  for (int i = 0; i < 10; ++i) finish(end(begin(access("u" + std::to_string(i), "1.2"))));
  std::vector<std::string> all;
  RecordQuery query;
  do {
    for (auto& user : users(query, 3)) all.push_back(user);
    query.after = read_.through;
  } while (!read_.all);
  EXPECT_THAT(all, testing::SizeIs(10));
  query.after = 0;
  query.bytes_most = 1000;
  const auto some = users(query);
  EXPECT_THAT(some, testing::SizeIs(testing::Lt(10U)));
  EXPECT_FALSE(read_.all);
}

TEST_F(RecordsTest, AreFoundByTheirTimeAcrossDays) {
  for (int day = 0; day < 5; ++day) {
    const auto n = begin(access("day" + std::to_string(day), "1.2"));
    now_ += std::chrono::hours(24);
    ASSERT_TRUE(spool_->sync());  // a new file
    finish(end(n));
  }
  RecordQuery query;
  query.since = "2026-12-01";
  EXPECT_THAT(users(query), ElementsAre("day1 success", "day2 success", "day3 success", "day4 success"));
  query.until = "2026-12-02T16:00:01";
  EXPECT_THAT(users(query), ElementsAre("day1 success", "day2 success"));
}

TEST_F(RecordsTest, HoldWhateverAClientSent) {
  Access odd = access("a\"b\\c\n\xFF", "1.2");
  odd.query = "PatientName=\xC3\xB6\x01";
  finish(end(begin(odd)));
  std::string json;
  ASSERT_TRUE(for_records(folder_, {}, [&](const Record& record, std::uint64_t) {
    json = to_json(record);
    EXPECT_EQ(record.access.user, "a\"b\\c\n\xEF\xBF\xBD");
    EXPECT_EQ(record.access.query, odd.query);
    for (const auto& message : to_messages(record, {"g", "", "h"}, [](auto, auto) { return std::optional<Patient>(); }))
      EXPECT_THAT(message, Not(HasSubstr("\n")));
    return true;
  }));
  EXPECT_THAT(json, HasSubstr("\"user\":\"a\\\"b\\\\c\\n\xEF\xBF\xBD\""));
  EXPECT_THAT(json, Not(HasSubstr("\n")));
}

TEST(Messages, OfOneStoreAreAsManyAsItsStudies) {
  Record record;
  record.n = 7;
  record.time = "2026-11-30T16:00:00.000000Z";
  record.kind = "access";
  record.access = access("ann", "");
  record.access.operation = operation::kStore;
  record.access.stored =
      R"({"studies":[{"study":"1.2","classes":{"1.9":3},"stored":3},{"study":"1.3","classes":{"1.9":1},"unchanged":1}]})";
  record.end = end(7);
  const PatientOf patient_of = [](std::string_view, std::string_view study) {
    return study == "1.2" ? std::optional(Patient{"P<1>", "Doe^John"}) : std::nullopt;
  };
  const auto messages = to_messages(record, {"gantry", "site", "host"}, patient_of);
  ASSERT_EQ(messages.size(), 2U);
  EXPECT_THAT(messages[0], HasSubstr("EventActionCode=\"C\""));
  EXPECT_THAT(messages[0], HasSubstr("<SOPClass UID=\"1.9\" NumberOfInstances=\"3\"/>"));
  EXPECT_THAT(messages[0], HasSubstr("ParticipantObjectID=\"P&lt;1&gt;\""));
  EXPECT_THAT(messages[1], HasSubstr("EventActionCode=\"R\""));
  const std::string syslog = to_syslog(record, messages[0], {"gantry", "site", "ho st"});
  EXPECT_TRUE(syslog.starts_with("<85>1 2026-11-30T16:00:00.000000Z ho-st gantry ")) << syslog;
  EXPECT_THAT(syslog, HasSubstr(" DICOM+RFC3881 - \xEF\xBB\xBF<AuditMessage>"));
}

TEST(Base64, IsThatOfRfc4648) {
  EXPECT_EQ(base64(""), "");
  EXPECT_EQ(base64("f"), "Zg==");
  EXPECT_EQ(base64("fo"), "Zm8=");
  EXPECT_EQ(base64("foo"), "Zm9v");
  EXPECT_EQ(base64("foobar"), "Zm9vYmFy");
  EXPECT_EQ(base64("\xFB\xEF\xBE"), "++++");
}

}  // namespace
}  // namespace gantry::audit
