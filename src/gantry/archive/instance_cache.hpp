#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "gantry/archive/study_cache.hpp"
#include "gantry/base/bytes.hpp"
#include "gantry/base/ids.hpp"
#include "gantry/dicom/layout.hpp"

namespace gantry::archive {

/// An instance ready to be read: where its bytes are, how to cut them, and the open object. Immutable, but
/// for when it was confirmed.
struct LocatedInstance {
  StudyUid study;
  SeriesUid series;
  SopUid sop;
  std::string sop_class;
  std::string transfer_syntax;
  ObjectKey object_key;  ///< used once, so it names these very bytes
  std::uint64_t size = 0;
  std::shared_ptr<const dicom::Layout> layout;
  std::shared_ptr<const OpenFile> file;  ///< null: to be opened again
  std::uint64_t version = 0;             ///< of the index's row
  /// The tenant's change number at which the index said that this is still so; 0: not asked yet.
  mutable std::atomic<std::uint64_t> confirmed_at{0};
};
using InstancePtr = std::shared_ptr<const LocatedInstance>;

/// The same with another open file, or with none.
inline InstancePtr with_file(const LocatedInstance& of, std::shared_ptr<const OpenFile> file) {
  auto made = std::make_shared<LocatedInstance>();
  made->study = of.study;
  made->series = of.series;
  made->sop = of.sop;
  made->sop_class = of.sop_class;
  made->transfer_syntax = of.transfer_syntax;
  made->object_key = of.object_key;
  made->size = of.size;
  made->layout = of.layout;
  made->file = std::move(file);
  made->version = of.version;
  made->confirmed_at = of.confirmed_at.load();
  return made;
}

/// Where instances are; of more than it may keep open it knows where they are, so that opening costs no query.
class InstanceCache : public StudyCache<LocatedInstance> {
 public:
  explicit InstanceCache(StudyCacheLimits limits = {})
      : StudyCache(limits, [](const LocatedInstance& of) { return with_file(of, nullptr); }) {}
  /// See StudyCache::put.
  void put(const TenantId& tenant, InstancePtr instance, std::uint64_t epoch_before) {
    const LocatedInstance& of = *instance;
    const Cost cost{memory_of(of), 1};
    StudyCache::put(tenant, of.study, of.series, of.sop, std::move(instance), cost, epoch_before);
  }

 private:
  static std::size_t memory_of(const LocatedInstance& instance) {
    // Strings, map and list nodes, and the open file's own state, roughly.
    constexpr std::size_t kFixed = 2048;
    std::size_t bytes = kFixed + instance.layout->pixels.problem.size();
    bytes += instance.layout->pixels.fragments.capacity() * sizeof(dicom::ByteRange);
    bytes += instance.layout->pixels.first_fragment.capacity() * sizeof(std::uint32_t);
    for (const auto& item : instance.layout->bulk) bytes += sizeof(item) + item.path.capacity() + item.vr.capacity();
    return bytes;
  }
};

}  // namespace gantry::archive
