#pragma once

// The keys of the reference design (DESIGN §8); others read them, too.

#include <string>
#include <string_view>
#include <vector>

#include "gantry/base/ids.hpp"

namespace gantry::cache {

/// The study's series rows as JSON, with the study's version.
[[nodiscard]] std::string study_rows_key(const TenantId& tenant, const StudyUid& study);
/// The mark that a study does not exist, with the tenant's change number at which that was so.
[[nodiscard]] std::string absence_key(const TenantId& tenant, const StudyUid& study);
/// The token of who generates the series' JSON.
[[nodiscard]] std::string generating_key(const TenantId& tenant, const SeriesUid& series);
/// The keys of the identity provider; of a further one with the hash of its issuer.
[[nodiscard]] std::string jwks_key(std::string_view issuer_hash = {});

/// What every key of a tenant begins with, and no other tenant's: an id has no colon.
[[nodiscard]] std::vector<std::string> tenant_prefixes(const TenantId& tenant);

/// Up to which of the tenant's changes the cache was told. Our own, beside the reference design's.
[[nodiscard]] std::string outbox_key(const TenantId& tenant);

}  // namespace gantry::cache
