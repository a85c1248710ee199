#include "gantry/auth/policy.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace gantry::auth {
namespace {

using std::chrono::system_clock;

// 9999-12-31: what is beyond is no time that anyone means.
constexpr double kSecondsMost = 253402300799.0;
/// The clock counts nanoseconds up to the year 2262; what ends later ends here.
constexpr double kClockMost = 9.2e9;
constexpr std::size_t kPrincipalBytesMost = 256;

double seconds_of(system_clock::time_point time) {
  return std::chrono::duration<double>(time.time_since_epoch()).count();
}

/// exp, nbf and iat (RFC 7519 §4.1.4 to §4.1.6), with the skew on the token's side.
std::optional<Refusal> check_times(const Claims& claims, system_clock::time_point now) {
  const double at = seconds_of(now);
  const double skew = std::chrono::duration<double>(kClockSkew).count();
  for (const char* name : {"exp", "nbf", "iat"}) {
    if (!claims.has(name)) continue;
    const auto seconds = claims.seconds(name);
    if (!seconds || !std::isfinite(*seconds) || *seconds < 0 || *seconds > kSecondsMost) {
      return invalid_token(std::string("the token's ") + name + " is no time");
    }
  }
  const auto expires = claims.seconds("exp");
  if (!expires) return invalid_token("the token has no exp: it would never end");
  if (*expires + skew <= at) return invalid_token("the token expired");
  const auto begins = claims.seconds("nbf");
  if (begins && *begins - skew > at) return invalid_token("the token is not valid yet (nbf)");
  const auto issued = claims.seconds("iat");
  if (issued && *issued - skew > at) return invalid_token("the token was issued in the future (iat)");
  return std::nullopt;
}

std::string list_of(const std::vector<std::string>& texts) {
  std::string list;
  for (const auto& text : texts) list += (list.empty() ? "" : ", ") + text;
  return list;
}

std::string with_tenant(const std::string& value, const TenantId& tenant) {
  constexpr std::string_view kPlace = "{tenant}";
  std::string filled;
  std::size_t from = 0;
  for (auto at = value.find(kPlace); at != std::string::npos; at = value.find(kPlace, from)) {
    filled.append(value, from, at - from).append(tenant.view());
    from = at + kPlace.size();
  }
  return filled.append(value, from);
}

bool holds(const Rule& rule, const Claims& claims, const TenantId& tenant) {
  const auto texts = claims.texts(rule.path);
  if (rule.value == "*") return std::any_of(texts.begin(), texts.end(), [](auto text) { return !text.empty(); });
  const auto wanted = with_tenant(rule.value, tenant);
  return std::find(texts.begin(), texts.end(), wanted) != texts.end();
}

std::variant<TenantId, Refusal> tenant_of(const TokenPolicy& policy, const Claims& claims) {
  if (policy.tenant) return *policy.tenant;
  const auto refuse = [&](const char* what) {
    return Refusal{403, "insufficient_scope", "the token " + std::string(what) + " in " + policy.tenant_claim->text()};
  };
  if (!policy.tenant_claim) return Refusal{403, "insufficient_scope", "no tenant is set for tokens of this issuer"};
  const auto texts = claims.texts(*policy.tenant_claim);
  if (texts.empty()) return refuse("names no tenant");
  if (texts.size() > 1) return refuse("names several tenants");
  if (!is_valid_tenant(texts.front())) return refuse("has no tenant's name");
  return TenantId(std::string(texts.front()));
}

}  // namespace

Result<Rule> Rule::parse(Permission permission, std::string_view text) {
  constexpr std::string_view kScope = "scope:";
  Rule rule;
  rule.permission = permission;
  if (text.starts_with(kScope)) {
    rule.value = text.substr(kScope.size());
    GANTRY_LET(rule.path, ClaimPath::parse("$.scope"));
  } else {
    // Names in brackets may hold the sign; behind the last bracket that closes it ends the path.
    const auto bracket = text.rfind(']');
    const auto equals = text.find('=', bracket == std::string_view::npos ? 0 : bracket);
    if (equals == std::string_view::npos) {
      return Error::invalid("\"" + printable(text) +
                            "\" is no rule: write $.realm_access.roles=viewer or scope:dicom.read");
    }
    auto path = text.substr(0, equals);
    auto value = text.substr(equals + 1);
    while (path.ends_with(' ')) path.remove_suffix(1);
    while (value.starts_with(' ')) value.remove_prefix(1);
    GANTRY_LET(rule.path, ClaimPath::parse(path));
    rule.value = value;
  }
  if (rule.value.empty()) return Error::invalid("\"" + printable(text) + "\" is no rule: it names no value");
  return rule;
}

std::variant<std::vector<const TokenPolicy*>, Refusal> check_claims(std::span<const TokenPolicy> policies,
                                                                    const Token& token, system_clock::time_point now) {
  if (auto refusal = check_times(token.claims, now)) return *std::move(refusal);
  static const ClaimPath kAudience = *ClaimPath::parse("$.aud");
  const auto audiences = token.claims.texts(kAudience);
  std::vector<const TokenPolicy*> taking;
  std::vector<std::string> wanted;
  bool is_for_us = false;
  for (const auto& policy : policies) {
    wanted.insert(wanted.end(), policy.audiences.begin(), policy.audiences.end());
    const auto names = [&](const std::string& audience) {
      return std::find(audiences.begin(), audiences.end(), audience) != audiences.end();
    };
    if (!std::any_of(policy.audiences.begin(), policy.audiences.end(), names)) continue;
    is_for_us = true;
    const auto& allowed = policy.algorithms;
    if (std::find(allowed.begin(), allowed.end(), token.algorithm) != allowed.end()) taking.push_back(&policy);
  }
  if (!is_for_us) {
    const std::string has = audiences.empty() ? std::string("no audience") : "audience " + printable(audiences.front());
    return invalid_token("the token is for another audience: it has " + has + ", this server is " + list_of(wanted));
  }
  if (taking.empty()) {
    return invalid_token(std::string("the token's algorithm is not taken of this issuer: ") + to_string(token.algorithm));
  }
  return taking;
}

Verdict identity_of(std::span<const TokenPolicy* const> policies, const Token& token) {
  Identity identity;
  identity.method = "oidc";
  for (const TokenPolicy* policy : policies) {
    auto tenant = tenant_of(*policy, token.claims);
    if (auto* refusal = std::get_if<Refusal>(&tenant)) return std::move(*refusal);
    auto& named = std::get<TenantId>(tenant);
    if (!identity.tenant.empty() && identity.tenant != named) {
      return Refusal{403, "insufficient_scope", "the token's audiences belong to different tenants"};
    }
    identity.tenant = std::move(named);
  }
  static const ClaimPath kSubject = *ClaimPath::parse("$.sub");
  const auto names = token.claims.texts(policies.front()->principal.value_or(kSubject));
  if (names.size() != 1 || names.front().empty() || names.front().size() > kPrincipalBytesMost) {
    return invalid_token("the token does not say who it speaks for");
  }
  // Two issuers may have the same name for different people.
  identity.principal = printable(names.front()) + "@" + policies.front()->issuer;
  for (const TokenPolicy* policy : policies) {
    for (const Rule& rule : policy->rules) {
      if (holds(rule, token.claims, identity.tenant)) identity.permissions.add(rule.permission);
    }
  }
  const double end = std::min(token.claims.seconds("exp").value_or(0), kClockMost);
  const auto expires = std::chrono::seconds(static_cast<std::int64_t>(end));
  identity.expires = system_clock::time_point(expires) + kClockSkew;
  return identity;
}

}  // namespace gantry::auth
