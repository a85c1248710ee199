#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace gantry::index {

struct MysqlSettings {
  /// mysql://USER:PASSWORD@HOST:PORT/DATABASE?…, its parts decoded. Parameters, named as PostgreSQL's are: sslmode
  /// (disable, require, verify-full), sslrootcert, sslcert, sslkey, and socket (a path, instead of a port).
  /// Without sslmode a server that is not on this machine must show a certificate for its name, signed by an authority
  /// that the machine (or sslrootcert) knows.
  std::string host, user, password, database;
  std::uint16_t port = 3306;
  std::vector<std::pair<std::string, std::string>> parameters;
  unsigned connections = 12;                       ///< at most so many at a time
  unsigned for_writing = 2;                        ///< of these only writers may take the last ones
  std::chrono::milliseconds connect_time{5000};    ///< for one connection to be made: kUnavailable
  std::chrono::milliseconds wait_time{5000};       ///< for a connection to become free: kUnavailable
  std::chrono::milliseconds statement_time{5000};  ///< for all statements of one call: kTimeout
  std::chrono::milliseconds idle_check{30'000};    ///< one that was idle for longer is asked before it is used
  bool migrate = true;                             ///< bring the schema up to date when opening
};

}  // namespace gantry::index
