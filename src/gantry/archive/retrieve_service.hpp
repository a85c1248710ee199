#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gantry/archive/generation.hpp"
#include "gantry/archive/instance_cache.hpp"
#include "gantry/archive/outbox.hpp"
#include "gantry/archive/prepared_metadata.hpp"
#include "gantry/archive/shared_studies.hpp"
#include "gantry/archive/single_flight.hpp"
#include "gantry/archive/store_service.hpp"
#include "gantry/archive/version_reader.hpp"
#include "gantry/base/context.hpp"
#include "gantry/base/result.hpp"
#include "gantry/index/instance_index.hpp"
#include "gantry/storage/object_store.hpp"

namespace gantry::archive {

/// An instance of a list: enough to send its bytes, nothing open yet.
struct ListedInstance {
  SeriesUid series;
  SopUid sop;
  std::string transfer_syntax;
  ObjectKey object_key;
  std::uint64_t size = 0;
};

/// Pulls values one at a time; blocking, one thread at a time, bounded memory.
template <class T>
class Puller {
 public:
  virtual ~Puller() = default;
  /// nullopt at the end.
  virtual Result<std::optional<T>> next() = 0;
};

/// The instances of a study or series in order.
struct InstanceList {
  /// Complete when `more` is null.
  std::vector<ListedInstance> first;
  std::shared_ptr<Puller<ListedInstance>> more;
};

/// What several nodes share; all may be null, and outlive the service.
struct Sharing {
  VersionReader* versions = nullptr;  ///< null: this process is the index's only writer
  SharedStudies* studies = nullptr;
  cache::SharedCache* cache = nullptr;  ///< where nodes say who generates what
  GenerationLives generation = {};
  WorkerPool* pool = nullptr;  ///< tells the others; null: nothing is told
  Outbox* outbox = nullptr;    ///< hears of what this process changed
};

/// Gives back what was stored (DESIGN §6): where an instance's bytes are, the instances of a study, their metadata.
/// Knows no HTTP. Thread-safe. Blocking, but for what is awaited. Where ctx.only_study is given, no other study is there.
///
/// The memory cache is confirmed by this process being the only writer (DESIGN §8): whoever commits or deletes tells
/// committed() before answering. With an index that others write to as well it is confirmed by reading versions.
class RetrieveService final : public StoreService::Listener {
 public:
  /// Ports outlive the service. `cache` is for instances, and once more for prepared metadata.
  RetrieveService(index::InstanceIndex& index, storage::ObjectStore& objects, Sharing sharing = {},
                  StudyCacheLimits cache = {});

  /// An instance from memory, confirmed; null when it is not there: then locate() is to be asked, as when its file is
  /// not open. For io threads. kNotFound when the index just said that there is none, kUnavailable when nothing
  /// confirms what is there.
  Task<Result<InstancePtr>> find(const RequestContext& ctx, const StudyUid& study, const SeriesUid& series,
                                 const SopUid& sop);
  /// An instance from memory or the index, its object open. An object that is gone makes it read the index again, once.
  /// `found` is what find() gave, if anything: then it is only opened. kNotFound when there is none.
  Result<InstancePtr> locate(const RequestContext& ctx, const StudyUid& study, const SeriesUid& series,
                             const SopUid& sop, InstancePtr found = nullptr);
  /// The version of a study, or of one of its series. kNotFound when there is none.
  Result<std::uint64_t> version(const RequestContext& ctx, const StudyUid& study,
                                const std::optional<SeriesUid>& series);

  /// The instances of a study or series in the index's order (series number, instance number). Nearly always complete
  /// at once; a list longer than memory allows goes on in `more`, which fails with kUnavailable when the study changes.
  /// kNotFound when there are none.
  Result<InstanceList> instances(const RequestContext& ctx, const StudyUid& study,
                                 const std::optional<SeriesUid>& series);
  /// Opens an instance of a list. kNotFound when it was replaced or deleted since: the list is to be read again.
  Result<std::shared_ptr<const OpenFile>> open(const RequestContext& ctx, const ListedInstance& instance);

  /// The stored DICOM JSON of each instance in order, rooted at /dicom-web (see replace_root). Reads the first page:
  /// kNotFound when there is nothing.
  Result<std::shared_ptr<Puller<std::string>>> metadata(const RequestContext& ctx, const StudyUid& study,
                                                        const std::optional<SeriesUid>& series,
                                                        const std::optional<SopUid>& sop);

  /// What io threads can tell of a study's or series' metadata.
  struct KnownMetadata {
    PreparedPtr prepared;                  ///< from memory, confirmed; null: ask prepared()
    std::optional<std::uint64_t> version;  ///< of the study or series, when it was read
  };
  /// For io threads. kNotFound when the index just said that there is none, kUnavailable when it can't be asked.
  Task<Result<KnownMetadata>> find_metadata(const RequestContext& ctx, const StudyUid& study,
                                            const std::optional<SeriesUid>& series);
  /// The prepared metadata of a study or series; null when some of it is not made, or of an older version: then
  /// metadata() is to be asked. `version` is what find_metadata() told. kNotFound when there is no such study or
  /// series.
  Result<PreparedPtr> prepared(const RequestContext& ctx, const StudyUid& study, const std::optional<SeriesUid>& series,
                               std::optional<std::uint64_t> version = std::nullopt);

  /// The metadata of a study or series as documents: prepared, or built now and kept; null when it is too large for
  /// that: then metadata() is to be asked. One piece of work for all who ask while it runs, on a thread of `pool`.
  /// `known` is what find_metadata() told.
  Task<Result<PreparedPtr>> fetch_metadata(WorkerPool& pool, const RequestContext& ctx, const StudyUid& study,
                                           const std::optional<SeriesUid>& series, std::optional<std::uint64_t> known);

  void committed(const RequestContext& ctx, const StudyUid& study, const SeriesUid& series, const SopUid& sop) override;
  /// The tenant was deleted: nothing of it is to stay in memory, nor its files open.
  void forget(const TenantId& tenant);

  [[nodiscard]] InstanceCache::Counters cache_counters() const { return cache_.counters(); }
  [[nodiscard]] PreparedCache::Counters prepared_counters() const { return prepared_.counters(); }
  /// Documents of series that were built on demand.
  [[nodiscard]] std::uint64_t built() const { return built_; }

 private:
  /// Is what has `version` and was confirmed at `confirmed_at` still so? kNotFound: it is gone.
  Task<Result<bool>> is_current(index::VersionKey key, std::uint64_t version, std::atomic<std::uint64_t>& confirmed_at);

  /// kNotFound when the study is known not to exist; else what version the study or series has.
  Task<Result<std::uint64_t>> read_version(const RequestContext& ctx, const StudyUid& study,
                                           const std::optional<SeriesUid>& series);

  /// Null when the index has no such instance; kNotFound when it has one whose object is gone.
  Result<InstancePtr> locate_once(const RequestContext& ctx, const StudyUid& study, const SeriesUid& series,
                                  const SopUid& sop, std::uint64_t epoch);

  /// Of a study of this version; false: something of it is not made, or not of this version (any more).
  Result<bool> add_study(const RequestContext& ctx, const StudyUid& study, std::uint64_t version, PreparedMetadata& to);
  /// The same as prepared(), with what is not prepared built now.
  Result<PreparedPtr> build(const RequestContext& ctx, const StudyUid& study, const std::optional<SeriesUid>& series,
                            std::optional<std::uint64_t> version);
  /// Of a series of this version: from memory, as it was prepared, or built. False: too large.
  Result<bool> add_or_build(const RequestContext& ctx, const StudyUid& study, const SeriesUid& series,
                            std::uint64_t version, PreparedMetadata& to);
  void keep(const RequestContext& ctx, const StudyUid& study, const SeriesUid& series, const PreparedPtr& made,
            std::uint64_t epoch);
  /// False: something of it is not made, or gone.
  Result<bool> add_series(const RequestContext& ctx, const std::vector<SeriesEntry>& entries, PreparedMetadata& to);
  /// False: not of this version, or not there.
  Result<bool> add_document(const RequestContext& ctx, const ObjectKey& key, std::uint64_t version,
                            PreparedMetadata& to);

  index::InstanceIndex& index_;
  storage::ObjectStore& objects_;
  VersionReader* const versions_;
  const Sharing sharing_;
  InstanceCache cache_;
  PreparedCache prepared_;
  SingleFlight<Result<PreparedPtr>> flights_;
  std::atomic<std::uint64_t> built_{0};
};

}  // namespace gantry::archive
