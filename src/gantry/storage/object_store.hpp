#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "gantry/base/bytes.hpp"
#include "gantry/base/context.hpp"
#include "gantry/base/result.hpp"

namespace gantry::storage {

/// Bytes on their way in. Nothing under a name yet; destroying it discards them. Blocking; one thread at a time.
class StagedObject {
 public:
  virtual ~StagedObject() = default;
  virtual Result<void> write(std::span<const std::byte> bytes) = 0;  ///< Errors: kUnavailable (full, broken disk)
  [[nodiscard]] virtual std::uint64_t size() const noexcept = 0;
};

struct ObjectInfo {
  ObjectKey key;
  std::uint64_t size = 0;
  std::chrono::system_clock::time_point modified;
};

/// Keeps immutable objects. Thread-safe; blocking (disk pool). A key is
/// `{tenant}/{study_uid_hash}/{series_uid_hash}/{sha256}-{32 hex}.dcm`: `[a-z0-9-]` segments, never DICOM text;
/// anything else is refused with kInvalid.
class ObjectStore {
 public:
  virtual ~ObjectStore() = default;

  /// Begins an object in the store's own file system (or upload area). Nothing is allocated from a declared length.
  virtual Result<std::unique_ptr<StagedObject>> stage(const RequestContext& ctx) = 0;
  /// Gives the staged bytes their name. On success they survive a power cut: file synced, renamed, its directory and
  /// every ancestor up to the root that this process has not synced yet synced. kConflict when the name is taken (never
  /// overwrites). A failed sync fails the object for good and is not tried again on that file. kUnavailable: disk full
  /// or broken; then nothing is under that name, or what is there may be swept.
  virtual Result<void> persist(const RequestContext& ctx, std::unique_ptr<StagedObject> staged,
                               const ObjectKey& key) = 0;
  /// Opens the staged bytes without ever giving them a name: they go with their last reader, or with the process.
  virtual Result<std::shared_ptr<const OpenFile>> open_staged(const RequestContext& ctx,
                                                              std::unique_ptr<StagedObject> staged) = 0;
  /// Opens an object for reading. kNotFound when there is none.
  virtual Result<std::shared_ptr<const OpenFile>> open(const RequestContext& ctx, const ObjectKey& key) = 0;
  /// Removes an object; one that is not there is success. Readers that hold it open go on.
  virtual Result<void> remove(const RequestContext& ctx, const ObjectKey& key) = 0;
  /// Calls `visit` for every object, in no order, until it gives false. Bounded memory.
  virtual Result<void> list(const RequestContext& ctx, const std::function<bool(const ObjectInfo&)>& visit) = 0;
  /// The same for the objects of ctx.tenant alone, at a cost that other tenants have no part in.
  virtual Result<void> list_tenant(const RequestContext& ctx, const std::function<bool(const ObjectInfo&)>& visit) = 0;
  /// Removes litter: staged files older than `age` that no process holds, and empty directories.
  virtual Result<void> sweep(const RequestContext& ctx, std::chrono::seconds age) = 0;
  /// Fails when the store can't take objects now (read-only, gone): for /readyz.
  virtual Result<void> check(const RequestContext& ctx) = 0;
};

}  // namespace gantry::storage
