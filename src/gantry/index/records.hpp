#pragma once

// Plain values that cross the index port.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "gantry/base/context.hpp"
#include "gantry/base/ids.hpp"
#include "gantry/base/sha256.hpp"
#include "gantry/dicom/instance_indexer.hpp"
#include "gantry/tenant/tenant.hpp"

namespace gantry::index {

using Timestamp = std::chrono::sys_time<std::chrono::microseconds>;  ///< UTC, from the database's clock

/// Who does something, for the audit.
struct Actor {
  std::string principal;   ///< empty: nobody had to say
  std::string address;     ///< of the peer
  std::string request_id;
  bool operator==(const Actor&) const = default;
};
[[nodiscard]] inline Actor actor_of(const RequestContext& ctx) {
  return {ctx.principal, ctx.remote_address, ctx.request_id};
}

/// One instance to commit: its row, and what its series and study rows take from it.
struct InstanceRecord {
  StudyUid study;
  SeriesUid series;
  SopUid sop;
  std::string sop_class;
  std::string transfer_syntax;
  dicom::QidoAttributes attributes;
  ObjectKey object_key;
  std::uint64_t size = 0;
  Sha256 file_sha256{};
  Sha256 dataset_sha256{};
  std::string frame_index;      ///< dicom::encode_layout
  std::string attributes_zstd;  ///< the instance's DICOM JSON without bulk data, zstd-compressed
  std::chrono::steady_clock::time_point persist_began;  ///< a commit refuses one that is more than an hour old
  std::optional<Actor> actor;  ///< who stores it; nullopt: who commits. A group may have several
};

enum class ConflictPolicy { kReject, kReplace, kIgnore };

struct Committed {
  enum class Outcome {
    kStored,     ///< a new instance
    kUnchanged,  ///< the same bytes were there (same transfer syntax, same dataset_sha256, same study and series)
    kReplaced,   ///< other bytes were there and are queued for deletion (kReplace)
    kIgnored,    ///< other bytes are there and stay (kIgnore)
    kConflict,   ///< other bytes, or the same SOP UID in another study or series, are there and stay (kReject)
    kNoQuota,    ///< the tenant's quota would be exceeded
    kNoTenant,   ///< the tenant is not active
    kTooLate,    ///< began to persist more than an hour ago
    kRejected,   ///< the database refuses this row (`detail` says why)
  };
  Outcome outcome = Outcome::kStored;
  std::uint64_t version = 0;  ///< the tenant's change number of this commit, when something changed
  std::string detail;
  struct Place {
    StudyUid study;
    SeriesUid series;
  };
  std::optional<Place> moved_from;  ///< kReplaced: where the replaced instance was, when that was another place
};

struct StudyRow {
  StudyUid study;
  dicom::QidoAttributes attributes;     ///< patient and study fields
  std::vector<std::string> modalities;  ///< distinct, ascending, without empty ones
  std::uint64_t series_count = 0, instance_count = 0;
  std::uint64_t version = 0;
  Timestamp created, updated;
};

struct SeriesRow {
  SeriesUid series;
  dicom::QidoAttributes attributes;  ///< series fields
  std::uint64_t instance_count = 0;
  std::uint64_t version = 0;
  Timestamp created, updated;
};

/// Where an instance's bytes are and how to cut them.
struct Location {
  ObjectKey object_key;
  std::uint64_t size = 0;
  Sha256 file_sha256{};
  std::string frame_index;  ///< dicom::decode_layout
};

struct InstanceRow {
  SopUid sop;
  std::string sop_class;
  std::string transfer_syntax;
  dicom::QidoAttributes attributes;  ///< instance fields
  std::uint64_t version = 0;
  std::optional<Location> location;  ///< when the query asked for it
};

/// One hit: the parents are always there (relational queries return their attributes), lower levels as asked.
struct SearchRow {
  StudyRow study;
  std::optional<SeriesRow> series;
  std::optional<InstanceRow> instance;
  /// zstd of the instance's JSON when asked for; at study and series level that of its first committed instance (when
  /// that one was deleted: of the first that is left in the series, of the first series that is left in the study).
  std::string attributes_zstd;
};

/// `dicom_state_meta`: a series row as the reference design has it (DESIGN §3), all 29 columns, and the version.
struct StateRow {
  std::string tenant_id, patient_id, study_uid, series_uid, study_uid_hash, series_uid_hash, study_date_origin,
      patient_name, patient_sex, patient_birth_date, patient_birth_time, patient_age, patient_size, patient_weight,
      study_date, study_time, accession_number, study_id, study_description, modality, series_number, series_date,
      series_time, series_description, body_part_examined, protocol_name;
  std::uint64_t series_related_instances = 0;
  Timestamp created_time, updated_time;
  std::uint64_t version = 0;
};

/// `dicom_json_meta`: the state of a series' generated JSON (DESIGN §3, §7).
struct JsonRow {
  std::string tenant_id, study_uid, series_uid, study_uid_hash, series_uid_hash, study_date_origin;
  Timestamp created_time, flag_time;
  int json_status = 0;
  int retry_times = 0;
  std::uint64_t version = 0;
  // Written by finish_json() alone; save_json_list() leaves them.
  std::string object_key;  ///< the JSON that was made last; "": none
  std::string last_error;  ///< why it failed
};

/// A series whose JSON a worker is to make.
struct JsonClaim {
  StateRow state;       ///< its version is the one to make the JSON of
  int retry_times = 0;  ///< the how-manieth try of this version it is, from 1
  Timestamp lease_until;
};

/// What became of a claim.
struct JsonOutcome {
  StudyUid study;
  SeriesUid series;
  std::uint64_t version = 0;  ///< of the claim's state
  /// The JSON that was made. After a failure: of what could be read; empty when nothing could, and the one before stays.
  ObjectKey object_key;
  struct Failure {
    std::chrono::seconds retry_after{};
    std::string error;  ///< for operators; its first 1,000 bytes are kept
  };
  std::optional<Failure> failure;
  /// The claim is given back unused, without an object or a failure: the series is due at once, and the try is not
  /// counted.
  bool handed_back = false;
};

/// How the JSON of all series stands; each series is in one of the first five.
struct JsonTotals {
  std::uint64_t ready = 0;     ///< made of the present version
  std::uint64_t pending = 0;   ///< never made, or of an older version, or its worker was lost
  std::uint64_t running = 0;   ///< under a lease
  std::uint64_t failed = 0;    ///< of the present version, to be tried again
  std::uint64_t given_up = 0;  ///< of the present version, after all tries
  /// When the series changed that could be claimed first, were it quiet for long enough; nullopt: none can be claimed.
  std::optional<Timestamp> oldest_due;
};

/// A series whose JSON failed (2) or was given up (4), and did not change since.
struct JsonFailure {
  JsonRow row;
  Timestamp next_at;  ///< of its next try, when it failed
};

struct JsonFailureQuery {
  bool given_up = false;  ///< true: those given up; false: those that are to be tried again
  std::optional<TenantId> tenant;
  std::optional<StudyUid> study;
  std::optional<SeriesUid> series;
  struct Place {
    TenantId tenant;
    StudyUid study;
    SeriesUid series;
  };
  std::optional<Place> after;  ///< the last one of the page before
  std::size_t limit = 100;
};

using tenant::TenantInfo;
using tenant::TenantQuotas;
using tenant::TenantState;

/// Of what a version is asked: an instance; with an empty `sop` its series; with an empty `series`, too, its study;
/// with all empty the tenant, whose version is its change number.
struct VersionKey {
  TenantId tenant;
  StudyUid study;
  SeriesUid series;
  SopUid sop;
};
inline constexpr std::size_t kVersionKeysMost = 64;  ///< of one call

struct TenantTotals {
  std::uint64_t studies = 0, series = 0, instances = 0, bytes = 0, change_no = 0;
};

/// What a tenant is, may have, and has.
struct TenantEntry {
  TenantInfo info;
  TenantTotals totals;
  Timestamp created;  ///< for one that came back after it was deleted: then
};

/// A change of the feed, in the order of `version`.
struct Change {
  std::uint64_t version = 0;
  enum class Action { kStored, kReplaced, kDeleted } action = Action::kStored;
  StudyUid study;
  SeriesUid series;  ///< empty when a whole study was deleted
  SopUid sop;        ///< empty when a whole series was deleted
  Timestamp time;
};

/// An object that a row holds, for fsck.
struct HeldObject {
  TenantId tenant;
  StudyUid study;
  SeriesUid series;
  SopUid sop;
  ObjectKey object_key;
  std::uint64_t size = 0;
  Sha256 file_sha256{};
};

}  // namespace gantry::index
