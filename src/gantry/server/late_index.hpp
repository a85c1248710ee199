#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "gantry/index/audit_log.hpp"
#include "gantry/index/instance_index.hpp"
#include "gantry/index/record_store.hpp"

namespace gantry::server {

/// An index on a database server that may not be there yet: while it can't be opened, every call is kUnavailable and says
/// why, and opening is tried again each second.
class LateIndex final : public index::InstanceIndex, public index::RecordStore, public index::AuditLog {
 public:
  using Opener = std::function<Result<std::unique_ptr<index::InstanceIndex>>()>;
  struct Told {
    std::function<void(const std::string& why)> waiting;  ///< each new reason, on any thread
    std::function<void()> opened;                         ///< once
  };

  /// Tries once at once. An error that no waiting mends is given back.
  static Result<std::unique_ptr<LateIndex>> open(Opener opener, Told told);
  ~LateIndex() override;

  using Located = index::InstanceIndex::Located;
  Result<std::vector<index::Committed>> commit(const RequestContext& ctx, std::span<const index::InstanceRecord> batch,
                                               index::ConflictPolicy policy) override;
  Result<void> search(const RequestContext& ctx, const index::SearchQuery& query,
                      const std::function<bool(index::SearchRow&&)>& visit) override;
  Result<std::uint64_t> count(const RequestContext& ctx, const index::SearchQuery& query, std::uint64_t most) override;
  Result<index::TenantTotals> totals(const RequestContext& ctx) override;
  Result<std::optional<Located>> locate(const RequestContext& ctx, const StudyUid& study, const SeriesUid& series,
                                        const SopUid& sop) override;
  Result<std::optional<std::uint64_t>> version_of(const RequestContext& ctx, const StudyUid& study,
                                                  const std::optional<SeriesUid>& series) override;
  Result<std::vector<std::uint64_t>> versions(const RequestContext& ctx,
                                              std::span<const index::VersionKey> keys) override;
  Result<std::uint64_t> remove(const RequestContext& ctx, const StudyUid& study, const std::optional<SeriesUid>& series,
                               const std::optional<SopUid>& sop, std::chrono::seconds object_grace) override;
  Result<std::vector<ObjectKey>> due_deletions(const RequestContext& ctx, std::size_t limit) override;
  Result<void> deletion_done(const RequestContext& ctx, std::span<const ObjectKey> keys) override;
  Result<void> deletion_failed(const RequestContext& ctx, const ObjectKey& key,
                               std::chrono::seconds retry_after) override;
  Result<std::vector<bool>> are_held(const RequestContext& ctx, std::span<const ObjectKey> keys) override;
  Result<void> visit_objects(const RequestContext& ctx,
                             const std::function<bool(const index::HeldObject&)>& visit) override;
  Result<std::vector<std::string>> verify_counts(const RequestContext& ctx) override;
  Result<std::vector<index::Change>> changes(const RequestContext& ctx, std::uint64_t after_version,
                                             std::size_t limit) override;
  Result<void> ensure_tenant(const RequestContext& ctx) override;
  Result<std::optional<index::TenantEntry>> find_tenant(const RequestContext& ctx) override;
  Result<std::vector<index::TenantEntry>> list_tenants(const RequestContext& ctx, const TenantId& after,
                                                std::size_t limit) override;
  Result<void> set_quotas(const RequestContext& ctx, const index::TenantQuotas& quotas) override;
  Result<void> set_tenant_state(const RequestContext& ctx, index::TenantState state) override;
  Result<void> change_tenant_state(const RequestContext& ctx, index::TenantState from, index::TenantState to) override;
  Result<void> queue_objects(const RequestContext& ctx, std::span<const ObjectKey> keys,
                             std::chrono::seconds object_grace) override;
  Result<std::uint64_t> purge_tenant(const RequestContext& ctx, std::size_t limit) override;
  Result<void> save_state_info(const RequestContext& ctx, const index::StateRow& state) override;
  Result<void> save_state_list(const RequestContext& ctx, std::span<const index::StateRow> states) override;
  Result<void> save_json_list(const RequestContext& ctx, std::span<const index::JsonRow> jsons) override;
  Result<std::vector<index::StateRow>> get_state_metaes(const RequestContext& ctx, const StudyUid& study) override;
  Result<std::vector<index::StateRow>> get_json_metaes(const RequestContext& ctx, index::Timestamp end_time,
                                                       std::size_t limit) override;
  Result<std::optional<index::JsonRow>> get_json_meta(const RequestContext& ctx, const StudyUid& study,
                                                      const SeriesUid& series) override;
  Result<std::vector<index::JsonRow>> get_json_list(const RequestContext& ctx, const StudyUid& study) override;
  Result<std::vector<index::JsonClaim>> claim_json(const RequestContext& ctx, index::Timestamp end_time, std::size_t limit,
                                            std::string_view owner, std::chrono::seconds lease) override;
  Result<bool> finish_json(const RequestContext& ctx, const index::JsonOutcome& outcome, std::string_view owner) override;
  Result<bool> renew_json(const RequestContext& ctx, const StudyUid& study, const SeriesUid& series,
                          std::string_view owner, std::chrono::seconds lease) override;
  Result<index::JsonTotals> json_totals(const RequestContext& ctx) override;
  Result<std::vector<index::JsonFailure>> json_failures(const RequestContext& ctx,
                                                        const index::JsonFailureQuery& query) override;
  Result<void> check(const RequestContext& ctx) override;
  [[nodiscard]] RecordStore& records() noexcept override { return *this; }
  Result<std::uint64_t> put_record(const RequestContext& ctx, const index::Record& record) override;
  Result<std::optional<index::Record>> get_record(const RequestContext& ctx, index::RecordKind kind, std::string_view id) override;
  Result<std::vector<index::Record>> list_records(const RequestContext& ctx, const index::RecordQuery& query) override;
  Result<bool> remove_record(const RequestContext& ctx, index::RecordKind kind, std::string_view id) override;
  Result<std::size_t> remove_expired_records(const RequestContext& ctx, index::Timestamp until, std::size_t limit) override;
  Result<std::size_t> remove_tenant_records(const RequestContext& ctx, std::size_t limit) override;
  [[nodiscard]] std::optional<index::PoolStats> pool_stats() const override;
  [[nodiscard]] AuditLog& audit_log() noexcept override { return *this; }
  Result<std::uint64_t> add_audit(const RequestContext& ctx, const index::AuditEntry& entry) override;
  Result<std::vector<index::AuditRow>> audit_rows(const RequestContext& ctx, const index::AuditQuery& query) override;
  Result<index::AuditHead> audit_head(const RequestContext& ctx) override;

 private:
  LateIndex(Opener opener, Told told) : opener_(std::move(opener)), told_(std::move(told)) {}
  /// True when it is open; false when it may be later.
  Result<bool> try_to_open();
  void keep_trying();
  Result<index::InstanceIndex*> opened() const;

  const Opener opener_;
  const Told told_;
  std::unique_ptr<index::InstanceIndex> index_;
  std::atomic<index::InstanceIndex*> open_ = nullptr;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::string why_;
  bool stopping_ = false;
  std::thread thread_;  // last: it uses the others
};

}  // namespace gantry::server
