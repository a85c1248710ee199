#include "gantry/archive/rendition_store.hpp"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "gantry/pixels/syntaxes.hpp"
#include "gantry/storage/object_key.hpp"

namespace gantry::archive {
namespace {

constexpr std::size_t kPieceBytes = 256 << 10;
/// Open files of renditions: at most 256.
constexpr std::size_t kOpenCost = 64 << 10, kOpenBytes = 256 * kOpenCost;
constexpr std::size_t kSyncsMost = 64;
constexpr int kNiceness = 10;
constexpr std::chrono::seconds kLimit{600};

/// The tenant is the first part of an object's key.
RequestContext context_of(const ObjectKey& key) {
  RequestContext ctx;
  ctx.tenant = TenantId(std::string(key.view().substr(0, key.view().find('/'))));
  ctx.principal = "renditions";
  ctx.deadline = Clock::now() + kLimit;
  return ctx;
}

auto minute_of(std::chrono::system_clock::time_point time) { return std::chrono::floor<std::chrono::minutes>(time); }

}  // namespace

bool RenditionCensus::may_go(const ObjectKey& key) const noexcept {
  return storage::rendition_of(key).has_value() && !(settings_.progressive && is_progressive(key));
}

void RenditionCensus::note(const storage::ObjectInfo& info) {
  if (!may_go(info.key)) return;
  by_minute_[minute_of(info.modified)] += info.size;
  bytes_ += info.size;
}

std::chrono::sys_time<std::chrono::minutes> RenditionCensus::cutoff(std::uint64_t bytes) const {
  std::uint64_t left = bytes_;
  std::chrono::sys_time<std::chrono::minutes> last{};
  for (const auto& [minute, size] : by_minute_) {
    if (left <= bytes) break;
    left -= size;
    last = minute;
  }
  return last;
}

/// Passes bytes through, and writes them beside. What goes wrong there is nobody's matter but the counter's.
class RenditionStore::Keeping final : public ByteStream {
 public:
  Keeping(RenditionStore& store, ObjectKey key, std::unique_ptr<ByteStream> from, RenditionWriter writer)
      : store_(store), key_(std::move(key)), from_(std::move(from)), writer_(std::move(writer)) {}
  ~Keeping() override { drop(); }

  Result<std::size_t> read(std::span<std::byte> into) override {
    auto count = from_->read(into);
    if (!writer_ || into.empty()) return count;
    if (!count) {
      drop();
    } else if (*count > 0) {
      if (!writer_->add(into.first(*count))) drop();
    } else {
      finish();
    }
    return count;
  }

 private:
  void finish() {
    auto job = [&store = store_, key = key_, writer = std::move(*writer_)]() mutable {
      if (!store.persist(key, std::move(writer))) ++store.failed_;
      store.end(key);
    };
    writer_.reset();
    if (!store_.sync_.try_submit(std::move(job))) store_.end(key_);
  }
  void drop() {
    if (!writer_) return;
    writer_.reset();
    store_.end(key_);
  }

  RenditionStore& store_;
  const ObjectKey key_;
  const std::unique_ptr<ByteStream> from_;
  std::optional<RenditionWriter> writer_;
};

RenditionStore::RenditionStore(storage::ObjectStore& objects, RenditionSettings settings)
    : objects_(objects), settings_(settings), open_(kOpenBytes), sync_("renditions", 1, kSyncsMost, kNiceness) {}

RenditionPtr RenditionStore::find(const ObjectKey& original, std::string_view transfer_syntax) {
  const auto key = rendition_key(original, transfer_syntax);
  if (!key) return nullptr;
  auto found = open_.find(key->str());
  if (found == nullptr) {
    auto file = objects_.open(context_of(*key), *key);
    if (!file) return nullptr;
    auto read = read_rendition(*std::move(file));
    if (!read) {
      // Nothing is lost by it: it is made anew.
      ++failed_;
      (void)objects_.remove(context_of(*key), *key);
      return nullptr;
    }
    found = *std::move(read);
    open_.put(key->str(), found, kOpenCost);
  }
  ++found_;
  return found;
}

bool RenditionStore::takes(std::string_view transfer_syntax) const noexcept {
  return (settings_.progressive && transfer_syntax == pixels::kHtj2kRpcl) || used_ < settings_.bytes_most;
}

bool RenditionStore::begin(const ObjectKey& key) {
  const std::scoped_lock lock(mutex_);
  return coming_.insert(key.str()).second;
}

void RenditionStore::end(const ObjectKey& key) {
  const std::scoped_lock lock(mutex_);
  coming_.erase(key.str());
}

std::unique_ptr<ByteStream> RenditionStore::keeping(const ObjectKey& original, std::string_view transfer_syntax,
                                                    std::unique_ptr<ByteStream> part10) {
  const auto key = rendition_key(original, transfer_syntax);
  if (!key || !takes(transfer_syntax) || !begin(*key)) return part10;
  auto staged = objects_.stage(context_of(*key));
  if (!staged) {
    ++failed_;
    end(*key);
    return part10;
  }
  return std::make_unique<Keeping>(*this, *key, std::move(part10), RenditionWriter(*std::move(staged)));
}

Result<void> RenditionStore::keep(const ObjectKey& original, std::string_view transfer_syntax, ByteStream& part10) {
  const auto key = rendition_key(original, transfer_syntax);
  if (!key) return Error::unsupported("nothing is kept in transfer syntax " + std::string(transfer_syntax));
  GANTRY_LET(auto staged, objects_.stage(context_of(*key)));
  RenditionWriter writer(std::move(staged));
  std::vector<std::byte> piece(kPieceBytes);
  for (;;) {
    GANTRY_LET(const std::size_t count, part10.read(piece));
    if (count == 0) return persist(*key, std::move(writer));
    GANTRY_TRY(writer.add(std::span(piece).first(count)));
  }
}

Result<void> RenditionStore::persist(const ObjectKey& key, RenditionWriter writer) {
  GANTRY_LET(auto staged, writer.finish());
  const std::uint64_t size = staged->size();
  auto done = objects_.persist(context_of(key), std::move(staged), key);
  if (!done) return done.error().kind() == ErrorKind::kConflict ? Result<void>() : done;  // another node was quicker
  ++kept_;
  if (!(settings_.progressive && is_progressive(key))) used_ += size;
  return {};
}

Result<std::uint64_t> RenditionStore::settle(const RequestContext& ctx, const RenditionCensus& census) {
  used_ = census.bytes();
  if (census.bytes() <= settings_.bytes_most && !is_full()) return std::uint64_t{0};
  const auto cutoff = census.cutoff(settings_.bytes_most / 4 * 3);
  std::uint64_t went = 0;
  Result<void> removed;
  GANTRY_TRY(objects_.list(ctx, [&](const storage::ObjectInfo& info) {
    if (!census.may_go(info.key) || minute_of(info.modified) > cutoff) return true;
    removed = objects_.remove(ctx, info.key);
    if (!removed) return false;
    used_ -= std::min<std::uint64_t>(used_, info.size);
    ++went;
    return true;
  }));
  removed_ += went;
  if (!removed) return std::move(removed).error();
  return went;
}

}  // namespace gantry::archive
