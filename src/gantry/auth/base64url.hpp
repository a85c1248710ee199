#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace gantry::auth {

/// Decodes base64url without padding (RFC 7515 §2). nullopt for any other character, an impossible length, or bits that
/// don't belong to a byte: every text has one spelling, so a token can't be written in two ways.
[[nodiscard]] std::optional<std::string> decode_base64url(std::string_view text);
[[nodiscard]] std::string encode_base64url(std::string_view bytes);

}  // namespace gantry::auth
