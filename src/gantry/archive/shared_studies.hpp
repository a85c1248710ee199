#pragma once

// What nodes remember together about studies (DESIGN §8): the rows of their series, and which studies do not exist.

#include <chrono>
#include <cstdint>
#include <list>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "gantry/base/context.hpp"
#include "gantry/base/ids.hpp"
#include "gantry/cache/shared_cache.hpp"
#include "gantry/index/records.hpp"

namespace gantry::archive {

/// A series of a study, and where its prepared metadata are.
struct SeriesEntry {
  SeriesUid series;
  std::uint64_t version = 0;
  ObjectKey object;  ///< empty: not prepared for this version
};

/// How long the shared cache keeps what it is told.
struct SharedLives {
  std::chrono::milliseconds study = std::chrono::hours(2);
  std::chrono::milliseconds absence = std::chrono::minutes(5);
};

/// Of a study's rows, those with instances, in order.
[[nodiscard]] std::vector<SeriesEntry> series_entries(std::span<const index::StateRow> states,
                                                      std::span<const index::JsonRow> jsons);

/// Memory before the shared cache, both answering only for the version they were filled with. Without a shared cache,
/// or while it does not answer, it knows what this node knows. Thread-safe; blocking where it says so. Nothing here
/// fails: what can't be had is not known.
class SharedStudies {
 public:
  /// `cache` outlives it; null: there is none.
  explicit SharedStudies(cache::SharedCache* cache = nullptr, SharedLives lives = {}) : cache_(cache), lives_(lives) {}

  /// The series of a study of this version that has instances, in order. Blocking.
  std::optional<std::vector<SeriesEntry>> rows(const RequestContext& ctx, const StudyUid& study, std::uint64_t version);
  /// `states` and `jsons` are what the index says of the study at `version`. Blocking.
  void remember_rows(const RequestContext& ctx, const StudyUid& study, std::uint64_t version,
                     std::span<const index::StateRow> states, std::span<const index::JsonRow> jsons);

  /// The tenant's change number at which the index said that there is no such study: there is none as long as that is
  /// the tenant's number. From memory: never blocks.
  [[nodiscard]] std::optional<std::uint64_t> absent_at(const TenantId& tenant, const StudyUid& study);
  /// Is there no such study, when this is the tenant's change number? Asks the shared cache, too. Blocking.
  bool is_absent(const RequestContext& ctx, const StudyUid& study, std::uint64_t change_no);
  /// In memory alone, without blocking. False: it was known.
  bool remember_absent(const TenantId& tenant, const StudyUid& study, std::uint64_t change_no);
  /// Of a tenant that was deleted: in memory alone.
  void forget(const TenantId& tenant);
  /// For the other nodes. Blocking.
  void share_absent(const RequestContext& ctx, const StudyUid& study, std::uint64_t change_no);

 private:
  static constexpr std::size_t kMarksMost = 65'536;
  struct Mark {
    std::uint64_t change_no = 0;
    std::list<std::string>::iterator age;
  };
  cache::SharedCache* const cache_;
  const SharedLives lives_;
  std::mutex mutex_;
  std::unordered_map<std::string, Mark> marks_;  ///< by tenant and study
  std::list<std::string> by_age_;                ///< of marks_, the oldest first
};

/// The value under a study's key: its version, and its series rows with the reference design's columns (DESIGN §8).
[[nodiscard]] std::string study_rows_text(std::uint64_t version, std::span<const index::StateRow> states,
                                          std::span<const index::JsonRow> jsons);
/// What it says; nullopt when it is damaged or names objects that are not the study's.
[[nodiscard]] std::optional<std::vector<SeriesEntry>> read_study_rows(std::string_view text, const TenantId& tenant,
                                                                      const StudyUid& study);

}  // namespace gantry::archive
