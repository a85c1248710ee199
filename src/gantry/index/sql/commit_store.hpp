#pragma once

// The tables as a CommitRun sees them: one writing transaction of one tenant, which nobody else's writes disturb.

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "gantry/base/result.hpp"
#include "gantry/index/sql/commit_rows.hpp"

namespace gantry::index::sql {

class CommitStore {
 public:
  virtual ~CommitStore() = default;
  [[nodiscard]] virtual const Dialect& dialect() const = 0;

  struct Wanted {
    std::set<std::string> sops, object_keys, studies;
    std::set<SeriesKey> series;
    [[nodiscard]] bool empty() const {
      return sops.empty() && object_keys.empty() && studies.empty() && series.empty();
    }
  };
  struct Loaded {
    std::map<std::string, Present> presents;  ///< by SOP UID
    std::set<std::string> used_keys;          ///< of those wanted: held by an instance or the delete queue
    std::map<std::string, StudyState> studies;
    std::map<SeriesKey, SeriesState> series;
  };
  /// Reads the tenant's row, and keeps other writers of the tenant away from here to the end; then loads. nullopt:
  /// there is no such tenant, and nothing was loaded.
  virtual Result<std::optional<TenantRow>> begin(const Wanted& wanted, Loaded& loaded) = 0;
  /// Adds what is there to `loaded`; what is absent is not there.
  virtual Result<void> load(const Wanted& wanted, Loaded& loaded) = 0;

  /// What a run wants written, in this order. No two rows of a kind have one key.
  struct Writes {
    CellRows terms_out, terms_in;
    std::vector<SeriesKey> dropped_series;     ///< with their JSON rows, whose objects are queued
    std::vector<std::string> dropped_studies;  ///< with all their series rows
    CellRows series, studies, instances, queue, changes, audits;
    std::optional<TenantRow> tenant;  ///< its counters
    Timestamp objects_due;            ///< when queued JSON objects are due
    [[nodiscard]] bool empty() const {
      return terms_out.empty() && terms_in.empty() && dropped_series.empty() && dropped_studies.empty() &&
             series.empty() && studies.empty() && instances.empty() && queue.empty() && changes.empty() && audits.empty() &&
             !tenant;
    }
  };
  virtual Result<void> write(const Writes& writes) = 0;
  /// Writes, and ends the transaction where that saves a round trip.
  virtual Result<void> finish(const Writes& writes) = 0;
  /// True when instances go through write_instance() one by one, and not through `Writes`.
  [[nodiscard]] virtual bool writes_instances_at_once() const = 0;
  /// False when the database refuses the row, saying why; the transaction goes on.
  virtual Result<bool> write_instance(const CellRow& row, std::string& why) = 0;

  // What removing asks for, of rows that are written.

  struct Scope {
    std::string study;
    std::optional<std::string> series, sop;
  };
  struct Gone {
    std::string series;
    std::uint64_t instances = 0, bytes = 0;
  };
  /// Deletes the instances in `scope` and queues their objects: per series, ascending, what went.
  virtual Result<std::vector<Gone>> take_instances(const Scope& scope, Timestamp due) = 0;
  /// The first instance of a series by number, then UID; "" when it has none.
  virtual Result<std::string> first_instance(const SeriesKey& series) = 0;
  /// {series, first SOP} of the first series of a study by number, then UID, that has instances; nullopt when `current`
  /// (the same pair) is still there, or when there is none.
  virtual Result<std::optional<SeriesKey>> next_first_of(const std::string& study, const SeriesKey& current) = 0;
  /// Modality values of a study's series that have instances.
  virtual Result<std::vector<std::string>> modalities_of(const std::string& study) = 0;
};

}  // namespace gantry::index::sql
