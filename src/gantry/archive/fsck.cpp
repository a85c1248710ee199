#include "gantry/archive/fsck.hpp"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "gantry/storage/object_key.hpp"

namespace gantry::archive {
namespace {

constexpr std::size_t kBatch = 256;
constexpr std::size_t kPieceBytes = 1U << 20;
constexpr std::uint64_t kProgressRows = 64;

/// What one check found, together: many threads report, one at a time is heard.
class Findings {
 public:
  Findings(const std::function<void(const FsckProblem&)>& problem,
           const std::function<void(const FsckReport&)>& progress)
      : problem_(problem), progress_(progress) {}

  void add(const char* kind, const ObjectKey& object, std::string detail) {
    const std::scoped_lock lock(mutex_);
    ++report_.problems;
    if (problem_) problem_({kind, object.str(), std::move(detail)});
  }
  void row_done(std::uint64_t bytes) {
    const std::scoped_lock lock(mutex_);
    ++report_.rows;
    report_.bytes += bytes;
    if (progress_ && report_.rows % kProgressRows == 0) progress_(report_);
  }
  void object_seen() {
    const std::scoped_lock lock(mutex_);
    ++report_.objects;
  }
  FsckReport finish() {
    const std::scoped_lock lock(mutex_);
    if (progress_) progress_(report_);
    return report_;
  }

 private:
  const std::function<void(const FsckProblem&)>& problem_;
  const std::function<void(const FsckReport&)>& progress_;
  std::mutex mutex_;
  FsckReport report_;
};

/// Compares rows with their objects on its own threads.
class RowChecker {
 public:
  RowChecker(const RequestContext& ctx, index::InstanceIndex& index, storage::ObjectStore& objects,
             const FsckOptions& options, Findings& findings)
      : ctx_(ctx), index_(index), objects_(objects), hashes_(options.hashes), findings_(findings) {
    const unsigned count = std::clamp(options.threads, 1U, 64U);
    for (unsigned i = 0; i < count; ++i) threads_.emplace_back([this] { run(); });
  }
  ~RowChecker() { finish(); }
  RowChecker(const RowChecker&) = delete;
  RowChecker& operator=(const RowChecker&) = delete;

  /// Waits while many are waiting.
  void check(index::HeldObject row) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return waiting_.size() < kBatch; });
    waiting_.push_back(std::move(row));
    changed_.notify_all();
  }

  /// Returns when all are checked.
  void finish() {
    {
      const std::scoped_lock lock(mutex_);
      finishing_ = true;
    }
    changed_.notify_all();
    for (auto& thread : threads_) {
      if (thread.joinable()) thread.join();
    }
  }

 private:
  void run() {
    std::vector<std::byte> piece(hashes_ ? kPieceBytes : 0);
    for (;;) {
      std::optional<index::HeldObject> row;
      {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return finishing_ || !waiting_.empty(); });
        if (waiting_.empty()) return;
        row = std::move(waiting_.front());
        waiting_.pop_front();
      }
      changed_.notify_all();
      findings_.row_done(check_one(*row, piece));
    }
  }

  /// Says how many bytes it read.
  std::uint64_t check_one(const index::HeldObject& row, std::vector<std::byte>& piece) {
    const auto file = objects_.open(ctx_, row.object_key);
    if (!file) {
      const bool missing = file.error().kind() == ErrorKind::kNotFound;
      found(missing ? "missing" : "unreadable", row, file.error().detail());
      return 0;
    }
    if ((*file)->size() != row.size) {
      found("damaged", row,
            "it has " + std::to_string((*file)->size()) + " bytes, stored were " + std::to_string(row.size));
      return 0;
    }
    if (!hashes_) return 0;
    Sha256Stream hash;
    std::uint64_t offset = 0;
    while (offset < row.size) {
      const auto count = (*file)->read_at(offset, piece);
      if (!count) {
        found("unreadable", row, count.error().detail());
        return offset;
      }
      if (*count == 0) {
        found("damaged", row, "it ends at byte " + std::to_string(offset) + " of " + std::to_string(row.size));
        return offset;
      }
      hash.update(std::span(piece).first(*count));
      offset += *count;
    }
    if (const auto digest = hash.finish(); digest != row.file_sha256) {
      found("damaged", row, "its SHA-256 is " + to_hex(digest) + ", stored was " + to_hex(row.file_sha256));
    }
    return offset;
  }

  /// The archive may be in use: a row that was deleted or replaced meanwhile, and its object with it, is no problem.
  void found(const char* kind, const index::HeldObject& row, const std::string& detail) {
    RequestContext ctx = ctx_;
    ctx.tenant = row.tenant;
    const auto located = index_.locate(ctx, row.study, row.series, row.sop);
    const bool gone = located && (!*located || !(*located)->instance.location ||
                                  (*located)->instance.location->object_key != row.object_key);
    if (gone) return;
    findings_.add(kind, row.object_key,
                  "tenant " + row.tenant.str() + ", study " + row.study.str() + ", series " + row.series.str() +
                      ", instance " + row.sop.str() + ": " + detail);
  }

  const RequestContext& ctx_;
  index::InstanceIndex& index_;
  storage::ObjectStore& objects_;
  const bool hashes_;
  Findings& findings_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<index::HeldObject> waiting_;
  bool finishing_ = false;
  std::vector<std::thread> threads_;
};

Result<void> find_unheld(const RequestContext& ctx, index::InstanceIndex& index, storage::ObjectStore& objects,
                         std::chrono::seconds age, Findings& findings) {
  const auto newest = std::chrono::system_clock::now() - age;
  std::vector<storage::ObjectInfo> batch;
  const auto check = [&]() -> Result<void> {
    std::vector<ObjectKey> keys;
    std::vector<ObjectKey> holders;  // a rendition is held by the row of what it was made of
    for (const auto& info : batch) {
      keys.push_back(info.key);
      holders.push_back(storage::rendition_of(info.key) ? storage::original_of(info.key) : info.key);
    }
    if (keys.empty()) return {};
    GANTRY_LET(const auto held, index.are_held(ctx, holders));
    if (held.size() != keys.size()) return Error::internal("the index gave other than one answer per object");
    for (std::size_t i = 0; i < keys.size(); ++i) {
      if (held[i] || batch[i].modified > newest) continue;
      // Swept meanwhile, it is not there any more.
      if (const auto file = objects.open(ctx, keys[i]); !file && file.error().kind() == ErrorKind::kNotFound) continue;
      findings.add("unheld", keys[i], "no row holds it; " + std::to_string(batch[i].size) + " bytes");
    }
    batch.clear();
    return {};
  };
  Result<void> checked;
  GANTRY_TRY(objects.list(ctx, [&](const storage::ObjectInfo& info) {
    findings.object_seen();
    batch.push_back(info);
    if (batch.size() >= kBatch) checked = check();
    return checked.ok();
  }));
  GANTRY_TRY(std::move(checked));
  return check();
}

}  // namespace

Result<FsckReport> fsck(const RequestContext& ctx, index::InstanceIndex& index, storage::ObjectStore& objects,
                        const FsckOptions& options, const std::function<void(const FsckProblem&)>& problem,
                        const std::function<void(const FsckReport&)>& progress) {
  Findings findings(problem, progress);
  {
    RowChecker checker(ctx, index, objects, options, findings);
    GANTRY_TRY(index.visit_objects(ctx, [&checker](const index::HeldObject& row) {
      checker.check(row);
      return true;
    }));
    checker.finish();
  }
  GANTRY_TRY(find_unheld(ctx, index, objects, options.unheld_age, findings));
  GANTRY_LET(const auto differences, index.verify_counts(ctx));
  for (const auto& difference : differences) findings.add("count", ObjectKey(), difference);
  return findings.finish();
}

}  // namespace gantry::archive
