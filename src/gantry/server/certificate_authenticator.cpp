#include "gantry/server/certificate_authenticator.hpp"

#include <utility>

#include "gantry/tls/small_file.hpp"

namespace gantry::server {

Result<std::unique_ptr<CertificateAuthenticator>> CertificateAuthenticator::open(const config::Settings& settings,
                                                                                 observe::Log& log) {
  std::unique_ptr<CertificateAuthenticator> made;
  if (settings.tls.client_rules.empty()) return made;
  made.reset(new CertificateAuthenticator(settings.tls.client_rules));
  GANTRY_LET([[maybe_unused]] const bool changed, made->read());
  const auto told = [&log, &self = *made](const std::string& failure) {
    if (failure.empty()) {
      log.info("the rules for client certificates were read again", {{"rules", self.loaded_.load()->rules.size()}});
    } else {
      log.error("the rules for client certificates could not be read again; the old ones stay in use", {{"detail", failure}});
    }
  };
  made->watcher_ = std::make_unique<tls::Watcher>([&self = *made] { return self.read(); }, settings.tls.reload_interval, told);
  return made;
}

Result<bool> CertificateAuthenticator::read() {
  GANTRY_LET(std::string text, tls::read_small_file(path_));
  if (const auto current = loaded_.load(); current && current->text == text) return false;
  auto rules = auth::CertificateRules::parse(text);
  if (!rules) return Error::invalid(path_.string() + ", " + rules.error().detail());
  loaded_.store(std::make_shared<const Loaded>(Loaded{std::move(text), *std::move(rules)}));
  return true;
}

bool CertificateAuthenticator::recognises(const http::Request& request) const {
  return request.client_certificate != nullptr && !request.headers.get("Authorization");
}

Task<auth::Verdict> CertificateAuthenticator::identify(const http::Request& request) {
  const auto loaded = loaded_.load();
  co_return loaded->rules.identify(*request.client_certificate);
}

}  // namespace gantry::server
