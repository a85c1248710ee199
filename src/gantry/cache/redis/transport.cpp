#include "gantry/cache/redis/transport.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <climits>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/socket.h>

namespace gantry::cache {
namespace {

Error unavailable(const std::string& doing, int error_number) {
  return Error::unavailable(doing + ": " + std::strerror(error_number));
}

std::string tls_words() {
  const unsigned long code = ERR_get_error();
  const char* const reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  ERR_clear_error();
  return reason == nullptr ? "the connection ended" : reason;
}

int milliseconds_to(Deadline deadline) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
  return static_cast<int>(std::clamp<long>(left, 0, INT_MAX));
}

using Addresses = Handle<addrinfo, &freeaddrinfo>;

Result<Addresses> look_up(const RedisSettings& settings) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int error = getaddrinfo(settings.host.c_str(), std::to_string(settings.port).c_str(), &hints, &found);
  if (error != 0) return Error::unavailable("looking up " + settings.host + ": " + gai_strerror(error));
  return Addresses(found);
}

bool is_address(const std::string& host) {
  in6_addr address{};
  return inet_pton(AF_INET, host.c_str(), &address) == 1 || inet_pton(AF_INET6, host.c_str(), &address) == 1;
}

}  // namespace

Result<TlsContext> make_tls_context(const RedisSettings& settings) {
  TlsContext context(SSL_CTX_new(TLS_client_method()));
  if (!context) return Error::internal("making a TLS context");
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  const int loaded = settings.ca_file.empty()
                         ? SSL_CTX_set_default_verify_paths(context.get())
                         : SSL_CTX_load_verify_locations(context.get(), settings.ca_file.c_str(), nullptr);
  if (loaded != 1) {
    return Error::invalid("the certificate authorities in " +
                          (settings.ca_file.empty() ? "the system's folder" : settings.ca_file) +
                          " can't be read: " + tls_words());
  }
  return context;
}

Result<std::unique_ptr<Transport>> Transport::connect(const RedisSettings& settings, SSL_CTX* tls, Deadline deadline) {
  GANTRY_LET(const Addresses addresses, look_up(settings));
  const std::string doing = "connecting to " + settings.host + ":" + std::to_string(settings.port);
  Error last = Error::unavailable(doing + ": it has no address");
  for (const addrinfo* address = addresses.get(); address != nullptr; address = address->ai_next) {
    UniqueFd socket(::socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!socket) return unavailable(doing, errno);
    const int on = 1;
    ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    ::setsockopt(socket.get(), SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    const int begun = ::connect(socket.get(), address->ai_addr, address->ai_addrlen);
    if (begun != 0 && errno != EINPROGRESS) {
      last = unavailable(doing, errno);
      continue;
    }
    std::unique_ptr<Transport> transport(new Transport(std::move(socket)));
    if (const auto ready = transport->wait(POLLOUT, deadline); !ready) return ready.error();
    int error = 0;
    socklen_t size = sizeof(error);
    ::getsockopt(transport->socket_.get(), SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) {
      last = unavailable(doing, error);
      continue;
    }
    if (tls != nullptr) GANTRY_TRY(transport->begin_tls(settings, tls, deadline));
    return transport;
  }
  return last;
}

Result<void> Transport::begin_tls(const RedisSettings& settings, SSL_CTX* tls, Deadline deadline) {
  tls_.reset(SSL_new(tls));
  if (!tls_) return Error::internal("making a TLS session");
  X509_VERIFY_PARAM* const verify = SSL_get0_param(tls_.get());
  if (is_address(settings.host)) {
    X509_VERIFY_PARAM_set1_ip_asc(verify, settings.host.c_str());
  } else {
    X509_VERIFY_PARAM_set1_host(verify, settings.host.c_str(), settings.host.size());
    SSL_set_tlsext_host_name(tls_.get(), settings.host.c_str());
  }
  SSL_set_fd(tls_.get(), socket_.get());
  for (;;) {
    ERR_clear_error();
    const int result = SSL_connect(tls_.get());
    if (result == 1) return {};
    const long verified = SSL_get_verify_result(tls_.get());
    if (verified != X509_V_OK) {
      return Error::unavailable("the certificate of " + settings.host +
                                " is not accepted: " + X509_verify_cert_error_string(verified));
    }
    GANTRY_TRY(wait_for_tls(result, deadline, "beginning TLS"));
  }
}

Result<void> Transport::wait_for_tls(int result, Deadline deadline, const char* doing) {
  switch (SSL_get_error(tls_.get(), result)) {
    case SSL_ERROR_WANT_READ: return wait(POLLIN, deadline);
    case SSL_ERROR_WANT_WRITE: return wait(POLLOUT, deadline);
    default: return Error::unavailable(std::string(doing) + ": " + tls_words());
  }
}

Result<void> Transport::wait(short events, Deadline deadline) const {
  for (;;) {
    pollfd waiting{socket_.get(), events, 0};
    const int ready = ::poll(&waiting, 1, milliseconds_to(deadline));
    if (ready > 0) return {};  // an error shows in what follows
    if (ready == 0) return Error::timeout("the cache did not answer in time");
    if (errno != EINTR) return unavailable("waiting for the cache", errno);
  }
}

Result<void> Transport::write(std::string_view bytes, Deadline deadline) {
  while (!bytes.empty()) {
    if (tls_) {
      ERR_clear_error();
      const int count =
          SSL_write(tls_.get(), bytes.data(), static_cast<int>(std::min<std::size_t>(bytes.size(), INT_MAX)));
      if (count <= 0) {
        GANTRY_TRY(wait_for_tls(count, deadline, "writing to the cache"));
        continue;
      }
      bytes.remove_prefix(static_cast<std::size_t>(count));
      continue;
    }
    const ssize_t count = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(count));
    } else if (errno == EAGAIN) {
      GANTRY_TRY(wait(POLLOUT, deadline));
    } else if (errno != EINTR) {
      return unavailable("writing to the cache", errno);
    }
  }
  return {};
}

Result<std::size_t> Transport::read(std::span<char> into, Deadline deadline) {
  for (;;) {
    if (tls_) {
      ERR_clear_error();
      const int count =
          SSL_read(tls_.get(), into.data(), static_cast<int>(std::min<std::size_t>(into.size(), INT_MAX)));
      if (count > 0) return static_cast<std::size_t>(count);
      GANTRY_TRY(wait_for_tls(count, deadline, "reading from the cache"));
      continue;
    }
    const ssize_t count = ::recv(socket_.get(), into.data(), into.size(), 0);
    if (count > 0) return static_cast<std::size_t>(count);
    if (count == 0) return Error::unavailable("reading from the cache: it ended the connection");
    if (errno == EAGAIN) {
      GANTRY_TRY(wait(POLLIN, deadline));
    } else if (errno != EINTR) {
      return unavailable("reading from the cache", errno);
    }
  }
}

bool Transport::is_quiet() const {
  pollfd looked{socket_.get(), POLLIN, 0};
  return ::poll(&looked, 1, 0) == 0;
}

}  // namespace gantry::cache
