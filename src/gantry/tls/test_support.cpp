#include "gantry/tls/test_support.hpp"

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <stdexcept>

#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

namespace gantry::tls::testing {
namespace {

std::atomic<long> next_serial{1};

void require(bool right, const char* what) {
  if (!right) throw std::runtime_error(std::string("test support: ") + what);
}

void set_name(X509_NAME& name, const std::string& common_name) {
  const auto* text = reinterpret_cast<const unsigned char*>(common_name.c_str());
  require(X509_NAME_add_entry_by_txt(&name, "CN", MBSTRING_UTF8, text, -1, -1, 0) == 1, "a name");
  const auto* organization = reinterpret_cast<const unsigned char*>("Gantry Tests");
  require(X509_NAME_add_entry_by_txt(&name, "O", MBSTRING_UTF8, organization, -1, -1, 0) == 1, "an organization");
}

void add_extension(X509& certificate, X509& issuer, int nid, const std::string& value) {
  X509V3_CTX context{};
  X509V3_set_ctx(&context, &issuer, &certificate, nullptr, nullptr, 0);
  X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  require(extension != nullptr && X509_add_ext(&certificate, extension, -1) == 1, "an extension");
  X509_EXTENSION_free(extension);
}

Certificate blank(EVP_PKEY& key, const std::string& common_name, std::chrono::seconds begins, std::chrono::seconds ends) {
  Certificate certificate(X509_new());
  X509_set_version(certificate.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), next_serial++);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), begins.count());
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), ends.count());
  X509_set_pubkey(certificate.get(), &key);
  set_name(*X509_get_subject_name(certificate.get()), common_name);
  return certificate;
}

template <class Write>
std::string written(Write write) {
  const Handle<BIO, &BIO_free_all> bio(BIO_new(BIO_s_mem()));
  require(write(bio.get()) == 1, "PEM");
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

}  // namespace

Folder::Folder() {
  std::string name = (std::filesystem::temp_directory_path() / "gantry-tls-XXXXXX").string();
  require(::mkdtemp(name.data()) != nullptr, "a folder");
  path_ = name;
}

Folder::~Folder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::filesystem::path Folder::write(const std::string& name, const std::string& text) const {
  const auto part = path(name + ".part");
  std::ofstream(part, std::ios::binary) << text;
  ::chmod(part.c_str(), 0600);
  std::filesystem::rename(part, path(name));
  return path(name);
}

Key make_key() {
  Key key(EVP_EC_gen("P-256"));
  require(key != nullptr, "a key");
  return key;
}

std::string pem_of(const EVP_PKEY& key) {
  return written([&](BIO* bio) {
    return PEM_write_bio_PrivateKey(bio, &key, nullptr, nullptr, 0, nullptr, nullptr);
  });
}

std::string pem_of(const X509& certificate) {
  return written([&](BIO* bio) { return PEM_write_bio_X509(bio, &certificate); });
}

Authority::Authority(const std::string& common_name) : key_(make_key()) {
  certificate_ = blank(*key_, common_name, std::chrono::seconds(-3600), std::chrono::hours(24));
  X509_set_issuer_name(certificate_.get(), X509_get_subject_name(certificate_.get()));
  add_extension(*certificate_, *certificate_, NID_basic_constraints, "critical,CA:TRUE");
  add_extension(*certificate_, *certificate_, NID_key_usage, "critical,keyCertSign,cRLSign");
  add_extension(*certificate_, *certificate_, NID_subject_key_identifier, "hash");
  require(X509_sign(certificate_.get(), key_.get(), EVP_sha256()) > 0, "signing an authority");
}

Certificate Authority::issue(EVP_PKEY& key, const Wanted& wanted) const {
  Certificate certificate = blank(key, wanted.common_name, wanted.begins, wanted.ends);
  X509_set_issuer_name(certificate.get(), X509_get_subject_name(certificate_.get()));
  add_extension(*certificate, *certificate_, NID_basic_constraints, "critical,CA:FALSE");
  add_extension(*certificate, *certificate_, NID_ext_key_usage, wanted.for_client ? "clientAuth" : "serverAuth");
  std::string alternatives = wanted.for_client ? "" : "DNS:localhost,IP:127.0.0.1";
  for (const auto& name : wanted.alternatives) alternatives += (alternatives.empty() ? "" : ",") + name;
  if (!alternatives.empty()) add_extension(*certificate, *certificate_, NID_subject_alt_name, alternatives);
  require(X509_sign(certificate.get(), key_.get(), EVP_sha256()) > 0, "signing a certificate");
  return certificate;
}

std::string Authority::revoke(const X509& revoked) const {
  const Handle<X509_CRL, &X509_CRL_free> list(X509_CRL_new());
  X509_CRL_set_version(list.get(), 1);
  X509_CRL_set_issuer_name(list.get(), X509_get_subject_name(certificate_.get()));
  const Handle<ASN1_TIME, &ASN1_TIME_free> now(X509_gmtime_adj(nullptr, -60));
  const Handle<ASN1_TIME, &ASN1_TIME_free> later(X509_gmtime_adj(nullptr, 3600));
  X509_CRL_set1_lastUpdate(list.get(), now.get());
  X509_CRL_set1_nextUpdate(list.get(), later.get());
  X509_REVOKED* const entry = X509_REVOKED_new();
  X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(const_cast<X509*>(&revoked)));
  X509_REVOKED_set_revocationDate(entry, now.get());
  X509_CRL_add0_revoked(list.get(), entry);
  require(X509_CRL_sign(list.get(), key_.get(), EVP_sha256()) > 0, "signing a revocation list");
  return written([&](BIO* bio) { return PEM_write_bio_X509_CRL(bio, list.get()); });
}

Context client_context(const Authority& authority) {
  Context context(SSL_CTX_new(TLS_client_method()));
  X509_STORE_add_cert(SSL_CTX_get_cert_store(context.get()), &authority.certificate());
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  return context;
}

Context client_context(const Authority& authority, const Credential& credential) {
  Context context = client_context(authority);
  require(SSL_CTX_use_certificate(context.get(), credential.certificate.get()) == 1 &&
              SSL_CTX_use_PrivateKey(context.get(), credential.key.get()) == 1,
          "a client's certificate");
  return context;
}

}  // namespace gantry::tls::testing
