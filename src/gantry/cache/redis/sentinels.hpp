#pragma once

#include <atomic>
#include <cstddef>
#include <string>

#include "gantry/cache/redis/transport.hpp"

namespace gantry::cache {

/// Where the primary of a service is, by the sentinels that watch it. Asked for each new connection and never
/// remembered, since the ones that led to a primary end when it is one no more. Thread-safe; blocking.
class Sentinels {
 public:
  /// `settings` outlive it.
  explicit Sentinels(const RedisSettings& settings) : settings_(settings) {}

  /// Asks them in turn, first the one that knew it the last time; each has its share of what is left of the time.
  /// kUnavailable: none knows, and what the last one said.
  Result<RedisAddress> primary(SSL_CTX* tls, Deadline deadline);
  /// What the first one said was not so: another one is asked first.
  void distrust() noexcept { ++first_; }

 private:
  [[nodiscard]] Result<RedisAddress> ask(const RedisAddress& sentinel, SSL_CTX* tls, Deadline deadline) const;

  const RedisSettings& settings_;
  std::atomic<std::size_t> first_{0};
};

/// The same of a server at another address.
[[nodiscard]] RedisSettings at_address(RedisSettings settings, const RedisAddress& address);

}  // namespace gantry::cache
