#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace gantry::tls {

/// What a client's certificate says, after it was verified against the configured authorities. A plain value.
struct ClientCertificate {
  std::string subject;                  ///< as RFC 4514 has it, in UTF-8: "CN=ct-1,O=Clinic A"
  std::vector<std::string> alternatives;  ///< subject alternative names: "dns:ct-1.example", "email:…", "uri:…"
  std::string fingerprint;              ///< SHA-256 of the certificate, 64 hex digits in lower case
  std::chrono::system_clock::time_point expires;

  /// A connection may outlive its certificate, and a resumed session is not verified again.
  [[nodiscard]] bool expired() const { return std::chrono::system_clock::now() >= expires; }
};

}  // namespace gantry::tls
