#pragma once

// An empty database for a test, on the server that MONGO_URL names (scripts/services start mongo).

#include <cstdlib>
#include <stdexcept>
#include <string>

#include "gantry/base/sha256.hpp"
#include "gantry/index/mongo/connection.hpp"

namespace gantry::index::mongo {

class TestDatabase {
 public:
  TestDatabase() : name_("gantry_test_" + random_hex(6)) {
    MongoSettings settings;
    settings.url = url();
    auto opened = Pool::open(settings);
    if (!opened) throw std::runtime_error(opened.error().detail());
    pool_ = *std::move(opened);
  }
  ~TestDatabase() {
    if (auto session = pool_->lend({})) {
      Document drop;
      drop.small("dropDatabase", 1);
      (void)session->command(drop);  // a server that a test ended takes it along
    }
  }
  TestDatabase(const TestDatabase&) = delete;
  TestDatabase& operator=(const TestDatabase&) = delete;

  [[nodiscard]] std::string url() const {
    const char* const server = std::getenv("MONGO_URL");
    if (server == nullptr) throw std::runtime_error("MONGO_URL names no server: scripts/services start mongo");
    std::string url = server;
    const auto query = url.find('?');
    const std::string parameters = query == std::string::npos ? "" : url.substr(query);
    url.resize(std::min(query, url.size()));
    const auto path = url.find('/', url.find("://") + 3);
    return url.substr(0, path) + "/" + name_ + parameters;
  }
  /// For looking at what the index wrote, and for changing it.
  [[nodiscard]] Pool& pool() noexcept { return *pool_; }
  [[nodiscard]] Session session() {
    auto session = pool_->lend({});
    if (!session) throw std::runtime_error(session.error().detail());
    return *std::move(session);
  }

 private:
  std::string name_;
  std::unique_ptr<Pool> pool_;
};

}  // namespace gantry::index::mongo
