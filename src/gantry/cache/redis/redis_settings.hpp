#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace gantry::cache {

struct RedisAddress {
  std::string host;
  std::uint16_t port = 6379;
};

struct RedisSettings {
  std::string host;  ///< not used with sentinels
  std::uint16_t port = 6379;
  std::string user;      ///< empty: the default user
  std::string password;  ///< empty: none is sent
  unsigned database = 0;
  bool tls = false;
  std::string ca_file;  ///< of who signed the server's certificate; empty: the system's authorities
  /// Who knows where the primary is; empty: it is at `host`. TLS and its authorities are the same for them.
  std::vector<RedisAddress> sentinels;
  std::string service;  ///< what they call the primary
  std::string sentinel_user, sentinel_password;
  std::chrono::milliseconds operation_time{50};  ///< of one call; one that has to connect first has five times that
  std::size_t connections = 16;                  ///< at most
};

}  // namespace gantry::cache
