#include "gantry/index/sql/tables.hpp"

#include <array>

namespace gantry::index::sql {
namespace {

using enum ColumnType;

// tenant_id comes first in every key and index, but for those that serve all tenants: objects, due JSON, the queue.

constexpr Column kTenantColumns[] = {
    {"tenant_id", kUid},   {"state", kInteger},  {"change_no", kInteger},   {"bytes", kInteger},           {"instances", kInteger},
    {"studies", kInteger}, {"series", kInteger}, {"quota_bytes", kInteger}, {"quota_instances", kInteger}, {"created_time", kTime},
    {"audit_no", kInteger, 4}, {"audit_hash", kUid, 4},
    // Ours; of each node.
    {"quota_requests_per_s", kInteger, 5}, {"quota_concurrent", kInteger, 5},
};

constexpr Column kStudyColumns[] = {
    {"tenant_id", kUid},
    {"study_uid", kUid},
    {"study_uid_hash", kUid},
    {"patient_id", kText},
    {"patient_name", kText},
    {"patient_sex", kText},
    {"patient_birth_date", kText},
    {"patient_birth_time", kText},
    {"patient_age", kText},
    {"patient_size", kText},
    {"patient_weight", kText},
    {"study_date", kText},
    {"study_time", kText},
    {"accession_number", kText},
    {"study_id", kText},
    {"study_description", kText},
    {"referring_physician_name", kText},
    {"timezone_offset", kText},
    {"modalities_in_study", kText},
    {"study_related_series", kInteger},
    {"study_related_instances", kInteger},
    {"patient_name_fold", kText},
    {"referring_physician_name_fold", kText},
    {"study_description_fold", kText},
    {"study_date_key", kUid},
    {"study_time_key", kUid},
    {"patient_birth_date_key", kUid},
    {"patient_birth_time_key", kUid},
    {"first_series_uid", kUid},
    {"first_sop_uid", kUid},
    {"created_time", kTime},
    {"updated_time", kTime},
    {"version", kInteger},
};
constexpr Index kStudyIndexes[] = {
    // Unique, so that a join below it is known to keep the order.
    {"dicom_study_order", "tenant_id, study_date_key DESC, study_time_key DESC, study_uid", true},
};

constexpr Column kStateColumns[] = {
    {"tenant_id", kUid},
    {"patient_id", kText},
    {"study_uid", kUid},
    {"series_uid", kUid},
    {"study_uid_hash", kUid},
    {"series_uid_hash", kUid},
    {"study_date_origin", kText},
    {"patient_name", kText},
    {"patient_sex", kText},
    {"patient_birth_date", kText},
    {"patient_birth_time", kText},
    {"patient_age", kText},
    {"patient_size", kText},
    {"patient_weight", kText},
    {"study_date", kText},
    {"study_time", kText},
    {"accession_number", kText},
    {"study_id", kText},
    {"study_description", kText},
    {"modality", kText},
    {"series_number", kText},
    {"series_date", kText},
    {"series_time", kText},
    {"series_description", kText},
    {"body_part_examined", kText},
    {"protocol_name", kText},
    {"series_related_instances", kInteger},
    {"created_time", kTime},
    {"updated_time", kTime},
    {"version", kInteger},
    // Ours, beside the reference design's.
    {"performed_procedure_step_start_date", kText},
    {"performed_procedure_step_start_time", kText},
    {"scheduled_procedure_step_ids", kText},
    {"requested_procedure_ids", kText},
    {"series_description_fold", kText},
    {"protocol_name_fold", kText},
    {"series_number_key", kInteger},
    {"series_date_key", kUid},
    {"series_time_key", kUid},
    {"performed_procedure_step_start_date_key", kUid},
    {"performed_procedure_step_start_time_key", kUid},
    {"instances", kInteger},  // counted by commits alone; 0: a row of the six calls that no search shows
    {"first_sop_uid", kUid},
    {"json_due", kInteger},
};
constexpr Index kStateIndexes[] = {
    {"dicom_state_order", "tenant_id, study_uid, series_number_key, series_uid", true},
    {"dicom_state_series", "tenant_id, series_uid"},
    {"dicom_state_due", "updated_time, tenant_id, study_uid, series_uid", false, "json_due = 1"},
};

constexpr Column kImageColumns[] = {
    {"tenant_id", kUid},
    {"study_uid", kUid},
    {"series_uid", kUid},
    {"sop_uid", kUid},
    {"sop_class", kText},
    {"transfer_syntax", kText},
    {"instance_number", kText},
    {"number_of_frames", kText},
    {"image_rows", kText},
    {"image_columns", kText},
    {"bits_allocated", kText},
    {"content_date", kText},
    {"content_time", kText},
    {"instance_number_key", kInteger},
    {"number_of_frames_key", kInteger},
    {"image_rows_key", kInteger},
    {"image_columns_key", kInteger},
    {"bits_allocated_key", kInteger},
    {"content_date_key", kUid},
    {"content_time_key", kUid},
    {"version", kInteger},
    {"created_time", kTime},
    {"object_key", kKey},
    {"size", kInteger},
    {"file_sha256", kBlob},
    {"dataset_sha256", kBlob},
    {"frame_index", kBlob},
    {"attributes", kBlob},  // last: listings that don't ask for it never read it
};
constexpr Index kImageIndexes[] = {
    {"dicom_image_sop", "tenant_id, sop_uid", true},
    {"dicom_image_order", "tenant_id, study_uid, series_uid, instance_number_key, sop_uid", true},
    {"dicom_image_object", "object_key", true},
};

constexpr Column kJsonColumns[] = {
    {"tenant_id", kUid},      {"study_uid", kUid},       {"series_uid", kUid},         {"study_uid_hash", kUid},
    {"series_uid_hash", kUid}, {"study_date_origin", kText}, {"created_time", kTime},     {"flag_time", kTime},
    {"json_status", kInteger}, {"retry_times", kInteger},    {"version", kInteger},       {"lease_owner", kText},
    {"lease_until", kTime},    {"next_at", kTime},           {"last_error", kText},       {"object_key", kKey},
};
constexpr Index kJsonIndexes[] = {
    {"dicom_json_object", "object_key", true, "object_key <> ''"},
};

constexpr Column kChangeColumns[] = {
    {"tenant_id", kUid},  {"version", kInteger}, {"action", kInteger},   {"study_uid", kUid},
    {"series_uid", kUid}, {"sop_uid", kUid},     {"change_time", kTime},
};

constexpr Column kDeleteQueueColumns[] = {
    {"object_key", kKey},
    {"tenant_id", kUid},
    {"due_time", kTime},
    {"attempts", kInteger},
};
constexpr Index kDeleteQueueIndexes[] = {
    {"dicom_delete_queue_due", "due_time, object_key"},
};

constexpr Column kNoteColumns[] = {
    {"name", kUid},
    {"text", kText},
};

constexpr Column kRecordColumns[] = {
    {"tenant_id", kUid},    {"kind", kInteger},   {"record_id", kUid}, {"version", kInteger},
    {"created_time", kTime}, {"expires_time", kTime}, {"body", kText},
};
constexpr Index kRecordIndexes[] = {
    {"gantry_record_tenant", "tenant_id, kind, record_id"},
    {"gantry_record_expires", "expires_time"},
};

constexpr Column kAuditColumns[] = {
    {"tenant_id", kUid},  {"audit_no", kInteger}, {"audit_time", kTime}, {"action", kUid},     {"principal", kText},
    {"address", kText},   {"request_id", kText},  {"study_uid", kUid},   {"series_uid", kUid}, {"sop_uid", kUid},
    {"version", kInteger}, {"detail", kText},      {"hash", kUid},
};
constexpr Index kAuditIndexes[] = {
    {"gantry_audit_study", "tenant_id, study_uid, audit_no"},
};

constexpr Column kTermColumns[] = {
    {"tenant_id", kUid},      {"kind", kInteger},  {"term", kKey},       {"study_date_key", kUid},
    {"study_time_key", kUid}, {"study_uid", kUid}, {"series_uid", kUid},
};

constexpr std::array<StateColumn, 26> kStateText{{
    {"tenant_id", &StateRow::tenant_id},
    {"patient_id", &StateRow::patient_id},
    {"study_uid", &StateRow::study_uid},
    {"series_uid", &StateRow::series_uid},
    {"study_uid_hash", &StateRow::study_uid_hash},
    {"series_uid_hash", &StateRow::series_uid_hash},
    {"study_date_origin", &StateRow::study_date_origin},
    {"patient_name", &StateRow::patient_name},
    {"patient_sex", &StateRow::patient_sex},
    {"patient_birth_date", &StateRow::patient_birth_date},
    {"patient_birth_time", &StateRow::patient_birth_time},
    {"patient_age", &StateRow::patient_age},
    {"patient_size", &StateRow::patient_size},
    {"patient_weight", &StateRow::patient_weight},
    {"study_date", &StateRow::study_date},
    {"study_time", &StateRow::study_time},
    {"accession_number", &StateRow::accession_number},
    {"study_id", &StateRow::study_id},
    {"study_description", &StateRow::study_description},
    {"modality", &StateRow::modality},
    {"series_number", &StateRow::series_number},
    {"series_date", &StateRow::series_date},
    {"series_time", &StateRow::series_time},
    {"series_description", &StateRow::series_description},
    {"body_part_examined", &StateRow::body_part_examined},
    {"protocol_name", &StateRow::protocol_name},
}};

}  // namespace

constinit const Table kTenantTable{"dicom_tenant", "tenant_id", true, kTenantColumns, {}};
constinit const Table kStudyTable{"dicom_study_meta", "tenant_id, study_uid", false, kStudyColumns, kStudyIndexes};
constinit const Table kStateTable{"dicom_state_meta", "tenant_id, study_uid, series_uid", false, kStateColumns,
                                  kStateIndexes};
constinit const Table kImageTable{"dicom_image_meta", "tenant_id, study_uid, series_uid, sop_uid", false, kImageColumns,
                                  kImageIndexes};
constinit const Table kJsonTable{"dicom_json_meta", "tenant_id, study_uid, series_uid", false, kJsonColumns, kJsonIndexes};
constinit const Table kChangeTable{"dicom_change", "tenant_id, version", true, kChangeColumns, {}};
constinit const Table kDeleteQueueTable{"dicom_delete_queue", "object_key", true, kDeleteQueueColumns,
                                        kDeleteQueueIndexes};
constinit const Table kTermTable{
    "dicom_term", "tenant_id, kind, term, study_date_key DESC, study_time_key DESC, study_uid, series_uid", true,
    kTermColumns, {}};

constinit const Table kAuditTable{"gantry_audit", "tenant_id, audit_no", true, kAuditColumns, kAuditIndexes, 4};
constinit const Table kNoteTable{"gantry_note", "name", true, kNoteColumns, {}, 2};
constinit const Table kRecordTable{"gantry_record", "kind, record_id", false, kRecordColumns, kRecordIndexes, 3};

std::span<const Table* const> tables() noexcept {
  static constexpr std::array<const Table*, 11> kAll{&kTenantTable, &kStudyTable,  &kStateTable,       &kImageTable,
                                                    &kJsonTable,   &kChangeTable, &kDeleteQueueTable, &kTermTable,
                                                    &kNoteTable,   &kRecordTable, &kAuditTable};
  return kAll;
}

std::span<const StateColumn> state_columns() noexcept { return kStateText; }

}  // namespace gantry::index::sql
