#pragma once

// The columns of dicom_state_meta that an instance's attributes fill.

#include <array>
#include <utility>

#include "gantry/index/fields.hpp"

namespace gantry::index {

struct StateMember {
  std::string StateRow::*state;
  AttributeMember attribute;
};

/// Columns of StateRow beside the attributes they hold.
inline constexpr std::array<StateMember, 20> kStateMembers{{
    {&StateRow::patient_id, &dicom::QidoAttributes::patient_id},
    {&StateRow::patient_name, &dicom::QidoAttributes::patient_name},
    {&StateRow::patient_sex, &dicom::QidoAttributes::patient_sex},
    {&StateRow::patient_birth_date, &dicom::QidoAttributes::patient_birth_date},
    {&StateRow::patient_birth_time, &dicom::QidoAttributes::patient_birth_time},
    {&StateRow::patient_age, &dicom::QidoAttributes::patient_age},
    {&StateRow::patient_size, &dicom::QidoAttributes::patient_size},
    {&StateRow::patient_weight, &dicom::QidoAttributes::patient_weight},
    {&StateRow::study_date, &dicom::QidoAttributes::study_date},
    {&StateRow::study_time, &dicom::QidoAttributes::study_time},
    {&StateRow::accession_number, &dicom::QidoAttributes::accession_number},
    {&StateRow::study_id, &dicom::QidoAttributes::study_id},
    {&StateRow::study_description, &dicom::QidoAttributes::study_description},
    {&StateRow::modality, &dicom::QidoAttributes::modality},
    {&StateRow::series_number, &dicom::QidoAttributes::series_number},
    {&StateRow::series_date, &dicom::QidoAttributes::series_date},
    {&StateRow::series_time, &dicom::QidoAttributes::series_time},
    {&StateRow::series_description, &dicom::QidoAttributes::series_description},
    {&StateRow::body_part_examined, &dicom::QidoAttributes::body_part_examined},
    {&StateRow::protocol_name, &dicom::QidoAttributes::protocol_name},
}};

/// Fills the empty columns of `state`; `study_date_origin` is the study date as it came.
inline void fill_state(StateRow& state, const dicom::QidoAttributes& attributes) {
  for (const auto& [column, attribute] : kStateMembers) {
    if ((state.*column).empty()) state.*column = attributes.*attribute;
  }
  if (state.study_date_origin.empty()) state.study_date_origin = attributes.study_date;
}

/// What dicom_json_meta says about a series row: is its JSON to be made?
inline bool is_json_due(std::uint64_t state_version, const JsonRow* json) {
  return json == nullptr || json->version < state_version || json->json_status == 0 || json->json_status == 2;
}

/// Now, as the embedded providers' clock says it.
inline Timestamp timestamp_now() {
  return std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
}

}  // namespace gantry::index
