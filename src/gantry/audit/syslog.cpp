#include "gantry/audit/syslog.hpp"

#include <cerrno>
#include <cstring>
#include <utility>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "gantry/base/handle.hpp"

namespace gantry::audit {
namespace {

using Transport = SyslogSettings::Transport;
using Context = Handle<SSL_CTX, &SSL_CTX_free>;
using Session = Handle<SSL, &SSL_free>;
using Addresses = Handle<addrinfo, &freeaddrinfo>;

constexpr std::size_t kDatagramMost = 65'000;

std::string tls_reason() {
  std::string reason;
  for (unsigned long code = ERR_get_error(); code != 0; code = ERR_get_error()) {
    char text[256];
    ERR_error_string_n(code, text, sizeof text);
    if (reason.empty()) reason = text;  // the first one is the cause
  }
  return reason.empty() ? "no reason was given" : reason;
}

bool is_ip_address(const std::string& host) {
  in6_addr buffer{};
  return inet_pton(AF_INET, host.c_str(), &buffer) == 1 || inet_pton(AF_INET6, host.c_str(), &buffer) == 1;
}

}  // namespace

class SyslogSender::Impl {
 public:
  explicit Impl(SyslogSettings given) : settings_(std::move(given)) {}
  ~Impl() { close(); }

  Result<void> prepare() {
    if (settings_.transport != Transport::kTls) return {};
    context_.reset(SSL_CTX_new(TLS_client_method()));
    if (!context_) return Error::internal("TLS can't be used: " + tls_reason());
    // RFC 5425 §4.2, BCP 195.
    SSL_CTX_set_min_proto_version(context_.get(), TLS1_2_VERSION);
    SSL_CTX_set_verify(context_.get(), SSL_VERIFY_PEER, nullptr);
    const bool trusted = settings_.ca_file.empty()
                             ? SSL_CTX_set_default_verify_paths(context_.get()) == 1
                             : SSL_CTX_load_verify_locations(context_.get(), settings_.ca_file.c_str(), nullptr) == 1;
    if (!trusted) return Error::invalid("the certificates to trust, " + settings_.ca_file + ": " + tls_reason());
    if (settings_.certificate_file.empty()) return {};
    const std::string& key = settings_.key_file.empty() ? settings_.certificate_file : settings_.key_file;
    if (SSL_CTX_use_certificate_chain_file(context_.get(), settings_.certificate_file.c_str()) != 1 ||
        SSL_CTX_use_PrivateKey_file(context_.get(), key.c_str(), SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(context_.get()) != 1) {
      return Error::invalid("the certificate " + settings_.certificate_file + " with the key " + key + ": " +
                            tls_reason());
    }
    return {};
  }

  Result<void> send(std::string_view message) {
    if (settings_.transport == Transport::kUdp) {
      if (message.size() > kDatagramMost) return Error::too_large("a datagram can't hold the message");
      GANTRY_TRY(connect());
      return write(message);
    }
    if (socket_ && was_closed()) close();
    GANTRY_TRY(connect());
    std::string frame = std::to_string(message.size());
    frame.append(" ").append(message);
    return write(frame);
  }

  void close() {
    // A receiver that is told the end knows that it has all.
    if (session_ && well_) SSL_shutdown(session_.get());
    session_.reset();
    socket_.reset();
  }

 private:
  [[nodiscard]] Error failed(const std::string& what, const std::string& why) {
    well_ = false;
    close();
    return Error::unavailable("the syslog receiver " + settings_.host + ":" + settings_.port + ": " + what + ": " +
                              why);
  }

  /// A receiver sends nothing: what is there to read is its end, or a TLS session ticket.
  bool was_closed() {
    pollfd ready{socket_.get(), POLLIN | POLLRDHUP, 0};
    if (::poll(&ready, 1, 0) <= 0) return false;
    if ((ready.revents & (POLLERR | POLLHUP | POLLRDHUP)) != 0) return true;
    char byte = 0;
    if (!session_) return ::recv(socket_.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
    // Takes in what is no data without waiting for data.
    const int flags = ::fcntl(socket_.get(), F_GETFL);
    ::fcntl(socket_.get(), F_SETFL, flags | O_NONBLOCK);
    const int got = SSL_peek(session_.get(), &byte, 1);
    const int error = SSL_get_error(session_.get(), got);
    ::fcntl(socket_.get(), F_SETFL, flags);
    ERR_clear_error();
    return got <= 0 && error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE;
  }

  Result<void> connect() {
    if (socket_) return {};
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = settings_.transport == Transport::kUdp ? SOCK_DGRAM : SOCK_STREAM;
    addrinfo* list = nullptr;
    if (const int code = ::getaddrinfo(settings_.host.c_str(), settings_.port.c_str(), &hints, &list); code != 0)
      return failed("finding its address", ::gai_strerror(code));
    const Addresses addresses(list);
    std::string why = "it has no address";
    for (const addrinfo* at = list; at != nullptr && !socket_; at = at->ai_next) {
      UniqueFd fd(::socket(at->ai_family, at->ai_socktype | SOCK_CLOEXEC, at->ai_protocol));
      if (!fd) continue;
      limit(fd.get());
      if (::connect(fd.get(), at->ai_addr, at->ai_addrlen) != 0) {
        why = std::strerror(errno);
        continue;
      }
      socket_ = std::move(fd);
    }
    if (!socket_) return failed("connecting", why);
    well_ = true;
    if (settings_.transport == Transport::kUdp) return {};
    const int on = 1;
    ::setsockopt(socket_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    return settings_.transport == Transport::kTls ? shake_hands() : Result<void>();
  }

  // Also connect(2) ends by SO_SNDTIMEO.
  void limit(int fd) const {
    timeval most{};
    most.tv_sec = settings_.time_limit.count() / 1000;
    most.tv_usec = static_cast<suseconds_t>(settings_.time_limit.count() % 1000 * 1000);
    ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &most, sizeof most);
    ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &most, sizeof most);
  }

  Result<void> shake_hands() {
    session_.reset(SSL_new(context_.get()));
    if (!session_) return failed("TLS", tls_reason());
    const std::string& host = settings_.host;
    // RFC 5425 §5.2: the certificate must be the host's.
    const bool named = is_ip_address(host)
                           ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(session_.get()), host.c_str()) == 1
                           : SSL_set1_host(session_.get(), host.c_str()) == 1 &&
                                 SSL_set_tlsext_host_name(session_.get(), host.c_str()) == 1;
    if (!named || SSL_set_fd(session_.get(), socket_.get()) != 1) return failed("TLS", tls_reason());
    if (SSL_connect(session_.get()) == 1) return {};
    const long verdict = SSL_get_verify_result(session_.get());
    const std::string reason = tls_reason();
    return failed("TLS", verdict == X509_V_OK ? reason : X509_verify_cert_error_string(verdict));
  }

  Result<void> write(std::string_view bytes) {
    while (!bytes.empty()) {
      std::size_t count = 0;
      if (session_) {
        if (SSL_write_ex(session_.get(), bytes.data(), bytes.size(), &count) != 1)
          return failed("sending", tls_reason());
      } else {
        const auto sent = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent < 0) return failed("sending", std::strerror(errno));
        count = static_cast<std::size_t>(sent);
      }
      bytes.remove_prefix(count);
    }
    return {};
  }

  const SyslogSettings settings_;
  Context context_;
  UniqueFd socket_;
  Session session_;
  bool well_ = false;
};

SyslogSender::SyslogSender(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
SyslogSender::~SyslogSender() = default;

Result<std::unique_ptr<SyslogSender>> SyslogSender::open(SyslogSettings settings) {
  auto impl = std::make_unique<Impl>(std::move(settings));
  GANTRY_TRY(impl->prepare());
  return std::unique_ptr<SyslogSender>(new SyslogSender(std::move(impl)));
}

Result<void> SyslogSender::send(std::string_view message) { return impl_->send(message); }

void SyslogSender::close() { impl_->close(); }

}  // namespace gantry::audit
