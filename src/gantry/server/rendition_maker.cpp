#include "gantry/server/rendition_maker.hpp"

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>
#include <vector>

#include <pthread.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "gantry/archive/rendition.hpp"
#include "gantry/dicom/explicit_le.hpp"
#include "gantry/dicom/transfer_syntax.hpp"
#include "gantry/pixels/frame_codec.hpp"
#include "gantry/pixels/syntaxes.hpp"
#include "gantry/storage/object_key.hpp"

namespace gantry::server {
namespace {

constexpr int kNiceness = 10;
constexpr std::size_t kJobsMost = 10'000;
/// Between two looks through the whole store.
constexpr std::chrono::minutes kLookEvery{10};
constexpr std::chrono::seconds kStepLimit{600};
constexpr std::size_t kPieceBytes = 256 << 10;

const std::string& target() {
  static const std::string syntax(pixels::kHtj2kRpcl);
  return syntax;
}

RequestContext context_of(const TenantId& tenant) {
  RequestContext ctx;
  ctx.tenant = tenant;
  ctx.principal = "renditions";
  ctx.deadline = Clock::now() + kStepLimit;
  return ctx;
}

/// What was compressed with loss would only grow.
bool is_wanted(std::string_view transfer_syntax) {
  const auto* known = dicom::find_transfer_syntax(transfer_syntax);
  return known != nullptr && transfer_syntax != pixels::kHtj2kRpcl && pixels::can_decode(transfer_syntax) &&
         (!known->encapsulated || known->lossless);
}

/// Reads all of it: an object says its UIDs itself.
std::optional<dicom::IndexedInstance> read_object(const OpenFile& file) {
  dicom::InstanceIndexer indexer;
  std::vector<std::byte> piece(kPieceBytes);
  for (std::uint64_t offset = 0;;) {
    const auto count = file.read_at(offset, piece);
    if (!count) return std::nullopt;
    if (*count == 0) break;
    if (!indexer.feed(std::span(piece).first(*count))) return std::nullopt;
    offset += *count;
  }
  auto indexed = indexer.finish();
  if (!indexed) return std::nullopt;
  return *std::move(indexed);
}

}  // namespace

RenditionMaker::RenditionMaker(archive::RetrieveService& retrieves, storage::ObjectStore& objects,
                               archive::PixelService& pixels, Told told)
    : retrieves_(retrieves), objects_(objects), pixels_(pixels), told_(std::move(told)), thread_([this] { run(); }) {
  pthread_setname_np(thread_.native_handle(), "renditions");
}

RenditionMaker::~RenditionMaker() { stop(); }

void RenditionMaker::stop() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

RenditionMaker::Counters RenditionMaker::counters() const {
  const std::scoped_lock lock(mutex_);
  return {made_, failed_, jobs_.size()};
}

void RenditionMaker::committed(const RequestContext& ctx, const StudyUid& study, const SeriesUid& series,
                               const SopUid& sop) {
  retrieves_.committed(ctx, study, series, sop);
  if (sop.str().empty()) return;
  {
    const std::scoped_lock lock(mutex_);
    if (jobs_.size() < kJobsMost) {
      jobs_.push_back({ctx.tenant, study, series, sop});
    } else {
      missed_ = true;
    }
  }
  wake_.notify_one();
}

void RenditionMaker::run() {
  setpriority(PRIO_PROCESS, static_cast<id_t>(syscall(SYS_gettid)), kNiceness);
  auto next_look = Clock::now();
  while (work()) {
    bool look = false;
    {
      std::unique_lock lock(mutex_);
      const auto called = [this] { return stopping_ || !jobs_.empty(); };
      if (missed_ && Clock::now() < next_look) {
        wake_.wait_until(lock, next_look, called);
      } else if (!missed_) {
        wake_.wait(lock, called);
      }
      if (jobs_.empty() && missed_ && Clock::now() >= next_look) {
        missed_ = false;
        look = true;
      }
    }
    if (!look || stopping_) continue;
    look_through();
    next_look = Clock::now() + kLookEvery;
  }
}

bool RenditionMaker::work() {
  while (!stopping_) {
    Job job;
    {
      const std::scoped_lock lock(mutex_);
      if (jobs_.empty()) return true;
      job = std::move(jobs_.front());
      jobs_.pop_front();
    }
    make(job);
  }
  return false;
}

void RenditionMaker::make(const Job& job) {
  const auto instance = retrieves_.locate(context_of(job.tenant), job.study, job.series, job.sop);
  if (instance) return make(*instance);
  if (instance.error().kind() == ErrorKind::kNotFound) return;  // deleted since
  const std::scoped_lock lock(mutex_);
  missed_ = true;
}

void RenditionMaker::make(const archive::InstancePtr& instance) {
  using Kind = dicom::PixelLayout::Kind;
  const auto kind = instance->layout->pixels.kind;
  if ((kind != Kind::kNative && kind != Kind::kEncapsulated) || !is_wanted(instance->transfer_syntax)) return;
  const auto done = pixels_.make_rendition(instance, target());
  if (done) {
    ++made_;
    return;
  }
  switch (done.error().kind()) {
    case ErrorKind::kUnsupported:  // pixels of that kind
    case ErrorKind::kTooLarge:
    case ErrorKind::kNotFound: return;
    case ErrorKind::kInvalid: ++failed_; return;  // damaged: who asks for it hears why
    default: break;
  }
  if (failed_++ == 0 || done.error().kind() == ErrorKind::kInternal) {
    told_("an HTJ2K rendition could not be made, and will be tried again: " + done.error().detail());
  }
  const std::scoped_lock lock(mutex_);
  missed_ = true;
}

void RenditionMaker::look_through() {
  const auto done = objects_.list(context_of(TenantId()), [this](const storage::ObjectInfo& info) {
    if (info.key.view().ends_with(".dcm")) look_at(info.key);
    return work();  // what is stored meanwhile comes first
  });
  if (!done) told_("images without an HTJ2K rendition can't be looked for: " + done.error().detail());
}

void RenditionMaker::look_at(const ObjectKey& original) {
  const auto ctx = context_of(TenantId(std::string(original.view().substr(0, original.view().find('/')))));
  const auto rendition = archive::rendition_key(original, target());
  if (!rendition || objects_.open(ctx, *rendition)) return;
  const auto file = objects_.open(ctx, original);
  if (!file) return;
  const auto syntax = dicom::transfer_syntax_of(**file);
  if (!syntax || !is_wanted(*syntax)) return;
  const auto read = read_object(**file);
  if (!read) return;
  // Only of what an index row holds: an object may be on its way in, or out.
  const auto instance = retrieves_.locate(ctx, read->study, read->series, read->sop);
  if (instance && (*instance)->object_key == original) make(*instance);
}

}  // namespace gantry::server
