#include "gantry/index/mongo/schema.hpp"

#include <string>
#include <vector>

#include "gantry/index/mongo/rows.hpp"

namespace gantry::index::mongo {
namespace {

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

Result<std::optional<Document>> schema_row(Session& session) {
  Find find;
  find.filter = by_text("_id", "schema");
  return session.find_one(kSchema, find);
}

Result<void> not_newer(const std::optional<Document>& row) {
  if (row && number_of(*row->raw(), "major") > sql::kSchemaMajor) {
    return Error::unsupported("the index was made by a newer Gantry (schema " +
                              std::to_string(number_of(*row->raw(), "major")) + "); this one knows " +
                              std::to_string(sql::kSchemaMajor));
  }
  return {};
}

}  // namespace

Result<void> check_schema(Session& session) {
  GANTRY_LET(const auto row, schema_row(session));
  GANTRY_TRY(not_newer(row));
  const bool old = !row || number_of(*row->raw(), "major") < sql::kSchemaMajor ||
                   number_of(*row->raw(), "minor") < sql::kSchemaMinor;
  if (old) return Error::unsupported("the index's schema is older than this program needs: run `gantry migrate`");
  return {};
}

Result<void> migrate(Session& session) {
  GANTRY_LET(const auto row, schema_row(session));
  GANTRY_TRY(not_newer(row));
  for (const auto& [collection, name, keys, sparse] : kIndexes) {
    Document index;
    index.document("key", keys_of(keys)).text("name", name);
    if (sparse) index.flag("sparse", true);
    Document command = by_text("createIndexes", collection);
    command.documents("indexes", std::span(&index, 1));
    GANTRY_LET(const Document made, session.command(command));
    (void)made;
  }
  // Collections without indexes of their own must be there before a transaction writes to them.
  for (const char* const collection : {kChanges, kSchema}) {
    bool there = false;
    Document list;
    list.small("listCollections", 1).document("filter", by_text("name", collection)).flag("nameOnly", true);
    GANTRY_LET(const Document listed, session.command(list));
    const Document cursor = document_of(*listed.raw(), "cursor");
    there = !document_of(*cursor.raw(), "firstBatch").empty();
    if (there) continue;
    auto made = session.command(by_text("create", collection));
    // Another node may have made it meanwhile; whether it is there is seen by using it.
    if (!made && made.error().kind() != ErrorKind::kInternal) return made.error();
  }
  // $max: beside a newer minor of the same major this one changes nothing.
  Document versions, set, update;
  versions.number("minor", sql::kSchemaMinor);
  set.number("major", sql::kSchemaMajor);
  update.document("$set", set).document("$max", versions);
  Bulk bulk;
  bulk.update_one(by_text("_id", "schema"), update, true);
  GANTRY_LET(const auto done, session.write(kSchema, bulk));
  (void)done;
  return {};
}

}  // namespace gantry::index::mongo
