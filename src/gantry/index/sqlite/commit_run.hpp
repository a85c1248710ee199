#pragma once

// One writing transaction's view of the series and studies that it touches: read once, changed in memory, written once.

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "gantry/index/fields.hpp"
#include "gantry/index/sql/tables.hpp"
#include "gantry/index/sqlite/connection.hpp"

namespace gantry::index::sqlite {

class CommitRun {
 public:
  CommitRun(Connection& connection, const TenantId& tenant, Timestamp now)
      : db_(connection), tenant_(tenant), now_(now) {}

  struct TenantRow {
    TenantState state = TenantState::kActive;
    std::uint64_t change_no = 0, bytes = 0, instances = 0, studies = 0, series = 0, quota_bytes = 0, quota_instances = 0;
  };
  /// Reads the tenant's row; false when there is none.
  Result<bool> load_tenant();
  [[nodiscard]] TenantRow& tenant() noexcept { return row_; }

  Result<Committed> commit(const InstanceRecord& record, ConflictPolicy policy);
  /// Removes instances by their rows (a study, a series or one of either), queues their objects, and gives their number.
  Result<std::uint64_t> remove(const StudyUid& study, const std::optional<SeriesUid>& series,
                               const std::optional<SopUid>& sop, Timestamp due);
  Result<void> save_state(const StateRow& state);
  /// Writes what changed: series, studies, then the tenant's row last.
  Result<void> finish();

 private:
  struct TermRow {
    int kind = 0;
    std::string term, date, time, series;
    auto operator<=>(const TermRow&) const = default;
  };
  struct SeriesState {
    bool existed = false;
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
  struct Present {
    StudyUid study;
    SeriesUid series;
    std::string transfer_syntax, object_key;
    Sha256 dataset_sha256{};
    std::uint64_t size = 0;
  };
  using SeriesKey = std::pair<std::string, std::string>;

  Result<std::optional<Present>> find(const SopUid& sop);
  Result<StudyState*> load_study(const std::string& study);
  Result<SeriesState*> load_series(const std::string& study, const std::string& series);
  Result<bool> write_instance(const InstanceRecord& record, std::uint64_t version, std::string& why);
  Result<void> count_in(const InstanceRecord& record, std::uint64_t version, bool is_new);
  Result<void> queue_object(const std::string& key, Timestamp due);
  Result<void> add_change(std::uint64_t version, Change::Action action, std::string_view study, std::string_view series,
                          std::string_view sop);
  Result<void> after_removal(const std::string& uid, StudyState& study);
  Result<void> write_series(const SeriesKey& key, SeriesState& series);
  Result<void> write_study(const std::string& uid, StudyState& study);
  Result<void> write_terms(const std::string& study, const std::set<TermRow>& old_terms, const std::set<TermRow>& terms);
  Result<void> drop_series(const SeriesKey& key, const SeriesState& series);
  Result<void> flush();
  static std::set<TermRow> terms_of(const SeriesState& series);
  static std::set<TermRow> terms_of(const StudyState& study);

  Connection& db_;
  const TenantId& tenant_;
  Timestamp now_;
  TenantRow row_;
  std::map<std::string, StudyState> studies_;
  std::map<SeriesKey, SeriesState> series_;
  std::set<std::string> settled_;  ///< SOP UIDs that a record of this batch has
};

}  // namespace gantry::index::sqlite
