// What MongoIndex answers from documents, without searching.

#include <algorithm>

#include "gantry/index/fields.hpp"
#include "gantry/index/mongo/mongo_impl.hpp"
#include "gantry/index/sql/search_plan.hpp"
#include "gantry/index/version_keys.hpp"

namespace gantry::index {

using mongo::by_any_of;
using mongo::by_text;
using mongo::Document;
using mongo::Find;
using mongo::number_in;
using mongo::Session;
using mongo::text_in;
using mongo::text_of;
using mongo::to_cells;
using mongo::to_state_row;
using mongo::view_of;
using sql::CellRow;

namespace {

std::uint64_t count_of(const bson_t& document, const char* key) {
  return static_cast<std::uint64_t>(mongo::number_of(document, key));
}

std::int64_t limit_of(std::size_t limit) { return static_cast<std::int64_t>(std::min<std::size_t>(limit, INT64_MAX)); }

constexpr std::size_t kPage = 1000;

}  // namespace

Result<TenantTotals> MongoIndex::totals(const RequestContext& ctx) {
  return impl_->read(ctx, [&](Session& session) -> Result<TenantTotals> {
    Find find;
    find.filter = by_text("_id", ctx.tenant.view());
    GANTRY_LET(const auto tenant, session.find_one(mongo::kTenants, find));
    if (!tenant) return TenantTotals{};
    const bson_t& row = *tenant->raw();
    return TenantTotals{count_of(row, "studies"), count_of(row, "series"), count_of(row, "instances"),
                        count_of(row, "bytes"), count_of(row, "change_no")};
  });
}

Result<std::optional<InstanceIndex::Located>> MongoIndex::locate(const RequestContext& ctx, const StudyUid& study,
                                                                 const SeriesUid& series, const SopUid& sop) {
  return impl_->read(ctx, [&](Session& session) -> Result<std::optional<Located>> {
    Find find;  // by the key alone: FerretDB walks the collection for anything more
    find.filter = by_text("_id", mongo::image_id(ctx.tenant.view(), sop.view()));
    find.projection.small("attributes", 0);
    GANTRY_LET(const auto found, session.find_one(mongo::kImages, find));
    if (!found) return std::optional<Located>();
    const CellRow row = to_cells(sql::kImageTable, *found->raw());
    const auto text = [&row](std::string_view column) { return text_in(sql::kImageTable, row, column); };
    if (text("study_uid") != study.view() || text("series_uid") != series.view()) return std::optional<Located>();
    const auto number = [&row](std::string_view column) {
      return static_cast<std::uint64_t>(number_in(sql::kImageTable, row, column));
    };
    std::optional<Located> located(std::in_place);
    InstanceRow& instance = located->instance;
    instance.sop = sop;
    instance.sop_class = text("sop_class");
    instance.transfer_syntax = text("transfer_syntax");
    instance.version = located->version = number("version");
    instance.location = Location{ObjectKey(text("object_key")), number("size"), sql::sha256_of(text("file_sha256")),
                                 text("frame_index")};
    for (const auto& [name, member] : sql::select_columns(Level::kInstance)) {
      if (member != nullptr) instance.attributes.*member = text(name);
    }
    return located;
  });
}

Result<std::optional<std::uint64_t>> MongoIndex::version_of(const RequestContext& ctx, const StudyUid& study,
                                                            const std::optional<SeriesUid>& series) {
  return impl_->read(ctx, [&](Session& session) -> Result<std::optional<std::uint64_t>> {
    Find find;
    find.filter = by_text("_id", series ? mongo::series_id(ctx.tenant.view(), study.view(), series->view())
                                        : mongo::study_id(ctx.tenant.view(), study.view()));
    find.projection.small("version", 1);
    if (series) find.projection.small("instances", 1);
    GANTRY_LET(const auto row, session.find_one(series ? mongo::kStates : mongo::kStudies, find));
    if (!row || (series && count_of(*row->raw(), "instances") == 0)) return std::nullopt;
    return std::optional(count_of(*row->raw(), "version"));
  });
}

Result<std::vector<std::uint64_t>> MongoIndex::versions(const RequestContext& ctx, std::span<const VersionKey> keys) {
  // By the key alone: FerretDB walks the collection for a list of keys. Several keys are several round trips.
  return versions_one_by_one(*this, ctx, keys);
}

Result<std::vector<ObjectKey>> MongoIndex::due_deletions(const RequestContext& ctx, std::size_t limit) {
  GANTRY_TRY(finish_abandoned(ctx));
  return impl_->read(ctx, [&](Session& session) -> Result<std::vector<ObjectKey>> {
    std::vector<ObjectKey> keys;
    if (limit == 0) return keys;
    Find find;
    find.filter.document("due_time", Document().number("$lte", sql::micros(impl_->pool->database_now())));
    find.sort.small("due_time", 1).small("object_key", 1);
    find.projection.small("object_key", 1);
    find.limit = limit_of(limit);
    GANTRY_TRY(session.find(mongo::kQueue, find, [&](const bson_t& row) -> Result<bool> {
      keys.emplace_back(text_of(row, "object_key"));
      return true;
    }));
    return keys;
  });
}

// Objects move from an instance's row to the queue, and enter that before they leave this: who looks in this order and
// finds an object nowhere can be sure. What a dead writer left unfinished is finished first, as its objects are in
// neither.
Result<std::vector<bool>> MongoIndex::are_held(const RequestContext& ctx, std::span<const ObjectKey> keys) {
  GANTRY_TRY(finish_abandoned(ctx));
  return impl_->read(ctx, [&](Session& session) -> Result<std::vector<bool>> {
    std::set<std::string> held;
    for (std::size_t from = 0; from < keys.size(); from += kPage) {
      std::vector<std::string> page;
      for (std::size_t i = from; i < std::min(keys.size(), from + kPage); ++i) page.push_back(keys[i].str());
      const auto note = [&held](const bson_t& row) -> Result<bool> {
        held.insert(text_of(row, "object_key"));
        return true;
      };
      Find find;
      find.projection.small("object_key", 1);
      find.filter = by_any_of("object_key", page);
      GANTRY_TRY(session.find(mongo::kImages, find, note));
      GANTRY_TRY(session.find(mongo::kJsons, find, note));
      find.filter = by_any_of("_id", page);
      GANTRY_TRY(session.find(mongo::kQueue, find, note));
    }
    std::vector<bool> answers;
    for (const ObjectKey& key : keys) answers.push_back(held.contains(key.str()));
    return answers;
  });
}

Result<void> MongoIndex::visit_objects(const RequestContext& ctx, const std::function<bool(const HeldObject&)>& visit) {
  static constexpr std::string_view kColumns[] = {"tenant_id",  "study_uid", "series_uid", "sop_uid",
                                                  "object_key", "size",      "file_sha256"};
  Find find;
  find.sort.small("object_key", 1);
  find.projection = mongo::columns_only(kColumns);
  find.limit = kPage;
  std::string after;
  for (;;) {
    find.filter = Document();
    find.filter.document("object_key", by_text("$gt", after));
    std::vector<HeldObject> page;
    GANTRY_TRY(impl_->read(ctx, [&](Session& session) {
      return session.find(mongo::kImages, find, [&page](const bson_t& row) -> Result<bool> {
        page.push_back({TenantId(text_of(row, "tenant_id")), StudyUid(text_of(row, "study_uid")),
                        SeriesUid(text_of(row, "series_uid")), SopUid(text_of(row, "sop_uid")),
                        ObjectKey(text_of(row, "object_key")), count_of(row, "size"),
                        sql::sha256_of(view_of(row, "file_sha256"))});
        return true;
      });
    }));
    for (const HeldObject& object : page) {
      if (!visit(object)) return {};
    }
    if (page.size() < kPage) return {};
    after = page.back().object_key.str();
  }
}

Result<std::vector<Change>> MongoIndex::changes(const RequestContext& ctx, std::uint64_t after_version,
                                                std::size_t limit) {
  return impl_->read(ctx, [&](Session& session) -> Result<std::vector<Change>> {
    std::vector<Change> found;
    if (limit == 0) return found;
    Find find;
    // `_id`s of a tenant are in the order of their versions.
    find.filter.document("_id", by_text("$gt", mongo::change_id(ctx.tenant.view(), after_version))
                                    .text("$lt", std::string(ctx.tenant.view()) + "0"));  // '0' follows '/'
    find.sort.small("_id", 1);
    find.limit = limit_of(limit);
    GANTRY_TRY(session.find(mongo::kChanges, find, [&](const bson_t& row) -> Result<bool> {
      found.push_back({count_of(row, "version"), static_cast<Change::Action>(mongo::number_of(row, "action")),
                       StudyUid(text_of(row, "study_uid")), SeriesUid(text_of(row, "series_uid")),
                       SopUid(text_of(row, "sop_uid")), sql::timestamp(mongo::number_of(row, "change_time"))});
      return true;
    }));
    return found;
  });
}

Result<std::vector<StateRow>> MongoIndex::get_state_metaes(const RequestContext& ctx, const StudyUid& study) {
  return impl_->read(ctx, [&](Session& session) -> Result<std::vector<StateRow>> {
    Find find;
    find.filter = by_text("study_key", mongo::study_id(ctx.tenant.view(), study.view()));
    find.sort.small("series_number_key", 1).small("series_uid", 1);
    std::vector<StateRow> rows;
    GANTRY_TRY(session.find(mongo::kStates, find, [&rows](const bson_t& row) -> Result<bool> {
      rows.push_back(to_state_row(to_cells(sql::kStateTable, row)));
      return true;
    }));
    return rows;
  });
}

Result<void> MongoIndex::check(const RequestContext& ctx) {
  return impl_->read(ctx, [](Session& session) -> Result<void> {
    Find find;
    find.filter = by_text("_id", "schema");
    GANTRY_LET(const auto row, session.find_one(mongo::kSchema, find));
    if (!row) return Error::unavailable("the index's schema is gone");
    return {};
  });
}

std::optional<PoolStats> MongoIndex::pool_stats() const { return impl_->pool->stats(); }

}  // namespace gantry::index
