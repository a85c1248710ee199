#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gantry/auth/identity.hpp"
#include "gantry/base/task.hpp"
#include "gantry/http/message.hpp"
#include "gantry/http/router.hpp"
#include "gantry/server/access.hpp"

namespace gantry::server {

/// One kind of credential: tokens, API keys, certificates, shares. Called on io threads, from all of them.
class Authenticator {
 public:
  virtual ~Authenticator() = default;
  /// True when the request brings a credential of this kind, right or wrong. Cheap: looks at the request alone.
  [[nodiscard]] virtual bool recognises(const http::Request& request) const = 0;
  /// Who that is, or why not. Asked only when it recognises the request, which outlives the task. What is warm is told
  /// without leaving the io thread; nothing blocks it.
  virtual Task<auth::Verdict> identify(const http::Request& request) = 0;
  /// The answer to a request whose credential was refused.
  [[nodiscard]] virtual http::Response answer(const http::Request& request, const auth::Refusal& refusal) const;
};

/// The `authorize` hook: who asks, for which tenant, and whether the route is theirs. Fills request.context. One way:
/// credential, identity, tenant (the x-tenant header and the path may only agree), the route's permission.
class Gatekeeper {
 public:
  /// `open` decides while there is no authenticator. The authenticators are asked in order; the first that recognises a
  /// credential alone decides about it. `links` comes before them, and decides also while there are none; null: there
  /// are no links. All outlive the gatekeeper.
  Gatekeeper(const OpenAccess& open, std::vector<Authenticator*> authenticators, Authenticator* links = nullptr);

  /// The refusal (401 with WWW-Authenticate, 403, 503), or nothing: the request may go on.
  Task<std::optional<http::Response>> admit(http::Request& request, Permission permission) const;

  /// True when nobody has to say who they are.
  [[nodiscard]] bool is_open() const noexcept { return authenticators_.empty(); }

 private:
  const OpenAccess& open_;
  const std::vector<Authenticator*> authenticators_;
  Authenticator* const links_;
};

/// The answer to a refused credential: a problem body, with a challenge (RFC 6750 §3) for 401 and 403.
[[nodiscard]] http::Response refuse(const auth::Refusal& refusal);

}  // namespace gantry::server
