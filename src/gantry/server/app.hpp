#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "gantry/archive/fsck.hpp"
#include "gantry/base/result.hpp"
#include "gantry/config/settings.hpp"
#include "gantry/observe/log.hpp"

namespace gantry::server {

/// The version of this build, e.g. "0.1.0".
[[nodiscard]] const char* version() noexcept;

/// One running Gantry.
class App {
 public:
  /// Builds everything and begins to serve. Errors say what an operator can do: kInvalid and kUnsupported about a
  /// setting, kConflict when another process has the data folder, kUnavailable when an address or the disk can't be
  /// had. A database server that does not answer, or whose schema is to be migrated first, is waited for: until then
  /// requests get 503, and `ready` is called (on any thread, once) with the line that says that they don't any more:
  /// the addresses, index, storage, cache and authentication.
  static Result<std::unique_ptr<App>> start(const config::Settings& settings, observe::Log& log,
                                            std::function<void(const std::string& line)> ready);
  /// Stops what still runs, the last part first.
  ~App();

  /// Reads again what may change while it runs: the certificates of `[tls]`. Thread-safe; returns at once.
  void reload();
  /// Not ready any more; lets running requests finish until `grace` passed. Idempotent.
  void stop(std::chrono::seconds grace);

 private:
  class Parts;
  explicit App(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

/// The archive without a server, for commands that work on it alone. Holds the data folder's lock.
class OfflineArchive {
 public:
  static Result<std::unique_ptr<OfflineArchive>> open(const config::Settings& settings);
  ~OfflineArchive();
  [[nodiscard]] index::InstanceIndex& index();
  [[nodiscard]] storage::ObjectStore& objects();

 private:
  class Parts;
  explicit OfflineArchive(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace gantry::server
