#pragma once

#include <functional>

#include "gantry/index/audit_log.hpp"
#include "gantry/index/instance_index.hpp"
#include "gantry/index/record_store.hpp"
#include "gantry/index/sql/session.hpp"
#include "gantry/index/table_store.hpp"

namespace gantry::index::sql {

/// InstanceIndex over an SQL database behind a network, in its dialect. A provider lends sessions; all statements are
/// here.
class SqlIndex : public InstanceIndex, public TableStore, public RecordStore, public AuditLog {
 public:
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
  Result<void> deletion_failed(const RequestContext& ctx, const ObjectKey& key,
                               std::chrono::seconds retry_after) override;
  Result<std::vector<bool>> are_held(const RequestContext& ctx, std::span<const ObjectKey> keys) override;
  /// Reads in pages, so a long visit holds no snapshot; rows that come or go meanwhile may or may not be visited.
  Result<void> visit_objects(const RequestContext& ctx, const std::function<bool(const HeldObject&)>& visit) override;
  Result<std::vector<std::string>> verify_counts(const RequestContext& ctx) override;
  Result<std::vector<Change>> changes(const RequestContext& ctx, std::uint64_t after_version,
                                      std::size_t limit) override;
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
  Result<std::vector<StateRow>> get_json_metaes(const RequestContext& ctx, Timestamp end_time,
                                                std::size_t limit) override;
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

  Result<Page> read_page(const RequestContext& ctx, const Table& table, const std::string& from, std::size_t rows_most,
                         std::size_t bytes_most) override;
  Result<void> put_rows(const RequestContext& ctx, const Table& table, const CellRows& rows) override;

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

 protected:
  using Work = std::function<Result<void>(Session&)>;
  enum class Tenants { kOne, kAll };

  [[nodiscard]] virtual const NetworkDialect& dialect() const = 0;
  /// Runs `work` on a session that reads; a second time on another connection when the first one turns out to be broken
  /// before stream() visited a row. kTimeout, kUnavailable.
  virtual Result<void> read(const RequestContext& ctx, Tenants tenants, const Work& work) = 0;
  /// How a transaction ended that did not say.
  struct Doubt {
    bool unknown = false;  ///< its commit was sent, and nothing was heard
    std::string session;   ///< for settle()
    bool refused = false;  ///< Session::refused() of the session that failed
  };
  /// Runs `work` in a transaction, which is rolled back unless `work` ended it by run_and_commit(). A transaction that
  /// failed for reasons of its time (a broken connection, a deadlock) and certainly was not committed runs once more.
  virtual Result<void> write(const RequestContext& ctx, Tenants tenants, const Work& work, Doubt& doubt) = 0;
  Result<void> write(const RequestContext& ctx, Tenants tenants, const Work& work);
  /// Ends the session on the server and waits until it is gone: from then on its transaction is committed or never will
  /// be.
  virtual Result<void> settle(const std::string& session) = 0;

 private:
  Result<std::vector<Rows>> read_rows(const RequestContext& ctx, Tenants tenants, std::span<const Text> statements);
  Result<Rows> read_rows(const RequestContext& ctx, Tenants tenants, const Text& statement);
  /// Removes the rows of gantry_record that `select` finds.
  Result<std::size_t> remove_records(const RequestContext& ctx, const Text& select);
  /// Changes the tenant's row as `set` says; kConflict when its state is not `from`.
  Result<void> update_tenant(const RequestContext& ctx, std::optional<TenantState> from,
                             const std::function<void(Text&)>& set);
  Result<bool> was_committed(const RequestContext& ctx, std::span<const InstanceRecord> batch,
                             std::span<const Committed> planned);
};

}  // namespace gantry::index::sql
