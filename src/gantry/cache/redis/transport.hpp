#pragma once

// Bytes to and from a Redis, over TCP or TLS (hiredis 0.14 has no TLS of its own), each step with one deadline.

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include <openssl/ssl.h>

#include "gantry/base/context.hpp"
#include "gantry/base/handle.hpp"
#include "gantry/base/result.hpp"
#include "gantry/cache/redis/redis_settings.hpp"

namespace gantry::cache {

using TlsContext = Handle<SSL_CTX, &SSL_CTX_free>;
/// Who is trusted: the settings' authorities. kInvalid: their file can't be read.
Result<TlsContext> make_tls_context(const RedisSettings& settings);

/// One thread at a time. After an error it is of no use any more.
class Transport {
 public:
  /// `tls` is null for plain TCP, and outlives it. The look-up of a host's name blocks beyond the deadline: an address
  /// does not. kUnavailable, kTimeout.
  static Result<std::unique_ptr<Transport>> connect(const RedisSettings& settings, SSL_CTX* tls, Deadline deadline);

  Result<void> write(std::string_view bytes, Deadline deadline);
  /// At least one byte. kUnavailable at the end.
  Result<std::size_t> read(std::span<char> into, Deadline deadline);
  /// Without asking: does anything speak against it? Bytes that nobody waits for do, as does the other's end.
  [[nodiscard]] bool is_quiet() const;

 private:
  explicit Transport(UniqueFd socket) : socket_(std::move(socket)) {}
  Result<void> begin_tls(const RedisSettings& settings, SSL_CTX* tls, Deadline deadline);
  Result<void> wait(short events, Deadline deadline) const;
  /// After an SSL call gave `result`: waits for what it needs. An error: it failed.
  Result<void> wait_for_tls(int result, Deadline deadline, const char* doing);

  UniqueFd socket_;
  Handle<SSL, &SSL_free> tls_;
};

}  // namespace gantry::cache
