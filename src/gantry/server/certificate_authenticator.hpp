#pragma once

#include <atomic>
#include <filesystem>
#include <memory>
#include <string>

#include "gantry/auth/certificate_rules.hpp"
#include "gantry/config/settings.hpp"
#include "gantry/observe/log.hpp"
#include "gantry/server/gatekeeper.hpp"
#include "gantry/tls/watcher.hpp"

namespace gantry::server {

/// Client certificates as credentials, by the rules of a file that is read again while it serves: a broken one keeps the
/// rules that were there, and is logged. A request that brings a token is the token's, whatever its connection showed.
class CertificateAuthenticator final : public Authenticator {
 public:
  /// Null when `tls.client_rules` names no file. Errors name the file and its line. The log outlives it.
  static Result<std::unique_ptr<CertificateAuthenticator>> open(const config::Settings& settings, observe::Log& log);

  [[nodiscard]] bool recognises(const http::Request& request) const override;
  Task<auth::Verdict> identify(const http::Request& request) override;
  /// Reads the file now.
  void reload() { watcher_->look_now(); }

 private:
  struct Loaded {
    std::string text;
    auth::CertificateRules rules;
  };
  explicit CertificateAuthenticator(std::filesystem::path path) : path_(std::move(path)) {}
  Result<bool> read();

  const std::filesystem::path path_;
  std::atomic<std::shared_ptr<const Loaded>> loaded_;
  std::unique_ptr<tls::Watcher> watcher_;
};

}  // namespace gantry::server
