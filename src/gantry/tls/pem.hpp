#pragma once

// OpenSSL's objects with owners, and what is read from PEM. For this folder's sources.

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "gantry/base/handle.hpp"
#include "gantry/base/result.hpp"
#include "gantry/tls/client_certificate.hpp"
#include "gantry/tls/small_file.hpp"

namespace gantry::tls {

using BioHandle = Handle<BIO, &BIO_free_all>;
using CertificateHandle = Handle<X509, &X509_free>;
using KeyHandle = Handle<EVP_PKEY, &EVP_PKEY_free>;
using StoreHandle = Handle<X509_STORE, &X509_STORE_free>;
using ContextHandle = Handle<SSL_CTX, &SSL_CTX_free>;

/// The reason of this thread's oldest OpenSSL error, and forgets them all; `otherwise` when there is none.
[[nodiscard]] std::string openssl_words(const char* otherwise);

/// A certificate followed by those between it and its authority.
struct CertificateChain {
  CertificateHandle leaf;
  std::vector<CertificateHandle> others;
};
/// kInvalid: no certificate in it, or one that is broken.
Result<CertificateChain> parse_chain(const std::string& pem);
/// kInvalid: no private key in it, or one under a password, which nobody is there to type.
Result<KeyHandle> parse_key(const std::string& pem);
/// The authorities (and revocation lists, when there are any) of a file, and how many authorities there are.
struct Authorities {
  StoreHandle store;
  std::vector<CertificateHandle> certificates;
  bool revocations = false;
};
Result<Authorities> parse_authorities(const std::string& pem);

[[nodiscard]] std::chrono::system_clock::time_point not_after(const X509& certificate);
[[nodiscard]] std::string subject_of(const X509& certificate);
[[nodiscard]] ClientCertificate describe(const X509& certificate);

}  // namespace gantry::tls
