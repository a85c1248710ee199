#include "gantry/auth/token.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "gantry/auth/base64url.hpp"

namespace gantry::auth {
namespace {

/// Header, body and signature; nullopt unless there are exactly these.
std::optional<std::array<std::string_view, 3>> parts_of(std::string_view compact) {
  const auto first = compact.find('.');
  if (first == std::string_view::npos) return std::nullopt;
  const auto second = compact.find('.', first + 1);
  if (second == std::string_view::npos || compact.find('.', second + 1) != std::string_view::npos) return std::nullopt;
  return std::array{compact.substr(0, first), compact.substr(first + 1, second - first - 1),
                    compact.substr(second + 1)};
}

/// Types of tokens that give access (RFC 7519 §5.1, RFC 9068 §2.1); logout tokens and proofs of possession don't.
bool is_access_type(std::string_view type) {
  std::string lower(type);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  return lower == "jwt" || lower == "at+jwt" || lower == "application/jwt" || lower == "application/at+jwt";
}

}  // namespace

std::variant<Token, Refusal> parse_token(std::string_view compact) {
  if (compact.size() > kTokenBytesMost) {
    return invalid_token("the token has more than " + std::to_string(kTokenBytesMost) + " bytes");
  }
  const auto parts = parts_of(compact);
  if (!parts) return invalid_token("the token is no signed JWT: it has not three parts");
  const auto header_json = decode_base64url((*parts)[0]);
  const auto claims_json = decode_base64url((*parts)[1]);
  auto signature = decode_base64url((*parts)[2]);
  if (!header_json || !claims_json || !signature) return invalid_token("the token is not base64url throughout");
  const auto header = Claims::parse(*header_json);
  if (!header) return invalid_token("the token's header is no JSON object whose names are all different");
  if (header->has("crit")) return invalid_token("the token declares extensions critical that this server does not know");
  if (header->has("typ")) {
    const auto type = header->text("typ");
    if (!type || !is_access_type(*type)) return invalid_token("the token's typ is not that of an access token");
  }
  const auto name = header->text("alg");
  const auto algorithm = name ? parse_algorithm(*name) : std::nullopt;
  if (!algorithm) {
    return invalid_token("the token's algorithm is not taken: " + (name ? printable(*name) : std::string("none named")));
  }
  std::optional<std::string> key_id;
  if (header->has("kid")) {
    const auto text = header->text("kid");
    if (!text) return invalid_token("the token's kid is no string");
    key_id = std::string(*text);
  }
  if (signature->empty()) return invalid_token("the token has no signature");
  auto claims = Claims::parse(*claims_json);
  if (!claims) return invalid_token("the token's body is no JSON object whose names are all different");
  return Token{compact, *std::move(signature), *algorithm, std::move(key_id), *std::move(claims)};
}

}  // namespace gantry::auth
