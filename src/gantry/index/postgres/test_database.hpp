#pragma once

// An empty database for a test, on the server that POSTGRES_URL names (scripts/services start postgres).

#include <cstdlib>
#include <stdexcept>
#include <string>

#include <libpq-fe.h>

#include "gantry/base/handle.hpp"
#include "gantry/base/sha256.hpp"

namespace gantry::index::postgres {

/// Null when the machine offers none.
inline const char* server_url() { return std::getenv("POSTGRES_URL"); }

class TestDatabase {
 public:
  TestDatabase() : name_("gantry_test_" + random_hex(6)) { run("CREATE DATABASE " + name_); }
  ~TestDatabase() {
    try {
      run("DROP DATABASE " + name_ + " WITH (FORCE)");
    } catch (const std::exception&) {  // a server that a test ended takes it along
    }
  }
  TestDatabase(const TestDatabase&) = delete;
  TestDatabase& operator=(const TestDatabase&) = delete;

  [[nodiscard]] std::string url() const {
    std::string url = server_url();
    return url.replace(url.rfind('/') + 1, std::string::npos, name_);
  }
  /// Runs a statement on the server; in this database when `here`. The first field of its first row.
  std::string run(const std::string& text, bool here = false) const {
    if (server_url() == nullptr)
      throw std::runtime_error("POSTGRES_URL names no server: scripts/services start postgres");
    const Handle<PGconn, &PQfinish> connection(PQconnectdb(here ? url().c_str() : server_url()));
    const Handle<PGresult, &PQclear> result(PQexec(connection.get(), text.c_str()));
    const auto status = PQresultStatus(result.get());
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
      throw std::runtime_error(PQerrorMessage(connection.get()));
    return PQntuples(result.get()) > 0 ? PQgetvalue(result.get(), 0, 0) : "";
  }

 private:
  std::string name_;
};

}  // namespace gantry::index::postgres
