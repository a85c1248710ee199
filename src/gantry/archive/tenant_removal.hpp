#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

#include "gantry/archive/store_service.hpp"
#include "gantry/cache/shared_cache.hpp"
#include "gantry/index/instance_index.hpp"
#include "gantry/storage/object_store.hpp"

namespace gantry::archive {

/// What a removal took away, so far or in the end.
struct TenantRemovalReport {
  std::uint64_t studies = 0, series = 0, instances = 0, bytes = 0;  ///< that the tenant had when this run began
  std::uint64_t objects = 0;                                        ///< files, those without a row among them
  std::uint64_t other_rows = 0;  ///< changes, what the six calls left, API keys and share links
  std::uint64_t cache_keys = 0;
  bool resumed = false;  ///< an earlier run began: what it took away is not in these numbers
};

/// Where a removal stands: the last step that it began, and how many of the tenant's instances are left.
struct TenantRemovalProgress {
  std::string_view step;  ///< "instances", "objects", "rows", "cache"
  std::uint64_t instances_left = 0;
  TenantRemovalReport so_far;
};

/// What a removal works on. All outlive it.
struct TenantRemovalParts {
  index::InstanceIndex& index;
  storage::ObjectStore& objects;
  cache::SharedCache* cache = nullptr;         ///< null: there is none
  StoreService::Listener* listener = nullptr;  ///< whose memory is to forget the studies; null: nobody serves here
};

/// Deletes ctx.tenant with all of its data (DESIGN §2, §9). First its state becomes *deleting*: from then on no store
/// is committed, and within a second no node answers its requests. Then rows go, in transactions of at most some
/// thousand instances, then all objects, the rows that are left, and the keys of the cache; at last the state becomes
/// *deleted*. Its row stays, so that its numbers never come back; so do the names of its objects in the delete queue,
/// for an hour and a quarter, and the audit trail, which says who deleted it.
///
/// Blocking, for as long as it takes. Whatever cuts it off, the next call goes on; two at once do no harm. `told` hears
/// how it goes, and gives false to stop (kUnavailable). kNotFound: there is no such tenant, or it is deleted already.
Result<TenantRemovalReport> remove_tenant(const RequestContext& ctx, const TenantRemovalParts& parts,
                                          const std::function<bool(const TenantRemovalProgress&)>& told);

}  // namespace gantry::archive
