#include "gantry/index/sql/commit_rows.hpp"

#include "gantry/base/sha256.hpp"
#include "gantry/index/fields.hpp"
#include "gantry/index/sql/search_plan.hpp"
#include "gantry/index/sql/tables.hpp"
#include "gantry/index/wildcard.hpp"

namespace gantry::index::sql {
namespace {

/// Takes what the row builders write, one column after the other.
class Cells {
 public:
  explicit Cells(std::size_t columns) { row_.reserve(columns); }
  Cells& operator<<(std::string value) {
    row_.emplace_back(std::move(value));
    return *this;
  }
  Cells& operator<<(std::string_view value) { return *this << std::string(value); }
  Cells& operator<<(std::int64_t value) {
    row_.emplace_back(value);
    return *this;
  }
  Cells& operator<<(std::uint64_t value) { return *this << static_cast<std::int64_t>(value); }
  Cells& operator<<(int value) { return *this << std::int64_t{value}; }
  Cells& operator<<(Timestamp time) { return *this << micros(time); }
  [[nodiscard]] CellRow take() { return std::move(row_); }

 private:
  CellRow row_;
};

}  // namespace

std::set<TermRow> terms_of(const Dialect& dialect, const std::string& uid, const StudyState& study) {
  std::set<TermRow> terms;
  const dicom::QidoAttributes& a = study.attributes;
  const std::string date = date_key(a.study_date), time = time_key(a.study_time);
  const auto add = [&](Term kind, std::string_view term) {
    if (!term.empty()) terms.insert({static_cast<int>(kind), term_key(dialect, term), date, time, uid, {}});
  };
  const auto add_name = [&](Term kind, const std::string& name) {
    const std::string groups = search_name(name);
    std::string_view rest = groups;
    for (;;) {
      const auto cut = rest.find(kGroupSeparator);
      add(kind, rest.substr(0, cut));
      if (cut == std::string_view::npos) break;
      rest.remove_prefix(cut + 1);
    }
  };
  add(Term::kPatientId, a.patient_id);
  add(Term::kAccessionNumber, a.accession_number);
  add(Term::kStudyId, a.study_id);
  add_name(Term::kPatientName, a.patient_name);
  add_name(Term::kReferringPhysician, a.referring_physician_name);
  add(Term::kStudyDescription, search_text(a.study_description));
  add(Term::kPatientBirthDate, date_key(a.patient_birth_date));
  for (const auto& modality : study.modalities) add(Term::kModality, modality);
  return terms;
}

std::set<TermRow> terms_of(const Dialect& dialect, const SeriesState& series) {
  std::set<TermRow> terms;
  const auto add = [&](Term kind, std::string_view term) {
    if (term.empty()) return;
    terms.insert(
        {static_cast<int>(kind), term_key(dialect, term), {}, {}, series.state.study_uid, series.state.series_uid});
  };
  add(Term::kSeriesDescription, search_text(series.state.series_description));
  add(Term::kBodyPart, series.state.body_part_examined);
  add(Term::kProtocolName, search_text(series.state.protocol_name));
  for (const auto& id : split_values(series.attributes.scheduled_procedure_step_ids)) add(Term::kScheduledStepId, id);
  for (const auto& id : split_values(series.attributes.requested_procedure_ids)) add(Term::kRequestedProcedureId, id);
  add(Term::kPerformedStepDate, date_key(series.attributes.performed_procedure_step_start_date));
  return terms;
}

CellRow instance_cells(const TenantId& tenant, const InstanceRecord& record, std::uint64_t version, Timestamp now) {
  const dicom::QidoAttributes& a = record.attributes;
  Cells cells(kImageTable.columns.size());
  cells << tenant.view() << record.study.view() << record.series.view() << record.sop.view() << record.sop_class
        << record.transfer_syntax << a.instance_number << a.number_of_frames << a.rows << a.columns << a.bits_allocated
        << a.content_date << a.content_time << number_key(a.instance_number) << number_key(a.number_of_frames)
        << number_key(a.rows) << number_key(a.columns) << number_key(a.bits_allocated) << date_key(a.content_date)
        << time_key(a.content_time) << version << now << record.object_key.view() << record.size
        << bytes_of(record.file_sha256) << bytes_of(record.dataset_sha256) << record.frame_index
        << record.attributes_zstd;
  return cells.take();
}

CellRow series_cells(const SeriesState& series) {
  const StateRow& state = series.state;
  const dicom::QidoAttributes& a = series.attributes;
  Cells cells(kStateTable.columns.size());
  for (const auto& [name, member] : state_columns()) cells << state.*member;
  cells << state.series_related_instances << state.created_time << state.updated_time << state.version
        << a.performed_procedure_step_start_date << a.performed_procedure_step_start_time
        << a.scheduled_procedure_step_ids << a.requested_procedure_ids << search_text(state.series_description)
        << search_text(state.protocol_name) << number_key(state.series_number) << date_key(state.series_date)
        << time_key(state.series_time) << date_key(a.performed_procedure_step_start_date)
        << time_key(a.performed_procedure_step_start_time) << series.instances << series.first_sop
        << 1;  // every change makes its JSON due
  return cells.take();
}

CellRow study_cells(const TenantId& tenant, const std::string& uid, const StudyState& study, Timestamp now) {
  const dicom::QidoAttributes& a = study.attributes;
  Cells cells(kStudyTable.columns.size());
  cells << tenant.view() << uid << uid_hash(uid) << a.patient_id << a.patient_name << a.patient_sex
        << a.patient_birth_date << a.patient_birth_time << a.patient_age << a.patient_size << a.patient_weight
        << a.study_date << a.study_time << a.accession_number << a.study_id << a.study_description
        << a.referring_physician_name << a.timezone_offset
        << join_values(std::vector<std::string>(study.modalities.begin(), study.modalities.end())) << study.series
        << study.instances << search_name(a.patient_name) << search_name(a.referring_physician_name)
        << search_text(a.study_description) << date_key(a.study_date) << time_key(a.study_time)
        << date_key(a.patient_birth_date) << time_key(a.patient_birth_time) << study.first_series << study.first_sop
        << study.created << now << study.version;
  return cells.take();
}

CellRow term_cells(const TenantId& tenant, const TermRow& term) {
  Cells cells(kTermTable.columns.size());
  cells << tenant.view() << term.kind << term.term << term.date << term.time << term.study << term.series;
  return cells.take();
}

CellRow change_cells(const TenantId& tenant, const Change& change) {
  Cells cells(kChangeTable.columns.size());
  cells << tenant.view() << change.version << static_cast<int>(change.action) << change.study.view()
        << change.series.view() << change.sop.view() << change.time;
  return cells.take();
}

CellRow queue_cells(const TenantId& tenant, const std::string& object_key, Timestamp due) {
  Cells cells(kDeleteQueueTable.columns.size());
  cells << object_key << tenant.view() << due << 0;
  return cells.take();
}

std::string state_row_columns(std::string_view prefix) {
  std::string columns;
  for (const auto& [name, member] : state_columns()) columns.append(prefix).append(name).append(", ");
  bool first = true;
  for (const std::string_view name : {"series_related_instances", "created_time", "updated_time", "version"}) {
    columns.append(first ? "" : ", ").append(prefix).append(name);
    first = false;
  }
  return columns;
}

const std::string& series_columns() {
  static const std::string columns =
      state_row_columns("x.") +
      ", x.performed_procedure_step_start_date, x.performed_procedure_step_start_time, "
      "x.scheduled_procedure_step_ids, x.requested_procedure_ids, x.instances, x.first_sop_uid";
  return columns;
}

const std::string& study_columns() {
  static const std::string columns = [] {
    std::string text =
        "x.study_uid, x.modalities_in_study, x.study_related_series, x.study_related_instances, x.version, "
        "x.first_series_uid, x.first_sop_uid, x.created_time";
    for (const auto& column : select_columns(Level::kStudy)) {
      if (column.member != nullptr) text.append(", x.").append(column.name);
    }
    return text;
  }();
  return columns;
}

}  // namespace gantry::index::sql
