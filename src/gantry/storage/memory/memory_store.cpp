#include "gantry/storage/memory/memory_store.hpp"

#include <algorithm>
#include <utility>

#include "gantry/storage/object_key.hpp"

namespace gantry::storage {
namespace {

class MemoryStaged final : public StagedObject {
 public:
  Result<void> write(std::span<const std::byte> more) override {
    bytes.insert(bytes.end(), more.begin(), more.end());
    return {};
  }
  [[nodiscard]] std::uint64_t size() const noexcept override { return bytes.size(); }

  std::vector<std::byte> bytes;
};

class MemoryFile final : public OpenFile {
 public:
  explicit MemoryFile(std::shared_ptr<const std::vector<std::byte>> bytes) : bytes_(std::move(bytes)) {}
  [[nodiscard]] std::uint64_t size() const noexcept override { return bytes_->size(); }
  Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> into) const override {
    if (offset >= bytes_->size()) return std::size_t{0};
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(into.size(), bytes_->size() - offset));
    std::copy_n(bytes_->begin() + static_cast<std::ptrdiff_t>(offset), count, into.begin());
    return count;
  }
  [[nodiscard]] int fd() const noexcept override { return -1; }

 private:
  const std::shared_ptr<const std::vector<std::byte>> bytes_;
};

}  // namespace

MemoryStore::MemoryStore(Now now) : now_(std::move(now)) {}

Result<std::unique_ptr<StagedObject>> MemoryStore::stage(const RequestContext& /*ctx*/) {
  return std::unique_ptr<StagedObject>(std::make_unique<MemoryStaged>());
}

Result<void> MemoryStore::persist(const RequestContext& /*ctx*/, std::unique_ptr<StagedObject> staged,
                                  const ObjectKey& key) {
  GANTRY_TRY(check_object_key(key));
  auto* const ours = dynamic_cast<MemoryStaged*>(staged.get());
  if (ours == nullptr) return Error::internal("another store staged this object");
  auto bytes = std::make_shared<const std::vector<std::byte>>(std::move(ours->bytes));
  const auto modified = now_();
  const std::scoped_lock lock(mutex_);
  if (!objects_.try_emplace(key.str(), Object{std::move(bytes), modified}).second) {
    return Error::conflict("the name " + key.str() + " is taken");
  }
  return {};
}

Result<std::shared_ptr<const OpenFile>> MemoryStore::open_staged(const RequestContext& /*ctx*/,
                                                                 std::unique_ptr<StagedObject> staged) {
  auto* const ours = dynamic_cast<MemoryStaged*>(staged.get());
  if (ours == nullptr) return Error::internal("another store staged this object");
  auto bytes = std::make_shared<const std::vector<std::byte>>(std::move(ours->bytes));
  return std::shared_ptr<const OpenFile>(std::make_shared<MemoryFile>(std::move(bytes)));
}

Result<std::shared_ptr<const OpenFile>> MemoryStore::open(const RequestContext& /*ctx*/, const ObjectKey& key) {
  GANTRY_TRY(check_object_key(key));
  const std::scoped_lock lock(mutex_);
  const auto found = objects_.find(key.str());
  if (found == objects_.end()) return Error::not_found("no object " + key.str());
  return std::shared_ptr<const OpenFile>(std::make_shared<MemoryFile>(found->second.bytes));
}

Result<void> MemoryStore::remove(const RequestContext& /*ctx*/, const ObjectKey& key) {
  GANTRY_TRY(check_object_key(key));
  const std::scoped_lock lock(mutex_);
  objects_.erase(key.str());
  return {};
}

// The lock is not held while visiting, so that a visitor may open and remove what it sees.
Result<void> MemoryStore::list(const RequestContext& /*ctx*/, const std::function<bool(const ObjectInfo&)>& visit) {
  return list_below("", visit);
}

Result<void> MemoryStore::list_tenant(const RequestContext& ctx, const std::function<bool(const ObjectInfo&)>& visit) {
  return list_below(ctx.tenant.str() + "/", visit);
}

Result<void> MemoryStore::list_below(const std::string& prefix, const std::function<bool(const ObjectInfo&)>& visit) {
  std::string last = prefix;
  for (;;) {
    ObjectInfo info;
    {
      const std::scoped_lock lock(mutex_);
      const auto next = objects_.upper_bound(last);
      if (next == objects_.end() || !next->first.starts_with(prefix)) return {};
      info = {ObjectKey(next->first), next->second.bytes->size(), next->second.modified};
    }
    last = info.key.str();
    if (!visit(info)) return {};
  }
}

// Staged bytes go with their owner, and there are no directories: nothing is ever left over.
Result<void> MemoryStore::sweep(const RequestContext& /*ctx*/, std::chrono::seconds /*age*/) { return {}; }

Result<void> MemoryStore::check(const RequestContext& /*ctx*/) { return {}; }

}  // namespace gantry::storage
