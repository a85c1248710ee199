#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gantry/auth/identity.hpp"
#include "gantry/base/result.hpp"
#include "gantry/tls/client_certificate.hpp"

namespace gantry::auth {

/// Who a verified client certificate is. The rules are lines of text, the first that matches decides:
///
///     # tenant   permissions   what the certificate says
///     clinic-a   read,write    subject:CN=ct-1,O=Clinic A
///     clinic-a   read          dns:*.clinic-a.example
///     clinic-b   read,write    sha256:9f86d081…
///
/// `subject:` is the whole subject (RFC 4514), `dns:`, `email:` and `uri:` are subject alternative names, `sha256:` is the
/// certificate's fingerprint, and `any` is every certificate of the configured authorities. `dns:*.` stands for one label.
/// Permissions are read, write, delete and admin.
class CertificateRules {
 public:
  /// kInvalid names the line and what is wrong with it.
  static Result<CertificateRules> parse(std::string_view text);

  /// The identity, or a refusal: 401 for a certificate that expired meanwhile, 403 for one that no rule knows.
  [[nodiscard]] Verdict identify(const tls::ClientCertificate& certificate) const;
  [[nodiscard]] std::size_t size() const noexcept { return rules_.size(); }

 private:
  struct Rule {
    TenantId tenant;
    PermissionSet permissions;
    std::string pattern;
  };
  static Result<Rule> parse_line(std::string_view line);

  std::vector<Rule> rules_;
};

}  // namespace gantry::auth
