// MongoIndex as a RecordStore. A record is one document, and every change of one is conditional on its version.

#include "gantry/index/mongo/mongo_impl.hpp"
#include "gantry/index/mongo/rows.hpp"
#include "gantry/index/sql/record_rows.hpp"

namespace gantry::index {

using mongo::Bulk;
using mongo::by_text;
using mongo::Document;
using mongo::Find;
using mongo::Session;

namespace {

std::string id_of(RecordKind kind, std::string_view id) { return mongo::record_id(static_cast<int>(kind), id); }

Record to_record(const bson_t& document) {
  const sql::CellRow row = mongo::to_cells(sql::kRecordTable, document);
  sql::CellsView view;
  for (const sql::Cell& cell : row) view.add(cell);
  return sql::read_record(view);
}

Result<std::vector<Record>> records_of(Session& session, const Find& find) {
  std::vector<Record> records;
  GANTRY_TRY(session.find(mongo::kRecords, find, [&records](const bson_t& document) -> Result<bool> {
    records.push_back(to_record(document));
    return true;
  }));
  return records;
}

Find by_id(RecordKind kind, std::string_view id) {
  Find find;
  find.filter = by_text("_id", id_of(kind, id));
  return find;
}

/// `as_found`: only those that nobody changed since.
Result<std::size_t> remove_all(Session& session, const Find& find, bool as_found) {
  GANTRY_LET(const std::vector<Record> found, records_of(session, find));
  if (found.empty()) return std::size_t{0};
  Bulk bulk;
  for (const Record& record : found) {
    Document filter = by_text("_id", id_of(record.kind, record.id));
    if (as_found) filter.number("version", record.version);
    bulk.remove(std::move(filter));
  }
  GANTRY_LET(const auto done, session.write(mongo::kRecords, bulk));
  return static_cast<std::size_t>(done.removed);
}

}  // namespace

Result<std::uint64_t> MongoIndex::put_record(const RequestContext& ctx, const Record& record) {
  GANTRY_TRY(check_record(record));
  const std::uint64_t version = record.version + 1;
  GANTRY_TRY(impl_->writer->in_lane(ctx, [&](Session& session) -> Result<void> {
    const Document document = mongo::to_document(sql::kRecordTable, sql::record_cells(record, version));
    Bulk bulk;
    if (record.version != 0) {
      Document filter = by_text("_id", id_of(record.kind, record.id));
      filter.number("version", record.version);
      bulk.update_one(std::move(filter), mongo::wrapped("$set", document));
      GANTRY_LET(const auto done, session.write(mongo::kRecords, bulk));
      if (done.matched == 0) return sql::record_conflict();
      return {};
    }
    bulk.insert(document);
    GANTRY_LET(const auto done, session.write(mongo::kRecords, bulk, mongo::Durability::kDurable, true));
    if (!done.duplicates) return {};
    GANTRY_LET(const auto kept, session.find_one(mongo::kRecords, by_id(record.kind, record.id)));
    if (!kept || !sql::is_same_new_record(to_record(*kept->raw()), record)) return sql::record_conflict();
    return {};
  }));
  return version;
}

Result<std::optional<Record>> MongoIndex::get_record(const RequestContext& ctx, RecordKind kind, std::string_view id) {
  return impl_->read(ctx, [&](Session& session) -> Result<std::optional<Record>> {
    GANTRY_LET(const auto found, session.find_one(mongo::kRecords, by_id(kind, id)));
    if (!found) return std::optional<Record>();
    return std::optional(to_record(*found->raw()));
  });
}

Result<std::vector<Record>> MongoIndex::list_records(const RequestContext& ctx, const RecordQuery& query) {
  return impl_->read(ctx, [&](Session& session) -> Result<std::vector<Record>> {
    if (query.limit == 0) return std::vector<Record>();
    Find find;
    find.filter.number("kind", static_cast<int>(query.kind));
    if (query.tenant) find.filter.text("tenant_id", query.tenant->view());
    find.filter.document("_id", Document().text("$gt", id_of(query.kind, query.after)));
    find.sort.small("_id", 1);
    find.limit = static_cast<std::int64_t>(std::min<std::uint64_t>(query.limit, INT64_MAX));
    return records_of(session, find);
  });
}

Result<bool> MongoIndex::remove_record(const RequestContext& ctx, RecordKind kind, std::string_view id) {
  bool gone = false;
  GANTRY_TRY(impl_->writer->in_lane(ctx, [&](Session& session) -> Result<void> {
    Bulk bulk;
    bulk.remove(by_text("_id", id_of(kind, id)));
    GANTRY_LET(const auto done, session.write(mongo::kRecords, bulk));
    gone = done.removed > 0;
    return {};
  }));
  return gone;
}

Result<std::size_t> MongoIndex::remove_expired_records(const RequestContext& ctx, Timestamp until, std::size_t limit) {
  std::size_t gone = 0;
  if (limit == 0) return gone;
  GANTRY_TRY(impl_->writer->in_lane(ctx, [&](Session& session) -> Result<void> {
    Find find;
    find.filter.document("expires_time", Document().number("$gt", 0).number("$lte", sql::micros(until)));
    find.sort.small("expires_time", 1);
    find.limit = static_cast<std::int64_t>(limit);
    GANTRY_LET(gone, remove_all(session, find, true));
    return {};
  }));
  return gone;
}

Result<std::size_t> MongoIndex::remove_tenant_records(const RequestContext& ctx, std::size_t limit) {
  std::size_t gone = 0;
  if (limit == 0) return gone;
  GANTRY_TRY(impl_->writer->in_lane(ctx, [&](Session& session) -> Result<void> {
    Find find;
    find.filter = by_text("tenant_id", ctx.tenant.view());
    find.limit = static_cast<std::int64_t>(limit);
    GANTRY_LET(gone, remove_all(session, find, false));
    return {};
  }));
  return gone;
}

}  // namespace gantry::index
