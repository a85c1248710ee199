// What SqliteIndex knows of tenants.

#include <algorithm>
#include <array>

#include "gantry/index/sql/tables.hpp"
#include "gantry/index/sqlite/sqlite_impl.hpp"
#include "gantry/index/tenant_rules.hpp"

namespace gantry::index {

using sql::micros;
using sqlite::Connection;
using sqlite::Query;

namespace {

const std::string kEntryColumns =
    "SELECT tenant_id, state, quota_bytes, quota_instances, quota_requests_per_s, quota_concurrent, studies, series, "
    "instances, bytes, change_no, created_time FROM dicom_tenant";

Error no_tenant() { return Error::not_found("there is no tenant of this name"); }

TenantEntry read_entry(const Query& row) {
  return {{TenantId(row.text(0)),
           static_cast<TenantState>(row.integer(1)),
           {row.count(2), row.count(3), row.count(4), row.count(5)}},
          {row.count(6), row.count(7), row.count(8), row.count(9), row.count(10)},
          row.time(11)};
}

std::int64_t limit_of(std::size_t limit) { return static_cast<std::int64_t>(std::min<std::size_t>(limit, INT64_MAX)); }

struct Standing {
  TenantState state = TenantState::kActive;
  std::uint64_t instances = 0;
};

Result<Standing> standing_of(Connection& connection, const TenantId& tenant) {
  GANTRY_LET(Query query, connection.query("SELECT state, instances FROM dicom_tenant WHERE tenant_id = ?1"));
  query << tenant.view();
  GANTRY_LET(const bool found, query.step());
  if (!found) return no_tenant();
  return Standing{static_cast<TenantState>(query.integer(0)), query.count(1)};
}

Result<void> set_state(Connection& connection, const TenantId& tenant, TenantState state) {
  GANTRY_LET(Query query, connection.query("UPDATE dicom_tenant SET state = ?2 WHERE tenant_id = ?1"));
  query << tenant.view() << static_cast<int>(state);
  GANTRY_TRY(query.run());
  if (connection.changes() == 0) return no_tenant();
  return {};
}

}  // namespace

Result<void> SqliteIndex::ensure_tenant(const RequestContext& ctx) {
  if (!is_valid_tenant(ctx.tenant.view())) return Error::invalid("a tenant id is 1 to 64 of a-z, 0-9 and '-'");
  GANTRY_LET(const bool present, impl_->read(ctx, [&](Connection& connection) -> Result<bool> {
    GANTRY_LET(Query query, connection.query("SELECT 1 FROM dicom_tenant WHERE tenant_id = ?1 AND state <> ?2"));
    query << ctx.tenant.view() << static_cast<int>(TenantState::kDeleted);
    return query.step();
  }));
  if (present) return {};
  return impl_->write(ctx, [&](Connection& connection) -> Result<void> {
    // A tenant that comes back goes on counting.
    GANTRY_LET(Query query,
               connection.query("INSERT INTO dicom_tenant (tenant_id, state, created_time) VALUES (?1, ?2, ?3) "
                                "ON CONFLICT (tenant_id) DO UPDATE SET state = ?2, created_time = ?3, "
                                "quota_bytes = 0, quota_instances = 0, quota_requests_per_s = 0, "
                                "quota_concurrent = 0 WHERE state = ?4"));
    query << ctx.tenant.view() << static_cast<int>(TenantState::kActive) << micros(timestamp_now())
          << static_cast<int>(TenantState::kDeleted);
    return query.run();
  });
}

Result<std::optional<TenantEntry>> SqliteIndex::find_tenant(const RequestContext& ctx) {
  return impl_->read(ctx, [&](Connection& connection) -> Result<std::optional<TenantEntry>> {
    GANTRY_LET(Query query, connection.query(kEntryColumns + " WHERE tenant_id = ?1"));
    query << ctx.tenant.view();
    GANTRY_LET(const bool found, query.step());
    return found ? std::optional(read_entry(query)) : std::nullopt;
  });
}

Result<std::vector<TenantEntry>> SqliteIndex::list_tenants(const RequestContext& ctx, const TenantId& after,
                                                           std::size_t limit) {
  return impl_->read(ctx, [&](Connection& connection) -> Result<std::vector<TenantEntry>> {
    GANTRY_LET(Query query, connection.query(kEntryColumns + " WHERE tenant_id > ?1 ORDER BY tenant_id LIMIT ?2"));
    query << after.view() << limit_of(limit);
    std::vector<TenantEntry> entries;
    for (;;) {
      GANTRY_LET(const bool more, query.step());
      if (!more) return entries;
      entries.push_back(read_entry(query));
    }
  });
}

Result<void> SqliteIndex::set_quotas(const RequestContext& ctx, const TenantQuotas& quotas) {
  return impl_->write(ctx, [&](Connection& connection) -> Result<void> {
    GANTRY_LET(Query query, connection.query("UPDATE dicom_tenant SET quota_bytes = ?2, quota_instances = ?3, "
                                             "quota_requests_per_s = ?4, quota_concurrent = ?5 WHERE tenant_id = ?1"));
    query << ctx.tenant.view() << quotas.bytes << quotas.instances << quotas.requests_per_s << quotas.concurrent;
    GANTRY_TRY(query.run());
    if (connection.changes() == 0) return no_tenant();
    return {};
  });
}

Result<void> SqliteIndex::set_tenant_state(const RequestContext& ctx, TenantState state) {
  return impl_->write(ctx, [&](Connection& connection) { return set_state(connection, ctx.tenant, state); });
}

Result<void> SqliteIndex::change_tenant_state(const RequestContext& ctx, TenantState from, TenantState to) {
  return impl_->write(ctx, [&](Connection& connection) -> Result<void> {
    GANTRY_LET(const Standing now, standing_of(connection, ctx.tenant));
    if (now.state != from) return wrong_state(now.state);
    return set_state(connection, ctx.tenant, to);
  });
}

Result<void> SqliteIndex::queue_objects(const RequestContext& ctx, std::span<const ObjectKey> keys,
                                        std::chrono::seconds object_grace) {
  if (keys.empty()) return {};
  return impl_->write(ctx, [&](Connection& connection) -> Result<void> {
    const Timestamp due = timestamp_now() + object_grace;
    for (const ObjectKey& key : keys) {
      GANTRY_LET(Query query,
                 connection.query("INSERT INTO dicom_delete_queue (object_key, tenant_id, due_time, attempts) "
                                  "VALUES (?1, ?2, ?3, 0) ON CONFLICT (object_key) DO NOTHING"));
      query << key.view() << ctx.tenant.view() << micros(due);
      GANTRY_TRY(query.run());
    }
    return {};
  });
}

Result<std::uint64_t> SqliteIndex::purge_tenant(const RequestContext& ctx, std::size_t limit) {
  static constexpr std::array<const sql::Table*, 5> kKinds{&sql::kTermTable, &sql::kJsonTable, &sql::kStateTable,
                                                           &sql::kStudyTable, &sql::kChangeTable};
  return impl_->write(ctx, [&](Connection& connection) -> Result<std::uint64_t> {
    GANTRY_LET(const Standing now, standing_of(connection, ctx.tenant));
    GANTRY_TRY(check_purge(now.state, now.instances));
    std::uint64_t gone = 0;
    for (const sql::Table* const table : kKinds) {
      const std::string name(table->name), key = sql::column_list(sql::key_columns(*table));
      GANTRY_LET(Query query, connection.query("DELETE FROM " + name + " WHERE (" + key + ") IN (SELECT " + key +
                                               " FROM " + name + " WHERE tenant_id = ?1 LIMIT ?2)"));
      query << ctx.tenant.view() << limit_of(limit);
      GANTRY_TRY(query.run());
      gone += static_cast<std::uint64_t>(connection.changes());
    }
    return gone;
  });
}

}  // namespace gantry::index
