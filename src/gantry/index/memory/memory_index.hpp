#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <utility>

#include "gantry/index/audit_log.hpp"
#include "gantry/index/instance_index.hpp"
#include "gantry/index/json_claims.hpp"
#include "gantry/index/record_store.hpp"
#include "gantry/index/state_row.hpp"

namespace gantry::index {

/// The index as plain maps behind one mutex: for unit tests, and the reference that other providers are compared with.
/// Searches look at every row.
class MemoryIndex final : public InstanceIndex, public RecordStore, public AuditLog {
 public:
  using Now = std::function<Timestamp()>;
  /// `now` is the database's clock, so that tests can let leases run out.
  explicit MemoryIndex(Now now = timestamp_now) : now_(std::move(now)) {}

  Result<std::vector<Committed>> commit(const RequestContext& ctx, std::span<const InstanceRecord> batch,
                                        ConflictPolicy policy) override;
  Result<void> search(const RequestContext& ctx, const SearchQuery& query,
                      const std::function<bool(SearchRow&&)>& visit) override;
  Result<std::uint64_t> count(const RequestContext& ctx, const SearchQuery& query, std::uint64_t most) override;
  Result<TenantTotals> totals(const RequestContext& ctx) override;
  Result<std::optional<Located>> locate(const RequestContext& ctx, const StudyUid& study, const SeriesUid& series,
                                        const SopUid& sop) override;
  Result<std::optional<std::uint64_t>> version_of(const RequestContext& ctx, const StudyUid& study,
                                                  const std::optional<SeriesUid>& series) override;
  Result<std::vector<std::uint64_t>> versions(const RequestContext& ctx, std::span<const VersionKey> keys) override;
  Result<std::uint64_t> remove(const RequestContext& ctx, const StudyUid& study, const std::optional<SeriesUid>& series,
                               const std::optional<SopUid>& sop, std::chrono::seconds object_grace) override;
  Result<std::vector<ObjectKey>> due_deletions(const RequestContext& ctx, std::size_t limit) override;
  Result<void> deletion_done(const RequestContext& ctx, std::span<const ObjectKey> keys) override;
  Result<void> deletion_failed(const RequestContext& ctx, const ObjectKey& key, std::chrono::seconds retry_after) override;
  Result<std::vector<bool>> are_held(const RequestContext& ctx, std::span<const ObjectKey> keys) override;
  Result<void> visit_objects(const RequestContext& ctx, const std::function<bool(const HeldObject&)>& visit) override;
  Result<std::vector<std::string>> verify_counts(const RequestContext& ctx) override;
  Result<std::vector<Change>> changes(const RequestContext& ctx, std::uint64_t after_version, std::size_t limit) override;
  Result<void> ensure_tenant(const RequestContext& ctx) override;
  Result<std::optional<TenantEntry>> find_tenant(const RequestContext& ctx) override;
  Result<std::vector<TenantEntry>> list_tenants(const RequestContext& ctx, const TenantId& after,
                                                std::size_t limit) override;
  Result<void> set_quotas(const RequestContext& ctx, const TenantQuotas& quotas) override;
  Result<void> set_tenant_state(const RequestContext& ctx, TenantState state) override;
  Result<void> change_tenant_state(const RequestContext& ctx, TenantState from, TenantState to) override;
  Result<void> queue_objects(const RequestContext& ctx, std::span<const ObjectKey> keys,
                             std::chrono::seconds object_grace) override;
  Result<std::uint64_t> purge_tenant(const RequestContext& ctx, std::size_t limit) override;
  Result<void> save_state_info(const RequestContext& ctx, const StateRow& state) override;
  Result<void> save_state_list(const RequestContext& ctx, std::span<const StateRow> states) override;
  Result<void> save_json_list(const RequestContext& ctx, std::span<const JsonRow> jsons) override;
  Result<std::vector<StateRow>> get_state_metaes(const RequestContext& ctx, const StudyUid& study) override;
  Result<std::vector<StateRow>> get_json_metaes(const RequestContext& ctx, Timestamp end_time, std::size_t limit) override;
  Result<std::optional<JsonRow>> get_json_meta(const RequestContext& ctx, const StudyUid& study,
                                               const SeriesUid& series) override;
  Result<std::vector<JsonRow>> get_json_list(const RequestContext& ctx, const StudyUid& study) override;
  Result<std::vector<JsonClaim>> claim_json(const RequestContext& ctx, Timestamp end_time, std::size_t limit,
                                            std::string_view owner, std::chrono::seconds lease) override;
  Result<bool> finish_json(const RequestContext& ctx, const JsonOutcome& outcome, std::string_view owner) override;
  Result<bool> renew_json(const RequestContext& ctx, const StudyUid& study, const SeriesUid& series,
                          std::string_view owner, std::chrono::seconds lease) override;
  Result<JsonTotals> json_totals(const RequestContext& ctx) override;
  Result<std::vector<JsonFailure>> json_failures(const RequestContext& ctx, const JsonFailureQuery& query) override;
  Result<void> check(const RequestContext& ctx) override;

  [[nodiscard]] RecordStore& records() noexcept override { return *this; }
  Result<std::uint64_t> put_record(const RequestContext& ctx, const Record& record) override;
  Result<std::optional<Record>> get_record(const RequestContext& ctx, RecordKind kind, std::string_view id) override;
  Result<std::vector<Record>> list_records(const RequestContext& ctx, const RecordQuery& query) override;
  Result<bool> remove_record(const RequestContext& ctx, RecordKind kind, std::string_view id) override;
  Result<std::size_t> remove_expired_records(const RequestContext& ctx, Timestamp until, std::size_t limit) override;
  Result<std::size_t> remove_tenant_records(const RequestContext& ctx, std::size_t limit) override;

  [[nodiscard]] AuditLog& audit_log() noexcept override { return *this; }
  Result<std::uint64_t> add_audit(const RequestContext& ctx, const AuditEntry& entry) override;
  Result<std::vector<AuditRow>> audit_rows(const RequestContext& ctx, const AuditQuery& query) override;
  Result<AuditHead> audit_head(const RequestContext& ctx) override;

 private:
  struct Instance {
    InstanceRecord record;
    std::uint64_t version = 0;
  };
  struct Series {
    StateRow state;                    ///< patient, study and series columns
    dicom::QidoAttributes attributes;  ///< series attributes without a column in `state`
    std::map<std::string, Instance> instances;
    std::string first_sop;
    bool json_due = true;  ///< the marker that get_json_metaes() reads
  };
  struct Study {
    dicom::QidoAttributes attributes;
    std::map<std::string, Series> series;
    std::string first_series, first_sop;
    std::uint64_t version = 0;
    Timestamp created, updated;
  };
  struct Tenant {
    TenantState state = TenantState::kActive;
    TenantQuotas quotas;
    Timestamp created;
    std::uint64_t change_no = 0, bytes = 0, instances = 0;
    std::map<std::string, Study> studies;
    std::map<std::string, std::pair<std::string, std::string>> places;  ///< SOP UID to study and series UID
    std::map<std::pair<std::string, std::string>, JsonTask> jsons;
    std::vector<Change> changes;
    std::vector<AuditRow> audits;
  };
  struct Queued {
    Timestamp due;
    unsigned attempts = 0;
  };
  struct Hit;

  Committed commit_one(Tenant& tenant, const TenantId& tenant_id, const InstanceRecord& record, ConflictPolicy policy,
                       std::set<std::string>& settled, Timestamp now);
  void put(Tenant& tenant, const TenantId& tenant_id, const InstanceRecord& record, std::uint64_t version, Timestamp now);
  /// Adds a change and its audit row, as actor_'s.
  void add_change(Tenant& tenant, Change change);
  /// Drops one instance row and the rows that become empty by it; queues its object.
  void drop(Tenant& tenant, const std::string& sop, Timestamp due, std::uint64_t version, Timestamp now);
  void drop_json(Tenant& tenant, const std::string& study, const std::string& series, Timestamp object_due);
  /// The series that have the marker and were quiet since before `end_time`, in get_json_metaes()' order.
  std::vector<std::pair<Tenant*, Series*>> due_series(Timestamp end_time);
  Result<Tenant*> writable_tenant(const RequestContext& ctx);
  static TenantTotals totals_of(const Tenant& tenant);
  static TenantEntry entry_of(const std::string& id, const Tenant& tenant);
  Result<std::vector<Hit>> hits(const RequestContext& ctx, const SearchQuery& query) const;
  Result<std::vector<SearchRow>> rows(const RequestContext& ctx, const SearchQuery& query) const;

  const Now now_;
  mutable std::mutex mutex_;
  Actor actor_;  ///< of what is changed now
  std::map<std::string, Tenant> tenants_;
  std::map<std::string, std::string> objects_;  ///< object keys that rows hold, to their tenant
  std::map<std::string, Queued> delete_queue_;
  std::map<std::pair<RecordKind, std::string>, Record> records_;
};

}  // namespace gantry::index
