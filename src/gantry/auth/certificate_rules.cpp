#include "gantry/auth/certificate_rules.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace gantry::auth {
namespace {

constexpr std::string_view kBlank = " \t\r";

/// The next word, taken off `line`.
std::string_view take_word(std::string_view& line) {
  const auto begin = std::min(line.find_first_not_of(kBlank), line.size());
  line.remove_prefix(begin);
  const auto word = line.substr(0, line.find_first_of(kBlank));
  line.remove_prefix(word.size());
  return word;
}

std::string_view trimmed(std::string_view text) {
  const auto begin = std::min(text.find_first_not_of(kBlank), text.size());
  text.remove_prefix(begin);
  return text.substr(0, text.find_last_not_of(kBlank) + 1);
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return out;
}

Result<PermissionSet> parse_permissions(std::string_view text) {
  PermissionSet set;
  while (!text.empty()) {
    const auto name = text.substr(0, text.find(','));
    text.remove_prefix(std::min(text.size(), name.size() + 1));
    bool known = false;
    for (const Permission permission : {Permission::kRead, Permission::kWrite, Permission::kDelete, Permission::kAdmin,
                                        Permission::kOperate}) {
      if (name != to_string(permission)) continue;
      set.add(permission);
      known = true;
    }
    if (!known) return Error::invalid("\"" + std::string(name) + "\" is no permission; expected read, write, delete, admin or operate");
  }
  return set;
}

/// RFC 6125 §6.4.3: a star stands for the whole first label, and for no more. Names compare without case.
bool name_matches(std::string_view pattern, std::string_view name) {
  constexpr std::string_view kStar = "dns:*.";
  const std::string wanted = lower(pattern);
  const std::string given = lower(name);
  if (!wanted.starts_with(kStar)) return wanted == given;
  const std::string_view rest = std::string_view(wanted).substr(kStar.size() - 1);  // ".clinic.example"
  const auto dot = given.find('.');
  return given.starts_with("dns:") && dot != std::string::npos && dot > 4 && std::string_view(given).substr(dot) == rest;
}

bool matches(const std::string& pattern, const tls::ClientCertificate& certificate) {
  if (pattern == "any") return true;
  if (pattern.starts_with("subject:")) return std::string_view(pattern).substr(8) == certificate.subject;
  if (pattern.starts_with("sha256:")) return lower(std::string_view(pattern).substr(7)) == certificate.fingerprint;
  if (!pattern.starts_with("dns:")) {
    return std::find(certificate.alternatives.begin(), certificate.alternatives.end(), pattern) !=
           certificate.alternatives.end();
  }
  return std::any_of(certificate.alternatives.begin(), certificate.alternatives.end(),
                     [&](const std::string& name) { return name_matches(pattern, name); });
}

}  // namespace

Result<CertificateRules::Rule> CertificateRules::parse_line(std::string_view line) {
  const auto tenant = take_word(line);
  const auto permissions = take_word(line);
  const auto pattern = trimmed(line);
  if (pattern.empty()) return Error::invalid("expected TENANT PERMISSIONS and what the certificate says");
  if (!is_valid_tenant(tenant)) {
    return Error::invalid("\"" + std::string(tenant) + "\" is no tenant: expected 1 to 64 of a-z, 0-9 and -");
  }
  GANTRY_LET(const PermissionSet set, parse_permissions(permissions));
  constexpr std::array<std::string_view, 5> kKinds{"subject:", "dns:", "email:", "uri:", "sha256:"};
  const bool known = pattern == "any" || std::any_of(kKinds.begin(), kKinds.end(), [&](std::string_view kind) {
                       return pattern.starts_with(kind) && pattern.size() > kind.size();
                     });
  if (!known) {
    return Error::invalid("\"" + std::string(pattern) + "\" names nothing of a certificate; expected subject:…, dns:…, email:…, "
                          "uri:…, sha256:… or any");
  }
  if (pattern.starts_with("sha256:") &&
      (pattern.size() != 7 + 64 || pattern.substr(7).find_first_not_of("0123456789abcdefABCDEF") != std::string_view::npos)) {
    return Error::invalid("expected sha256: and 64 hex digits without colons");
  }
  return Rule{TenantId(std::string(tenant)), set, std::string(pattern)};
}

Result<CertificateRules> CertificateRules::parse(std::string_view text) {
  CertificateRules rules;
  std::size_t number = 0;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    const auto line = trimmed(text.substr(begin, end - begin));
    begin = end + 1;
    ++number;
    if (line.empty() || line.starts_with('#')) continue;
    auto rule = parse_line(line);
    if (!rule) return Error::invalid("line " + std::to_string(number) + ": " + rule.error().detail());
    rules.rules_.push_back(*std::move(rule));
  }
  return rules;
}

Verdict CertificateRules::identify(const tls::ClientCertificate& certificate) const {
  if (certificate.expired()) return Refusal{401, "invalid_token", "the client certificate has expired"};
  for (const Rule& rule : rules_) {
    if (!matches(rule.pattern, certificate)) continue;
    Identity identity;
    identity.principal = certificate.subject;
    identity.tenant = rule.tenant;
    identity.permissions = rule.permissions;
    identity.expires = certificate.expires;
    identity.method = "certificate";
    return identity;
  }
  return Refusal{403, "insufficient_scope", "the client certificate stands for no tenant here"};
}

}  // namespace gantry::auth
