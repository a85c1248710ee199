#pragma once

// Documents of the collections: the columns of sql/tables.hpp under their names, `_id`, and what MongoDB's indexes
// need.

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "gantry/base/ids.hpp"
#include "gantry/index/mongo/bson.hpp"
#include "gantry/index/sql/cells.hpp"
#include "gantry/index/sql/commit_rows.hpp"
#include "gantry/index/sql/table.hpp"
#include "gantry/index/sql/tables.hpp"

namespace gantry::index::mongo {

// Names of collections.
inline constexpr const char* kTenants = "dicom_tenant";
inline constexpr const char* kStudies = "dicom_study_meta";
inline constexpr const char* kStates = "dicom_state_meta";
inline constexpr const char* kImages = "dicom_image_meta";
inline constexpr const char* kJsons = "dicom_json_meta";
inline constexpr const char* kChanges = "dicom_change";
inline constexpr const char* kQueue = "dicom_delete_queue";
inline constexpr const char* kBatches = "dicom_batch";  ///< batches on their way into a stand-alone server
inline constexpr const char* kAudits = "gantry_audit";
inline constexpr const char* kNotes = "gantry_note";
inline constexpr const char* kRecords = "gantry_record";
inline constexpr const char* kSchema = "gantry_schema";

// `_id`s. No part has a slash but an object key.

[[nodiscard]] std::string study_id(std::string_view tenant, std::string_view study);
[[nodiscard]] std::string series_id(std::string_view tenant, std::string_view study, std::string_view series);
/// Without study and series: a SOP Instance UID is unique in its tenant.
[[nodiscard]] std::string image_id(std::string_view tenant, std::string_view sop);
/// Ascending with the version, or the number of an audit row.
[[nodiscard]] std::string change_id(std::string_view tenant, std::uint64_t version);
/// Ascending with the id, within its kind.
[[nodiscard]] std::string record_id(std::int64_t kind, std::string_view id);

/// The document of a row in the order of the table's columns. Beside the columns:
///   studies, series   terms: "<Term>:<term>" of all terms of dicom_term
///   series            study_key: the study's _id; json_due_since: updated_time, while its JSON is due
///   instances         study_key, series_key
[[nodiscard]] Document to_document(const sql::Table& table, const sql::CellRow& row);
/// The row of a document; what it lacks is "" or 0.
[[nodiscard]] sql::CellRow to_cells(const sql::Table& table, const bson_t& document);
/// Only some columns are needed, _id is not: {column: 1, …}.
[[nodiscard]] Document columns_only(std::span<const std::string_view> columns);

using sql::CellsView;
using sql::column_of;
using sql::number_in;
using sql::text_in;

[[nodiscard]] sql::StudyState to_study(const sql::CellRow& row);
[[nodiscard]] sql::SeriesState to_series(const sql::CellRow& row);
[[nodiscard]] StateRow to_state_row(const sql::CellRow& row);

}  // namespace gantry::index::mongo
