// What MongoIndex writes.

#include "gantry/index/mongo/mongo_index.hpp"

#include <map>

#include "gantry/index/fields.hpp"
#include "gantry/index/mongo/mongo_impl.hpp"
#include "gantry/index/mongo/schema.hpp"
#include "gantry/index/sql/commit_run.hpp"
#include "gantry/index/state_row.hpp"

namespace gantry::index {

using mongo::BatchStore;
using mongo::Bulk;
using mongo::Document;
using mongo::Find;
using mongo::number_of;
using mongo::Session;
using sql::CommitRun;
using sql::micros;

namespace {

Error no_tenant() { return Error::not_found("there is no tenant of this name"); }

template <class Row>
Result<void> belongs(const RequestContext& ctx, const Row& row) {
  if (!row.tenant_id.empty() && row.tenant_id != ctx.tenant.str())
    return Error::invalid("the row names another tenant");
  if (!is_valid_uid(row.study_uid) || !is_valid_uid(row.series_uid)) {
    return Error::invalid("a UID of the row is not 1 to 64 digits and dots");
  }
  return {};
}

}  // namespace

MongoIndex::MongoIndex(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

MongoIndex::~MongoIndex() = default;

Result<std::unique_ptr<MongoIndex>> MongoIndex::open(MongoSettings settings) {
  settings.connections = std::max(2U, settings.connections);
  auto impl = std::make_unique<Impl>();
  GANTRY_LET(impl->pool, mongo::Pool::open(settings));
  impl->writer =
      std::make_unique<mongo::Writer>(*impl->pool, std::clamp(settings.writers, 1U, settings.connections - 1));
  RequestContext ctx;
  {
    GANTRY_LET(Session session, impl->pool->lend(ctx));
    if (settings.migrate) GANTRY_TRY(mongo::migrate(session, impl->pool->database_now(), [](const SchemaStep&) {}));
    GANTRY_LET(const SchemaState state, mongo::schema_state(session));
    GANTRY_TRY(check_schema(state));
  }
  GANTRY_TRY(impl->writer->finish_abandoned(ctx));
  return std::unique_ptr<MongoIndex>(new MongoIndex(std::move(impl)));
}

namespace {

/// With its own connections.
class OwnSchema final : public SchemaAdmin {
 public:
  explicit OwnSchema(std::unique_ptr<mongo::Pool> pool) : pool_(std::move(pool)) {}
  Result<SchemaState> state(Deadline deadline) override {
    GANTRY_LET(Session session, lend(deadline));
    return mongo::schema_state(session);
  }
  Result<void> migrate(Deadline deadline, const std::function<void(const SchemaStep&)>& told) override {
    GANTRY_LET(Session session, lend(deadline));
    return mongo::migrate(session, pool_->database_now(), told);
  }

 private:
  Result<Session> lend(Deadline deadline) {
    RequestContext ctx;
    ctx.deadline = deadline;
    return pool_->lend(ctx);
  }
  std::unique_ptr<mongo::Pool> pool_;
};

}  // namespace

Result<std::unique_ptr<SchemaAdmin>> MongoIndex::open_schema(const MongoSettings& settings) {
  GANTRY_LET(auto pool, mongo::Pool::open(settings));
  return std::unique_ptr<SchemaAdmin>(std::make_unique<OwnSchema>(std::move(pool)));
}

Result<void> MongoIndex::finish_abandoned(const RequestContext& ctx) { return impl_->writer->finish_abandoned(ctx); }

Result<std::vector<Committed>> MongoIndex::commit(const RequestContext& ctx, std::span<const InstanceRecord> batch,
                                                  ConflictPolicy policy) {
  if (batch.size() > kBatchMost) return Error::invalid("a batch of more than 64 instances");
  std::vector<Committed> outcomes;
  GANTRY_TRY(impl_->writer->run(ctx, [&](Session&, BatchStore& store) -> Result<void> {
    GANTRY_LET(outcomes, CommitRun(store, ctx).commit(batch, policy));
    return {};
  }));
  return outcomes;
}

Result<std::uint64_t> MongoIndex::remove(const RequestContext& ctx, const StudyUid& study,
                                         const std::optional<SeriesUid>& series, const std::optional<SopUid>& sop,
                                         std::chrono::seconds object_grace) {
  std::uint64_t gone = 0;
  GANTRY_TRY(impl_->writer->run(ctx, [&](Session&, BatchStore& store) -> Result<void> {
    GANTRY_LET(gone, CommitRun(store, ctx).remove(study, series, sop, object_grace));
    return {};
  }));
  return gone;
}

Result<void> MongoIndex::save_state_info(const RequestContext& ctx, const StateRow& state) {
  return save_state_list(ctx, std::span(&state, 1));
}

Result<void> MongoIndex::save_state_list(const RequestContext& ctx, std::span<const StateRow> states) {
  if (states.empty()) return {};
  for (const StateRow& state : states) GANTRY_TRY(belongs(ctx, state));
  return impl_->writer->run(ctx, [&](Session&, BatchStore& store) -> Result<void> {
    GANTRY_LET(const bool found, CommitRun(store, ctx).save_states(states));
    if (!found) return no_tenant();
    return {};
  });
}

Result<void> MongoIndex::save_json_list(const RequestContext& ctx, std::span<const JsonRow> jsons) {
  if (jsons.empty()) return {};
  std::map<sql::SeriesKey, const JsonRow*> last;  // of two rows of one series the later one stays
  sql::CommitStore::Wanted wanted;
  for (const JsonRow& json : jsons) {
    GANTRY_TRY(belongs(ctx, json));
    last[{json.study_uid, json.series_uid}] = &json;
    wanted.series.emplace(json.study_uid, json.series_uid);
  }
  return impl_->writer->run(ctx, [&](Session&, BatchStore& store) -> Result<void> {
    sql::CommitStore::Loaded loaded;
    GANTRY_LET(const auto tenant, store.begin(wanted, loaded));
    if (!tenant) return no_tenant();
    for (const auto& [key, json] : last) {
      JsonRow row = *json;
      if (row.created_time == Timestamp{}) row.created_time = tenant->now;
      if (row.flag_time == Timestamp{}) row.flag_time = tenant->now;
      store.batch().jsons.push_back(std::move(row));
      const auto found = loaded.series.find(key);
      if (found == loaded.series.end()) continue;
      const StateRow& state = found->second.state;
      store.batch().due[key] = {static_cast<std::int64_t>(state.version), micros(state.updated_time),
                                is_json_due(state.version, json)};
    }
    return store.finish({});
  });
}

Result<void> MongoIndex::deletion_done(const RequestContext& ctx, std::span<const ObjectKey> keys) {
  if (keys.empty()) return {};
  std::vector<std::string> ids;
  for (const ObjectKey& key : keys) ids.push_back(key.str());
  Bulk bulk;
  bulk.remove(mongo::by_any_of("_id", ids));
  return impl_->writer->write(ctx, mongo::kQueue, bulk);
}

Result<void> MongoIndex::deletion_failed(const RequestContext& ctx, const ObjectKey& key,
                                         std::chrono::seconds retry_after) {
  Document set, more, update;
  set.number("due_time", micros(impl_->pool->database_now() + retry_after));
  more.number("attempts", 1);
  update.document("$set", set).document("$inc", more);
  Bulk bulk;
  bulk.update_one(mongo::by_text("_id", key.view()), update);
  return impl_->writer->write(ctx, mongo::kQueue, bulk);
}

}  // namespace gantry::index
