#pragma once

// A database of a test's own on the server of MYSQL_URL.

#include <cstdlib>
#include <stdexcept>
#include <string>

#include "gantry/base/sha256.hpp"
#include "gantry/index/mysql/connection.hpp"

namespace gantry::index::mysql {

/// Settings of mysql://USER:PASSWORD@HOST:PORT/DATABASE, as scripts/services writes it: without escapes.
inline MysqlSettings settings_of(const std::string& url) {
  const auto user = url.find("://") + 3, password = url.find(':', user) + 1, host = url.rfind('@') + 1;
  const auto port = url.find(':', host) + 1, database = url.find('/', host) + 1;
  MysqlSettings settings;
  settings.user = url.substr(user, password - 1 - user);
  settings.password = url.substr(password, host - 1 - password);
  settings.host = url.substr(host, port - 1 - host);
  settings.port = static_cast<std::uint16_t>(std::stoi(url.substr(port, database - 1 - port)));
  settings.database = url.substr(database);
  return settings;
}

class TestDatabase {
 public:
  TestDatabase() : name_("gantry_test_" + random_hex(6)) { run("CREATE DATABASE " + name_); }
  ~TestDatabase() {
    try {
      run("DROP DATABASE " + name_);
    } catch (const std::exception&) {  // a server that a test ended takes it along
    }
  }
  TestDatabase(const TestDatabase&) = delete;
  TestDatabase& operator=(const TestDatabase&) = delete;

  [[nodiscard]] MysqlSettings settings() const {
    MysqlSettings settings = of_server();
    settings.database = name_;
    return settings;
  }
  /// Runs a statement on the server; in this database when `here`. The first field of its first row.
  std::string run(const std::string& text, bool here = false) const {
    const auto connection = Connection::open(here ? settings() : of_server(), Clock::now() + std::chrono::seconds(20));
    if (!connection) throw std::runtime_error(connection.error().detail());
    const auto rows = (*connection)->run_once(text, Clock::now() + std::chrono::seconds(60));
    if (!rows) throw std::runtime_error(rows.error().detail());
    return (*rows)->size() > 0 ? std::string((*rows)->view(0, 0)) : "";
  }

  /// Ends connections to this database, those of processlist that meet `condition`.
  void end_connections(const std::string& condition) const {
    const auto connection = Connection::open(settings(), Clock::now() + std::chrono::seconds(20));
    if (!connection) throw std::runtime_error(connection.error().detail());
    const auto deadline = Clock::now() + std::chrono::seconds(20);
    const auto ids = (*connection)
                         ->run_once(
                             "SELECT id FROM information_schema.processlist WHERE db = DATABASE() AND "
                             "id <> CONNECTION_ID() AND " +
                                 condition,
                             deadline);
    if (!ids) throw std::runtime_error(ids.error().detail());
    for (std::size_t i = 0; i < (*ids)->size(); ++i) {
      (void)(*connection)->run_once("KILL CONNECTION " + std::string((*ids)->view(i, 0)), deadline);  // it may be gone
    }
  }

 private:
  static MysqlSettings of_server() {
    const char* const url = std::getenv("MYSQL_URL");
    if (url == nullptr) throw std::runtime_error("MYSQL_URL names no server: scripts/services start mysql");
    return settings_of(url);
  }
  std::string name_;
};

}  // namespace gantry::index::mysql
