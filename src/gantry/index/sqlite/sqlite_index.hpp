#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "gantry/index/audit_log.hpp"
#include "gantry/index/instance_index.hpp"
#include "gantry/index/record_store.hpp"
#include "gantry/index/schema.hpp"
#include "gantry/index/table_store.hpp"

namespace gantry::index {

struct SqliteSettings {
  std::string path;      ///< the database file; made when absent, its folder exists
  unsigned readers = 4;  ///< connections for reading; one more writes, one more checkpoints
  /// The most that one search may compute, beside ctx.deadline: kTimeout.
  std::chrono::milliseconds statement_time{5000};
  int reader_cache_kb = 8 * 1024;
  int writer_cache_kb = 32 * 1024;
  /// Above this the write-ahead log is moved into the database, behind the commits' back. A reader that keeps an old
  /// state open delays that, nothing else does.
  std::uint64_t log_bytes = 16ULL << 20;
};

/// The embedded index: one file, WAL, synchronous = FULL, one writer (commits take turns) beside several readers, each
/// of which sees one consistent state. The caller sees to it that no other process writes.
class SqliteIndex final : public InstanceIndex, public TableStore, public RecordStore, public AuditLog {
 public:
  /// Opens or makes the file and brings its schema up to date. kUnsupported: made by a newer major; kInternal: damaged
  /// or no database; kUnavailable: can't be opened or written now.
  static Result<std::unique_ptr<SqliteIndex>> open(SqliteSettings settings);
  /// For looking at the schema without bringing it up to date. The file is made when absent.
  static Result<std::unique_ptr<SchemaAdmin>> open_schema(const SqliteSettings& settings);
  ~SqliteIndex() override;

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
  /// Reads in pages, so a long visit holds no snapshot; rows that come or go meanwhile may or may not be visited.
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
  /// Also fails when moving the log into the database failed last time.
  Result<void> check(const RequestContext& ctx) override;

  Result<Page> read_page(const RequestContext& ctx, const sql::Table& table, const std::string& from,
                         std::size_t rows_most, std::size_t bytes_most) override;
  Result<void> put_rows(const RequestContext& ctx, const sql::Table& table, const sql::CellRows& rows) override;

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

  /// How `query` would be answered, as SQLite explains it: a line per step. For tests and operators.
  Result<std::vector<std::string>> explain(const RequestContext& ctx, const SearchQuery& query);

 private:
  struct Impl;
  explicit SqliteIndex(std::unique_ptr<Impl> impl);
  /// Reads nothing, so that its statements are prepared before somebody waits for them.
  void prepare_reads();
  std::unique_ptr<Impl> impl_;
};

}  // namespace gantry::index
