#pragma once

// Credentials that Gantry makes: texts that a scanner for leaked secrets knows by their look, and in which a typo shows.

#include <optional>
#include <string>
#include <string_view>

#include "gantry/base/sha256.hpp"

namespace gantry::auth {

/// `PREFIX_` + 12 characters of id + `_` + 43 characters of secret + 6 characters of checksum, all of [0-9A-Za-z]: as a
/// pattern, `gantry_[0-9A-Za-z]{12}_[0-9A-Za-z]{49}`. The secret has 256 bits from the system's random generator, so
/// its plain SHA-256 is as hard to turn back as it is to guess (docs/decisions/0012).
struct SecretToken {
  std::string id;    ///< no secret: names the credential in lists and logs
  std::string text;  ///< shown once, never kept
};
inline constexpr std::string_view kApiKeyPrefix = "gantry_";
inline constexpr std::string_view kSharePrefix = "gantryshare_";

[[nodiscard]] SecretToken make_token(std::string_view prefix);
/// The id in a text that has this prefix, the right length and characters, and a right checksum. Asks nobody.
[[nodiscard]] std::optional<std::string_view> id_in_token(std::string_view prefix, std::string_view text) noexcept;
/// What is kept of a token.
[[nodiscard]] Sha256 hash_of_token(std::string_view text);
/// In a time that does not depend on where they differ.
[[nodiscard]] bool is_same_hash(const Sha256& a, const Sha256& b) noexcept;

/// `text` with "***" for the secrets of tokens in it, whole ones or cut ones: for logs. Their ids stay.
[[nodiscard]] std::string without_tokens(std::string_view text);

}  // namespace gantry::auth
