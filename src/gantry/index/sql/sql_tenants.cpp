// What SqlIndex knows of tenants.

#include <algorithm>
#include <array>
#include <set>

#include "gantry/index/sql/batch_store.hpp"
#include "gantry/index/sql/commit_rows.hpp"
#include "gantry/index/sql/sql_index.hpp"
#include "gantry/index/sql/tables.hpp"
#include "gantry/index/tenant_rules.hpp"

namespace gantry::index::sql {
namespace {

constexpr const char* kEntryColumns =
    "SELECT tenant_id, state, quota_bytes, quota_instances, quota_requests_per_s, quota_concurrent, studies, series, "
    "instances, bytes, change_no, created_time FROM dicom_tenant";

Error no_tenant() { return Error::not_found("there is no tenant of this name"); }

TenantEntry read_entry(const RowRef& row) {
  return {{TenantId(row.text(0)),
           static_cast<TenantState>(row.integer(1)),
           {row.count(2), row.count(3), row.count(4), row.count(5)}},
          {row.count(6), row.count(7), row.count(8), row.count(9), row.count(10)},
          row.time(11)};
}

std::int64_t limit_of(std::size_t limit) { return static_cast<std::int64_t>(std::min<std::size_t>(limit, INT64_MAX)); }

/// Each once, in the order in which everybody locks them.
std::set<std::string> names_in_order(std::span<const ObjectKey> keys) {
  std::set<std::string> names;
  for (const ObjectKey& key : keys) names.insert(key.str());
  return names;
}

/// The columns of the table's key, as its rows are named.
std::vector<Column> key_of(const Table& table) {
  std::vector<Column> columns;
  for (const std::string_view name : key_columns(table)) {
    columns.push_back(*std::find_if(table.columns.begin(), table.columns.end(),
                                    [&](const Column& each) { return each.name == name; }));
  }
  return columns;
}

}  // namespace

Result<void> SqlIndex::ensure_tenant(const RequestContext& ctx) {
  if (!is_valid_tenant(ctx.tenant.view())) return Error::invalid("a tenant id is 1 to 64 of a-z, 0-9 and '-'");
  Text present(dialect());
  present << "SELECT 1 FROM dicom_tenant WHERE tenant_id = ";
  present.bind(ctx.tenant.view()) << " AND state <> ";
  present.bind(static_cast<int>(TenantState::kDeleted));
  GANTRY_LET(const Rows rows, read_rows(ctx, Tenants::kOne, present));
  if (rows->size() > 0) return {};
  return write(ctx, Tenants::kOne, [&](Session& session) -> Result<void> {
    std::vector<Text> statements(2, Text(dialect()));
    statements[0] << "INSERT INTO dicom_tenant (tenant_id, state, created_time) SELECT ";
    statements[0].bind(ctx.tenant.view()) << ", ";
    statements[0].bind(static_cast<int>(TenantState::kActive)) << ", " << dialect().clock();
    statements[0] << dialect().upsert_tail(kTenantTable, {});
    // One that comes back goes on counting.
    statements[1] << "UPDATE dicom_tenant SET quota_bytes = 0, quota_instances = 0, quota_requests_per_s = 0, "
                     "quota_concurrent = 0, created_time = "
                  << dialect().clock() << ", state = ";
    statements[1].bind(static_cast<int>(TenantState::kActive)) << " WHERE tenant_id = ";
    statements[1].bind(ctx.tenant.view()) << " AND state = ";
    statements[1].bind(static_cast<int>(TenantState::kDeleted));
    return session.run_and_commit(statements);
  });
}

Result<std::optional<TenantEntry>> SqlIndex::find_tenant(const RequestContext& ctx) {
  Text sql(dialect());
  sql << kEntryColumns << " WHERE tenant_id = ";
  sql.bind(ctx.tenant.view());
  GANTRY_LET(const Rows rows, read_rows(ctx, Tenants::kOne, sql));
  if (rows->size() == 0) return std::optional<TenantEntry>();
  return std::optional(read_entry(RowRef(*rows, 0)));
}

Result<std::vector<TenantEntry>> SqlIndex::list_tenants(const RequestContext& ctx, const TenantId& after,
                                                        std::size_t limit) {
  Text sql(dialect());
  sql << kEntryColumns << " WHERE tenant_id > ";
  sql.bind(after.view()) << " ORDER BY tenant_id LIMIT ";
  sql.bind(limit_of(limit));
  GANTRY_LET(const Rows rows, read_rows(ctx, Tenants::kAll, sql));
  std::vector<TenantEntry> entries;
  for (std::size_t i = 0; i < rows->size(); ++i) entries.push_back(read_entry(RowRef(*rows, i)));
  return entries;
}

// Under the lock that commits take: none of them is between its look at the row and its end.
Result<void> SqlIndex::update_tenant(const RequestContext& ctx, std::optional<TenantState> from,
                                     const std::function<void(Text&)>& set) {
  return write(ctx, Tenants::kOne, [&](Session& session) -> Result<void> {
    std::vector<Text> lock;
    add_tenant_lock(lock, dialect(), ctx.tenant);
    GANTRY_LET(const std::vector<Rows> sets, session.run(lock));
    if (sets[1]->size() == 0) return no_tenant();
    const auto state = static_cast<TenantState>(sets[1]->integer(0, 0));
    if (from && state != *from) return wrong_state(state);
    Text update(dialect());
    update << "UPDATE dicom_tenant SET ";
    set(update);
    update << " WHERE tenant_id = ";
    update.bind(ctx.tenant.view());
    return session.run_and_commit(std::span(&update, 1));
  });
}

Result<void> SqlIndex::set_quotas(const RequestContext& ctx, const TenantQuotas& quotas) {
  return update_tenant(ctx, std::nullopt, [&quotas](Text& update) {
    update << "quota_bytes = ";
    update.bind(quotas.bytes) << ", quota_instances = ";
    update.bind(quotas.instances) << ", quota_requests_per_s = ";
    update.bind(quotas.requests_per_s) << ", quota_concurrent = ";
    update.bind(quotas.concurrent);
  });
}

Result<void> SqlIndex::set_tenant_state(const RequestContext& ctx, TenantState state) {
  return update_tenant(ctx, std::nullopt, [state](Text& update) {
    update << "state = ";
    update.bind(static_cast<int>(state));
  });
}

Result<void> SqlIndex::change_tenant_state(const RequestContext& ctx, TenantState from, TenantState to) {
  return update_tenant(ctx, from, [to](Text& update) {
    update << "state = ";
    update.bind(static_cast<int>(to));
  });
}

Result<void> SqlIndex::queue_objects(const RequestContext& ctx, std::span<const ObjectKey> keys,
                                     std::chrono::seconds object_grace) {
  if (keys.empty()) return {};
  const std::set<std::string> names = names_in_order(keys);
  return write(ctx, Tenants::kOne, [&](Session& session) -> Result<void> {
    Text clock(dialect());
    clock << "SELECT " << dialect().clock();
    GANTRY_LET(const Rows now, session.run(clock));
    CellRows rows;
    for (const std::string& name : names) rows.push_back(queue_cells(ctx.tenant, name, now->time(0, 0) + object_grace));
    std::vector<Text> statements;
    dialect().insert_missing_rows(statements, kDeleteQueueTable, rows);
    return session.run_and_commit(statements);
  });
}

Result<std::uint64_t> SqlIndex::purge_tenant(const RequestContext& ctx, std::size_t limit) {
  static constexpr std::array<const Table*, 5> kKinds{&kTermTable, &kJsonTable, &kStateTable, &kStudyTable,
                                                      &kChangeTable};
  std::uint64_t gone = 0;
  GANTRY_TRY(write(ctx, Tenants::kOne, [&](Session& session) -> Result<void> {
    gone = 0;
    std::vector<Text> reads;
    add_tenant_lock(reads, dialect(), ctx.tenant);
    const std::size_t before = reads.size();
    for (const Table* const table : kKinds) {
      Text& sql = reads.emplace_back(dialect());
      sql << "SELECT " << column_list(key_columns(*table)) << " FROM " << table->name << " WHERE tenant_id = ";
      sql.bind(ctx.tenant.view()) << " LIMIT ";
      sql.bind(limit_of(limit));
    }
    GANTRY_LET(const std::vector<Rows> sets, session.run(reads));
    if (sets[1]->size() == 0) return no_tenant();
    const RowRef tenant(*sets[1], 0);
    GANTRY_TRY(check_purge(static_cast<TenantState>(tenant.integer(0)), tenant.count(3)));
    std::array<CellRows, kKinds.size()> keys;  // outlive the statements
    std::vector<Text> deletes;
    for (std::size_t kind = 0; kind < kKinds.size(); ++kind) {
      const std::vector<Column> columns = key_of(*kKinds[kind]);
      const RowSet& rows = *sets[before + kind];
      for (std::size_t i = 0; i < rows.size(); ++i) {
        CellRow& key = keys[kind].emplace_back();
        for (std::size_t column = 0; column < columns.size(); ++column) {
          const int at = static_cast<int>(column);
          if (columns[column].type == ColumnType::kInteger) {
            key.emplace_back(rows.integer(i, at));
          } else {
            key.emplace_back(std::string(rows.view(i, at)));
          }
        }
      }
      gone += keys[kind].size();
      if (!keys[kind].empty()) dialect().delete_rows(deletes, *kKinds[kind], columns, keys[kind]);
    }
    return deletes.empty() ? Result<void>() : session.run_and_commit(deletes);
  }));
  return gone;
}

}  // namespace gantry::index::sql
