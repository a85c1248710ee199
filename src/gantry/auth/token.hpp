#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "gantry/auth/algorithm.hpp"
#include "gantry/auth/claims.hpp"
#include "gantry/auth/identity.hpp"

namespace gantry::auth {

/// Bytes of a token at most (DESIGN §13).
inline constexpr std::size_t kTokenBytesMost = 16 * 1024;

/// A token that has the form of a signed JWT (RFC 7519, RFC 7515 §7.1). Nothing in it is to be believed yet.
struct Token {
  std::string_view compact;  ///< the whole text, as sent
  std::string signature;     ///< decoded
  Algorithm algorithm = Algorithm::kRs256;
  std::optional<std::string> key_id;  ///< the header's `kid`
  Claims claims;
};

/// Reads a token's form and header. `compact` outlives the token. Keys and places of keys that the token brings along
/// (`jwk`, `jku`, `x5u`, `x5c`) are not looked at; what it declares critical (`crit`) we don't know, so it is refused
/// (RFC 7515 §4.1.11).
[[nodiscard]] std::variant<Token, Refusal> parse_token(std::string_view compact);

[[nodiscard]] inline Refusal invalid_token(std::string description) {
  return {401, "invalid_token", std::move(description)};
}

}  // namespace gantry::auth
