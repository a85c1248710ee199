#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "gantry/base/ids.hpp"
#include "gantry/base/result.hpp"

namespace gantry::storage {

/// True for `{tenant}/{16 hex}/{16 hex}/{64 hex}-{32 hex}.dcm`, hex in lower case, and for the same with `.gsj` (a
/// series' prepared JSON) or `.rNN` (a rendition: what was made of the `.dcm` of that name, in the form of number NN).
/// Nothing else names an object, so no key can leave the store's folder, hide a component or be spelled in two ways.
[[nodiscard]] bool is_valid_object_key(std::string_view key) noexcept;

/// The number of a rendition's form, from 0 to 99; nullopt for every other object. `key` is valid.
[[nodiscard]] std::optional<unsigned> rendition_of(const ObjectKey& key) noexcept;
/// The rendition of `original` (a `.dcm`) in the form of that number.
[[nodiscard]] ObjectKey rendition_key(const ObjectKey& original, unsigned number);
/// What the rendition was made of.
[[nodiscard]] ObjectKey original_of(const ObjectKey& rendition);

/// kInvalid for anything else.
[[nodiscard]] Result<void> check_object_key(const ObjectKey& key);

}  // namespace gantry::storage
