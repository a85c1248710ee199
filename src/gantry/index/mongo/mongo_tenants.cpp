// What MongoIndex knows of tenants.

#include <algorithm>
#include <array>

#include "gantry/index/mongo/mongo_impl.hpp"
#include "gantry/index/tenant_rules.hpp"

namespace gantry::index {

using mongo::BatchStore;
using mongo::Bulk;
using mongo::Document;
using mongo::Find;
using mongo::number_of;
using mongo::Session;
using sql::micros;

namespace {

Error no_tenant() { return Error::not_found("there is no tenant of this name"); }

std::int64_t limit_of(std::size_t limit) { return static_cast<std::int64_t>(std::min<std::size_t>(limit, INT64_MAX)); }

std::uint64_t count_of(const bson_t& row, const char* key) { return static_cast<std::uint64_t>(number_of(row, key)); }

/// What a document of an older schema lacks is 0.
TenantEntry read_entry(const bson_t& row) {
  return {{TenantId(mongo::text_of(row, "tenant_id")),
           static_cast<TenantState>(number_of(row, "state")),
           {count_of(row, "quota_bytes"), count_of(row, "quota_instances"), count_of(row, "quota_requests_per_s"),
            count_of(row, "quota_concurrent")}},
          {count_of(row, "studies"), count_of(row, "series"), count_of(row, "instances"), count_of(row, "bytes"),
           count_of(row, "change_no")},
          sql::timestamp(number_of(row, "created_time"))};
}

/// The `_id`s that begin with the tenant and a slash; the character after that is '0'.
Find of_tenant(const TenantId& tenant, std::size_t limit) {
  Document range;
  range.text("$gte", tenant.str() + "/").text("$lt", tenant.str() + "0");
  Find find;
  find.filter = mongo::wrapped("_id", range);
  find.sort.small("_id", 1);
  find.projection.small("_id", 1);
  find.limit = limit_of(limit);
  return find;
}

Result<std::vector<std::string>> ids_of(Session& session, const char* collection, const Find& find) {
  std::vector<std::string> ids;
  GANTRY_TRY(session.find(collection, find, [&ids](const bson_t& row) -> Result<bool> {
    ids.push_back(mongo::text_of(row, "_id"));
    return true;
  }));
  return ids;
}

void no_quotas(Document& fields) {
  for (const char* const quota : {"quota_bytes", "quota_instances", "quota_requests_per_s", "quota_concurrent"}) {
    fields.number(quota, 0);
  }
}

}  // namespace

Result<void> MongoIndex::ensure_tenant(const RequestContext& ctx) {
  if (!is_valid_tenant(ctx.tenant.view())) return Error::invalid("a tenant id is 1 to 64 of a-z, 0-9 and '-'");
  const auto deleted = static_cast<int>(TenantState::kDeleted);
  Find find;
  find.filter = mongo::by_text("_id", ctx.tenant.view());
  find.projection.small("state", 1);
  GANTRY_LET(const auto there,
             impl_->read(ctx, [&](Session& session) { return session.find_one(mongo::kTenants, find); }));
  if (there && number_of(*there->raw(), "state") != deleted) return {};
  Bulk bulk;
  if (there) {
    // A tenant that comes back goes on counting.
    Document filter = mongo::by_text("_id", ctx.tenant.view()), set;
    filter.number("state", deleted);
    set.number("state", static_cast<int>(TenantState::kActive));
    no_quotas(set);
    set.number("created_time", micros(impl_->pool->database_now()));
    bulk.update_one(std::move(filter), mongo::wrapped("$set", set));
  } else {
    Document set = mongo::by_text("tenant_id", ctx.tenant.view());
    set.number("state", static_cast<int>(TenantState::kActive));
    for (const char* const counter : {"change_no", "bytes", "instances", "studies", "series"}) set.number(counter, 0);
    no_quotas(set);
    set.number("created_time", micros(impl_->pool->database_now()));
    bulk.update_one(mongo::by_text("_id", ctx.tenant.view()), mongo::wrapped("$setOnInsert", set), true);
  }
  return impl_->writer->write(ctx, mongo::kTenants, bulk);
}

Result<std::optional<TenantEntry>> MongoIndex::find_tenant(const RequestContext& ctx) {
  Find find;
  find.filter = mongo::by_text("_id", ctx.tenant.view());
  GANTRY_LET(const auto row,
             impl_->read(ctx, [&](Session& session) { return session.find_one(mongo::kTenants, find); }));
  return row ? std::optional(read_entry(*row->raw())) : std::nullopt;
}

Result<std::vector<TenantEntry>> MongoIndex::list_tenants(const RequestContext& ctx, const TenantId& after,
                                                          std::size_t limit) {
  Find find;
  find.filter = mongo::wrapped("_id", mongo::by_text("$gt", after.view()));
  find.sort.small("_id", 1);
  find.limit = limit_of(limit);
  std::vector<TenantEntry> entries;
  GANTRY_TRY(impl_->read(ctx, [&](Session& session) {
    return session.find(mongo::kTenants, find, [&entries](const bson_t& row) -> Result<bool> {
      entries.push_back(read_entry(row));
      return true;
    });
  }));
  return entries;
}

// In the tenant's turn, so that no commit that is on its way goes by what was.
Result<void> MongoIndex::Impl::set_tenant(const RequestContext& ctx, std::optional<TenantState> from,
                                          std::vector<std::pair<std::string, std::int64_t>> fields) {
  return writer->run(ctx, [&](Session&, BatchStore& store) -> Result<void> {
    sql::CommitStore::Loaded loaded;
    GANTRY_LET(const auto tenant, store.begin({}, loaded));
    if (!tenant) return no_tenant();
    if (from && tenant->state != *from) return wrong_state(tenant->state);
    store.batch().settings = fields;
    return store.finish({});
  });
}

Result<void> MongoIndex::set_quotas(const RequestContext& ctx, const TenantQuotas& quotas) {
  return impl_->set_tenant(ctx, std::nullopt,
                           {{"quota_bytes", static_cast<std::int64_t>(quotas.bytes)},
                            {"quota_instances", static_cast<std::int64_t>(quotas.instances)},
                            {"quota_requests_per_s", static_cast<std::int64_t>(quotas.requests_per_s)},
                            {"quota_concurrent", static_cast<std::int64_t>(quotas.concurrent)}});
}

Result<void> MongoIndex::set_tenant_state(const RequestContext& ctx, TenantState state) {
  return impl_->set_tenant(ctx, std::nullopt, {{"state", static_cast<std::int64_t>(state)}});
}

Result<void> MongoIndex::change_tenant_state(const RequestContext& ctx, TenantState from, TenantState to) {
  return impl_->set_tenant(ctx, from, {{"state", static_cast<std::int64_t>(to)}});
}

Result<void> MongoIndex::queue_objects(const RequestContext& ctx, std::span<const ObjectKey> keys,
                                       std::chrono::seconds object_grace) {
  if (keys.empty()) return {};
  const Timestamp due = impl_->pool->database_now() + object_grace;
  Bulk bulk;
  for (const ObjectKey& key : keys) {
    Document fields;  // without its _id, which an upsert takes from the filter
    fields.text("object_key", key.view()).text("tenant_id", ctx.tenant.view());
    fields.number("due_time", micros(due)).number("attempts", 0);
    bulk.update_one(mongo::by_text("_id", key.view()), mongo::wrapped("$setOnInsert", fields), true);
  }
  return impl_->writer->write(ctx, mongo::kQueue, bulk);
}

// No transaction: nobody writes to a tenant that is being deleted, and what is cut off is done by the next call.
Result<std::uint64_t> MongoIndex::purge_tenant(const RequestContext& ctx, std::size_t limit) {
  GANTRY_LET(const auto tenant, find_tenant(ctx));
  if (!tenant) return no_tenant();
  GANTRY_TRY(check_purge(tenant->info.state, tenant->totals.instances));
  std::uint64_t gone = 0;
  for (const char* const kind : {mongo::kJsons, mongo::kStates, mongo::kStudies, mongo::kChanges}) {
    GANTRY_LET(const auto ids,
               impl_->read(ctx, [&](Session& session) { return ids_of(session, kind, of_tenant(ctx.tenant, limit)); }));
    if (ids.empty()) continue;
    Bulk bulk;
    bulk.remove(mongo::by_any_of("_id", ids));
    GANTRY_TRY(impl_->writer->write(ctx, kind, bulk));
    gone += ids.size();
  }
  return gone;
}

}  // namespace gantry::index
