#include "gantry/tls/server_identity.hpp"

#include <span>
#include <string_view>
#include <utility>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/stat.h>

#include "gantry/base/sha256.hpp"
#include "gantry/tls/pem.hpp"

namespace gantry::tls {
namespace {

// RFC 9325 §4.2: forward secrecy and authenticated encryption alone. The shorter key first: it is strong enough, and faster.
constexpr const char* kSuites12 =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
constexpr const char* kSuites13 = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
constexpr const char* kGroups = "X25519:P-256:P-384";
constexpr long kSessionSeconds = 3600;
constexpr int kChainMost = 6;
/// 112 bits (RFC 9325 §4.3 to §4.5): RSA from 2048 bits, curves from 224, no SHA-1 signatures.
constexpr int kSecurityLevel = 2;
constexpr unsigned char kSessionContext[] = "gantry";

/// RFC 7301 §3.2: a client that speaks only other protocols is told so in the handshake.
int choose_protocol(SSL*, const unsigned char** chosen, unsigned char* chosen_size, const unsigned char* offered,
                    unsigned offered_size, void*) {
  static constexpr unsigned char kOurs[] = "\x08http/1.1";
  unsigned char* match = nullptr;
  if (SSL_select_next_proto(&match, chosen_size, kOurs, sizeof kOurs - 1, offered, offered_size) !=
      OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  }
  *chosen = match;
  return SSL_TLSEXT_ERR_OK;
}

/// Text that is wiped when it goes.
struct Secret {
  explicit Secret(std::string given) : text(std::move(given)) {}
  ~Secret() { OPENSSL_cleanse(text.data(), text.size()); }
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  std::string text;
};

Error about(const std::filesystem::path& path, const Error& error) {
  return {error.kind(), path.string() + " " + error.detail()};
}

Result<ContextHandle> make_context() {
  ContextHandle context(SSL_CTX_new(TLS_server_method()));
  if (!context) return Error::unavailable("out of memory for TLS");
  SSL_CTX* const raw = context.get();
  // Said in full, since a system's openssl.cnf may have other defaults.
  SSL_CTX_set_security_level(raw, kSecurityLevel);
  SSL_CTX_set_options(raw, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                               SSL_OP_PRIORITIZE_CHACHA | SSL_OP_SINGLE_ECDH_USE);
  SSL_CTX_clear_options(raw, SSL_OP_LEGACY_SERVER_CONNECT | SSL_OP_ALLOW_UNSAFE_LEGACY_RENEGOTIATION);
  SSL_CTX_set_mode(raw, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
  // Tickets alone: nothing is kept per client.
  SSL_CTX_set_session_cache_mode(raw, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_timeout(raw, kSessionSeconds);
  SSL_CTX_set_alpn_select_cb(raw, &choose_protocol, nullptr);
  const bool right = SSL_CTX_set_min_proto_version(raw, TLS1_2_VERSION) == 1 &&
                     SSL_CTX_set_max_proto_version(raw, TLS1_3_VERSION) == 1 &&
                     SSL_CTX_set_cipher_list(raw, kSuites12) == 1 && SSL_CTX_set_ciphersuites(raw, kSuites13) == 1 &&
                     SSL_CTX_set1_groups_list(raw, kGroups) == 1 &&
                     SSL_CTX_set_session_id_context(raw, kSessionContext, sizeof kSessionContext - 1) == 1;
  if (!right) return Error::internal("TLS can't be set up: " + openssl_words("unknown reason"));
  return context;
}

Result<void> ask_for_clients(SSL_CTX& context, Authorities authorities, ClientCertificates clients) {
  for (const auto& certificate : authorities.certificates) {
    if (SSL_CTX_add_client_CA(&context, certificate.get()) != 1) return Error::unavailable("out of memory for TLS");
  }
  SSL_CTX_set_cert_store(&context, authorities.store.release());
  SSL_CTX_set_verify_depth(&context, kChainMost);
  SSL_CTX_set_verify(
      &context, SSL_VERIFY_PEER | (clients == ClientCertificates::kRequired ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0),
      nullptr);
  return {};
}

Result<void> show(SSL_CTX& context, const ServerFiles& files, const CertificateChain& chain, EVP_PKEY& key) {
  ERR_clear_error();
  if (SSL_CTX_use_certificate(&context, chain.leaf.get()) != 1) {
    return Error::invalid(files.certificate.string() + " can't be used: " + openssl_words("unknown reason"));
  }
  for (const auto& other : chain.others) {
    if (SSL_CTX_add1_chain_cert(&context, other.get()) != 1) {
      return Error::invalid(files.certificate.string() +
                            " can't be used, for one behind the first: " + openssl_words("unknown reason"));
    }
  }
  if (X509_check_private_key(chain.leaf.get(), &key) != 1 || SSL_CTX_use_PrivateKey(&context, &key) != 1) {
    ERR_clear_error();
    return Error::invalid("the private key in " + files.key.string() + " does not belong to the certificate in " +
                          files.certificate.string());
  }
  return {};
}

}  // namespace

struct ServerIdentity::Loaded {
  ContextHandle context;
  std::string digest;  ///< of all files' bytes
  Facts facts;
};

ServerIdentity::ServerIdentity(ServerFiles files) : files_(std::move(files)) {}
ServerIdentity::~ServerIdentity() = default;

Result<std::shared_ptr<const ServerIdentity::Loaded>> ServerIdentity::read() const {
  GANTRY_LET(const std::string certificate, read_small_file(files_.certificate));
  GANTRY_LET(std::string key_file, read_small_file(files_.key));
  const Secret key_pem(std::move(key_file));
  std::string client_ca;
  if (files_.clients != ClientCertificates::kNone) {
    GANTRY_LET(client_ca, read_small_file(files_.client_ca));
  }
  auto loaded = std::make_shared<Loaded>();
  Sha256Stream digest;
  for (const std::string_view text : {std::string_view(certificate), std::string_view(key_pem.text), std::string_view(client_ca)}) {
    const std::string size = std::to_string(text.size()) + ":";
    digest.update(std::as_bytes(std::span(size)));
    digest.update(std::as_bytes(std::span(text)));
  }
  loaded->digest = to_hex(digest.finish());
  if (const auto current = loaded_.load(); current && current->digest == loaded->digest) return current;

  auto chain = parse_chain(certificate);
  if (!chain) return about(files_.certificate, chain.error());
  auto key = parse_key(key_pem.text);
  if (!key) return about(files_.key, key.error());
  GANTRY_LET(loaded->context, make_context());
  GANTRY_TRY(show(*loaded->context, files_, *chain, **key));
  if (files_.clients != ClientCertificates::kNone) {
    auto authorities = parse_authorities(client_ca);
    if (!authorities) return about(files_.client_ca, authorities.error());
    GANTRY_TRY(ask_for_clients(*loaded->context, *std::move(authorities), files_.clients));
  }
  const ClientCertificate ours = describe(*chain->leaf);
  loaded->facts = {ours.subject, ours.fingerprint, ours.expires, false};
  struct stat status {};
  loaded->facts.key_is_exposed = ::stat(files_.key.c_str(), &status) == 0 && (status.st_mode & S_IROTH) != 0;
  return std::shared_ptr<const Loaded>(std::move(loaded));
}

Result<std::shared_ptr<ServerIdentity>> ServerIdentity::load(const ServerFiles& files) {
  std::shared_ptr<ServerIdentity> identity(new ServerIdentity(files));
  GANTRY_LET(auto loaded, identity->read());
  identity->loaded_.store(std::move(loaded));
  return identity;
}

Result<bool> ServerIdentity::reload() {
  const std::scoped_lock lock(reloading_);
  GANTRY_LET(auto loaded, read());
  const auto current = loaded_.load();
  if (loaded == current) return false;
  if (loaded->facts.expires <= std::chrono::system_clock::now() && current->facts.expires > loaded->facts.expires) {
    return Error::invalid(files_.certificate.string() + " has expired");
  }
  loaded_.store(std::move(loaded));
  return true;
}

std::unique_ptr<Channel> ServerIdentity::accept(int socket) const {
  const auto loaded = loaded_.load();
  Handle<SSL, &SSL_free> session(SSL_new(loaded->context.get()));
  if (!session || SSL_set_fd(session.get(), socket) != 1) {
    ERR_clear_error();
    return nullptr;
  }
  SSL_set_accept_state(session.get());
  // SSL_set_fd's BIO does not close the socket; the session holds the context as long as it lives.
  return std::make_unique<Channel>(session.release());
}

ServerIdentity::Facts ServerIdentity::facts() const { return loaded_.load()->facts; }

}  // namespace gantry::tls
