#include "gantry/server/gatekeeper.hpp"

#include <utility>

namespace gantry::server {
namespace {

constexpr std::string_view kTenantPrefix = "/tenants/";
constexpr const char* kRealm = "gantry";

/// The tenant that a request names beside its credential may only be the credential's own (DESIGN §9).
bool agrees(const http::Request& request, const TenantId& tenant) {
  if (const auto named = request.headers.joined("x-tenant"); named && *named != tenant.view()) return false;
  if (!request.path.starts_with(kTenantPrefix)) return true;
  const std::string_view rest = std::string_view(request.path).substr(kTenantPrefix.size());
  return rest.substr(0, rest.find('/')) == tenant.view();
}

/// A quoted string (RFC 9110 §5.6.4) of what RFC 6750 §3 lets stand in error_description.
std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) out += c == '"' ? '\'' : c == '\\' || c < 0x20 || c == 0x7F ? '?' : c;
  return out + "\"";
}

/// Who an authenticator says it is, for this tenant and this route.
Task<std::optional<http::Response>> let_in(Authenticator& authenticator, http::Request& request,
                                           Permission permission) {
  auto verdict = co_await authenticator.identify(request);
  if (const auto* refusal = std::get_if<auth::Refusal>(&verdict)) co_return authenticator.answer(request, *refusal);
  auto& identity = std::get<auth::Identity>(verdict);
  request.context.principal = std::move(identity.principal);
  if (!agrees(request, identity.tenant)) {
    co_return http::problem(Error::denied("this server has no such tenant for you"));
  }
  request.context.tenant = std::move(identity.tenant);
  request.context.only_study = std::move(identity.only_study);
  if (!identity.permissions.has(permission)) {
    co_return refuse({403, "insufficient_scope", std::string("this needs the permission ") + to_string(permission)});
  }
  co_return std::nullopt;
}

}  // namespace

http::Response Authenticator::answer(const http::Request&, const auth::Refusal& refusal) const {
  return refuse(refusal);
}

Gatekeeper::Gatekeeper(const OpenAccess& open, std::vector<Authenticator*> authenticators, Authenticator* links)
    : open_(open), authenticators_(std::move(authenticators)), links_(links) {}

Task<std::optional<http::Response>> Gatekeeper::admit(http::Request& request, Permission permission) const {
  if (links_ != nullptr && links_->recognises(request)) co_return co_await let_in(*links_, request, permission);
  if (is_open()) {
    const auto admitted = open_.admit(request, permission);
    if (!admitted) co_return http::problem(admitted.error());
    co_return std::nullopt;
  }
  // Whoever may open the Unix socket may read the data folder, too; see DataFolder.
  if (request.remote_address == "unix" && !request.headers.get("authorization")) {
    const auto admitted = open_.admit(request, permission);
    if (!admitted) co_return http::problem(admitted.error());
    request.context.principal = "unix";
    co_return std::nullopt;
  }
  if (permission == Permission::kPublic) co_return std::nullopt;
  for (Authenticator* authenticator : authenticators_) {
    if (authenticator->recognises(request)) co_return co_await let_in(*authenticator, request, permission);
  }
  co_return refuse({401, "", "this needs a token: send Authorization: Bearer and the token"});
}

http::Response refuse(const auth::Refusal& refusal) {
  http::Response response = http::problem(refusal.status, refusal.description);
  if (refusal.status == 401 || refusal.status == 403) {
    std::string challenge = std::string("Bearer realm=\"") + kRealm + "\"";
    if (!refusal.error.empty()) {
      challenge += ", error=" + quoted(refusal.error) + ", error_description=" + quoted(refusal.description);
    }
    response.headers.set("WWW-Authenticate", std::move(challenge));
  }
  if (refusal.status == 503) response.headers.set("Retry-After", "5");
  return response;
}

}  // namespace gantry::server
