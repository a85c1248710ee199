#pragma once

// Keys and certificates made on the fly, and the client's side of a session, for tests.

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "gantry/base/handle.hpp"

namespace gantry::tls::testing {

using Key = Handle<EVP_PKEY, &EVP_PKEY_free>;
using Certificate = Handle<X509, &X509_free>;
using Context = Handle<SSL_CTX, &SSL_CTX_free>;
using Session = Handle<SSL, &SSL_free>;

/// A folder of its own under the system's temporary one, removed at the end.
class Folder {
 public:
  Folder();
  ~Folder();
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  /// Writes a file whole, by rename, with mode 0600.
  std::filesystem::path write(const std::string& name, const std::string& text) const;
  [[nodiscard]] std::filesystem::path path(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

[[nodiscard]] Key make_key();
[[nodiscard]] std::string pem_of(const EVP_PKEY& key);
[[nodiscard]] std::string pem_of(const X509& certificate);

struct Wanted {
  explicit Wanted(std::string name = "localhost") : common_name(std::move(name)) {}
  /// For a client instead of a server.
  Wanted& client() { return for_client = true, *this; }
  /// Names as OpenSSL writes them: "DNS:a.example", "email:…", "URI:…".
  Wanted& also(std::vector<std::string> names) { return alternatives = std::move(names), *this; }
  /// From then to then, from now on.
  Wanted& valid(std::chrono::seconds from, std::chrono::seconds to) { return begins = from, ends = to, *this; }

  std::string common_name;
  std::vector<std::string> alternatives;
  std::chrono::seconds begins{-60}, ends{3600};
  bool for_client = false;
};

/// Signs certificates.
class Authority {
 public:
  explicit Authority(const std::string& common_name = "Test Authority");
  [[nodiscard]] Certificate issue(EVP_PKEY& key, const Wanted& wanted) const;
  [[nodiscard]] std::string pem() const { return pem_of(*certificate_); }
  [[nodiscard]] X509& certificate() const { return *certificate_; }
  /// A revocation list that names `revoked`.
  [[nodiscard]] std::string revoke(const X509& revoked) const;

 private:
  Key key_;
  Certificate certificate_;
};

/// A key with its certificate.
struct Credential {
  Credential(const Authority& authority, const Wanted& wanted)
      : key(make_key()), certificate(authority.issue(*key, wanted)) {}
  Key key;
  Certificate certificate;
};

/// A client's context that trusts `authority`.
[[nodiscard]] Context client_context(const Authority& authority);
/// The same with a certificate to show.
[[nodiscard]] Context client_context(const Authority& authority, const Credential& credential);

}  // namespace gantry::tls::testing
