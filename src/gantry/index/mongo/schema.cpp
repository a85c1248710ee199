#include "gantry/index/mongo/schema.hpp"

#include <string>
#include <vector>

#include "gantry/index/mongo/rows.hpp"

namespace gantry::index::mongo {
namespace {

void free_text(char* text) { bson_free(text); }

struct IndexSpec {
  const char* collection;
  const char* name;
  std::string_view keys;  ///< "a, b DESC"
  bool sparse = false;    ///< only documents that have the key: for markers
};

// tenant_id comes first, but for keys that begin with it and for what serves all tenants. No index is unique: keys are
// `_id`s, which a sharded collection keeps unique when it is sharded by them.
constexpr IndexSpec kIndexes[] = {
    {kStudies, "dicom_study_order", "tenant_id, study_date_key DESC, study_time_key DESC, study_uid"},
    {kStudies, "dicom_study_terms", "tenant_id, terms, study_date_key DESC, study_time_key DESC, study_uid"},
    {kStudies, "dicom_study_pending", "pending.batch", true},
    {kStates, "dicom_state_order", "study_key, series_number_key, series_uid"},
    {kStates, "dicom_state_series", "tenant_id, series_uid"},
    {kStates, "dicom_state_terms", "tenant_id, terms"},
    {kStates, "dicom_state_due", "json_due_since", true},
    {kImages, "dicom_image_order", "series_key, instance_number_key, sop_uid"},
    {kImages, "dicom_image_study", "study_key, series_key"},
    {kImages, "dicom_image_object", "object_key"},
    {kJsons, "dicom_json_object", "object_key", true},
    {kQueue, "dicom_delete_queue_due", "due_time, object_key"},
    {kTenants, "dicom_tenant_writer", "writer_until", true},
    {kRecords, "gantry_record_tenant", "tenant_id"},
    {kRecords, "gantry_record_expires", "expires_time"},
    {kAudits, "gantry_audit_study", "tenant_id, study_uid, audit_no"},
    {kBatches, "dicom_batch_key", "batch_key"},
    {kBatches, "dicom_batch_time", "time"},
};

Document keys_of(std::string_view list) {
  Document keys;
  while (!list.empty()) {
    const auto cut = list.find(", ");
    std::string_view key = list.substr(0, cut);
    int direction = 1;
    if (key.ends_with(" DESC")) {
      key.remove_suffix(5);
      direction = -1;
    }
    keys.small(key, direction);
    list.remove_prefix(cut == std::string_view::npos ? list.size() : cut + 2);
  }
  return keys;
}

/// The commands that make what this program needs. Each may run again.
std::vector<Document> commands() {
  std::vector<Document> all;
  for (const auto& [collection, name, keys, sparse] : kIndexes) {
    Document index;
    index.document("key", keys_of(keys)).text("name", name);
    if (sparse) index.flag("sparse", true);
    Document command = by_text("createIndexes", collection);
    command.documents("indexes", std::span(&index, 1));
    all.push_back(std::move(command));
  }
  // Collections without indexes of their own must be there before a transaction writes to them.
  for (const char* const collection : {kChanges, kSchema, kNotes}) all.push_back(by_text("create", collection));
  return all;
}

std::string text_of_command(const Document& command) {
  std::size_t size = 0;
  const Handle<char, &free_text> text(bson_as_relaxed_extended_json(command.raw(), &size));
  return {text.get(), size};
}

Result<bool> has_collection(Session& session, std::string_view collection) {
  Document list;
  list.small("listCollections", 1).document("filter", by_text("name", collection)).flag("nameOnly", true);
  GANTRY_LET(const Document listed, session.command(list));
  const Document cursor = document_of(*listed.raw(), "cursor");
  return !document_of(*cursor.raw(), "firstBatch").empty();
}

}  // namespace

Result<SchemaState> schema_state(Session& session) {
  SchemaState state;
  Find find;
  find.filter = by_text("_id", "schema");
  GANTRY_LET(const auto row, session.find_one(kSchema, find));
  if (row) {
    const int minor = static_cast<int>(number_of(*row->raw(), "minor"));
    state.applied.push_back({static_cast<unsigned>(minor) + 1, static_cast<int>(number_of(*row->raw(), "major")), minor,
                             sql::timestamp(number_of(*row->raw(), "applied_time"))});
  }
  const bool old =
      state.major() < sql::kSchemaMajor || (state.major() == sql::kSchemaMajor && state.minor() < sql::kSchemaMinor);
  if (old) {
    // One step from any: commands for what is there already change nothing.
    SchemaStep step{sql::kLastMigration, sql::kSchemaMajor, sql::kSchemaMinor, "collections and indexes", {}};
    for (const Document& command : commands()) step.statements.push_back(text_of_command(command));
    state.pending.push_back(std::move(step));
  }
  return state;
}

// No lock: commands for what is there already do nothing, and a server lets one of several build an index.
Result<void> migrate(Session& session, Timestamp now, const std::function<void(const SchemaStep&)>& told) {
  GANTRY_LET(const SchemaState state, schema_state(session));
  if (state.is_newer_major()) return check_schema(state);
  for (const SchemaStep& step : state.pending) told(step);
  // Also when nothing is pending: an index that somebody dropped comes back.
  for (const Document& command : commands()) {
    const std::string_view created = view_of(*command.raw(), "create");
    if (!created.empty()) {
      GANTRY_LET(const bool there, has_collection(session, created));
      if (there) continue;
    }
    auto made = session.command(command);
    // Another node may have made the collection meanwhile; whether it is there is seen by using it.
    if (!made && (created.empty() || made.error().kind() != ErrorKind::kInternal)) return made.error();
  }
  // $max: beside a newer minor of the same major this one changes nothing.
  Document versions, set, update;
  versions.number("minor", sql::kSchemaMinor);
  set.number("major", sql::kSchemaMajor);
  if (!state.pending.empty()) set.number("applied_time", sql::micros(now));
  update.document("$set", set).document("$max", versions);
  Bulk bulk;
  bulk.update_one(by_text("_id", "schema"), update, true);
  GANTRY_LET(auto done, session.write(kSchema, bulk, Durability::kDurable, true));
  if (done.duplicates) {  // of two upserts at once one may find the other's document: then it updates that
    GANTRY_LET(done, session.write(kSchema, bulk));
  }
  return {};
}

}  // namespace gantry::index::mongo
