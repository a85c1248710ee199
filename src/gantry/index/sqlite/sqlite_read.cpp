// What SqliteIndex answers from rows, without searching.

#include "gantry/index/sql/json_tasks.hpp"
#include "gantry/index/sql/read_rows.hpp"
#include "gantry/index/sqlite/sqlite_impl.hpp"
#include "gantry/index/version_keys.hpp"

namespace gantry::index {

using sql::micros;
using sqlite::Connection;
using sqlite::Query;

Result<TenantTotals> SqliteIndex::totals(const RequestContext& ctx) {
  return impl_->read(ctx, [&](Connection& connection) -> Result<TenantTotals> {
    GANTRY_LET(Query query, connection.query("SELECT studies, series, instances, bytes, change_no FROM dicom_tenant "
                                             "WHERE tenant_id = ?1"));
    query << ctx.tenant.view();
    GANTRY_LET(const bool found, query.step());
    if (!found) return TenantTotals{};
    return TenantTotals{query.count(0), query.count(1), query.count(2), query.count(3), query.count(4)};
  });
}

Result<std::optional<InstanceIndex::Located>> SqliteIndex::locate(const RequestContext& ctx, const StudyUid& study,
                                                                  const SeriesUid& series, const SopUid& sop) {
  return impl_->read(ctx, [&](Connection& connection) -> Result<std::optional<Located>> {
    static const std::string select = [] {
      std::string text = "SELECT sop_class, transfer_syntax, version, object_key, size, file_sha256, frame_index";
      for (const auto& column : sql::select_columns(Level::kInstance)) {
        if (column.member != nullptr) text.append(", ").append(column.name);
      }
      return text + " FROM dicom_image_meta WHERE tenant_id = ?1 AND study_uid = ?2 AND series_uid = ?3 AND sop_uid = ?4";
    }();
    GANTRY_LET(Query query, connection.query(select));
    query << ctx.tenant.view() << study.view() << series.view() << sop.view();
    GANTRY_LET(const bool found, query.step());
    if (!found) return std::optional<Located>();
    std::optional<Located> located(std::in_place);
    InstanceRow& instance = located->instance;
    instance.sop = sop;
    instance.sop_class = query.text(0);
    instance.transfer_syntax = query.text(1);
    instance.version = located->version = query.count(2);
    instance.location = Location{ObjectKey(query.text(3)), query.count(4), sql::sha256_of(query.view(5)), query.text(6)};
    int column = 7;
    for (const auto& [name, member] : sql::select_columns(Level::kInstance)) {
      if (member != nullptr) instance.attributes.*member = query.text(column++);
    }
    return located;
  });
}

Result<std::optional<std::uint64_t>> SqliteIndex::version_of(const RequestContext& ctx, const StudyUid& study,
                                                             const std::optional<SeriesUid>& series) {
  return impl_->read(ctx, [&](Connection& connection) -> Result<std::optional<std::uint64_t>> {
    GANTRY_LET(Query query,
               connection.query(series ? "SELECT version FROM dicom_state_meta WHERE tenant_id = ?1 AND study_uid = ?2 AND "
                                         "series_uid = ?3 AND instances > 0"
                                       : "SELECT version FROM dicom_study_meta WHERE tenant_id = ?1 AND study_uid = ?2"));
    query << ctx.tenant.view() << study.view();
    if (series) query << series->view();
    GANTRY_LET(const bool found, query.step());
    return found ? std::optional(query.count(0)) : std::nullopt;
  });
}

Result<std::vector<std::uint64_t>> SqliteIndex::versions(const RequestContext& ctx, std::span<const VersionKey> keys) {
  return versions_one_by_one(*this, ctx, keys);
}

Result<std::vector<ObjectKey>> SqliteIndex::due_deletions(const RequestContext& ctx, std::size_t limit) {
  return impl_->read(ctx, [&](Connection& connection) -> Result<std::vector<ObjectKey>> {
    GANTRY_LET(Query query, connection.query("SELECT object_key FROM dicom_delete_queue WHERE due_time <= ?1 "
                                             "ORDER BY due_time, object_key LIMIT ?2"));
    query << micros(timestamp_now()) << static_cast<std::int64_t>(std::min<std::size_t>(limit, INT64_MAX));
    std::vector<ObjectKey> keys;
    for (;;) {
      GANTRY_LET(const bool more, query.step());
      if (!more) return keys;
      keys.emplace_back(query.text(0));
    }
  });
}

Result<std::vector<bool>> SqliteIndex::are_held(const RequestContext& ctx, std::span<const ObjectKey> keys) {
  return impl_->read(ctx, [&](Connection& connection) -> Result<std::vector<bool>> {
    // One state for all keys: an object moves from a row to the queue in one transaction, and is never seen in neither.
    GANTRY_LET(sqlite::Transaction transaction, sqlite::Transaction::begin(connection, false));
    std::vector<bool> held;
    for (const ObjectKey& key : keys) {
      GANTRY_LET(Query query, connection.query("SELECT 1 FROM dicom_image_meta WHERE object_key = ?1 UNION ALL "
                                               "SELECT 1 FROM dicom_delete_queue WHERE object_key = ?1 UNION ALL "
                                               "SELECT 1 FROM dicom_json_meta WHERE object_key = ?1 AND object_key <> ''"));
      query << key.view();
      GANTRY_LET(const bool found, query.step());
      held.push_back(found);
    }
    GANTRY_TRY(transaction.commit());
    return held;
  });
}

Result<void> SqliteIndex::visit_objects(const RequestContext& ctx, const std::function<bool(const HeldObject&)>& visit) {
  constexpr std::size_t kPage = 1000;
  std::string after;
  for (;;) {
    GANTRY_LET(const std::vector<HeldObject> page,
               impl_->read(ctx, [&](Connection& connection) -> Result<std::vector<HeldObject>> {
                 GANTRY_LET(Query query, connection.query("SELECT tenant_id, study_uid, series_uid, sop_uid, object_key, size, "
                                                          "file_sha256 FROM dicom_image_meta WHERE object_key > ?1 "
                                                          "ORDER BY object_key LIMIT ?2"));
                 query << after << static_cast<std::int64_t>(kPage);
                 std::vector<HeldObject> rows;
                 for (;;) {
                   GANTRY_LET(const bool more, query.step());
                   if (!more) return rows;
                   rows.push_back({TenantId(query.text(0)), StudyUid(query.text(1)), SeriesUid(query.text(2)),
                                   SopUid(query.text(3)), ObjectKey(query.text(4)), query.count(5),
                                   sql::sha256_of(query.view(6))});
                 }
               }));
    for (const HeldObject& object : page) {
      if (!visit(object)) return {};
    }
    if (page.size() < kPage) return {};
    after = page.back().object_key.str();
  }
}

Result<std::vector<std::string>> SqliteIndex::verify_counts(const RequestContext& ctx) {
  return impl_->read(ctx, [&](Connection& connection) -> Result<std::vector<std::string>> {
    GANTRY_LET(sqlite::Transaction transaction, sqlite::Transaction::begin(connection, false));
    std::vector<std::string> differences;
    // Each gives the place, what the row says, and what is there.
    for (const char* text : {
             "SELECT 'tenant ' || s.tenant_id || ', study ' || s.study_uid || ', series ' || s.series_uid || ', instances', "
             "s.instances, (SELECT COUNT(*) FROM dicom_image_meta i WHERE i.tenant_id = s.tenant_id AND "
             "i.study_uid = s.study_uid AND i.series_uid = s.series_uid) AS n FROM dicom_state_meta s WHERE s.instances <> n",
             "SELECT 'tenant ' || s.tenant_id || ', study ' || s.study_uid || ', series', s.study_related_series, "
             "(SELECT COUNT(*) FROM dicom_state_meta e WHERE e.tenant_id = s.tenant_id AND e.study_uid = s.study_uid AND "
             "e.instances > 0) AS n FROM dicom_study_meta s WHERE s.study_related_series <> n",
             "SELECT 'tenant ' || s.tenant_id || ', study ' || s.study_uid || ', instances', s.study_related_instances, "
             "(SELECT COUNT(*) FROM dicom_image_meta i WHERE i.tenant_id = s.tenant_id AND i.study_uid = s.study_uid) AS n "
             "FROM dicom_study_meta s WHERE s.study_related_instances <> n",
             "SELECT 'tenant ' || t.tenant_id || ', studies', t.studies, (SELECT COUNT(*) FROM dicom_study_meta s WHERE "
             "s.tenant_id = t.tenant_id) AS n FROM dicom_tenant t WHERE t.studies <> n",
             "SELECT 'tenant ' || t.tenant_id || ', series', t.series, (SELECT COUNT(*) FROM dicom_state_meta s WHERE "
             "s.tenant_id = t.tenant_id AND s.instances > 0) AS n FROM dicom_tenant t WHERE t.series <> n",
             "SELECT 'tenant ' || t.tenant_id || ', instances', t.instances, (SELECT COUNT(*) FROM dicom_image_meta i WHERE "
             "i.tenant_id = t.tenant_id) AS n FROM dicom_tenant t WHERE t.instances <> n",
             "SELECT 'tenant ' || t.tenant_id || ', bytes', t.bytes, (SELECT COALESCE(SUM(size), 0) FROM dicom_image_meta i "
             "WHERE i.tenant_id = t.tenant_id) AS n FROM dicom_tenant t WHERE t.bytes <> n",
             "SELECT 'tenant ' || i.tenant_id || ', instance ' || i.sop_uid || ', series row', 1, 0 FROM dicom_image_meta i "
             "WHERE NOT EXISTS (SELECT 1 FROM dicom_state_meta s WHERE s.tenant_id = i.tenant_id AND "
             "s.study_uid = i.study_uid AND s.series_uid = i.series_uid AND s.instances > 0)",
             "SELECT 'tenant ' || e.tenant_id || ', series ' || e.series_uid || ', study row', 1, 0 FROM dicom_state_meta e "
             "WHERE e.instances > 0 AND NOT EXISTS (SELECT 1 FROM dicom_study_meta s WHERE s.tenant_id = e.tenant_id AND "
             "s.study_uid = e.study_uid)",
         }) {
      GANTRY_LET(Query query, connection.query(text));
      for (;;) {
        GANTRY_LET(const bool more, query.step());
        if (!more) break;
        differences.push_back(query.text(0) + ": says " + std::to_string(query.integer(1)) + ", has " +
                              std::to_string(query.integer(2)));
      }
    }
    GANTRY_TRY(transaction.commit());
    return differences;
  });
}

Result<std::vector<Change>> SqliteIndex::changes(const RequestContext& ctx, std::uint64_t after_version,
                                                 std::size_t limit) {
  return impl_->read(ctx, [&](Connection& connection) -> Result<std::vector<Change>> {
    GANTRY_LET(Query query, connection.query("SELECT version, action, study_uid, series_uid, sop_uid, change_time "
                                             "FROM dicom_change WHERE tenant_id = ?1 AND version > ?2 "
                                             "ORDER BY version LIMIT ?3"));
    query << ctx.tenant.view() << after_version << static_cast<std::int64_t>(std::min<std::size_t>(limit, INT64_MAX));
    std::vector<Change> changes;
    for (;;) {
      GANTRY_LET(const bool more, query.step());
      if (!more) return changes;
      changes.push_back({query.count(0), static_cast<Change::Action>(query.integer(1)), StudyUid(query.text(2)),
                         SeriesUid(query.text(3)), SopUid(query.text(4)), query.time(5)});
    }
  });
}

Result<std::vector<StateRow>> SqliteIndex::get_state_metaes(const RequestContext& ctx, const StudyUid& study) {
  return impl_->read(ctx, [&](Connection& connection) -> Result<std::vector<StateRow>> {
    static const std::string select = "SELECT " + sql::state_row_columns("") +
                                      " FROM dicom_state_meta WHERE tenant_id = ?1 AND study_uid = ?2 "
                                      "ORDER BY series_number_key, series_uid";
    GANTRY_LET(Query query, connection.query(select));
    query << ctx.tenant.view() << study.view();
    std::vector<StateRow> rows;
    for (;;) {
      GANTRY_LET(const bool more, query.step());
      if (!more) return rows;
      rows.push_back(sql::read_state_row(query, 0));
    }
  });
}

Result<std::vector<StateRow>> SqliteIndex::get_json_metaes(const RequestContext& ctx, Timestamp end_time,
                                                           std::size_t limit) {
  return impl_->read(ctx, [&](Connection& connection) -> Result<std::vector<StateRow>> {
    static const std::string select = "SELECT " + sql::state_row_columns("") +
                                      " FROM dicom_state_meta WHERE json_due = 1 AND updated_time < ?1 "
                                      "ORDER BY updated_time, tenant_id, study_uid, series_uid LIMIT ?2";
    GANTRY_LET(Query query, connection.query(select));
    query << micros(end_time) << static_cast<std::int64_t>(std::min<std::size_t>(limit, INT64_MAX));
    std::vector<StateRow> rows;
    for (;;) {
      GANTRY_LET(const bool more, query.step());
      if (!more) return rows;
      rows.push_back(sql::read_state_row(query, 0));
    }
  });
}

Result<std::optional<JsonRow>> SqliteIndex::get_json_meta(const RequestContext& ctx, const StudyUid& study,
                                                          const SeriesUid& series) {
  return impl_->read(ctx, [&](Connection& connection) -> Result<std::optional<JsonRow>> {
    static const std::string text = "SELECT " + sql::task_columns() +
                                    " FROM dicom_json_meta x WHERE x.tenant_id = ?1 AND x.study_uid = ?2 AND "
                                    "x.series_uid = ?3";
    GANTRY_LET(Query query, connection.query(text));
    query << ctx.tenant.view() << study.view() << series.view();
    GANTRY_LET(const bool found, query.step());
    if (!found) return std::optional<JsonRow>();
    return std::optional(sql::read_task(query).row);
  });
}

Result<std::vector<JsonRow>> SqliteIndex::get_json_list(const RequestContext& ctx, const StudyUid& study) {
  return impl_->read(ctx, [&](Connection& connection) -> Result<std::vector<JsonRow>> {
    static const std::string text =
        "SELECT " + sql::task_columns() + " FROM dicom_json_meta x WHERE x.tenant_id = ?1 AND x.study_uid = ?2";
    GANTRY_LET(Query query, connection.query(text));
    query << ctx.tenant.view() << study.view();
    std::vector<JsonRow> list;
    for (;;) {
      GANTRY_LET(const bool found, query.step());
      if (!found) return list;
      list.push_back(sql::read_task(query).row);
    }
  });
}

Result<void> SqliteIndex::check(const RequestContext& ctx) {
  if (auto error = impl_->checkpointer->last_error()) return *std::move(error);
  return impl_->read(ctx, [&](Connection& connection) -> Result<void> {
    GANTRY_LET(Query query, connection.query("SELECT MAX(migration) FROM gantry_schema"));
    return query.run();
  });
}

}  // namespace gantry::index
