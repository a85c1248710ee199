#pragma once

#include <memory>
#include <string>

#include "gantry/base/result.hpp"
#include "gantry/cache/shared_cache.hpp"
#include "gantry/config/settings.hpp"
#include "gantry/index/instance_index.hpp"
#include "gantry/index/schema.hpp"
#include "gantry/index/table_store.hpp"
#include "gantry/storage/object_store.hpp"

namespace gantry::server {

/// The index that `index.url` names, opened, with its tenant made. kUnsupported: a newer Gantry made it. kUnavailable: a
/// database server does not answer, its schema is to be migrated first, or it is the unfinished target of a copy; later
/// it may be there.
Result<std::unique_ptr<index::InstanceIndex>> open_index(const config::Settings& settings, const TenantId& tenant);
/// Is it the embedded one, which this process alone opens?
Result<bool> is_embedded(const config::Settings& settings);
/// The same as rows, for a copy.
Result<std::unique_ptr<index::TableStore>> open_tables(const config::Settings& settings);
/// Its schema alone, whatever that is.
Result<std::unique_ptr<index::SchemaAdmin>> open_schema(const config::Settings& settings);
/// The object store that `storage.url` names. kUnsupported: this build has no such store.
Result<std::unique_ptr<storage::ObjectStore>> open_objects(const config::Settings& settings);
/// The cache that `cache.url` names; null when it names none. A server that is away may come. kInvalid: what it says
/// can't work.
Result<std::unique_ptr<cache::SharedCache>> open_cache(const config::Settings& settings);

/// How many threads read the index: blocking readers, so more than cores, but each holds a connection and its cache.
[[nodiscard]] unsigned index_threads();

/// The one tenant while no authentication is configured.
inline constexpr const char* kDefaultTenant = "default";

}  // namespace gantry::server
