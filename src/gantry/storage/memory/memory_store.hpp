#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "gantry/storage/object_store.hpp"

namespace gantry::storage {

/// Objects as bytes in memory: for unit tests, and the reference that other providers are compared with. Its files have
/// no descriptor. Survives nothing.
class MemoryStore final : public ObjectStore {
 public:
  using Now = std::function<std::chrono::system_clock::time_point()>;
  /// `now` says when an object was made, so that tests can make old ones.
  explicit MemoryStore(Now now = [] { return std::chrono::system_clock::now(); });

  Result<std::unique_ptr<StagedObject>> stage(const RequestContext& ctx) override;
  Result<void> persist(const RequestContext& ctx, std::unique_ptr<StagedObject> staged, const ObjectKey& key) override;
  Result<std::shared_ptr<const OpenFile>> open_staged(const RequestContext& ctx,
                                                      std::unique_ptr<StagedObject> staged) override;
  Result<std::shared_ptr<const OpenFile>> open(const RequestContext& ctx, const ObjectKey& key) override;
  Result<void> remove(const RequestContext& ctx, const ObjectKey& key) override;
  Result<void> list(const RequestContext& ctx, const std::function<bool(const ObjectInfo&)>& visit) override;
  Result<void> list_tenant(const RequestContext& ctx, const std::function<bool(const ObjectInfo&)>& visit) override;
  Result<void> sweep(const RequestContext& ctx, std::chrono::seconds age) override;
  Result<void> check(const RequestContext& ctx) override;

 private:
  Result<void> list_below(const std::string& prefix, const std::function<bool(const ObjectInfo&)>& visit);

  struct Object {
    std::shared_ptr<const std::vector<std::byte>> bytes;
    std::chrono::system_clock::time_point modified;
  };
  const Now now_;
  std::mutex mutex_;
  std::map<std::string, Object> objects_;
};

}  // namespace gantry::storage
