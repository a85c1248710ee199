// What SqlIndex answers from rows, without searching.

#include <algorithm>
#include <bit>
#include <unordered_set>
#include <utility>

#include "gantry/index/sql/json_tasks.hpp"
#include "gantry/index/sql/read_rows.hpp"
#include "gantry/index/sql/sql_index.hpp"
#include "gantry/index/version_keys.hpp"

namespace gantry::index::sql {
namespace {

std::int64_t limit_of(std::size_t limit) { return static_cast<std::int64_t>(std::min<std::size_t>(limit, INT64_MAX)); }

/// SELECT of the key's number and its version, if it is there.
void select_version(Text& sql, VersionLevel level, const VersionKey& key, std::size_t number) {
  sql << "SELECT ";
  sql.bind(static_cast<std::uint64_t>(number));
  switch (level) {
    case VersionLevel::kTenant: sql << ", change_no FROM dicom_tenant"; break;
    case VersionLevel::kStudy: sql << ", version FROM dicom_study_meta"; break;
    case VersionLevel::kSeries: sql << ", version FROM dicom_state_meta"; break;
    case VersionLevel::kInstance: sql << ", version FROM dicom_image_meta"; break;
  }
  sql << " WHERE tenant_id = ";
  sql.bind(key.tenant.view());
  if (level == VersionLevel::kTenant) return;
  sql << " AND study_uid = ";
  sql.bind(key.study.view());
  if (level == VersionLevel::kStudy) return;
  sql << " AND series_uid = ";
  sql.bind(key.series.view());
  if (level == VersionLevel::kSeries) {
    sql << " AND instances > 0";
    return;
  }
  sql << " AND sop_uid = ";
  sql.bind(key.sop.view());
}

}  // namespace

Result<std::vector<Rows>> SqlIndex::read_rows(const RequestContext& ctx, Tenants tenants,
                                              std::span<const Text> statements) {
  std::vector<Rows> sets;
  GANTRY_TRY(read(ctx, tenants, [&](Session& session) -> Result<void> {
    GANTRY_LET(sets, session.run(statements));
    return {};
  }));
  return sets;
}

Result<Rows> SqlIndex::read_rows(const RequestContext& ctx, Tenants tenants, const Text& statement) {
  GANTRY_LET(std::vector<Rows> sets, read_rows(ctx, tenants, std::span(&statement, 1)));
  return std::move(sets[0]);
}

Result<TenantTotals> SqlIndex::totals(const RequestContext& ctx) {
  Text sql(dialect());
  sql << "SELECT studies, series, instances, bytes, change_no FROM dicom_tenant WHERE tenant_id = ";
  sql.bind(ctx.tenant.view());
  GANTRY_LET(const Rows rows, read_rows(ctx, Tenants::kOne, sql));
  if (rows->size() == 0) return TenantTotals{};
  const RowRef row(*rows, 0);
  return TenantTotals{row.count(0), row.count(1), row.count(2), row.count(3), row.count(4)};
}

Result<std::optional<InstanceIndex::Located>> SqlIndex::locate(const RequestContext& ctx, const StudyUid& study,
                                                               const SeriesUid& series, const SopUid& sop) {
  static const std::string columns = [] {
    std::string text = "sop_class, transfer_syntax, version, object_key, size, file_sha256, frame_index";
    for (const auto& column : select_columns(Level::kInstance)) {
      if (column.member != nullptr) text.append(", ").append(column.name);
    }
    return text;
  }();
  Text sql(dialect());
  sql << "SELECT " << columns << " FROM dicom_image_meta WHERE tenant_id = ";
  sql.bind(ctx.tenant.view()) << " AND study_uid = ";
  sql.bind(study.view()) << " AND series_uid = ";
  sql.bind(series.view()) << " AND sop_uid = ";
  sql.bind(sop.view());
  GANTRY_LET(const Rows rows, read_rows(ctx, Tenants::kOne, sql));
  if (rows->size() == 0) return std::optional<Located>();
  const RowRef row(*rows, 0);
  std::optional<Located> located(std::in_place);
  InstanceRow& instance = located->instance;
  instance.sop = sop;
  instance.sop_class = row.text(0);
  instance.transfer_syntax = row.text(1);
  instance.version = located->version = row.count(2);
  instance.location = Location{ObjectKey(row.text(3)), row.count(4), sha256_of(row.view(5)), row.text(6)};
  read_attributes(row, Level::kInstance, 7, instance);
  return located;
}

Result<std::optional<std::uint64_t>> SqlIndex::version_of(const RequestContext& ctx, const StudyUid& study,
                                                          const std::optional<SeriesUid>& series) {
  Text sql(dialect());
  sql << "SELECT version FROM " << (series ? "dicom_state_meta" : "dicom_study_meta") << " WHERE tenant_id = ";
  sql.bind(ctx.tenant.view()) << " AND study_uid = ";
  sql.bind(study.view());
  if (series) {
    sql << " AND instances > 0 AND series_uid = ";
    sql.bind(series->view());
  }
  GANTRY_LET(const Rows rows, read_rows(ctx, Tenants::kOne, sql));
  if (rows->size() == 0) return std::optional<std::uint64_t>();
  return std::optional(static_cast<std::uint64_t>(rows->integer(0, 0)));
}

Result<std::vector<std::uint64_t>> SqlIndex::versions(const RequestContext& ctx, std::span<const VersionKey> keys) {
  GANTRY_TRY(check_version_keys(keys));
  std::vector<std::uint64_t> versions(keys.size());
  if (keys.empty()) return versions;
  // By level, each level's number of keys filled up to a power of two: few texts, so that databases keep their plans.
  Text sql(dialect());
  bool first = true;
  for (const VersionLevel level : kVersionLevels) {
    std::vector<std::size_t> of_level;
    for (std::size_t i = 0; i < keys.size(); ++i) {
      if (level_of(keys[i]) == level) of_level.push_back(i);
    }
    if (of_level.empty()) continue;
    of_level.resize(std::bit_ceil(of_level.size()), of_level.back());
    for (const std::size_t i : of_level) {
      if (!std::exchange(first, false)) sql << " UNION ALL ";
      select_version(sql, level, keys[i], i);
    }
  }
  GANTRY_LET(const Rows rows, read_rows(ctx, Tenants::kAll, sql));
  for (std::size_t i = 0; i < rows->size(); ++i) {
    const auto key = static_cast<std::size_t>(rows->integer(i, 0));
    if (key >= keys.size()) return Error::internal("the database gave a version that nobody asked for");
    versions[key] = static_cast<std::uint64_t>(rows->integer(i, 1));
  }
  return versions;
}

Result<std::vector<ObjectKey>> SqlIndex::due_deletions(const RequestContext& ctx, std::size_t limit) {
  Text sql(dialect());
  sql << "SELECT object_key FROM dicom_delete_queue WHERE due_time <= " << dialect().clock()
      << " ORDER BY due_time, object_key LIMIT ";
  sql.bind(limit_of(limit));
  GANTRY_LET(const Rows rows, read_rows(ctx, Tenants::kAll, sql));
  std::vector<ObjectKey> keys;
  for (std::size_t i = 0; i < rows->size(); ++i) keys.emplace_back(std::string(rows->view(i, 0)));
  return keys;
}

// One statement, and so one state for all keys: an object moves from a row to the queue in one transaction, and is
// never seen in neither.
Result<std::vector<bool>> SqlIndex::are_held(const RequestContext& ctx, std::span<const ObjectKey> keys) {
  if (keys.empty()) return std::vector<bool>();
  std::vector<std::string> texts;
  for (const ObjectKey& key : keys) texts.push_back(key.str());
  Text sql(dialect());
  bool first = true;
  for (const std::string_view table : {"dicom_image_meta", "dicom_delete_queue", "dicom_json_meta"}) {
    sql << (first ? "SELECT k.value FROM " : " UNION ALL SELECT k.value FROM ");
    dialect().array_rows(sql, texts);
    // Said for all, as the index of the JSON rows is a partial one.
    sql << " k" << dialect().ordered_join() << table << " x WHERE x.object_key = k.value AND x.object_key <> ''";
    first = false;
  }
  GANTRY_LET(const Rows rows, read_rows(ctx, Tenants::kAll, sql));
  std::unordered_set<std::string_view> found;
  for (std::size_t i = 0; i < rows->size(); ++i) found.insert(rows->view(i, 0));
  std::vector<bool> held;
  for (const std::string& text : texts) held.push_back(found.contains(text));
  return held;
}

Result<void> SqlIndex::visit_objects(const RequestContext& ctx, const std::function<bool(const HeldObject&)>& visit) {
  constexpr std::size_t kPage = 1000;
  std::string after;
  for (;;) {
    Text sql(dialect());
    sql << "SELECT tenant_id, study_uid, series_uid, sop_uid, object_key, size, file_sha256 FROM dicom_image_meta "
           "WHERE object_key > ";
    sql.bind(after) << " ORDER BY object_key LIMIT ";
    sql.bind(limit_of(kPage));
    GANTRY_LET(const Rows rows, read_rows(ctx, Tenants::kAll, sql));
    for (std::size_t i = 0; i < rows->size(); ++i) {
      const RowRef row(*rows, i);
      const HeldObject object{TenantId(row.text(0)), StudyUid(row.text(1)),  SeriesUid(row.text(2)),
                              SopUid(row.text(3)),   ObjectKey(row.text(4)), row.count(5),
                              sha256_of(row.view(6))};
      if (!visit(object)) return {};
      after = object.object_key.str();
    }
    if (rows->size() < kPage) return {};
  }
}

Result<std::vector<std::string>> SqlIndex::verify_counts(const RequestContext& ctx) {
  const auto sum = dialect().integer("SUM(size)");
  // Each gives the place, what the row says, and what is there.
  const std::string texts[] = {
      "SELECT 'tenant ' || s.tenant_id || ', study ' || s.study_uid || ', series ' || s.series_uid || ', instances' AS "
      "place, s.instances AS says, (SELECT COUNT(*) FROM dicom_image_meta i WHERE i.tenant_id = s.tenant_id AND "
      "i.study_uid = s.study_uid AND i.series_uid = s.series_uid) AS has FROM dicom_state_meta s",
      "SELECT 'tenant ' || s.tenant_id || ', study ' || s.study_uid || ', series' AS place, s.study_related_series AS "
      "says, "
      "(SELECT COUNT(*) FROM dicom_state_meta e WHERE e.tenant_id = s.tenant_id AND e.study_uid = s.study_uid AND "
      "e.instances > 0) AS has FROM dicom_study_meta s",
      "SELECT 'tenant ' || s.tenant_id || ', study ' || s.study_uid || ', instances' AS place, "
      "s.study_related_instances AS "
      "says, (SELECT COUNT(*) FROM dicom_image_meta i WHERE i.tenant_id = s.tenant_id AND i.study_uid = s.study_uid) "
      "AS has "
      "FROM dicom_study_meta s",
      "SELECT 'tenant ' || t.tenant_id || ', studies' AS place, t.studies AS says, (SELECT COUNT(*) FROM "
      "dicom_study_meta s "
      "WHERE s.tenant_id = t.tenant_id) AS has FROM dicom_tenant t",
      "SELECT 'tenant ' || t.tenant_id || ', series' AS place, t.series AS says, (SELECT COUNT(*) FROM "
      "dicom_state_meta s "
      "WHERE s.tenant_id = t.tenant_id AND s.instances > 0) AS has FROM dicom_tenant t",
      "SELECT 'tenant ' || t.tenant_id || ', instances' AS place, t.instances AS says, (SELECT COUNT(*) FROM "
      "dicom_image_meta i WHERE i.tenant_id = t.tenant_id) AS has FROM dicom_tenant t",
      "SELECT 'tenant ' || t.tenant_id || ', bytes' AS place, t.bytes AS says, COALESCE((SELECT " + sum +
          " FROM dicom_image_meta i WHERE i.tenant_id = t.tenant_id), 0) AS has FROM dicom_tenant t",
      "SELECT 'tenant ' || i.tenant_id || ', instance ' || i.sop_uid || ', series row' AS place, 1 AS says, 0 AS has "
      "FROM "
      "dicom_image_meta i WHERE NOT EXISTS (SELECT 1 FROM dicom_state_meta s WHERE s.tenant_id = i.tenant_id AND "
      "s.study_uid = i.study_uid AND s.series_uid = i.series_uid AND s.instances > 0)",
      "SELECT 'tenant ' || e.tenant_id || ', series ' || e.series_uid || ', study row' AS place, 1 AS says, 0 AS has "
      "FROM "
      "dicom_state_meta e WHERE e.instances > 0 AND NOT EXISTS (SELECT 1 FROM dicom_study_meta s WHERE "
      "s.tenant_id = e.tenant_id AND s.study_uid = e.study_uid)",
  };
  std::vector<std::string> differences;
  GANTRY_TRY(read(ctx, Tenants::kAll, [&](Session& session) -> Result<void> {
    differences.clear();
    session.hold_snapshot();
    for (const std::string& text : texts) {
      Text sql(dialect());
      sql << "SELECT place, says, has FROM (" << text << ") found WHERE says <> has";
      GANTRY_LET(const Rows rows, session.run(sql));
      for (std::size_t i = 0; i < rows->size(); ++i) {
        const RowRef row(*rows, i);
        differences.push_back(row.text(0) + ": says " + std::to_string(row.integer(1)) + ", has " +
                              std::to_string(row.integer(2)));
      }
    }
    return {};
  }));
  return differences;
}

Result<std::vector<Change>> SqlIndex::changes(const RequestContext& ctx, std::uint64_t after_version,
                                              std::size_t limit) {
  Text sql(dialect());
  sql << "SELECT version, action, study_uid, series_uid, sop_uid, change_time FROM dicom_change WHERE tenant_id = ";
  sql.bind(ctx.tenant.view()) << " AND version > ";
  sql.bind(after_version) << " ORDER BY version LIMIT ";
  sql.bind(limit_of(limit));
  GANTRY_LET(const Rows rows, read_rows(ctx, Tenants::kOne, sql));
  std::vector<Change> changes;
  for (std::size_t i = 0; i < rows->size(); ++i) {
    const RowRef row(*rows, i);
    changes.push_back({row.count(0), static_cast<Change::Action>(row.integer(1)), StudyUid(row.text(2)),
                       SeriesUid(row.text(3)), SopUid(row.text(4)), row.time(5)});
  }
  return changes;
}

Result<std::vector<StateRow>> SqlIndex::get_state_metaes(const RequestContext& ctx, const StudyUid& study) {
  Text sql(dialect());
  sql << "SELECT " << state_row_columns("") << " FROM dicom_state_meta WHERE tenant_id = ";
  sql.bind(ctx.tenant.view()) << " AND study_uid = ";
  sql.bind(study.view()) << " ORDER BY series_number_key, series_uid";
  GANTRY_LET(const Rows rows, read_rows(ctx, Tenants::kOne, sql));
  std::vector<StateRow> states;
  for (std::size_t i = 0; i < rows->size(); ++i) states.push_back(read_state_row(RowRef(*rows, i), 0));
  return states;
}

Result<std::vector<StateRow>> SqlIndex::get_json_metaes(const RequestContext& ctx, Timestamp end_time,
                                                        std::size_t limit) {
  Text sql(dialect());
  sql << "SELECT " << state_row_columns("") << " FROM dicom_state_meta WHERE json_due = 1 AND updated_time < ";
  sql.bind(Value(end_time)) << " ORDER BY updated_time, tenant_id, study_uid, series_uid LIMIT ";
  sql.bind(limit_of(limit));
  GANTRY_LET(const Rows rows, read_rows(ctx, Tenants::kAll, sql));
  std::vector<StateRow> states;
  for (std::size_t i = 0; i < rows->size(); ++i) states.push_back(read_state_row(RowRef(*rows, i), 0));
  return states;
}

Result<std::optional<JsonRow>> SqlIndex::get_json_meta(const RequestContext& ctx, const StudyUid& study,
                                                       const SeriesUid& series) {
  Text sql(dialect());
  sql << "SELECT " << task_columns() << " FROM dicom_json_meta x WHERE x.tenant_id = ";
  sql.bind(ctx.tenant.view()) << " AND x.study_uid = ";
  sql.bind(study.view()) << " AND x.series_uid = ";
  sql.bind(series.view());
  GANTRY_LET(const Rows rows, read_rows(ctx, Tenants::kOne, sql));
  if (rows->size() == 0) return std::optional<JsonRow>();
  return std::optional(read_task(RowRef(*rows, 0)).row);
}

Result<std::vector<JsonRow>> SqlIndex::get_json_list(const RequestContext& ctx, const StudyUid& study) {
  Text sql(dialect());
  sql << "SELECT " << task_columns() << " FROM dicom_json_meta x WHERE x.tenant_id = ";
  sql.bind(ctx.tenant.view()) << " AND x.study_uid = ";
  sql.bind(study.view());
  GANTRY_LET(const Rows rows, read_rows(ctx, Tenants::kOne, sql));
  std::vector<JsonRow> list;
  for (std::size_t i = 0; i < rows->size(); ++i) list.push_back(read_task(RowRef(*rows, i)).row);
  return list;
}

Result<void> SqlIndex::check(const RequestContext& ctx) {
  Text sql(dialect());
  sql << "SELECT MAX(migration) FROM gantry_schema";
  GANTRY_LET(const Rows rows, read_rows(ctx, Tenants::kOne, sql));
  if (rows->size() == 0) return Error::internal("the index has no schema");
  return {};
}

}  // namespace gantry::index::sql
