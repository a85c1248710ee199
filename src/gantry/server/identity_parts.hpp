#pragma once

#include <functional>
#include <memory>
#include <string>

#include "gantry/auth/token_authority.hpp"
#include "gantry/cache/shared_cache.hpp"
#include "gantry/config/settings.hpp"

namespace gantry::server {

/// kInvalid: what of `[auth]` can't be right, by its name and place.
Result<void> check_auth(const config::Settings& settings);

/// Who judges bearer tokens; null when no issuer is configured. Begins to fetch the issuers' keys. `shared` may be null;
/// it and `report` outlive what is made. kInvalid as above.
Result<std::unique_ptr<auth::TokenAuthority>> open_authority(const config::Settings& settings,
                                                             cache::SharedCache* shared, auth::KeySource::Report report);

}  // namespace gantry::server
