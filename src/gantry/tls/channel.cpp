#include "gantry/tls/channel.hpp"

#include <cerrno>
#include <cstring>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "gantry/tls/pem.hpp"


namespace gantry::tls {

Channel::~Channel() = default;

Channel::Step Channel::after(int result) {
  const int system_error = errno;
  switch (SSL_get_error(session_.get(), result)) {
    case SSL_ERROR_WANT_READ: return Step::kWantsRead;
    case SSL_ERROR_WANT_WRITE: return Step::kWantsWrite;
    case SSL_ERROR_ZERO_RETURN: return Step::kEnded;
    case SSL_ERROR_SYSCALL:
      broken_ = true;
      failure_ = system_error == 0 ? "the connection ended" : std::strerror(system_error);
      ERR_clear_error();
      return Step::kEnded;
    default: break;
  }
  broken_ = true;
  const unsigned long code = ERR_peek_last_error();  // earlier ones are its causes, deeper down
  const int reason = ERR_GET_LIB(code) == ERR_LIB_SSL ? ERR_GET_REASON(code) : 0;
  plain_http_ = reason == SSL_R_HTTP_REQUEST;
  const char* const words = ERR_reason_error_string(code);
  failure_ = words == nullptr ? "unknown reason" : words;
  ERR_clear_error();
  if (reason == SSL_R_CERTIFICATE_VERIFY_FAILED) {
    failure_ += std::string(": ") + X509_verify_cert_error_string(SSL_get_verify_result(session_.get()));
  }
  return reason == SSL_R_UNEXPECTED_EOF_WHILE_READING ? Step::kEnded : Step::kFailed;
}

Channel::Step Channel::handshake() {
  ERR_clear_error();
  const int result = SSL_accept(session_.get());
  if (result != 1) return after(result);
  established_ = true;
  drained_ = false;  // the client's first bytes may have come with its last handshake message
  return Step::kDone;
}

Channel::Step Channel::read(std::span<std::byte> into, std::size_t& count) {
  count = 0;
  while (count < into.size()) {
    ERR_clear_error();
    std::size_t got = 0;
    const int result = SSL_read_ex(session_.get(), into.data() + count, into.size() - count, &got);
    if (result == 1) {
      count += got;
      continue;
    }
    const Step step = after(result);
    drained_ = step == Step::kWantsRead || step == Step::kWantsWrite;
    // What came before an end or a failure is handed over first; the next call meets the same end again.
    return count > 0 ? Step::kDone : step;
  }
  drained_ = false;
  return Step::kDone;
}

Channel::Step Channel::write(std::span<const std::byte> from, std::size_t& count) {
  count = 0;
  ERR_clear_error();
  const int result = SSL_write_ex(session_.get(), from.data(), from.size(), &count);
  return result == 1 ? Step::kDone : after(result);
}

void Channel::finish_sending() noexcept {
  if (!established_ || broken_ || finished_) return;
  finished_ = true;
  ERR_clear_error();
  SSL_shutdown(session_.get());
  ERR_clear_error();
}

std::uint64_t Channel::arrived() const noexcept { return BIO_number_read(SSL_get_rbio(session_.get())); }

bool Channel::resumed() const noexcept { return SSL_session_reused(session_.get()) == 1; }

std::shared_ptr<const ClientCertificate> Channel::client_certificate() const {
  const X509* const certificate = SSL_get0_peer_certificate(session_.get());
  if (certificate == nullptr || SSL_get_verify_result(session_.get()) != X509_V_OK) return nullptr;
  return std::make_shared<const ClientCertificate>(describe(*certificate));
}

}  // namespace gantry::tls
