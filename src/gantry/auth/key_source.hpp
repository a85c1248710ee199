#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "gantry/auth/key_set.hpp"
#include "gantry/base/task.hpp"
#include "gantry/cache/shared_cache.hpp"

namespace gantry::auth {

struct KeySourceSettings {
  std::string issuer;
  std::string jwks_url;       ///< empty: the discovery document names it
  std::string discovery_url;  ///< empty: the issuer's /.well-known/openid-configuration (OpenID Connect Discovery §4)
  std::string shared_key;     ///< under which nodes share the keys (DESIGN §8)
  std::chrono::milliseconds refresh{std::chrono::minutes(10)};       ///< how old keys get while all is well
  std::chrono::milliseconds pause{std::chrono::seconds(10)};         ///< between two fetches for unknown keys, at least
  std::chrono::milliseconds stale_life{std::chrono::hours(24)};      ///< how long keys serve while the provider is down
  std::chrono::milliseconds shared_life{std::chrono::minutes(100)};  ///< in the shared cache
};

/// The keys of one issuer: in memory, shared with other nodes, fetched when they get old or one is missing. A thread of
/// its own does what blocks, so that an issuer which hangs stops nobody else.
class KeySource {
 public:
  /// Gets a URL; blocks. Told when to end early.
  using Fetch = std::function<Result<std::string>(const std::string& url, const std::atomic<bool>& stop)>;
  using Report = std::function<void(const std::string& words)>;

  /// `shared` may be null; it outlives the source. `report` takes what an operator must know, from the thread.
  KeySource(KeySourceSettings settings, Fetch fetch, cache::SharedCache* shared, Report report);
  /// Ends a fetch that runs, and waits for it.
  ~KeySource();
  KeySource(const KeySource&) = delete;
  KeySource& operator=(const KeySource&) = delete;

  struct Keys {
    std::shared_ptr<const KeySet> set;  ///< null: none were had yet, or too long ago
    std::uint64_t generation = 0;       ///< grows whenever the keys become others
  };
  [[nodiscard]] Keys current() const;

  /// For a token whose key is missing: resumes when the keys were asked for again; at once when that was done a moment
  /// ago, by this node or another.
  Task<void> renewed();

  struct Counters {
    std::uint64_t fetches = 0, failures = 0;  ///< of key sets from the provider
  };
  [[nodiscard]] Counters counters() const;
  /// Since the keys were last confirmed; max() when they never were.
  [[nodiscard]] std::chrono::milliseconds age() const;

 private:
  void run();
  void attempt();
  Result<void> fetch_from_provider();
  bool take_shared();
  Result<void> adopt(const std::string& text);
  void stop();

  const KeySourceSettings settings_;
  const Fetch fetch_;
  cache::SharedCache* const shared_;
  const Report report_;
  std::string jwks_url_;  ///< of the thread
  bool reported_ = false;  ///< of the thread: that the provider fails

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::atomic<bool> stopping_{false};
  bool asked_ = false;
  bool running_ = true;  ///< an attempt; the first one begins with the thread
  Clock::time_point began_;
  std::vector<OneShot<bool>> waiting_;
  std::string text_;
  Keys keys_;
  Clock::time_point confirmed_;
  Counters counters_;
  std::thread thread_;
};

}  // namespace gantry::auth
