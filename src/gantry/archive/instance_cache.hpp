#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>

#include "gantry/base/bytes.hpp"
#include "gantry/base/context.hpp"
#include "gantry/base/ids.hpp"
#include "gantry/base/sha256.hpp"
#include "gantry/dicom/layout.hpp"

namespace gantry::archive {

/// An instance ready to be read: where its bytes are, how to cut them, and the open object. Immutable.
struct LocatedInstance {
  StudyUid study;
  SeriesUid series;
  SopUid sop;
  std::string sop_class;
  std::string transfer_syntax;
  ObjectKey object_key;  ///< used once, so it names these very bytes
  std::uint64_t size = 0;
  dicom::Layout layout;
  std::shared_ptr<const OpenFile> file;
};
using InstancePtr = std::shared_ptr<const LocatedInstance>;

struct InstanceCacheLimits {
  std::size_t bytes = 64 << 20;
  std::size_t open_files = 1024;
};

/// Least recently used instances go first when the cache is over its bytes or its open files. Thread-safe; find() takes
/// a few hundred nanoseconds, so that an io thread may call it. What is put was read from the index some time before,
/// so a put names the epoch of its shard before that read, and is dropped when the shard forgot something of that study
/// since: a slow fill never puts back what was just invalidated.
class InstanceCache {
 public:
  explicit InstanceCache(InstanceCacheLimits limits = {});

  /// Null when it is not there.
  [[nodiscard]] InstancePtr find(const TenantId& tenant, const StudyUid& study, const SeriesUid& series,
                                 const SopUid& sop);
  /// To be called before the index is read for put().
  [[nodiscard]] std::uint64_t epoch(const TenantId& tenant, const StudyUid& study);
  void put(const TenantId& tenant, InstancePtr instance, std::uint64_t epoch_before);
  /// Forgets an instance; with an empty `sop` the series, with an empty `series` the study.
  void forget(const TenantId& tenant, const StudyUid& study, const SeriesUid& series, const SopUid& sop);

  struct Counters {
    std::size_t instances = 0, bytes = 0;
    std::uint64_t hits = 0, misses = 0;
  };
  [[nodiscard]] Counters counters() const;

 private:
  static constexpr std::size_t kShards = 8;

  struct Entry {
    std::string study_key;
    std::pair<std::string, std::string> instance_key;  ///< series, SOP
    InstancePtr instance;
    std::size_t bytes = 0;
  };
  using Entries = std::list<Entry>;  ///< most recently used first
  struct Shard {
    mutable std::mutex mutex;
    Entries entries;
    std::unordered_map<std::string, std::map<std::pair<std::string, std::string>, Entries::iterator>> studies;
    std::size_t bytes = 0;
    std::uint64_t epoch = 0;
    std::uint64_t hits = 0, misses = 0;
  };

  Shard& shard_of(const std::string& study_key);
  static void drop(Shard& shard, Entries::iterator entry);

  InstanceCacheLimits limits_;  ///< of one shard
  std::array<Shard, kShards> shards_;
};

}  // namespace gantry::archive
