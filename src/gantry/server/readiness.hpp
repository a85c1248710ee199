#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "gantry/base/result.hpp"
#include "gantry/config/settings.hpp"
#include "gantry/index/instance_index.hpp"
#include "gantry/observe/log.hpp"

namespace gantry::server {

/// Says the line of a process that is ready when both the process and its index are there, whichever comes last.
class Readiness {
 public:
  explicit Readiness(std::function<void(const std::string&)> ready) : ready_(std::move(ready)) {}
  /// False: the index is waited for.
  bool starts(std::string line);
  void index_opened();

 private:
  const std::function<void(const std::string&)> ready_;
  std::mutex mutex_;
  std::optional<std::string> line_;
  bool index_open_ = false;
};

/// The embedded index, open; or the one on a database server, which may come later: `log` hears what is waited for.
Result<std::unique_ptr<index::InstanceIndex>> open_index_or_wait(const config::Settings& settings, observe::Log& log,
                                                                 const std::shared_ptr<Readiness>& readiness);

}  // namespace gantry::server
