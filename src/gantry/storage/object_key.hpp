#pragma once

#include <string>
#include <string_view>

#include "gantry/base/ids.hpp"
#include "gantry/base/result.hpp"

namespace gantry::storage {

/// True for `{tenant}/{16 hex}/{16 hex}/{64 hex}-{32 hex}.dcm`, hex in lower case, and for the same with `.gsj` (a
/// series' prepared JSON). Nothing else names an object, so no
/// key can leave the store's folder, hide a component or be spelled in two ways.
[[nodiscard]] bool is_valid_object_key(std::string_view key) noexcept;

/// kInvalid for anything else.
[[nodiscard]] Result<void> check_object_key(const ObjectKey& key);

}  // namespace gantry::storage
