#pragma once

#include "gantry/auth/token_authority.hpp"
#include "gantry/server/gatekeeper.hpp"

namespace gantry::server {

/// Bearer tokens of the configured issuers (RFC 6750 §2.1: in the Authorization field alone). Stands last among those
/// who read that field, as it recognises whatever is in it.
class TokenAuthenticator final : public Authenticator {
 public:
  explicit TokenAuthenticator(auth::TokenAuthority& authority) : authority_(authority) {}

  [[nodiscard]] bool recognises(const http::Request& request) const override;
  Task<auth::Verdict> identify(const http::Request& request) override;

 private:
  auth::TokenAuthority& authority_;
};

/// The token of `Authorization: Bearer TOKEN`; nullopt for any other scheme, and for two such fields.
[[nodiscard]] std::optional<std::string_view> bearer_token(const http::Request& request);

}  // namespace gantry::server
