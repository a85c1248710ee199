#include "gantry/server/fsck_stream.hpp"

#include <atomic>

#include "gantry/base/json_text.hpp"


namespace gantry::server {

namespace {

/// An object until the check is stopped: then its bytes can't be read any more, and it has no descriptor before, so
/// that a check of a large one ends in its middle.
class StoppableFile final : public OpenFile {
 public:
  StoppableFile(std::shared_ptr<const OpenFile> inner, std::shared_ptr<const std::atomic<bool>> stopped)
      : inner_(std::move(inner)), stopped_(std::move(stopped)) {}
  [[nodiscard]] std::uint64_t size() const noexcept override { return inner_->size(); }
  Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> into) const override {
    if (*stopped_) return Error::unavailable("the check was stopped");
    return inner_->read_at(offset, into);
  }
  [[nodiscard]] int fd() const noexcept override { return -1; }

 private:
  const std::shared_ptr<const OpenFile> inner_;
  const std::shared_ptr<const std::atomic<bool>> stopped_;
};

}  // namespace

/// The store, until it is stopped: then objects can't be opened or read and lists end, so that a check runs dry.
class FsckStream::StoppableStore final : public storage::ObjectStore {
 public:
  explicit StoppableStore(storage::ObjectStore& inner) : inner_(inner) {}
  void stop() { *stopped_ = true; }

  Result<std::unique_ptr<storage::StagedObject>> stage(const RequestContext& ctx) override { return inner_.stage(ctx); }
  Result<void> persist(const RequestContext& ctx, std::unique_ptr<storage::StagedObject> staged,
                       const ObjectKey& key) override {
    return inner_.persist(ctx, std::move(staged), key);
  }
  Result<std::shared_ptr<const OpenFile>> open_staged(const RequestContext& ctx,
                                                      std::unique_ptr<storage::StagedObject> staged) override {
    return inner_.open_staged(ctx, std::move(staged));
  }
  Result<std::shared_ptr<const OpenFile>> open(const RequestContext& ctx, const ObjectKey& key) override {
    if (*stopped_) return Error::unavailable("the check was stopped");
    GANTRY_LET(auto file, inner_.open(ctx, key));
    return std::shared_ptr<const OpenFile>(std::make_shared<StoppableFile>(std::move(file), stopped_));
  }
  Result<void> remove(const RequestContext& ctx, const ObjectKey& key) override { return inner_.remove(ctx, key); }
  Result<void> list(const RequestContext& ctx, const std::function<bool(const storage::ObjectInfo&)>& visit) override {
    return inner_.list(ctx, [&](const storage::ObjectInfo& object) { return !*stopped_ && visit(object); });
  }
  Result<void> list_tenant(const RequestContext& ctx,
                           const std::function<bool(const storage::ObjectInfo&)>& visit) override {
    return inner_.list_tenant(ctx, [&](const storage::ObjectInfo& object) { return !*stopped_ && visit(object); });
  }
  Result<void> sweep(const RequestContext& ctx, std::chrono::seconds age) override { return inner_.sweep(ctx, age); }
  Result<void> check(const RequestContext& ctx) override { return inner_.check(ctx); }

 private:
  storage::ObjectStore& inner_;
  const std::shared_ptr<std::atomic<bool>> stopped_ = std::make_shared<std::atomic<bool>>(false);
};

namespace {

std::string counts(const archive::FsckReport& report) {
  return "{\"rows\":" + std::to_string(report.rows) + ",\"objects\":" + std::to_string(report.objects) +
         ",\"bytes\":" + std::to_string(report.bytes) + ",\"problems\":" + std::to_string(report.problems) + "}";
}

}  // namespace

FsckStream::FsckStream(RequestContext ctx, index::InstanceIndex& index, storage::ObjectStore& objects,
                       archive::FsckOptions options)
    : ctx_(std::move(ctx)),
      index_(index),
      objects_(std::make_unique<StoppableStore>(objects)),
      options_(options),
      thread_([this] { run(); }) {}

FsckStream::~FsckStream() {
  stop();
  thread_.join();
}

void FsckStream::stop() {
  objects_->stop();
  LineStream::stop();
}

void FsckStream::run() {
  const auto problem = [this](const archive::FsckProblem& found) {
    say("{\"problem\":{\"kind\":" + json_string(found.kind) + ",\"object\":" + json_string(found.object) +
        ",\"detail\":" + json_string(found.detail) + "}}\n");
  };
  const auto progress = [this](const archive::FsckReport& so_far) { say("{\"progress\":" + counts(so_far) + "}\n"); };
  const auto report = archive::fsck(ctx_, index_, *objects_, options_, problem, progress);
  std::string last =
      report ? "{\"report\":" + counts(*report) + "}\n" : "{\"error\":" + json_string(report.error().detail()) + "}\n";
  // What it found after it was stopped says nothing.
  end(std::move(last), "{\"error\":\"the check was stopped\"}\n");
}

}  // namespace gantry::server
