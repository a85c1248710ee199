#pragma once

// What a run of CommitRun wants made, as the rows that are to be there in the end: so making it twice is making it
// once.

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "gantry/index/mongo/connection.hpp"
#include "gantry/index/mongo/rows.hpp"
#include "gantry/index/sql/commit_store.hpp"

namespace gantry::index::mongo {

struct Batch {
  std::string id;
  TenantId tenant;
  std::int64_t last_version = 0;  ///< the tenant's change_no after it

  /// Rows by their keys; nullopt: is to go.
  std::map<std::string, std::optional<sql::CellRow>> studies;
  std::map<sql::SeriesKey, std::optional<sql::CellRow>> series;
  std::vector<sql::SeriesKey> dropped_jsons;      ///< rows of dicom_json_meta that go, their objects queued
  std::map<std::string, sql::CellRow> instances;  ///< by SOP UID
  std::set<std::string> fresh;  ///< those of `instances` that had no document: they are inserted, all in one command
  struct Taken {
    sql::CommitStore::Scope scope;
    Timestamp due;
  };
  std::vector<Taken> taken;  ///< instances that go, their objects queued, but for those in `instances`
  sql::CellRows queue, changes, audits;
  Timestamp objects_due;
  std::optional<sql::TenantRow> counters;

  // What no CommitRun asks for.
  std::vector<JsonRow> jsons;  ///< their times are set; no two are of one series
  struct Due {
    std::int64_t version = 0, updated_time = 0;  ///< of the series row: a later version is due anyway
    bool due = false;
  };
  std::map<sql::SeriesKey, Due> due;
  std::vector<std::pair<std::string, std::int64_t>> settings;  ///< fields of the tenant's document

  [[nodiscard]] bool takes(std::string_view of_study, std::string_view of_series, std::string_view sop) const;

  /// All of it but the instances, which are too large for one document with the rest.
  [[nodiscard]] Document to_document() const;
  static Batch from_document(const bson_t& document);
};

/// The fields of the tenant's document that `batch` sets: its counters and settings.
[[nodiscard]] Document tenant_fields(const Batch& batch);

// A batch on its way into a stand-alone server lies in `dicom_batch`, where nobody looks: its rows in one document,
// each of its instances in another.

[[nodiscard]] std::string batch_key(const TenantId& tenant, std::string_view id);
Result<void> stage(Session& session, const Batch& batch, Timestamp now);
/// nullopt when it is not there.
Result<std::optional<Batch>> staged(Session& session, const TenantId& tenant, const std::string& id);

/// Whether rows of a later version are left alone: then somebody else has made the batch already, and more. Not needed
/// in a transaction, nor where one process alone writes.
enum class Guard { kNone, kVersions };

/// Makes everything of `batch` but tenant_fields(). Outside of a transaction it is made in an order that readers bear:
/// a study that changes carries `pending` from before its first instance changes until its counts are right again,
/// versions change after what they speak of, and objects are queued before their rows go.
Result<void> make(Session& session, const Batch& batch, Guard guard);

}  // namespace gantry::index::mongo
