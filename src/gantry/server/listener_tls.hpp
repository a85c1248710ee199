#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include "gantry/base/context.hpp"
#include "gantry/base/result.hpp"
#include "gantry/config/settings.hpp"
#include "gantry/http/server.hpp"
#include "gantry/observe/log.hpp"
#include "gantry/observe/metrics.hpp"
#include "gantry/tls/watcher.hpp"

namespace gantry::server {

/// The identity that `[tls]` describes; null when it names no certificate. Errors as of tls::ServerIdentity::load.
Result<std::shared_ptr<tls::ServerIdentity>> load_identity(const config::Settings& settings);

/// What an operator sees of a listener's TLS: files that are read again, handshakes that fail, and when the certificate
/// expires, in the log and in metrics. Thread-safe.
class ListenerTls {
 public:
  /// All outlive it.
  ListenerTls(std::shared_ptr<tls::ServerIdentity> identity, const config::Settings& settings, observe::Log& log,
              observe::Metrics& metrics);

  /// Reads the files now (SIGHUP).
  void reload() { watcher_.look_now(); }
  /// Counts a handshake, and logs one that failed: at most one a second, and how many were left out.
  void note(const http::HandshakeRecord& record);

 private:
  void tell(const std::string& failure);
  void describe(const tls::ServerIdentity::Facts& facts, const char* message);
  void publish(observe::Metrics& metrics);

  const std::shared_ptr<tls::ServerIdentity> identity_;
  observe::Log& log_;
  observe::Counter& done_;
  observe::Counter& resumed_;
  observe::Counter& failed_;
  observe::Counter& late_;
  std::mutex mutex_;
  Clock::time_point quiet_until_;
  std::uint64_t left_out_ = 0;
  tls::Watcher watcher_;  ///< last: its thread uses what stands above
};

}  // namespace gantry::server
