#pragma once

// Copies of an index into and out of a provider (index/copy.hpp), as tests. Beside IndexContract's needs the provider's
// index is a TableStore.

#include <filesystem>

#include "contract/index_contract.hpp"
#include "contract/record_store_contract.hpp"
#include "gantry/index/copy.hpp"
#include "gantry/index/sql/tables.hpp"
#include "gantry/index/sqlite/sqlite_index.hpp"

namespace gantry::index::contract {

/// A SQLite file that goes with it.
class ScratchIndex {
 public:
  ScratchIndex() : folder_(std::filesystem::temp_directory_path() / ("gantry-copy-" + random_hex(8))) {
    std::filesystem::create_directories(folder_);
    SqliteSettings settings;
    settings.path = folder_ / "index.db";
    index_ = must(SqliteIndex::open(settings));
  }
  ~ScratchIndex() {
    index_.reset();
    std::filesystem::remove_all(folder_);
  }
  ScratchIndex(const ScratchIndex&) = delete;
  ScratchIndex& operator=(const ScratchIndex&) = delete;
  SqliteIndex& operator*() { return *index_; }
  SqliteIndex* operator->() { return index_.get(); }

 private:
  std::filesystem::path folder_;
  std::unique_ptr<SqliteIndex> index_;
};

template <class Provider>
class IndexCopyContract : public testing::Test {
 protected:
  TableStore& store() { return dynamic_cast<TableStore&>(provider.index()); }

  /// Two tenants with the same studies in part, deletions, quotas, states and JSON rows of the six calls.
  static void fill(InstanceIndex& index) {
    for (const char* const tenant : {"clinic-a", "clinic-b"}) {
      const RequestContext ctx = context_for(tenant);
      ASSERT_TRUE(index.ensure_tenant(ctx));
      Samples samples(tenant[7]);
      for (int b = 0; b < 4; ++b) {
        std::vector<InstanceRecord> batch;
        for (int i = 0; i < 40; ++i) batch.push_back(samples.record());
        ASSERT_TRUE(index.commit(ctx, batch, ConflictPolicy::kReplace));
      }
      InstanceRecord plain = instance("1.9", "1.9.1", "1.9.1.1");
      plain.attributes.study_description = std::string(2000, 'x');  // its term is cut
      ASSERT_TRUE(index.commit(ctx, std::vector{plain}, ConflictPolicy::kReject));
      ASSERT_TRUE(index.remove(ctx, StudyUid("1.1"), std::nullopt, std::nullopt, std::chrono::seconds(0)));
      ASSERT_TRUE(index.set_quotas(ctx, {1ULL << 40, 12345, 17, 4}));
      StateRow state;
      state.study_uid = "1.77", state.series_uid = "1.77.1", state.patient_name = "山田^太郎";
      ASSERT_TRUE(index.save_state_info(ctx, state));
      JsonRow json;
      json.study_uid = "1.9", json.series_uid = "1.9.1", json.json_status = 1, json.retry_times = 3;
      json.version = *must(index.version_of(ctx, plain.study, plain.series));
      ASSERT_TRUE(index.save_json_list(ctx, std::vector{json}));
    }
    ASSERT_TRUE(index.set_tenant_state(context_for("clinic-b"), TenantState::kDisabled));
    for (const char* const id : {"k1", "k2"}) {
      Record record = record_of(id);
      if (record.id == "k2") record.expires = record.created;
      ASSERT_TRUE(index.records().put_record(context_for("clinic-a"), record));
    }
  }

  static std::vector<std::string> rows_of(TableStore& store) {
    std::vector<std::string> all;
    for (const sql::Table* table : sql::tables()) {
      if (table == &sql::kTermTable || table == &sql::kNoteTable) continue;
      std::string place;
      do {
        const auto page = must(store.read_page({}, *table, place, 50, 1U << 20));
        for (const auto& row : page.rows) {
          std::string text(table->name);
          for (const auto& cell : row) {
            const auto* number = std::get_if<std::int64_t>(&cell);
            text += "|" + (number != nullptr ? std::to_string(*number) : std::get<std::string>(cell));
          }
          all.push_back(text);
        }
        place = page.next;
      } while (!place.empty());
    }
    std::sort(all.begin(), all.end());
    return all;
  }

  static std::vector<std::string> found(InstanceIndex& index, const SearchQuery& query) {
    std::vector<std::string> rows;
    EXPECT_TRUE(index.search(context_for("clinic-a"), query, [&](SearchRow&& row) {
      rows.push_back(describe(row));
      return true;
    }));
    return rows;
  }

  static void expect_same(InstanceIndex& one, InstanceIndex& other) {
    EXPECT_EQ(rows_of(dynamic_cast<TableStore&>(one)), rows_of(dynamic_cast<TableStore&>(other)));
    EXPECT_THAT(must(other.verify_counts(context_for("clinic-a"))), IsEmpty());
    Samples samples(5);
    for (int i = 0; i < 40; ++i) {  // terms are looked up
      const SearchQuery query = samples.query();
      EXPECT_EQ(found(one, query), found(other, query)) << describe(query);
    }
  }

  static bool go_on(const CopyProgress&) { return true; }

  Provider provider;
};
TYPED_TEST_SUITE_P(IndexCopyContract);

TYPED_TEST_P(IndexCopyContract, AnArchiveIsTheSameAfterTheWayInAndOut) {
  ScratchIndex source, back;
  this->fill(*source);
  const auto report = must(copy_index(*source, "source", this->store(), this->go_on, 25));
  EXPECT_EQ(report.instances, must(source->totals(context_for("clinic-a"))).instances +
                                  must(source->totals(context_for("clinic-b"))).instances);
  EXPECT_EQ(report.tenants, 2U);
  EXPECT_FALSE(report.resumed);
  this->expect_same(*source, this->provider.index());
  ASSERT_TRUE(copy_index(this->store(), "provider", *back, this->go_on, 25));
  this->expect_same(*source, *back);
  // What is stored next goes on where the source was.
  const RequestContext ctx = context_for("clinic-a");
  const auto version = must(source->totals(ctx)).change_no;
  const auto committed = must(
      this->provider.index().commit(ctx, std::vector{instance("1.5", "1.5.9", "1.5.9.9")}, ConflictPolicy::kReject));
  EXPECT_EQ(committed.at(0).version, version + 1);
}

TYPED_TEST_P(IndexCopyContract, ACopyThatWasCutOffGoesOnAndSaysSoUntilItIsWhole) {
  ScratchIndex source;
  this->fill(*source);
  int runs = 0;
  for (bool done = false; !done; ++runs) {
    ASSERT_LT(runs, 200);
    int pages = 0;
    const auto report = copy_index(
        *source, "source", this->store(), [&](const CopyProgress&) { return ++pages < 4; }, 40);
    done = report.ok();
    if (done) {
      EXPECT_TRUE(report->resumed);
      break;
    }
    ASSERT_EQ(report.error().kind(), ErrorKind::kUnavailable) << report.error().detail();
    EXPECT_EQ(must(unfinished_copy_of({}, this->store())), "source");
    const auto other = copy_index(*source, "another", this->store(), this->go_on, 40);
    ASSERT_FALSE(other) << "an unfinished target is for its own source alone";
    EXPECT_EQ(other.error().kind(), ErrorKind::kConflict);
    if (runs == 3) break;  // verifying begins anew each time, so the last run is left alone
  }
  ASSERT_TRUE(copy_index(*source, "source", this->store(), this->go_on, 40));
  EXPECT_GE(runs, 3);
  EXPECT_EQ(must(unfinished_copy_of({}, this->store())), "");
  this->expect_same(*source, this->provider.index());
}

TYPED_TEST_P(IndexCopyContract, OnlyAnEmptyTargetTakesACopy) {
  ScratchIndex source;
  this->fill(*source);
  const RequestContext ctx = context_for("default");
  ASSERT_TRUE(this->provider.index().ensure_tenant(ctx));
  ASSERT_TRUE(this->provider.index().commit(ctx, std::vector{instance("1", "1.1", "1.1.1")}, ConflictPolicy::kReject));
  const auto before = this->rows_of(this->store());
  const auto refused = copy_index(*source, "source", this->store(), this->go_on);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind(), ErrorKind::kConflict);
  EXPECT_EQ(this->rows_of(this->store()), before);
  EXPECT_EQ(must(unfinished_copy_of({}, this->store())), "");
}

TYPED_TEST_P(IndexCopyContract, AChangeOfTheSourceOrTheTargetMeanwhileIsFound) {
  ScratchIndex source, other;
  this->fill(*source);
  bool changed = false;
  const auto change_source = [&](const CopyProgress&) {
    if (!std::exchange(changed, true)) {
      EXPECT_TRUE(source->commit(context_for("clinic-a"), std::vector{instance("1.5", "1.5.9", "1.5.9.9")},
                                 ConflictPolicy::kReject));
    }
    return true;
  };
  const auto moved = copy_index(*source, "source", this->store(), change_source, 40);
  ASSERT_FALSE(moved);
  EXPECT_EQ(moved.error().kind(), ErrorKind::kConflict) << moved.error().detail();
  EXPECT_EQ(must(unfinished_copy_of({}, this->store())), "source");

  changed = false;
  const auto change_target = [&](const CopyProgress& progress) {
    if (progress.phase == CopyProgress::Phase::kVerifying && !std::exchange(changed, true)) {
      EXPECT_TRUE(
          other->remove(context_for("clinic-a"), StudyUid("1.9"), std::nullopt, std::nullopt, std::chrono::seconds(0)));
    }
    return true;
  };
  const auto differs = copy_index(*source, "source", *other, change_target, 40);
  ASSERT_FALSE(differs);
  EXPECT_EQ(differs.error().kind(), ErrorKind::kInternal) << differs.error().detail();
}

REGISTER_TYPED_TEST_SUITE_P(IndexCopyContract, AnArchiveIsTheSameAfterTheWayInAndOut,
                            ACopyThatWasCutOffGoesOnAndSaysSoUntilItIsWhole, OnlyAnEmptyTargetTakesACopy,
                            AChangeOfTheSourceOrTheTargetMeanwhileIsFound);

}  // namespace gantry::index::contract
