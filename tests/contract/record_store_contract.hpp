#pragma once

// What every RecordStore owes (index/record_store.hpp), as tests; the providers are those of index_contract.hpp.

#include <atomic>
#include <thread>

#include "contract/index_contract_fixture.hpp"
#include "gantry/index/record_store.hpp"

namespace gantry::index::contract {

inline Record record_of(const char* id, const char* tenant = "clinic-a", RecordKind kind = RecordKind::kApiKey) {
  Record record;
  record.kind = kind;
  record.id = id;
  record.tenant = TenantId(tenant);
  record.created = Timestamp(std::chrono::seconds(1'800'000'000) + std::chrono::microseconds(123'456));
  record.body = "{\"name\":\"山田 \\\"x\\\"\"}";
  return record;
}

template <class Provider>
class RecordStoreContract : public testing::Test {
 protected:
  RecordStore& store() { return provider.index().records(); }
  std::vector<std::string> ids(const RecordQuery& query) {
    std::vector<std::string> found;
    for (const Record& record : must(store().list_records(ctx, query))) found.push_back(record.id);
    return found;
  }
  ErrorKind refusal(const Record& record) {
    const auto put = store().put_record(ctx, record);
    EXPECT_FALSE(put);
    return put ? ErrorKind::kInternal : put.error().kind();
  }

  Provider provider;
  RequestContext ctx = context_for("clinic-a");
};
TYPED_TEST_SUITE_P(RecordStoreContract);

TYPED_TEST_P(RecordStoreContract, ARecordComesBackAsItWasPut) {
  Record record = record_of("k1");
  record.expires = record.created + std::chrono::hours(24);
  EXPECT_EQ(must(this->store().put_record(this->ctx, record)), 1U);
  record.version = 1;
  EXPECT_EQ(must(this->store().get_record(this->ctx, RecordKind::kApiKey, "k1")), record);
  EXPECT_EQ(must(this->store().get_record(this->ctx, RecordKind::kShare, "k1")), std::nullopt) << "another kind";
  EXPECT_EQ(must(this->store().get_record(this->ctx, RecordKind::kApiKey, "K1")), std::nullopt) << "another id";
  EXPECT_EQ(must(this->store().get_record(this->ctx, RecordKind::kApiKey, "k1' OR '1'='1")), std::nullopt);
  const RequestContext other = context_for("clinic-b");
  EXPECT_EQ(must(this->store().get_record(other, RecordKind::kApiKey, "k1")), record) << "an id tells its tenant";

  Record longest = record_of("k2");
  longest.body = std::string(kRecordBytesMost, 'x');
  EXPECT_TRUE(this->store().put_record(this->ctx, longest));
  EXPECT_EQ(must(this->store().get_record(this->ctx, RecordKind::kApiKey, "k2"))->body, longest.body);
}

TYPED_TEST_P(RecordStoreContract, AChangeGoesByTheVersionThatItSaw) {
  Record record = record_of("k1");
  ASSERT_TRUE(this->store().put_record(this->ctx, record));
  record.version = 1;
  record.body = "second";
  EXPECT_EQ(must(this->store().put_record(this->ctx, record)), 2U);
  record.body = "late";
  EXPECT_EQ(this->refusal(record), ErrorKind::kConflict) << "version 1 is gone";
  record.version = 2;
  record.expires = record.created;
  EXPECT_EQ(must(this->store().put_record(this->ctx, record)), 3U);
  record.version = 3;
  record.expires.reset();
  EXPECT_EQ(must(this->store().put_record(this->ctx, record)), 4U);
  record.version = 4;
  EXPECT_EQ(must(this->store().get_record(this->ctx, RecordKind::kApiKey, "k1")), record);
}

TYPED_TEST_P(RecordStoreContract, ANewRecordTakesNoOthersIdAndMayBeSentTwice) {
  const Record record = record_of("k1");
  ASSERT_TRUE(this->store().put_record(this->ctx, record));
  EXPECT_EQ(must(this->store().put_record(this->ctx, record)), 1U) << "as after an answer that was lost";
  Record other = record_of("k1", "clinic-b");
  EXPECT_EQ(this->refusal(other), ErrorKind::kConflict);
  other = record_of("k1");
  other.body = "other";
  EXPECT_EQ(this->refusal(other), ErrorKind::kConflict);
  EXPECT_EQ(must(this->store().put_record(this->ctx, record_of("k1", "clinic-b", RecordKind::kShare))), 1U);
}

TYPED_TEST_P(RecordStoreContract, WhatWasRemovedDoesNotComeBack) {
  Record record = record_of("k1");
  ASSERT_TRUE(this->store().put_record(this->ctx, record));
  EXPECT_TRUE(must(this->store().remove_record(this->ctx, RecordKind::kApiKey, "k1")));
  EXPECT_FALSE(must(this->store().remove_record(this->ctx, RecordKind::kApiKey, "k1")));
  EXPECT_EQ(must(this->store().get_record(this->ctx, RecordKind::kApiKey, "k1")), std::nullopt);
  record.version = 1;
  EXPECT_EQ(this->refusal(record), ErrorKind::kConflict);
  EXPECT_EQ(must(this->store().get_record(this->ctx, RecordKind::kApiKey, "k1")), std::nullopt);
}

TYPED_TEST_P(RecordStoreContract, ListsPageByPageAndByTenant) {
  for (const char* const id : {"b", "A", "a", "C", "9"}) {
    ASSERT_TRUE(this->store().put_record(this->ctx, record_of(id, id[0] == 'a' ? "clinic-b" : "clinic-a")));
  }
  ASSERT_TRUE(this->store().put_record(this->ctx, record_of("share", "clinic-a", RecordKind::kShare)));
  RecordQuery query;
  EXPECT_THAT(this->ids(query), ElementsAre("9", "A", "C", "a", "b"));
  query.limit = 2;
  EXPECT_THAT(this->ids(query), ElementsAre("9", "A"));
  query.after = "A";
  EXPECT_THAT(this->ids(query), ElementsAre("C", "a"));
  query = {RecordKind::kApiKey, TenantId("clinic-a"), "9", 100};
  EXPECT_THAT(this->ids(query), ElementsAre("A", "C", "b"));
  query = {RecordKind::kShare, std::nullopt, "", 100};
  EXPECT_THAT(this->ids(query), ElementsAre("share"));
  query.limit = 0;
  EXPECT_THAT(this->ids(query), IsEmpty());
}

TYPED_TEST_P(RecordStoreContract, ExpiredRecordsAndThoseOfATenantGo) {
  const Timestamp day = record_of("x").created;
  for (int i = 0; i < 5; ++i) {
    Record record = record_of(("k" + std::to_string(i)).c_str(), i % 2 == 0 ? "clinic-a" : "clinic-b",
                              i < 3 ? RecordKind::kApiKey : RecordKind::kShare);
    if (i > 0) record.expires = day + std::chrono::hours(i);
    ASSERT_TRUE(this->store().put_record(this->ctx, record));
  }
  EXPECT_EQ(must(this->store().remove_expired_records(this->ctx, day, 10)), 0U);
  EXPECT_EQ(must(this->store().remove_expired_records(this->ctx, day + std::chrono::hours(3), 2)), 2U);
  EXPECT_EQ(must(this->store().remove_expired_records(this->ctx, day + std::chrono::hours(3), 10)), 1U);
  EXPECT_THAT(this->ids({}), ElementsAre("k0")) << "one that never expires stays";
  EXPECT_THAT(this->ids({RecordKind::kShare, std::nullopt, "", 10}), ElementsAre("k4"));

  ASSERT_TRUE(this->store().put_record(this->ctx, record_of("k7", "clinic-b")));
  EXPECT_EQ(must(this->store().remove_tenant_records(this->ctx, 1)), 1U);
  EXPECT_EQ(must(this->store().remove_tenant_records(this->ctx, 10)), 1U);
  EXPECT_EQ(must(this->store().remove_tenant_records(this->ctx, 10)), 0U);
  EXPECT_THAT(this->ids({}), ElementsAre("k7"));
}

TYPED_TEST_P(RecordStoreContract, WhatCanNotBeKeptIsRefused) {
  EXPECT_EQ(this->refusal(record_of("")), ErrorKind::kInvalid);
  EXPECT_EQ(this->refusal(record_of("a/b")), ErrorKind::kInvalid);
  EXPECT_EQ(this->refusal(record_of(std::string(65, 'a').c_str())), ErrorKind::kInvalid);
  EXPECT_EQ(this->refusal(record_of("a", "Clinic")), ErrorKind::kInvalid);
  Record record = record_of("a");
  record.body = std::string(kRecordBytesMost + 1, 'x');
  EXPECT_EQ(this->refusal(record), ErrorKind::kInvalid);
  record.body = "\xff";
  EXPECT_EQ(this->refusal(record), ErrorKind::kInvalid);
}

TYPED_TEST_P(RecordStoreContract, OfManyChangesAtOnceEachSeesTheOneBefore) {
  constexpr int kThreads = 8;
  std::atomic<int> made = 0, raised = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      Record mine = record_of("k1");
      mine.body = std::to_string(i);
      if (this->store().put_record(this->ctx, mine)) ++made;
      for (int tries = 0; tries < 10; ++tries) {
        auto seen = must(this->store().get_record(this->ctx, RecordKind::kApiKey, "k1"));
        ASSERT_TRUE(seen);
        seen->body += '.';
        if (this->store().put_record(this->ctx, *seen)) ++raised;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(made, 1);
  const auto last = must(this->store().get_record(this->ctx, RecordKind::kApiKey, "k1"));
  ASSERT_TRUE(last);
  EXPECT_EQ(last->version, 1U + static_cast<unsigned>(raised));
  EXPECT_EQ(last->body.size(), 1U + static_cast<unsigned>(raised)) << "no change was lost";
  EXPECT_GT(raised, 0);
}

TYPED_TEST_P(RecordStoreContract, RecordsOutliveTheProcessAndAPassedDeadlineIsATimeout) {
  const Record record = record_of("k1");
  ASSERT_TRUE(this->store().put_record(this->ctx, record));
  this->provider.reopen();
  EXPECT_TRUE(must(this->store().get_record(this->ctx, RecordKind::kApiKey, "k1")));
  RequestContext late = this->ctx;
  late.deadline = Clock::now() - std::chrono::seconds(1);
  const auto is_timeout = [](const auto& result) { return !result && result.error().kind() == ErrorKind::kTimeout; };
  EXPECT_TRUE(is_timeout(this->store().put_record(late, record_of("k2"))));
  EXPECT_TRUE(is_timeout(this->store().get_record(late, RecordKind::kApiKey, "k1")));
  EXPECT_TRUE(is_timeout(this->store().list_records(late, {})));
  EXPECT_TRUE(is_timeout(this->store().remove_record(late, RecordKind::kApiKey, "k1")));
  EXPECT_TRUE(is_timeout(this->store().remove_expired_records(late, record.created, 10)));
  EXPECT_TRUE(is_timeout(this->store().remove_tenant_records(late, 10)));
  EXPECT_TRUE(must(this->store().get_record(this->ctx, RecordKind::kApiKey, "k1")));
}

REGISTER_TYPED_TEST_SUITE_P(RecordStoreContract, ARecordComesBackAsItWasPut, AChangeGoesByTheVersionThatItSaw,
                            ANewRecordTakesNoOthersIdAndMayBeSentTwice, WhatWasRemovedDoesNotComeBack,
                            ListsPageByPageAndByTenant, ExpiredRecordsAndThoseOfATenantGo, WhatCanNotBeKeptIsRefused,
                            OfManyChangesAtOnceEachSeesTheOneBefore,
                            RecordsOutliveTheProcessAndAPassedDeadlineIsATimeout);

}  // namespace gantry::index::contract
