#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

namespace gantry::cache {

struct RedisSettings {
  std::string host;
  std::uint16_t port = 6379;
  std::string user;      ///< empty: the default user
  std::string password;  ///< empty: none is sent
  unsigned database = 0;
  bool tls = false;
  std::string ca_file;  ///< of who signed the server's certificate; empty: the system's authorities
  std::chrono::milliseconds operation_time{50};  ///< of one call; one that has to connect first has five times that
  std::size_t connections = 16;                  ///< at most
};

}  // namespace gantry::cache
