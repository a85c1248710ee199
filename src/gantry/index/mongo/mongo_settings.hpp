#pragma once

#include <chrono>
#include <string>

namespace gantry::index {

struct MongoSettings {
  /// mongodb://USER:PASSWORD@HOST:PORT/DATABASE?… or mongodb+srv://…, with MongoDB's own parameters (replicaSet,
  /// authSource, tls, tlsCAFile …). Without a database it is `gantry`. With tls=true the server must show a certificate
  /// for its name, signed by an authority that the machine (or tlsCAFile) knows.
  std::string url;
  unsigned connections = 12;                       ///< at most so many at a time
  unsigned writers = 4;                            ///< of these at most so many write
  std::chrono::milliseconds connect_time{5000};    ///< for a server to be found and connected to: kUnavailable
  std::chrono::milliseconds wait_time{5000};       ///< for a connection to become free: kUnavailable
  std::chrono::milliseconds statement_time{5000};  ///< for one statement: kTimeout
  bool migrate = true;                             ///< bring the schema up to date when opening
};

}  // namespace gantry::index
