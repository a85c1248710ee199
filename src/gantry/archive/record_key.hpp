#pragma once

// Record Keys (PS3.4 C.6.4, PS3.18 §10.6.3.3): a hit's place in the default order, which a search can go on from. No
// state is kept for them: they hold dates, numbers and UIDs of the hit itself.

#include <string>
#include <string_view>
#include <vector>

#include "gantry/base/result.hpp"
#include "gantry/index/records.hpp"
#include "gantry/index/search_query.hpp"

namespace gantry::archive {

/// The bytes of (0008,041B) for a hit.
[[nodiscard]] std::string record_key_of(const index::SearchRow& row);
/// The place that a Prior Record Key (0008,041C) names: base64url (RFC 4648 §5), with or without padding; plain Base64
/// passes. kInvalid when it is no key of a search of this level.
[[nodiscard]] Result<std::vector<std::string>> place_of_record_key(std::string_view encoded, index::Level level);

}  // namespace gantry::archive
