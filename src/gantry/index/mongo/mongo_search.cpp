// InstanceIndex::search() and count() over a Search.

#include "gantry/index/fields.hpp"
#include "gantry/index/mongo/mongo_impl.hpp"
#include "gantry/index/mongo/search.hpp"
#include "gantry/index/sql/read_rows.hpp"

namespace gantry::index {

using mongo::CellsView;
using mongo::Document;
using mongo::Find;
using mongo::Search;
using mongo::Session;
using mongo::text_in;
using sql::CellRow;

namespace {

/// Hits whose locations and attributes are read together.
constexpr std::size_t kDetailsAtOnce = 32;

/// Completes hits by what searching does not read, and visits them as rows of the port.
class Emitter {
 public:
  Emitter(Session& session, const TenantId& tenant, const SearchQuery& query,
          const std::function<bool(SearchRow&&)>& visit)
      : session_(session), tenant_(tenant), query_(query), visit_(visit) {}

  Result<bool> take(const Search::Hit& hit, bool has_details) {
    if (has_details) return visit_(row_of(hit, *hit.instance));
    const bool details = query_.with_attributes || (query_.with_location && query_.level == Level::kInstance);
    if (!details) return visit_(row_of(hit, {}));
    waiting_.push_back(hit);
    return waiting_.size() < kDetailsAtOnce ? Result<bool>(true) : flush();
  }

  Result<bool> flush() {
    if (waiting_.empty()) return true;
    std::vector<std::string> ids;
    for (const Search::Hit& hit : waiting_) ids.push_back(id_of(hit));
    Find find;
    find.filter = mongo::by_any_of("_id", ids);
    if (query_.level == Level::kInstance && query_.with_location) {
      for (const char* const column : {"object_key", "size", "file_sha256", "frame_index"})
        find.projection.small(column, 1);
    }
    if (query_.with_attributes) find.projection.small("attributes", 1);
    std::map<std::string, CellRow> details;
    GANTRY_TRY(session_.find(mongo::kImages, find, [&details](const bson_t& document) -> Result<bool> {
      details.insert_or_assign(mongo::text_of(document, "_id"), mongo::to_cells(sql::kImageTable, document));
      return true;
    }));
    const std::vector<Search::Hit> hits = std::move(waiting_);
    waiting_.clear();
    for (std::size_t i = 0; i < hits.size(); ++i) {
      const auto found = details.find(ids[i]);
      // An instance that went while it was being read is no hit any more.
      if (found == details.end() && query_.level == Level::kInstance) continue;
      if (!visit_(row_of(hits[i], found == details.end() ? CellRow() : found->second))) return false;
    }
    return true;
  }

 private:
  /// Of the instance that describes the hit.
  [[nodiscard]] std::string id_of(const Search::Hit& hit) const {
    if (hit.instance) return mongo::image_id(tenant_.view(), text_in(sql::kImageTable, *hit.instance, "sop_uid"));
    return mongo::image_id(tenant_.view(), hit.series ? text_in(sql::kStateTable, *hit.series, "first_sop_uid")
                                                      : text_in(sql::kStudyTable, *hit.study, "first_sop_uid"));
  }

  [[nodiscard]] SearchRow row_of(const Search::Hit& hit, const CellRow& details) const {
    static const CellRow kNone = mongo::to_cells(sql::kImageTable, *Document().raw());
    const CellRow& found = details.empty() ? kNone : details;
    CellsView cells;
    const auto add = [&cells](Level level, const sql::Table& table, const CellRow& row) {
      for (const auto& column : sql::select_columns(level)) cells.add(table, row, column.name);
    };
    add(Level::kStudy, sql::kStudyTable, *hit.study);
    if (hit.series) add(Level::kSeries, sql::kStateTable, *hit.series);
    if (hit.instance) add(Level::kInstance, sql::kImageTable, *hit.instance);
    if (hit.instance && query_.with_location) {
      for (const char* const column : {"object_key", "size", "file_sha256", "frame_index"}) {
        cells.add(sql::kImageTable, found, column);
      }
    }
    if (query_.with_attributes) cells.add(sql::kImageTable, found, "attributes");
    return sql::read_search_row(cells, query_);
  }

  Session& session_;
  const TenantId& tenant_;
  const SearchQuery& query_;
  const std::function<bool(SearchRow&&)>& visit_;
  std::vector<Search::Hit> waiting_;
};

}  // namespace

Result<void> MongoIndex::search(const RequestContext& ctx, const SearchQuery& query,
                                const std::function<bool(SearchRow&&)>& visit) {
  GANTRY_TRY(validate(query));
  return impl_->read_one_state(ctx, [&](Session& session) -> Result<void> {
    Emitter emitter(session, ctx.tenant, query, visit);
    bool more = true;
    Search search(session, ctx.tenant, query);
    GANTRY_TRY(search.page([&](const Search::Hit& hit) -> Result<bool> {
      GANTRY_LET(more, emitter.take(hit, search.has_details()));
      return more;
    }));
    if (more) GANTRY_TRY(emitter.flush());
    return {};
  });
}

Result<std::uint64_t> MongoIndex::count(const RequestContext& ctx, const SearchQuery& query, std::uint64_t most) {
  GANTRY_TRY(validate(query));
  return impl_->read_one_state(ctx, [&](Session& session) -> Result<std::uint64_t> {
    std::uint64_t hits = 0;
    GANTRY_TRY(
        Search(session, ctx.tenant, query).all([&](const Search::Hit&) -> Result<bool> { return ++hits <= most; }));
    return hits;
  });
}

}  // namespace gantry::index
