#include "gantry/archive/sweep.hpp"

#include <algorithm>
#include <vector>

#include "gantry/archive/rendition.hpp"
#include "gantry/storage/object_key.hpp"

namespace gantry::archive {
namespace {

constexpr std::size_t kBatch = 256;
constexpr std::chrono::seconds kRetryAfter{600};
// A commit refuses an attempt that began to persist more than an hour ago (DESIGN §4.5). An object is dated when its
// persisting begins, perhaps by another machine's clock.
constexpr std::chrono::seconds kCommitWindow = std::chrono::hours(1) + std::chrono::minutes(15);

bool remove_or_put_off(const RequestContext& ctx, storage::ObjectStore& objects, const ObjectKey& key,
                       SweepReport& report) {
  const auto removed = objects.remove(ctx, key);
  if (!removed && report.put_off++ == 0) report.why = removed.error().detail();
  return removed.ok();
}

/// Of an instance's object those that there may be; few are there.
bool remove_renditions(const RequestContext& ctx, storage::ObjectStore& objects, const ObjectKey& key,
                       SweepReport& report) {
  if (!key.view().ends_with(".dcm")) return true;
  const auto renditions = rendition_keys(key);
  return std::all_of(renditions.begin(), renditions.end(),
                     [&](const ObjectKey& rendition) { return remove_or_put_off(ctx, objects, rendition, report); });
}

}  // namespace

Result<SweepReport> unlink_due(const RequestContext& ctx, index::InstanceIndex& index, storage::ObjectStore& objects) {
  SweepReport report;
  for (;;) {
    GANTRY_LET(const auto due, index.due_deletions(ctx, kBatch));
    std::vector<ObjectKey> done;
    for (const auto& key : due) {
      if (remove_renditions(ctx, objects, key, report) && remove_or_put_off(ctx, objects, key, report)) {
        done.push_back(key);
      } else {
        GANTRY_TRY(index.deletion_failed(ctx, key, kRetryAfter));
      }
    }
    if (!done.empty()) GANTRY_TRY(index.deletion_done(ctx, done));
    report.deleted += done.size();
    if (due.size() < kBatch || done.empty()) return report;
  }
}

Result<SweepReport> sweep_unheld(const RequestContext& ctx, index::InstanceIndex& index, storage::ObjectStore& objects,
                                 std::chrono::seconds age,
                                 const std::function<void(const storage::ObjectInfo&)>& seen) {
  SweepReport report;
  const auto newest = std::chrono::system_clock::now() - std::max(age, kCommitWindow);
  std::vector<ObjectKey> old;
  const auto remove_unheld = [&]() -> Result<void> {
    if (old.empty()) return {};
    std::vector<ObjectKey> holders;
    for (const auto& key : old) holders.push_back(storage::rendition_of(key) ? storage::original_of(key) : key);
    GANTRY_LET(const auto held, index.are_held(ctx, holders));
    if (held.size() != old.size()) return Error::internal("the index gave other than one answer per object");
    for (std::size_t i = 0; i < old.size(); ++i) {
      if (!held[i] && remove_or_put_off(ctx, objects, old[i], report)) ++report.unheld;
    }
    old.clear();
    return {};
  };
  Result<void> removed;
  GANTRY_TRY(objects.list(ctx, [&](const storage::ObjectInfo& info) {
    if (seen) seen(info);
    if (info.modified > newest) return true;
    old.push_back(info.key);
    if (old.size() >= kBatch) removed = remove_unheld();
    return removed.ok();
  }));
  GANTRY_TRY(std::move(removed));
  GANTRY_TRY(remove_unheld());
  GANTRY_TRY(objects.sweep(ctx, age));
  return report;
}

}  // namespace gantry::archive
