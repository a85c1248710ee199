#pragma once

// The metadata of a series on demand: for who asks before a worker prepared it (DESIGN §7).

#include <optional>

#include "gantry/archive/series_document.hpp"
#include "gantry/base/context.hpp"
#include "gantry/base/result.hpp"
#include "gantry/index/instance_index.hpp"
#include "gantry/storage/object_store.hpp"

namespace gantry::archive {

/// Most bytes of a document that is built on demand, plain and deflated.
inline constexpr std::uint64_t kBuiltBytesMost = 32U << 20;

/// The document of a series from the rows of its instances, in a file without a name. It says `version`; the caller
/// makes sure that this was the series' version before and still is. nullopt: it would be longer than
/// kBuiltBytesMost. Blocking.
Result<std::optional<SeriesDocument>> build_series_document(index::InstanceIndex& index, storage::ObjectStore& objects,
                                                            const RequestContext& ctx, const StudyUid& study,
                                                            const SeriesUid& series, std::uint64_t version);

}  // namespace gantry::archive
