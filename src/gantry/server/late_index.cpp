#include "gantry/server/late_index.hpp"

#include <pthread.h>

namespace gantry::server {
namespace {

constexpr std::chrono::seconds kPause{1};

}  // namespace

Result<std::unique_ptr<LateIndex>> LateIndex::open(Opener opener, Told told) {
  std::unique_ptr<LateIndex> index(new LateIndex(std::move(opener), std::move(told)));
  GANTRY_LET(const bool open, index->try_to_open());
  if (!open) {
    index->thread_ = std::thread([late = index.get()] { late->keep_trying(); });
    pthread_setname_np(index->thread_.native_handle(), "index-opener");
  }
  return index;
}

LateIndex::~LateIndex() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

Result<bool> LateIndex::try_to_open() {
  auto opened = opener_();
  if (opened) {
    index_ = *std::move(opened);
    open_.store(index_.get(), std::memory_order_release);
    told_.opened();
    return true;
  }
  const Error& error = opened.error();
  const std::string& why = error.detail();
  bool is_new = false;
  {
    const std::scoped_lock lock(mutex_);
    is_new = std::exchange(why_, why) != why;
  }
  if (is_new) told_.waiting(why);
  if (error.kind() != ErrorKind::kUnavailable && error.kind() != ErrorKind::kTimeout) return error;
  return false;
}

// An error that waiting does not mend, met later, is waited out as well: whoever mends it finds us here.
void LateIndex::keep_trying() {
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      if (wake_.wait_for(lock, kPause, [this] { return stopping_; })) return;
    }
    const auto open = try_to_open();
    if (open && *open) return;
  }
}

Result<index::InstanceIndex*> LateIndex::opened() const {
  if (auto* const index = open_.load(std::memory_order_acquire)) return index;
  const std::scoped_lock lock(mutex_);
  return Error::unavailable(why_);
}

std::optional<index::PoolStats> LateIndex::pool_stats() const {
  const auto* const index = open_.load(std::memory_order_acquire);
  return index == nullptr ? index::PoolStats{} : index->pool_stats();
}

Result<std::vector<index::Committed>> LateIndex::commit(const RequestContext& ctx,
                                                        std::span<const index::InstanceRecord> batch,
                                                        index::ConflictPolicy policy) {
  GANTRY_LET(auto* const index, opened());
  return index->commit(ctx, batch, policy);
}

Result<void> LateIndex::search(const RequestContext& ctx, const index::SearchQuery& query,
                               const std::function<bool(index::SearchRow&&)>& visit) {
  GANTRY_LET(auto* const index, opened());
  return index->search(ctx, query, visit);
}

Result<std::uint64_t> LateIndex::count(const RequestContext& ctx, const index::SearchQuery& query, std::uint64_t most) {
  GANTRY_LET(auto* const index, opened());
  return index->count(ctx, query, most);
}

Result<index::TenantTotals> LateIndex::totals(const RequestContext& ctx) {
  GANTRY_LET(auto* const index, opened());
  return index->totals(ctx);
}

Result<std::optional<index::InstanceIndex::Located>> LateIndex::locate(const RequestContext& ctx, const StudyUid& study,
                                                                       const SeriesUid& series, const SopUid& sop) {
  GANTRY_LET(auto* const index, opened());
  return index->locate(ctx, study, series, sop);
}

Result<std::optional<std::uint64_t>> LateIndex::version_of(const RequestContext& ctx, const StudyUid& study,
                                                           const std::optional<SeriesUid>& series) {
  GANTRY_LET(auto* const index, opened());
  return index->version_of(ctx, study, series);
}

Result<std::uint64_t> LateIndex::remove(const RequestContext& ctx, const StudyUid& study,
                                        const std::optional<SeriesUid>& series, const std::optional<SopUid>& sop,
                                        std::chrono::seconds object_grace) {
  GANTRY_LET(auto* const index, opened());
  return index->remove(ctx, study, series, sop, object_grace);
}

Result<std::vector<ObjectKey>> LateIndex::due_deletions(const RequestContext& ctx, std::size_t limit) {
  GANTRY_LET(auto* const index, opened());
  return index->due_deletions(ctx, limit);
}

Result<void> LateIndex::deletion_done(const RequestContext& ctx, std::span<const ObjectKey> keys) {
  GANTRY_LET(auto* const index, opened());
  return index->deletion_done(ctx, keys);
}

Result<void> LateIndex::deletion_failed(const RequestContext& ctx, const ObjectKey& key,
                                        std::chrono::seconds retry_after) {
  GANTRY_LET(auto* const index, opened());
  return index->deletion_failed(ctx, key, retry_after);
}

Result<std::vector<bool>> LateIndex::are_held(const RequestContext& ctx, std::span<const ObjectKey> keys) {
  GANTRY_LET(auto* const index, opened());
  return index->are_held(ctx, keys);
}

Result<void> LateIndex::visit_objects(const RequestContext& ctx,
                                      const std::function<bool(const index::HeldObject&)>& visit) {
  GANTRY_LET(auto* const index, opened());
  return index->visit_objects(ctx, visit);
}

Result<std::vector<std::string>> LateIndex::verify_counts(const RequestContext& ctx) {
  GANTRY_LET(auto* const index, opened());
  return index->verify_counts(ctx);
}

Result<std::vector<index::Change>> LateIndex::changes(const RequestContext& ctx, std::uint64_t after_version,
                                                      std::size_t limit) {
  GANTRY_LET(auto* const index, opened());
  return index->changes(ctx, after_version, limit);
}

Result<void> LateIndex::ensure_tenant(const RequestContext& ctx) {
  GANTRY_LET(auto* const index, opened());
  return index->ensure_tenant(ctx);
}

Result<std::optional<index::TenantEntry>> LateIndex::find_tenant(const RequestContext& ctx) {
  GANTRY_LET(auto* const index, opened());
  return index->find_tenant(ctx);
}

Result<std::vector<index::TenantEntry>> LateIndex::list_tenants(const RequestContext& ctx, const TenantId& after,
                                                                std::size_t limit) {
  GANTRY_LET(auto* const index, opened());
  return index->list_tenants(ctx, after, limit);
}

Result<void> LateIndex::set_quotas(const RequestContext& ctx, const index::TenantQuotas& quotas) {
  GANTRY_LET(auto* const index, opened());
  return index->set_quotas(ctx, quotas);
}

Result<void> LateIndex::set_tenant_state(const RequestContext& ctx, index::TenantState state) {
  GANTRY_LET(auto* const index, opened());
  return index->set_tenant_state(ctx, state);
}

Result<void> LateIndex::change_tenant_state(const RequestContext& ctx, index::TenantState from, index::TenantState to) {
  GANTRY_LET(auto* const index, opened());
  return index->change_tenant_state(ctx, from, to);
}

Result<void> LateIndex::queue_objects(const RequestContext& ctx, std::span<const ObjectKey> keys,
                                      std::chrono::seconds object_grace) {
  GANTRY_LET(auto* const index, opened());
  return index->queue_objects(ctx, keys, object_grace);
}

Result<std::uint64_t> LateIndex::purge_tenant(const RequestContext& ctx, std::size_t limit) {
  GANTRY_LET(auto* const index, opened());
  return index->purge_tenant(ctx, limit);
}

Result<void> LateIndex::save_state_info(const RequestContext& ctx, const index::StateRow& state) {
  GANTRY_LET(auto* const index, opened());
  return index->save_state_info(ctx, state);
}

Result<void> LateIndex::save_state_list(const RequestContext& ctx, std::span<const index::StateRow> states) {
  GANTRY_LET(auto* const index, opened());
  return index->save_state_list(ctx, states);
}

Result<void> LateIndex::save_json_list(const RequestContext& ctx, std::span<const index::JsonRow> jsons) {
  GANTRY_LET(auto* const index, opened());
  return index->save_json_list(ctx, jsons);
}

Result<std::vector<index::StateRow>> LateIndex::get_state_metaes(const RequestContext& ctx, const StudyUid& study) {
  GANTRY_LET(auto* const index, opened());
  return index->get_state_metaes(ctx, study);
}

Result<std::vector<index::StateRow>> LateIndex::get_json_metaes(const RequestContext& ctx, index::Timestamp end_time,
                                                                std::size_t limit) {
  GANTRY_LET(auto* const index, opened());
  return index->get_json_metaes(ctx, end_time, limit);
}

Result<std::optional<index::JsonRow>> LateIndex::get_json_meta(const RequestContext& ctx, const StudyUid& study,
                                                               const SeriesUid& series) {
  GANTRY_LET(auto* const index, opened());
  return index->get_json_meta(ctx, study, series);
}

Result<std::vector<index::JsonRow>> LateIndex::get_json_list(const RequestContext& ctx, const StudyUid& study) {
  GANTRY_LET(auto* const index, opened());
  return index->get_json_list(ctx, study);
}

Result<std::vector<std::uint64_t>> LateIndex::versions(const RequestContext& ctx,
                                                       std::span<const index::VersionKey> keys) {
  GANTRY_LET(auto* const index, opened());
  return index->versions(ctx, keys);
}

Result<std::vector<index::JsonClaim>> LateIndex::claim_json(const RequestContext& ctx, index::Timestamp end_time,
                                                            std::size_t limit, std::string_view owner,
                                                            std::chrono::seconds lease) {
  GANTRY_LET(auto* const index, opened());
  return index->claim_json(ctx, end_time, limit, owner, lease);
}

Result<bool> LateIndex::finish_json(const RequestContext& ctx, const index::JsonOutcome& outcome,
                                    std::string_view owner) {
  GANTRY_LET(auto* const index, opened());
  return index->finish_json(ctx, outcome, owner);
}

Result<bool> LateIndex::renew_json(const RequestContext& ctx, const StudyUid& study, const SeriesUid& series,
                                   std::string_view owner, std::chrono::seconds lease) {
  GANTRY_LET(auto* const index, opened());
  return index->renew_json(ctx, study, series, owner, lease);
}

Result<index::JsonTotals> LateIndex::json_totals(const RequestContext& ctx) {
  GANTRY_LET(auto* const index, opened());
  return index->json_totals(ctx);
}

Result<std::vector<index::JsonFailure>> LateIndex::json_failures(const RequestContext& ctx,
                                                                 const index::JsonFailureQuery& query) {
  GANTRY_LET(auto* const index, opened());
  return index->json_failures(ctx, query);
}

Result<void> LateIndex::check(const RequestContext& ctx) {
  GANTRY_LET(auto* const index, opened());
  return index->check(ctx);
}

Result<std::uint64_t> LateIndex::put_record(const RequestContext& ctx, const index::Record& record) {
  GANTRY_LET(auto* const index, opened());
  return index->records().put_record(ctx, record);
}

Result<std::optional<index::Record>> LateIndex::get_record(const RequestContext& ctx, index::RecordKind kind, std::string_view id) {
  GANTRY_LET(auto* const index, opened());
  return index->records().get_record(ctx, kind, id);
}

Result<std::vector<index::Record>> LateIndex::list_records(const RequestContext& ctx, const index::RecordQuery& query) {
  GANTRY_LET(auto* const index, opened());
  return index->records().list_records(ctx, query);
}

Result<bool> LateIndex::remove_record(const RequestContext& ctx, index::RecordKind kind, std::string_view id) {
  GANTRY_LET(auto* const index, opened());
  return index->records().remove_record(ctx, kind, id);
}

Result<std::size_t> LateIndex::remove_expired_records(const RequestContext& ctx, index::Timestamp until, std::size_t limit) {
  GANTRY_LET(auto* const index, opened());
  return index->records().remove_expired_records(ctx, until, limit);
}

Result<std::size_t> LateIndex::remove_tenant_records(const RequestContext& ctx, std::size_t limit) {
  GANTRY_LET(auto* const index, opened());
  return index->records().remove_tenant_records(ctx, limit);
}

Result<std::uint64_t> LateIndex::add_audit(const RequestContext& ctx, const index::AuditEntry& entry) {
  GANTRY_LET(auto* const index, opened());
  return index->audit_log().add_audit(ctx, entry);
}

Result<std::vector<index::AuditRow>> LateIndex::audit_rows(const RequestContext& ctx, const index::AuditQuery& query) {
  GANTRY_LET(auto* const index, opened());
  return index->audit_log().audit_rows(ctx, query);
}

Result<index::AuditHead> LateIndex::audit_head(const RequestContext& ctx) {
  GANTRY_LET(auto* const index, opened());
  return index->audit_log().audit_head(ctx);
}

}  // namespace gantry::server
