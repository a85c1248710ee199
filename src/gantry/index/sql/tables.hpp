#pragma once

// The index's tables (DESIGN §2, §3, §7), for every SQL database.

#include <span>

#include "gantry/index/fields.hpp"
#include "gantry/index/sql/table.hpp"

namespace gantry::index::sql {

/// All tables, in the order in which they are created.
[[nodiscard]] std::span<const Table* const> tables() noexcept;

extern const Table kTenantTable;       ///< dicom_tenant
extern const Table kStudyTable;        ///< dicom_study_meta
extern const Table kStateTable;        ///< dicom_state_meta: a series
extern const Table kImageTable;        ///< dicom_image_meta: an instance
extern const Table kJsonTable;         ///< dicom_json_meta
extern const Table kChangeTable;       ///< dicom_change
extern const Table kDeleteQueueTable;  ///< dicom_delete_queue
extern const Table kAuditTable;        ///< gantry_audit; see index/audit_log.hpp
/// gantry_note: what tools note about this index, by name; see index/copy.hpp.
extern const Table kNoteTable;
/// gantry_record: what record_store.hpp keeps. The beginning of 1970 in expires_time is "never".
extern const Table kRecordTable;
/// dicom_term: what searches look up beside the default order. A row says that a study (or series) has a term of a kind.
/// Terms of studies carry the study's place in the default order, so that the studies with one term are a walk in order.
extern const Table kTermTable;

/// dicom_term.kind. Terms of series have numbers from 20.
enum class Term : int {
  kPatientId = 1,
  kAccessionNumber = 2,
  kStudyId = 3,
  kPatientName = 4,         ///< a component group of search_name()
  kReferringPhysician = 5,  ///< the same
  kStudyDescription = 6,    ///< search_text()
  kModality = 7,            ///< of one of its series
  kPatientBirthDate = 8,    ///< date_key()
  kSeriesDescription = 20,  ///< search_text()
  kBodyPart = 21,
  kProtocolName = 22,       ///< search_text()
  kScheduledStepId = 23,
  kRequestedProcedureId = 24,
  kPerformedStepDate = 25,  ///< date_key()
};

/// The schema that this program makes and needs. A newer minor is served, a newer major is not.
inline constexpr int kSchemaMajor = 1;
inline constexpr int kSchemaMinor = 4;
inline constexpr unsigned kLastMigration = 5;

/// Beside the 26 text columns of StateRow: their names, in the order of the table.
struct StateColumn {
  std::string_view name;
  std::string StateRow::*member;
};
[[nodiscard]] std::span<const StateColumn> state_columns() noexcept;

}  // namespace gantry::index::sql
