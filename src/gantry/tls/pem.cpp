#include "gantry/tls/pem.hpp"

#include <cerrno>
#include <cstdio>
#include <ctime>
#include <memory>
#include <utility>

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>
#include <unistd.h>

namespace gantry::tls {
namespace {

constexpr std::size_t kFileBytesMost = 1 << 20;

/// Without it OpenSSL would ask for a password on the terminal, and the start would hang.
int no_password(char*, int, int, void* asked) {
  if (asked != nullptr) *static_cast<bool*>(asked) = true;
  return -1;
}

BioHandle over(const std::string& text) { return BioHandle(BIO_new_mem_buf(text.data(), static_cast<int>(text.size()))); }

/// PEM readers end a list with "no start line", which is no error behind the first one.
bool at_end_of_pem() {
  const unsigned long code = ERR_peek_last_error();
  const bool end = ERR_GET_LIB(code) == ERR_LIB_PEM && ERR_GET_REASON(code) == PEM_R_NO_START_LINE;
  ERR_clear_error();
  return end;
}

}  // namespace

std::string openssl_words(const char* otherwise) {
  const unsigned long code = ERR_get_error();
  const char* const reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  ERR_clear_error();
  return reason == nullptr ? otherwise : reason;
}

Result<std::string> read_small_file(const std::filesystem::path& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) return Error::from_errno(errno, path.string());
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) return Error::from_errno(errno, path.string());
  if (!S_ISREG(status.st_mode)) return Error::invalid(path.string() + " is no file");
  std::string text;
  char piece[16384];
  for (;;) {
    const ssize_t got = ::read(fd.get(), piece, sizeof piece);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Error::from_errno(errno, path.string());
    if (got == 0) return text;
    text.append(piece, static_cast<std::size_t>(got));
    if (text.size() > kFileBytesMost) return Error::invalid(path.string() + " is over 1 MB, too large for PEM");
  }
}

Result<CertificateChain> parse_chain(const std::string& pem) {
  ERR_clear_error();
  const auto bio = over(pem);
  CertificateChain chain;
  chain.leaf.reset(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  if (!chain.leaf) {
    return Error::invalid(at_end_of_pem() ? "holds no certificate (\"-----BEGIN CERTIFICATE-----\")"
                                          : "holds a certificate that can't be read");
  }
  for (;;) {
    CertificateHandle next(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
    if (!next) break;
    chain.others.push_back(std::move(next));
  }
  if (!at_end_of_pem()) return Error::invalid("holds a certificate that can't be read, behind the first one");
  return chain;
}

Result<KeyHandle> parse_key(const std::string& pem) {
  ERR_clear_error();
  const auto bio = over(pem);
  bool asked = false;
  KeyHandle key(PEM_read_bio_PrivateKey(bio.get(), nullptr, &no_password, &asked));
  ERR_clear_error();
  if (key) return key;
  if (asked) {
    return Error::invalid("is under a password; take the password off, and let the file's mode protect it: openssl pkey -in "
                          "OLD -out NEW");
  }
  return Error::invalid("holds no private key that can be read (PEM, e.g. \"-----BEGIN PRIVATE KEY-----\")");
}

Result<Authorities> parse_authorities(const std::string& pem) {
  ERR_clear_error();
  const auto bio = over(pem);
  const auto free_all = [](STACK_OF(X509_INFO) * list) { sk_X509_INFO_pop_free(list, X509_INFO_free); };
  const std::unique_ptr<STACK_OF(X509_INFO), decltype(free_all)> found(
      PEM_X509_INFO_read_bio(bio.get(), nullptr, &no_password, nullptr), free_all);
  if (!found) return Error::invalid("holds something that can't be read as PEM: " + openssl_words("unknown reason"));
  Authorities authorities;
  authorities.store.reset(X509_STORE_new());
  for (int i = 0; i < sk_X509_INFO_num(found.get()); ++i) {
    const X509_INFO* const info = sk_X509_INFO_value(found.get(), i);
    if (info->x509 != nullptr) {
      X509_STORE_add_cert(authorities.store.get(), info->x509);
      X509_up_ref(info->x509);
      authorities.certificates.emplace_back(info->x509);
    }
    if (info->crl != nullptr) {
      X509_STORE_add_crl(authorities.store.get(), info->crl);
      authorities.revocations = true;
    }
  }
  ERR_clear_error();
  if (authorities.certificates.empty()) {
    return Error::invalid("holds no authority's certificate (\"-----BEGIN CERTIFICATE-----\")");
  }
  if (authorities.revocations) X509_STORE_set_flags(authorities.store.get(), X509_V_FLAG_CRL_CHECK);
  return authorities;
}

std::chrono::system_clock::time_point not_after(const X509& certificate) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(X509_get0_notAfter(&certificate), &parts) != 1) return {};  // unreadable: expired
  return std::chrono::system_clock::from_time_t(::timegm(&parts));
}

std::string subject_of(const X509& certificate) {
  const BioHandle bio(BIO_new(BIO_s_mem()));
  // RFC 2253's rules, but characters beyond ASCII as they are. Control characters stay escaped.
  constexpr unsigned long kFlags = XN_FLAG_RFC2253 & ~static_cast<unsigned long>(ASN1_STRFLGS_ESC_MSB);
  X509_NAME_print_ex(bio.get(), X509_get_subject_name(&certificate), 0, kFlags);
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  return size > 0 ? std::string(text, static_cast<std::size_t>(size)) : std::string();
}

ClientCertificate describe(const X509& certificate) {
  ClientCertificate description;
  description.subject = subject_of(certificate);
  description.expires = not_after(certificate);
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  if (X509_digest(&certificate, EVP_sha256(), digest, &size) == 1) {
    for (unsigned i = 0; i < size; ++i) {
      char hex[3];
      std::snprintf(hex, sizeof hex, "%02x", digest[i]);
      description.fingerprint += hex;
    }
  }
  const auto free_all = [](GENERAL_NAMES* names) { GENERAL_NAMES_free(names); };
  const std::unique_ptr<GENERAL_NAMES, decltype(free_all)> names(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(&certificate, NID_subject_alt_name, nullptr, nullptr)), free_all);
  for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* const name = sk_GENERAL_NAME_value(names.get(), i);
    const char* const kind = name->type == GEN_DNS     ? "dns:"
                             : name->type == GEN_EMAIL ? "email:"
                             : name->type == GEN_URI   ? "uri:"
                                                       : nullptr;
    if (kind == nullptr) continue;
    const ASN1_IA5STRING* const value = name->d.ia5;
    const std::string text(reinterpret_cast<const char*>(ASN1_STRING_get0_data(value)),
                           static_cast<std::size_t>(ASN1_STRING_length(value)));
    // A zero byte in a name has fooled others into seeing only what stands before it.
    bool clean = !text.empty();
    for (const char c : text) clean = clean && static_cast<unsigned char>(c) > 0x20 && static_cast<unsigned char>(c) < 0x7F;
    if (clean) description.alternatives.push_back(kind + text);
  }
  ERR_clear_error();
  return description;
}

}  // namespace gantry::tls
