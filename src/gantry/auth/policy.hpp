#pragma once

#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "gantry/auth/token.hpp"

namespace gantry::auth {

/// Clocks may differ by that much.
inline constexpr std::chrono::seconds kClockSkew{60};

/// One way to a permission: a claim that has a value.
struct Rule {
  Permission permission = Permission::kRead;
  ClaimPath path;
  std::string value;  ///< "{tenant}" in it stands for the token's tenant; "*" alone is any text

  /// `$.realm_access.roles=viewer`; `scope:dicom.read`, which is short for `$.scope=dicom.read`. kInvalid: what is wrong.
  static Result<Rule> parse(Permission permission, std::string_view text);
};

/// What tokens of an issuer for one audience must be, and what they give. An issuer may have several, as where reading
/// and writing have audiences of their own.
struct TokenPolicy {
  std::string issuer;                  ///< exactly the token's `iss`
  std::vector<std::string> audiences;  ///< one of them must be among the token's `aud`
  std::vector<Algorithm> algorithms;
  std::optional<TenantId> tenant;         ///< of all its tokens
  std::optional<ClaimPath> tenant_claim;  ///< else where a token tells it
  std::optional<ClaimPath> principal;     ///< who, for logs and audit; without: `sub`
  std::vector<Rule> rules;                ///< what no rule gives is not allowed
};

/// The policies of one issuer that take a token, once its claims are right but for the signature. Times are compared
/// with `now`. All `policies` are of the token's issuer.
[[nodiscard]] std::variant<std::vector<const TokenPolicy*>, Refusal> check_claims(
    std::span<const TokenPolicy> policies, const Token& token, std::chrono::system_clock::time_point now);

/// Who a token speaks for and what the policies that take it give. Call after the signature was checked.
[[nodiscard]] Verdict identity_of(std::span<const TokenPolicy* const> policies, const Token& token);

}  // namespace gantry::auth
