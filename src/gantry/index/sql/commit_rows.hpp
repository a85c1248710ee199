#pragma once

// What a commit knows of a study and a series, and the rows that it makes of them.

#include <compare>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gantry/base/ids.hpp"
#include "gantry/index/audit_log.hpp"
#include "gantry/index/records.hpp"
#include "gantry/index/sql/dialect.hpp"
#include "gantry/index/sql/value.hpp"

namespace gantry::index::sql {

/// A row of dicom_term but for its tenant.
struct TermRow {
  int kind = 0;
  std::string term, date, time, study, series;
  auto operator<=>(const TermRow&) const = default;
};

using SeriesKey = std::pair<std::string, std::string>;  ///< study UID, series UID

/// A row of dicom_tenant.
struct TenantRow {
  TenantState state = TenantState::kActive;
  std::uint64_t change_no = 0, bytes = 0, instances = 0, studies = 0, series = 0, quota_bytes = 0, quota_instances = 0;
  Timestamp now;    ///< the database's clock when the row was read
  AuditHead audit;  ///< audit_no, audit_hash
};

struct SeriesState {
  bool existed = false;  ///< there is a row
  StateRow state;
  dicom::QidoAttributes attributes;  ///< series attributes that StateRow has no column for
  std::uint64_t instances = 0;
  std::string first_sop;
  std::set<TermRow> terms;  ///< as they are in the table
};

struct StudyState {
  bool existed = false;
  dicom::QidoAttributes attributes;
  std::set<std::string> modalities;
  std::uint64_t series = 0, instances = 0, version = 0;
  std::string first_series, first_sop;
  Timestamp created;
  bool recount_modalities = false;
  std::set<TermRow> terms;
};

/// An instance that is there already.
struct Present {
  StudyUid study;
  SeriesUid series;
  std::string transfer_syntax, object_key;
  Sha256 dataset_sha256{};
  std::uint64_t size = 0;
};

/// The terms of a series that has instances, and of a study.
[[nodiscard]] std::set<TermRow> terms_of(const Dialect& dialect, const SeriesState& series);
[[nodiscard]] std::set<TermRow> terms_of(const Dialect& dialect, const std::string& uid, const StudyState& study);

// Rows in the order of their tables' columns.
[[nodiscard]] CellRow instance_cells(const TenantId& tenant, const InstanceRecord& record, std::uint64_t version,
                                     Timestamp now);
[[nodiscard]] CellRow series_cells(const SeriesState& series);
[[nodiscard]] CellRow study_cells(const TenantId& tenant, const std::string& uid, const StudyState& study,
                                  Timestamp now);
[[nodiscard]] CellRow term_cells(const TenantId& tenant, const TermRow& term);
[[nodiscard]] CellRow change_cells(const TenantId& tenant, const Change& change);
[[nodiscard]] CellRow queue_cells(const TenantId& tenant, const std::string& object_key, Timestamp due);

// SELECT lists, and what reads their rows. A row has text(i), view(i), integer(i), count(i) and time(i).

/// StateRow: 26 texts, series_related_instances, created_time, updated_time, version.
[[nodiscard]] std::string state_row_columns(std::string_view prefix);
/// What a SeriesState is read from.
[[nodiscard]] const std::string& series_columns();
/// What a StudyState is read from.
[[nodiscard]] const std::string& study_columns();

}  // namespace gantry::index::sql
