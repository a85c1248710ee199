#include "gantry/index/sqlite/sqlite_index.hpp"

#include <algorithm>

#include "gantry/index/sql/commit_run.hpp"
#include "gantry/index/sqlite/sqlite_impl.hpp"
#include "gantry/index/sqlite/sqlite_store.hpp"

namespace gantry::index {

using sql::CommitRun;
using sql::micros;
using sqlite::Connection;
using sqlite::Query;

namespace {

constexpr int kPageBytes = 4096;

template <class Row>
Result<void> belongs(const RequestContext& ctx, const Row& row) {
  if (!row.tenant_id.empty() && row.tenant_id != ctx.tenant.str()) return Error::invalid("the row names another tenant");
  if (!is_valid_uid(row.study_uid) || !is_valid_uid(row.series_uid)) {
    return Error::invalid("a UID of the row is not 1 to 64 digits and dots");
  }
  return {};
}

Error no_tenant() { return Error::not_found("there is no tenant of this name"); }

}  // namespace

SqliteIndex::SqliteIndex(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

SqliteIndex::~SqliteIndex() = default;

Result<std::unique_ptr<SqliteIndex>> SqliteIndex::open(SqliteSettings settings) {
  auto impl = std::make_unique<Impl>(std::move(settings));
  const SqliteSettings& given = impl->settings;
  GANTRY_LET(auto writer, Connection::open(given.path, {true, given.writer_cache_kb}));
  GANTRY_TRY(sqlite::migrate(*writer, [](const SchemaStep&) {}));
  GANTRY_LET(auto checkpoints, Connection::open(given.path, {true, 1024}));
  std::vector<std::unique_ptr<Connection>> readers;
  for (unsigned i = 0; i < std::max(1U, given.readers); ++i) {
    GANTRY_LET(auto reader, Connection::open(given.path, {false, given.reader_cache_kb}));
    readers.push_back(std::move(reader));
  }
  sqlite3* const writing = writer->raw();
  std::vector<std::unique_ptr<Connection>> lane;
  lane.push_back(std::move(writer));
  impl->writer = std::make_unique<sqlite::ConnectionPool>(std::move(lane));
  impl->readers = std::make_unique<sqlite::ConnectionPool>(std::move(readers));
  impl->checkpointer = std::make_unique<sqlite::Checkpointer>(
      std::move(checkpoints), *impl->writer, static_cast<int>(std::max<std::uint64_t>(1, given.log_bytes / kPageBytes)));
  sqlite3_wal_hook(
      writing,
      [](void* checkpointer, sqlite3*, const char*, int pages) {
        static_cast<sqlite::Checkpointer*>(checkpointer)->log_grew(pages);
        return SQLITE_OK;
      },
      impl->checkpointer.get());
  std::unique_ptr<SqliteIndex> index(new SqliteIndex(std::move(impl)));
  index->prepare_reads();
  return index;
}

void SqliteIndex::prepare_reads() {
  // Asked for what is not there: the reader that is used first has the statements of a viewer's first request ready.
  const RequestContext ctx;
  const StudyUid study("0");
  const SeriesUid series("0");
  (void)version_of(ctx, study, std::nullopt);
  (void)version_of(ctx, study, series);
  (void)get_state_metaes(ctx, study);
  (void)get_json_list(ctx, study);
  (void)get_json_meta(ctx, study, series);
  (void)locate(ctx, study, series, SopUid("0"));
}

namespace {

class OwnSchema final : public SchemaAdmin {
 public:
  explicit OwnSchema(std::unique_ptr<Connection> connection) : connection_(std::move(connection)) {}
  Result<SchemaState> state(Deadline deadline) override {
    connection_->set_deadline(deadline);
    return sqlite::schema_state(*connection_);
  }
  Result<void> migrate(Deadline deadline, const std::function<void(const SchemaStep&)>& told) override {
    connection_->set_deadline(deadline);
    return sqlite::migrate(*connection_, told);
  }

 private:
  std::unique_ptr<Connection> connection_;
};

}  // namespace

Result<std::unique_ptr<SchemaAdmin>> SqliteIndex::open_schema(const SqliteSettings& settings) {
  GANTRY_LET(auto connection, Connection::open(settings.path, {true, 1024}));
  return std::unique_ptr<SchemaAdmin>(std::make_unique<OwnSchema>(std::move(connection)));
}

Result<std::vector<Committed>> SqliteIndex::commit(const RequestContext& ctx, std::span<const InstanceRecord> batch,
                                                   ConflictPolicy policy) {
  if (batch.size() > kBatchMost) return Error::invalid("a batch of more than 64 instances");
  return impl_->write(ctx, [&](Connection& connection) {
    sqlite::SqliteStore store(connection, ctx.tenant);
    return CommitRun(store, ctx).commit(batch, policy);
  });
}

Result<std::uint64_t> SqliteIndex::remove(const RequestContext& ctx, const StudyUid& study,
                                          const std::optional<SeriesUid>& series, const std::optional<SopUid>& sop,
                                          std::chrono::seconds object_grace) {
  return impl_->write(ctx, [&](Connection& connection) {
    sqlite::SqliteStore store(connection, ctx.tenant);
    return CommitRun(store, ctx).remove(study, series, sop, object_grace);
  });
}

Result<void> SqliteIndex::save_state_info(const RequestContext& ctx, const StateRow& state) {
  return save_state_list(ctx, std::span(&state, 1));
}

Result<void> SqliteIndex::save_state_list(const RequestContext& ctx, std::span<const StateRow> states) {
  if (states.empty()) return {};
  for (const StateRow& state : states) GANTRY_TRY(belongs(ctx, state));
  return impl_->write(ctx, [&](Connection& connection) -> Result<void> {
    sqlite::SqliteStore store(connection, ctx.tenant);
    GANTRY_LET(const bool found, CommitRun(store, ctx).save_states(states));
    if (!found) return no_tenant();
    return {};
  });
}

Result<void> SqliteIndex::save_json_list(const RequestContext& ctx, std::span<const JsonRow> jsons) {
  if (jsons.empty()) return {};
  for (const JsonRow& json : jsons) GANTRY_TRY(belongs(ctx, json));
  return impl_->write(ctx, [&](Connection& connection) -> Result<void> {
    sqlite::SqliteStore store(connection, ctx.tenant);
    sql::CommitStore::Loaded nothing;
    GANTRY_LET(const auto tenant, store.begin({}, nothing));
    if (!tenant) return no_tenant();
    for (const JsonRow& json : jsons) {
      const Timestamp now = timestamp_now();
      {
        // The columns of the worker (lease, object) stay as they are.
        GANTRY_LET(Query query,
                   connection.query("INSERT INTO dicom_json_meta (tenant_id, study_uid, series_uid, study_uid_hash, "
                                    "series_uid_hash, study_date_origin, created_time, flag_time, json_status, retry_times, "
                                    "version) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) "
                                    "ON CONFLICT (tenant_id, study_uid, series_uid) DO UPDATE SET "
                                    "study_uid_hash = ?4, series_uid_hash = ?5, study_date_origin = ?6, created_time = ?7, "
                                    "flag_time = ?8, json_status = ?9, retry_times = ?10, version = ?11"));
        query << ctx.tenant.view() << json.study_uid << json.series_uid << json.study_uid_hash << json.series_uid_hash
              << json.study_date_origin << micros(json.created_time == Timestamp{} ? now : json.created_time)
              << micros(json.flag_time == Timestamp{} ? now : json.flag_time) << json.json_status << json.retry_times
              << json.version;
        GANTRY_TRY(query.run());
      }
      // The marker that get_json_metaes reads; is_json_due() in SQL.
      GANTRY_LET(Query mark, connection.query("UPDATE dicom_state_meta SET json_due = (?4 < version OR ?5 IN (0, 2)) "
                                              "WHERE tenant_id = ?1 AND study_uid = ?2 AND series_uid = ?3"));
      mark << ctx.tenant.view() << json.study_uid << json.series_uid << json.version << json.json_status;
      GANTRY_TRY(mark.run());
    }
    return {};
  });
}

Result<void> SqliteIndex::deletion_done(const RequestContext& ctx, std::span<const ObjectKey> keys) {
  if (keys.empty()) return {};
  return impl_->write(ctx, [&](Connection& connection) -> Result<void> {
    for (const ObjectKey& key : keys) {
      GANTRY_LET(Query query, connection.query("DELETE FROM dicom_delete_queue WHERE object_key = ?1"));
      query << key.view();
      GANTRY_TRY(query.run());
    }
    return {};
  });
}

Result<void> SqliteIndex::deletion_failed(const RequestContext& ctx, const ObjectKey& key,
                                          std::chrono::seconds retry_after) {
  return impl_->write(ctx, [&](Connection& connection) -> Result<void> {
    GANTRY_LET(Query query, connection.query("UPDATE dicom_delete_queue SET attempts = attempts + 1, due_time = ?2 "
                                             "WHERE object_key = ?1"));
    query << key.view() << micros(timestamp_now() + retry_after);
    return query.run();
  });
}

}  // namespace gantry::index
