#pragma once

// API keys and share links at the gate (server/gatekeeper.hpp).

#include <string_view>

#include "gantry/server/credential_admin.hpp"
#include "gantry/server/gatekeeper.hpp"

namespace gantry::server {

/// `Authorization: Bearer gantry_…`.
class KeyAuthenticator final : public Authenticator {
 public:
  /// Outlives it.
  explicit KeyAuthenticator(Credentials& credentials) : credentials_(credentials) {}
  [[nodiscard]] bool recognises(const http::Request& request) const override;
  Task<auth::Verdict> identify(const http::Request& request) override;

 private:
  Credentials& credentials_;
};

/// `/share/{token}` and all below. Whatever else the request brings, the link decides: who has it sees what everybody
/// who has it sees.
class ShareAuthenticator final : public Authenticator {
 public:
  explicit ShareAuthenticator(Credentials& credentials) : credentials_(credentials) {}
  [[nodiscard]] bool recognises(const http::Request& request) const override;
  Task<auth::Verdict> identify(const http::Request& request) override;
  /// A page for who opened the link in a browser, a problem for programs.
  [[nodiscard]] http::Response answer(const http::Request& request, const auth::Refusal& refusal) const override;

 private:
  Credentials& credentials_;
};

/// A request's path as logs show it: nothing of a share's token, no secret of a key.
[[nodiscard]] std::string path_for_logs(std::string_view path);

}  // namespace gantry::server
