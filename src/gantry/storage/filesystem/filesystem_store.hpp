#pragma once

#include <memory>
#include <string>

#include "gantry/storage/object_store.hpp"

namespace gantry::storage {

class FileOps;

/// Objects as files under `root`: `objects/{key}` and, on the same file system, `tmp/` for what is on its way in. Files
/// are 0600, directories 0700. Several processes may share a root: temporary files are locked by whoever writes them.
/// A directory whose sync has failed once is not trusted again by this process: what is stored there is refused with
/// kUnavailable and check() fails, until a restart (a second sync may claim success for what the first one lost). The
/// last 5 % of the file system, at most 256 MB, take no objects; check() fails there, too.
class FilesystemStore final : public ObjectStore {
 public:
  /// Makes what is missing of `root`, durable. kUnavailable: can't be made, read or written. `ops` outlives the store.
  static Result<std::unique_ptr<FilesystemStore>> open(const std::string& root);
  static Result<std::unique_ptr<FilesystemStore>> open(const std::string& root, FileOps& ops);
  ~FilesystemStore() override;

  Result<std::unique_ptr<StagedObject>> stage(const RequestContext& ctx) override;
  Result<void> persist(const RequestContext& ctx, std::unique_ptr<StagedObject> staged, const ObjectKey& key) override;
  Result<std::shared_ptr<const OpenFile>> open_staged(const RequestContext& ctx,
                                                      std::unique_ptr<StagedObject> staged) override;
  Result<std::shared_ptr<const OpenFile>> open(const RequestContext& ctx, const ObjectKey& key) override;
  Result<void> remove(const RequestContext& ctx, const ObjectKey& key) override;
  Result<void> list(const RequestContext& ctx, const std::function<bool(const ObjectInfo&)>& visit) override;
  Result<void> list_tenant(const RequestContext& ctx, const std::function<bool(const ObjectInfo&)>& visit) override;
  /// Empty directories go, too, when nothing changed in them for `age`.
  Result<void> sweep(const RequestContext& ctx, std::chrono::seconds age) override;
  Result<void> check(const RequestContext& ctx) override;

 private:
  class Impl;
  explicit FilesystemStore(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;  ///< shared with the staged files
};

}  // namespace gantry::storage
