#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>

#include "gantry/archive/byte_cache.hpp"
#include "gantry/archive/rendition.hpp"
#include "gantry/base/context.hpp"
#include "gantry/base/worker_pool.hpp"
#include "gantry/storage/object_store.hpp"

namespace gantry::archive {

struct RenditionSettings {
  std::uint64_t bytes_most = 0;  ///< of those that are kept because somebody asked; 0: none is
  bool progressive = false;      ///< one in HTJ2K with RPCL is made of every image; it stays as long as the image
};

/// What renditions take of an object store, by the minute in which they were made.
class RenditionCensus {
 public:
  explicit RenditionCensus(const RenditionSettings& settings) : settings_(settings) {}
  /// Counts renditions that may go; passes over everything else.
  void note(const storage::ObjectInfo& info);
  /// Whether it counts for those that may go.
  [[nodiscard]] bool may_go(const ObjectKey& key) const noexcept;
  [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }
  /// Without those made up to this minute no more than `bytes` are left.
  [[nodiscard]] std::chrono::sys_time<std::chrono::minutes> cutoff(std::uint64_t bytes) const;

 private:
  const RenditionSettings settings_;
  std::map<std::chrono::sys_time<std::chrono::minutes>, std::uint64_t> by_minute_;
  std::uint64_t bytes_ = 0;
};

/// Keeps renditions in the object store, and finds them. Bounded: what is kept on demand stops at `bytes_most`, until
/// settle() made room. Whoever asks for one has located its original first, so that one of a deleted or another tenant's
/// instance is never found; those whose original went are removed with it (unlink_due, remove_tenant) or by the sweep.
/// Thread-safe. Blocking, but for takes().
class RenditionStore {
 public:
  RenditionStore(storage::ObjectStore& objects, RenditionSettings settings);

  /// Null when there is none that can be read.
  [[nodiscard]] RenditionPtr find(const ObjectKey& original, std::string_view transfer_syntax);
  /// Whether one more would be kept now.
  [[nodiscard]] bool takes(std::string_view transfer_syntax) const noexcept;

  /// Gives the bytes of `part10` and keeps them once they were read to their end. One at a time is kept of the same.
  [[nodiscard]] std::unique_ptr<ByteStream> keeping(const ObjectKey& original, std::string_view transfer_syntax,
                                                    std::unique_ptr<ByteStream> part10);
  /// Reads `part10` to its end and keeps it; returns when that is done. One that is there already is success.
  Result<void> keep(const ObjectKey& original, std::string_view transfer_syntax, ByteStream& part10);

  /// Makes room when there is more than may be kept: the oldest go, up to a quarter. Says how many went.
  Result<std::uint64_t> settle(const RequestContext& ctx, const RenditionCensus& census);
  [[nodiscard]] bool is_full() const noexcept { return settings_.bytes_most > 0 && used_ >= settings_.bytes_most; }
  [[nodiscard]] const RenditionSettings& settings() const noexcept { return settings_; }

  struct Counters {
    std::uint64_t found = 0, kept = 0, failed = 0, removed = 0, bytes = 0;
  };
  [[nodiscard]] Counters counters() const noexcept { return {found_, kept_, failed_, removed_, used_}; }

 private:
  class Keeping;

  /// The claim on a name while its bytes come; false when another has it.
  bool begin(const ObjectKey& key);
  void end(const ObjectKey& key);
  Result<void> persist(const ObjectKey& key, RenditionWriter writer);

  storage::ObjectStore& objects_;
  const RenditionSettings settings_;
  ByteCache<Rendition> open_;
  std::atomic<std::uint64_t> used_ = 0, found_ = 0, kept_ = 0, failed_ = 0, removed_ = 0;
  std::mutex mutex_;
  std::set<std::string> coming_;
  WorkerPool sync_;  ///< last: gives names to what was read to its end, so that no answer waits for the disk
};

}  // namespace gantry::archive
