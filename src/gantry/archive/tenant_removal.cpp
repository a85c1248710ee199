#include "gantry/archive/tenant_removal.hpp"

#include <algorithm>
#include <chrono>
#include <thread>
#include <vector>

#include "gantry/cache/keys.hpp"
#include "gantry/index/audit_log.hpp"
#include "gantry/index/record_store.hpp"

namespace gantry::archive {
namespace {

using index::TenantState;

constexpr std::size_t kStudiesAtOnce = 50;
/// What has more instances goes in parts, so that no transaction is long.
constexpr std::uint64_t kStudyInstancesMost = 1000, kSeriesInstancesMost = 4000;
constexpr std::size_t kInstancesAtOnce = 500;
constexpr std::size_t kObjectsAtOnce = 256;
constexpr std::size_t kRowsAtOnce = 1000;
/// A commit refuses an attempt that began to persist more than an hour ago (DESIGN §4.5).
constexpr std::chrono::seconds kCommitWindow = std::chrono::hours(1) + std::chrono::minutes(15);
constexpr int kCacheTries = 5;
constexpr std::chrono::milliseconds kCachePause{1500};  ///< longer than a circuit breaker's first pauses
/// What fails for its time, such as a database that restarts, is asked for again.
constexpr int kTries = 3;
constexpr std::chrono::seconds kPause{1};

class Removal {
 public:
  Removal(const RequestContext& ctx, const TenantRemovalParts& parts,
          const std::function<bool(const TenantRemovalProgress&)>& told)
      : ctx_(ctx), parts_(parts), told_(told) {}

  Result<TenantRemovalReport> run() {
    GANTRY_TRY(begin());
    GANTRY_TRY(remove_instances());
    GANTRY_TRY(remove_objects());
    GANTRY_TRY(remove_rows());
    GANTRY_TRY(remove_records());
    GANTRY_TRY(remove_cache());
    // An object may have come by a store that was on its way when all others went; the sweep would find it in a day.
    GANTRY_TRY(remove_objects());
    GANTRY_TRY(record("tenant.deleted", std::to_string(report_.instances) + " instances, " +
                                            std::to_string(report_.objects) + " objects"));
    GANTRY_TRY(parts_.index.change_tenant_state(ctx_, TenantState::kDeleting, TenantState::kDeleted));
    return report_;
  }

 private:
  Result<void> begin() {
    GANTRY_LET(const auto tenant, parts_.index.find_tenant(ctx_));
    if (!tenant) return Error::not_found("there is no tenant " + ctx_.tenant.str());
    const TenantState state = tenant->info.state;
    if (state == TenantState::kDeleted) return Error::not_found("tenant " + ctx_.tenant.str() + " is deleted already");
    report_.resumed = state == TenantState::kDeleting;
    if (!report_.resumed) GANTRY_TRY(parts_.index.change_tenant_state(ctx_, state, TenantState::kDeleting));
    GANTRY_TRY(record("tenant.deleting", report_.resumed ? "goes on" : ""));
    // Read again: what was committed before the state changed is there now.
    GANTRY_LET(const index::TenantTotals totals, parts_.index.totals(ctx_));
    left_ = totals.instances;
    report_.studies = totals.studies;
    report_.series = totals.series;
    report_.instances = totals.instances;
    report_.bytes = totals.bytes;
    return {};
  }

  /// In the tenant's audit trail, which stays.
  Result<void> record(const char* action, std::string detail) {
    index::AuditEntry entry;
    entry.action = action;
    entry.actor = index::actor_of(ctx_);
    entry.detail = std::move(detail);
    GANTRY_LET(const std::uint64_t number, parts_.index.audit_log().add_audit(ctx_, entry));
    (void)number;
    return {};
  }

  Result<void> tell(std::string_view step) {
    if (told_ && !told_({step, left_, report_})) return Error::unavailable("the removal was stopped; it can go on");
    return {};
  }

  /// Once more after a pause, when the index could not be asked.
  template <class Call>
  auto patiently(const Call& call) -> decltype(call()) {
    for (int tries = 1;; ++tries) {
      auto result = call();
      const bool passes =
          !result && (result.error().kind() == ErrorKind::kUnavailable || result.error().kind() == ErrorKind::kTimeout);
      if (!passes || tries == kTries) return result;
      std::this_thread::sleep_for(kPause);
    }
  }

  Result<std::vector<index::SearchRow>> search(const index::SearchQuery& query) {
    return patiently([&]() -> Result<std::vector<index::SearchRow>> {
      std::vector<index::SearchRow> rows;
      GANTRY_TRY(parts_.index.search(ctx_, query, [&rows](index::SearchRow&& row) {
        rows.push_back(std::move(row));
        return true;
      }));
      return rows;
    });
  }

  Result<void> remove_instances() {
    index::SearchQuery query;
    query.level = index::Level::kStudy;
    query.limit = kStudiesAtOnce;
    for (std::uint64_t before = UINT64_MAX;;) {
      GANTRY_TRY(tell("instances"));
      GANTRY_LET(const auto studies, search(query));
      if (studies.empty()) return {};
      GANTRY_LET(const index::TenantTotals totals, patiently([&] { return parts_.index.totals(ctx_); }));
      if (totals.instances == before) return Error::internal("studies that can't be removed; run gantry fsck");
      before = left_ = totals.instances;
      for (const index::SearchRow& row : studies) {
        GANTRY_TRY(remove_study(row.study));
        GANTRY_TRY(tell("instances"));
      }
    }
  }

  Result<void> remove_study(const index::StudyRow& study) {
    if (study.instance_count <= kStudyInstancesMost) return remove(study.study, std::nullopt, std::nullopt);
    index::SearchQuery query;
    query.level = index::Level::kSeries;
    query.study = study.study;
    GANTRY_LET(const auto all, search(query));
    for (const index::SearchRow& row : all) {
      if (row.series->instance_count > kSeriesInstancesMost) {
        GANTRY_TRY(remove_one_by_one(study.study, row.series->series));
      } else {
        GANTRY_TRY(remove(study.study, row.series->series, std::nullopt));
      }
      GANTRY_TRY(tell("instances"));
    }
    return {};
  }

  Result<void> remove_one_by_one(const StudyUid& study, const SeriesUid& series) {
    index::SearchQuery query;
    query.level = index::Level::kInstance;
    query.study = study;
    query.series = series;
    query.limit = kInstancesAtOnce;
    for (;;) {
      GANTRY_LET(const auto instances, search(query));
      if (instances.empty()) return {};
      for (const index::SearchRow& row : instances) GANTRY_TRY(remove(study, series, row.instance->sop));
      GANTRY_TRY(tell("instances"));
    }
  }

  Result<void> remove(const StudyUid& study, const std::optional<SeriesUid>& series, const std::optional<SopUid>& sop) {
    GANTRY_LET(const std::uint64_t gone,
               patiently([&] { return parts_.index.remove(ctx_, study, series, sop, kCommitWindow); }));
    left_ -= std::min(left_, gone);
    if (parts_.listener != nullptr) {
      parts_.listener->committed(ctx_, study, series.value_or(SeriesUid()), sop.value_or(SopUid()));
    }
    return {};
  }

  /// Files: of instances that went, which nobody reads any more but who has them open, and of stores that were not
  /// committed. Each is queued first, and stays so for as long as such a store may still be tried, so that it can't
  /// become an instance without its bytes: not in this tenant when it comes back, either.
  Result<void> remove_objects() {
    GANTRY_TRY(tell("objects"));
    std::vector<ObjectKey> keys;
    Result<void> removed;
    const auto remove_all = [&]() -> Result<void> {
      GANTRY_TRY(patiently([&] { return parts_.index.queue_objects(ctx_, keys, kCommitWindow); }));
      for (const ObjectKey& key : keys) GANTRY_TRY(parts_.objects.remove(ctx_, key));
      report_.objects += keys.size();
      keys.clear();
      return tell("objects");
    };
    GANTRY_TRY(parts_.objects.list_tenant(ctx_, [&](const storage::ObjectInfo& info) {
      keys.push_back(info.key);
      if (keys.size() >= kObjectsAtOnce) removed = remove_all();
      return removed.ok();
    }));
    GANTRY_TRY(std::move(removed));
    return keys.empty() ? Result<void>() : remove_all();
  }

  Result<void> remove_rows() {
    for (;;) {
      GANTRY_TRY(tell("rows"));
      GANTRY_LET(const std::uint64_t gone, patiently([&] { return parts_.index.purge_tenant(ctx_, kRowsAtOnce); }));
      if (gone == 0) return {};
      report_.other_rows += gone;
    }
  }

  /// Keys and links that opened the tenant's door.
  Result<void> remove_records() {
    for (;;) {
      GANTRY_LET(const std::size_t gone,
                 patiently([&] { return parts_.index.records().remove_tenant_records(ctx_, kRowsAtOnce); }));
      report_.other_rows += gone;
      if (gone < kRowsAtOnce) return {};
    }
  }

  // Last, as nodes tell the cache of changes for as long as there are any.
  Result<void> remove_cache() {
    if (parts_.cache == nullptr) return {};
    GANTRY_TRY(tell("cache"));
    const std::vector<std::string> prefixes = cache::tenant_prefixes(ctx_.tenant);
    for (int tries = 1;; ++tries) {
      const auto removed = parts_.cache->remove_prefixes(ctx_, prefixes);
      if (removed) {
        report_.cache_keys += *removed;
        return {};
      }
      if (tries == kCacheTries) {
        return Error::unavailable("the tenant's keys in the cache can't be removed: " + removed.error().detail());
      }
      std::this_thread::sleep_for(kCachePause);
    }
  }

  const RequestContext& ctx_;
  const TenantRemovalParts& parts_;
  const std::function<bool(const TenantRemovalProgress&)>& told_;
  TenantRemovalReport report_;
  std::uint64_t left_ = 0;  ///< instances
};

}  // namespace

Result<TenantRemovalReport> remove_tenant(const RequestContext& ctx, const TenantRemovalParts& parts,
                                          const std::function<bool(const TenantRemovalProgress&)>& told) {
  return Removal(ctx, parts, told).run();
}

}  // namespace gantry::archive
