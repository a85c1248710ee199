#include "gantry/archive/store_service.hpp"

#include <algorithm>
#include <atomic>
#include <fstream>
#include <utility>

#include <unistd.h>

#include "gantry/archive/attributes_codec.hpp"
#include "gantry/archive/available_syntaxes.hpp"
#include "gantry/archive/committer.hpp"
#include "gantry/archive/memory_budget.hpp"
#include "gantry/archive/pending_instance.hpp"

namespace gantry::archive {
namespace {

// What an upload holds before its first byte: reader, hashes, buffers.
constexpr std::uint64_t kUploadBytes = 64U << 10;
// What a pending instance holds beside its two long texts.
constexpr std::uint64_t kPendingBytes = 4U << 10;

/// A quarter of the memory that this process may use.
std::uint64_t default_budget() {
  std::uint64_t bytes =
      static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES)) * static_cast<std::uint64_t>(::sysconf(_SC_PAGE_SIZE));
  std::uint64_t limit = 0;
  if (std::ifstream cgroup("/sys/fs/cgroup/memory.max"); cgroup >> limit) bytes = std::min(bytes, limit);
  return bytes / 4;
}

/// A name that belongs to this attempt alone and is never used again (DESIGN §2).
ObjectKey new_object_key(const TenantId& tenant, const StudyUid& study, const SeriesUid& series, const Sha256& sha256) {
  return ObjectKey(tenant.str() + "/" + uid_hash(study.view()) + "/" + uid_hash(series.view()) + "/" + to_hex(sha256) +
                   "-" + random_hex(16) + ".dcm");
}

std::string missing_words(const std::vector<dicom::Tag>& missing) {
  std::string words = "its SOP class asks for";
  for (const auto& tag : missing) {
    words += (tag == missing.front() ? " (" : ", (") + dicom::to_hex8(tag).insert(4, 1, ',') + ")";
  }
  return words + ", which the data set does not have";
}

std::uint16_t reason_of(const Error& error, std::string_view sop_class) {
  switch (error.kind()) {
    case ErrorKind::kUnsupported:
      return dicom::storable_class(sop_class) ? failure::kTransferSyntax : failure::kSopClass;
    case ErrorKind::kUnavailable:
    case ErrorKind::kTimeout:
    case ErrorKind::kInternal: return failure::kProcessing;
    default: return failure::kUnreadable;
  }
}

}  // namespace

class StoreService::Impl {
 public:
  Impl(index::InstanceIndex& index, storage::ObjectStore& objects, WorkerPool& disk, StoreSettings settings,
       Listener* listener)
      : settings_(std::move(settings)),
        objects_(objects),
        disk_(disk),
        budget_(settings_.memory_bytes == 0 ? default_budget() : settings_.memory_bytes),
        committer_(index, settings_, listener,
                   [this](PendingInstance instance, Committer::Fate fate) { settled(std::move(instance), fate); }) {}

  ~Impl() {
    std::unique_lock lock(mutex_);
    drained_.wait(lock, [this] { return waiting_ == 0; });
  }

  Result<std::unique_ptr<InstanceUpload>> begin(const RequestContext& ctx, std::optional<StudyUid> expected);

  [[nodiscard]] storage::ObjectStore& objects() noexcept { return objects_; }
  [[nodiscard]] MemoryBudget& budget() noexcept { return budget_; }

  [[nodiscard]] Counters counters() const {
    Counters counters;
    counters.stored = stored_;
    counters.unchanged = unchanged_;
    counters.failed = failed_;
    counters.groups = committer_.groups();
    counters.memory_bytes = budget_.taken();
    counters.left_for_sweep = left_for_sweep_;
    const std::scoped_lock lock(mutex_);
    counters.waiting = waiting_;
    return counters;
  }

 private:
  class Upload;

  struct Persisting {
    PendingInstance instance;
    std::unique_ptr<storage::StagedObject> staged;
  };

  bool enter();
  void persist(Persisting& persisting);
  void settled(PendingInstance instance, Committer::Fate fate);
  void remove_and_answer(PendingInstance& instance);
  void count(const StoreOutcome& outcome);
  void answer(PendingInstance& instance);

  const StoreSettings settings_;
  storage::ObjectStore& objects_;
  WorkerPool& disk_;
  MemoryBudget budget_;
  std::atomic<std::uint64_t> stored_{0}, unchanged_{0}, failed_{0}, left_for_sweep_{0};

  mutable std::mutex mutex_;
  std::condition_variable drained_;
  std::size_t waiting_ = 0;  ///< finished by their sender, not answered yet

  Committer committer_;  // the last: its thread uses all of the above
};

/// Reads an instance while it arrives and writes it to its staged object.
class StoreService::Impl::Upload final : public InstanceUpload {
 public:
  Upload(Impl& service, RequestContext ctx, std::optional<StudyUid> expected, MemoryBudget::Share share,
         std::unique_ptr<storage::StagedObject> staged)
      : service_(service),
        ctx_(std::move(ctx)),
        expected_(std::move(expected)),
        share_(std::move(share)),
        staged_(std::move(staged)),
        indexer_(std::in_place, service.settings_.indexer) {}

  bool write(std::span<const std::byte> bytes) override {
    if (!indexer_) return false;
    if (bytes.size() > service_.settings_.instance_bytes - size_) {
      return give_up(failure::kResources, "larger than the most that is taken, " +
                                              std::to_string(service_.settings_.instance_bytes) + " bytes");
    }
    size_ += bytes.size();
    // All that came may be held as JSON, but not more than the indexer's own limits let it hold.
    const auto& limits = service_.settings_.indexer;
    const std::uint64_t held = std::min<std::uint64_t>(size_, limits.json_bytes + limits.value_bytes);
    if (!share_.resize(kUploadBytes + held)) {
      return give_up(failure::kResources, "too many instances arrive at the same time: send it again later", true);
    }
    if (const auto read = indexer_->feed(bytes); !read) return give_up(read.error());
    if (!is_expected()) return false;
    if (const auto written = staged_->write(bytes); !written) {
      return give_up(failure::kResources, written.error().detail(), true);
    }
    return true;
  }

  OneShot<StoreOutcome> finish() override {
    OneShot<StoreOutcome> shot;
    if (!prepare(shot)) {
      service_.count(outcome_);
      shot.set(std::move(outcome_));
    }
    return shot;
  }

  void warn(std::uint16_t reason, std::string words) override {
    if (outcome_.warning_reason == 0) outcome_.warning_reason = reason;
    outcome_.warnings.push_back(std::move(words));
  }

 private:
  /// Hands the instance to the disk. False when it has failed.
  bool prepare(const OneShot<StoreOutcome>& shot) {
    if (!indexer_) return false;
    auto indexed = indexer_->finish();
    if (!indexed) return give_up(indexed.error());
    if (!is_expected()) return false;
    note_identity();
    outcome_.series = indexed->series;
    if (service_.settings_.check_sop_class && !indexed->missing.empty()) {
      warn(warning::kMismatch, missing_words(indexed->missing));
    }
    outcome_.warnings.insert(outcome_.warnings.end(), indexed->warnings.begin(), indexed->warnings.end());
    if (!service_.enter()) {
      return give_up(failure::kResources, "too many instances wait for the index: send it again later", true);
    }
    indexer_.reset();
    // Shared, because a pool that stops drops what it does not take.
    const auto persisting = std::make_shared<Persisting>(Persisting{
        {ctx_, record_of(*std::move(indexed)), std::move(share_), std::move(outcome_), shot}, std::move(staged_)});
    auto& instance = persisting->instance;
    instance.share.insist(kPendingBytes + instance.record.attributes_zstd.size() + instance.record.frame_index.size());
    auto job = [&service = service_, persisting] { service.persist(*persisting); };
    if (!service_.disk_.submit_admitted(std::move(job), ctx_.tenant.view())) {
      fail(instance.outcome, failure::kProcessing, "the server is stopping: send it again later", true);
      persisting->staged.reset();
      service_.answer(instance);
    }
    return true;
  }

  index::InstanceRecord record_of(dicom::IndexedInstance indexed) const {
    index::InstanceRecord record;
    record.object_key = new_object_key(ctx_.tenant, indexed.study, indexed.series, indexed.file_sha256);
    record.study = std::move(indexed.study);
    record.series = std::move(indexed.series);
    record.sop = std::move(indexed.sop);
    record.sop_class = std::move(indexed.sop_class);
    record.transfer_syntax = std::move(indexed.transfer_syntax);
    record.attributes = std::move(indexed.attributes);
    record.size = indexed.size;
    record.file_sha256 = indexed.file_sha256;
    record.dataset_sha256 = indexed.dataset_sha256;
    record.frame_index = dicom::encode_layout(indexed.layout);
    if (service_.settings_.list_syntaxes) {
      indexed.json = with_available_syntaxes(indexed.json, available_syntaxes(indexed.layout, indexed.json));
    }
    record.attributes_zstd = compress_attributes(indexed.json);
    return record;
  }

  void note_identity() {
    outcome_.study = indexer_->study();
    outcome_.sop = indexer_->sop();
    outcome_.sop_class = indexer_->sop_class();
  }

  /// False, and the instance has failed, when its study is known and is another one than the sender's URL names.
  bool is_expected() {
    if (!expected_ || !indexer_->identified() || indexer_->study() == *expected_) return true;
    return give_up(failure::kStudyMismatch,
                   "it belongs to study " + indexer_->study().str() + ", not to " + expected_->str());
  }

  /// Fails the instance and lets go of all it holds. Always false.
  bool give_up(std::uint16_t reason, std::string detail, bool try_later = false) {
    note_identity();
    fail(outcome_, reason, std::move(detail), try_later);
    indexer_.reset();
    staged_.reset();
    share_.insist(0);
    return false;
  }
  bool give_up(const Error& error) { return give_up(reason_of(error, indexer_->sop_class()), error.detail()); }

  Impl& service_;
  const RequestContext ctx_;
  const std::optional<StudyUid> expected_;
  MemoryBudget::Share share_;
  std::unique_ptr<storage::StagedObject> staged_;
  std::optional<dicom::InstanceIndexer> indexer_;  ///< none: the instance has failed, or is finished
  std::uint64_t size_ = 0;
  StoreOutcome outcome_;
};

Result<std::unique_ptr<InstanceUpload>> StoreService::Impl::begin(const RequestContext& ctx,
                                                                  std::optional<StudyUid> expected) {
  if (!is_valid_tenant(ctx.tenant.view())) return Error::invalid("no name of a tenant");
  {
    const std::scoped_lock lock(mutex_);
    if (waiting_ >= settings_.waiting_most) return Error::unavailable("too many instances wait for the index: send it again later");
  }
  MemoryBudget::Share share(budget_);
  if (!share.resize(kUploadBytes)) return Error::unavailable("too many instances arrive at the same time: send it again later");
  GANTRY_LET(auto staged, objects_.stage(ctx));
  return std::unique_ptr<InstanceUpload>(
      std::make_unique<Upload>(*this, ctx, std::move(expected), std::move(share), std::move(staged)));
}

/// False when too many are waiting already.
bool StoreService::Impl::enter() {
  const std::scoped_lock lock(mutex_);
  if (waiting_ >= settings_.waiting_most) return false;
  ++waiting_;
  return true;
}

void StoreService::Impl::persist(Persisting& persisting) {
  auto& instance = persisting.instance;
  instance.record.persist_began = Clock::now();
  const auto done = objects_.persist(instance.ctx, std::move(persisting.staged), instance.record.object_key);
  if (done) return committer_.push(std::move(instance));
  const bool passes = done.error().kind() == ErrorKind::kUnavailable || done.error().kind() == ErrorKind::kTimeout;
  fail(instance.outcome, passes ? failure::kResources : failure::kProcessing, done.error().detail(), passes);
  answer(instance);
}

void StoreService::Impl::settled(PendingInstance instance, Committer::Fate fate) {
  if (fate == Committer::Fate::kLeaveToSweep) ++left_for_sweep_;
  if (fate != Committer::Fate::kRemove) return answer(instance);
  // Not here: the next group waits for this thread.
  const auto going = std::make_shared<PendingInstance>(std::move(instance));
  auto job = [this, going] { remove_and_answer(*going); };
  if (!disk_.submit_admitted(std::move(job), going->ctx.tenant.view())) remove_and_answer(*going);
}

void StoreService::Impl::remove_and_answer(PendingInstance& instance) {
  if (!objects_.remove(instance.ctx, instance.record.object_key)) ++left_for_sweep_;
  answer(instance);
}

void StoreService::Impl::count(const StoreOutcome& outcome) {
  switch (outcome.status) {
    case StoreOutcome::Status::kStored:
    case StoreOutcome::Status::kReplaced: ++stored_; return;
    case StoreOutcome::Status::kUnchanged:
    case StoreOutcome::Status::kIgnored: ++unchanged_; return;
    case StoreOutcome::Status::kFailed: ++failed_; return;
  }
}

/// The last step of every instance that was entered: after it the service may go.
void StoreService::Impl::answer(PendingInstance& instance) {
  count(instance.outcome);
  const auto shot = instance.shot;
  auto outcome = std::move(instance.outcome);
  instance.share.insist(0);
  {
    const std::scoped_lock lock(mutex_);
    if (--waiting_ == 0) drained_.notify_all();
  }
  shot.set(std::move(outcome));
}

StoreService::StoreService(index::InstanceIndex& index, storage::ObjectStore& objects, WorkerPool& disk,
                           StoreSettings settings, Listener* listener)
    : impl_(std::make_unique<Impl>(index, objects, disk, std::move(settings), listener)) {}
StoreService::~StoreService() = default;

Result<std::unique_ptr<InstanceUpload>> StoreService::begin(const RequestContext& ctx,
                                                            std::optional<StudyUid> expected) {
  if (ctx.only_study) return Error::denied("a shared study can be read, not added to");
  return impl_->begin(ctx, std::move(expected));
}

StoreService::Counters StoreService::counters() const { return impl_->counters(); }

Result<std::unique_ptr<storage::StagedObject>> StoreService::stage(const RequestContext& ctx) {
  return impl_->objects().stage(ctx);
}

MemoryBudget::Share StoreService::memory() { return MemoryBudget::Share(impl_->budget()); }

Result<std::shared_ptr<const OpenFile>> StoreService::open_staged(const RequestContext& ctx,
                                                                  std::unique_ptr<storage::StagedObject> staged) {
  return impl_->objects().open_staged(ctx, std::move(staged));
}

}  // namespace gantry::archive
