#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gantry/base/result.hpp"
#include "gantry/base/worker_pool.hpp"
#include "gantry/http/router.hpp"
#include "gantry/tls/server_identity.hpp"

namespace gantry::http {

/// Limits of DESIGN §13; the defaults are its. Times are in milliseconds, so that tests can be quick.
struct ServerLimits {
  std::size_t connections = 10'000;  ///< per node; at 90 % the one longest without a complete request is closed
  std::size_t connections_per_address = 256;  ///< not for loopback and trusted proxies
  std::size_t handshakes = 1024;  ///< of TLS at a time, per node; beyond, the one that takes longest is closed
  std::chrono::milliseconds handshake_deadline{std::chrono::seconds(10)};
  std::size_t header_bytes = 32 * 1024;
  std::size_t header_count = 100;
  std::size_t line_bytes = 8 * 1024;  ///< request line, and each header line but Authorization's (a token has 16 kB)
  std::size_t url_bytes = 8 * 1024;
  std::chrono::milliseconds header_deadline{std::chrono::seconds(10)};
  std::chrono::milliseconds idle_keep_alive{std::chrono::seconds(60)};
  std::chrono::milliseconds write_stall{std::chrono::seconds(30)};
  std::uint64_t body_rate_bytes_per_s = 1024;  ///< measured over `body_rate_window`
  std::chrono::milliseconds body_rate_window{std::chrono::seconds(10)};
  std::uint64_t body_bytes = 16ULL << 30;
  std::chrono::milliseconds request_life{std::chrono::seconds(6 * 3600)};
};

struct CorsSettings {
  std::vector<std::string> allowed_origins{"*"};  ///< exact origins, or "*"
  std::chrono::seconds max_age{600};
};

struct ServerSettings {
  std::string listen = "127.0.0.1:8080";  ///< HOST:PORT, [IPV6]:PORT; port 0 takes a free one
  std::size_t io_threads = 0;             ///< 0: one per core
  ServerLimits limits;
  CorsSettings cors;
  std::string server_name = "Gantry";
  std::vector<std::string> trusted_proxies;  ///< addresses that may set X-Forwarded-* (and have no per-address limit);
                                             ///< the Forwarded and X-Forwarded-* fields of others are removed
  /// Path of a Unix socket (mode 0600) that serves the same routes with remote_address "unix"; empty: none. A socket
  /// that nobody listens on any more is replaced.
  std::string unix_socket;
  std::shared_ptr<tls::ServerIdentity> identity;  ///< TLS on `listen` (the Unix socket has none); null: none
};

/// What became of a connection's TLS handshake. Connections on which nothing was said are not told of: load balancers
/// ask so whether anybody listens.
struct HandshakeRecord {
  enum class Outcome { kDone, kResumed, kFailed, kLate };
  Outcome outcome = Outcome::kDone;
  std::string remote_address;
  std::string detail;  ///< why it failed
};

/// What happened to one request; called once per request on its io thread, after the last byte or the failure.
struct AccessRecord {
  std::string request_id, tenant, principal, remote_address, method, path;  ///< path without the query's values
  int status = 0;
  std::uint64_t bytes_in = 0, bytes_out = 0;
  std::chrono::microseconds duration{0};
  bool complete = false;     ///< the whole answer was handed to the socket
  std::string error_detail;  ///< for the log only
  const Route* route = nullptr;  ///< what it led to; null: nothing, or it was not looked for
  std::uint64_t ticket = 0;  ///< what the hook `answering` gave for this request; 0: it was not called, or refused
};

struct ServerHooks {
  /// Called once per handshake, on the connection's io thread.
  std::function<void(const HandshakeRecord&)> handshake;
  /// Authentication and tenant: fills request.context and gives nothing, or gives the refusal (401, 403, 429, 503 …).
  /// Runs after CORS preflights were answered.
  std::function<Task<std::optional<Response>>(Request&, Permission)> authorize;
  /// Called once per request on its io thread, when the answer is known and nothing of it went out, also for refusals:
  /// what must be on record before anyone sees the first byte. An error takes the answer's place; what was to be said
  /// is then not said. The number it gives comes back in AccessRecord::ticket.
  std::function<Result<std::uint64_t>(const Request&, const Response&)> answering;
  /// Answers OPTIONS, before authentication: what can be done at a path is no secret. nullopt: an Allow field says it.
  std::function<std::optional<Response>(const Request&)> describe;
  std::function<void(const AccessRecord&)> log;
};

/// An HTTP/1.1 server: one io_context and one SO_REUSEPORT acceptor per core, coroutines per connection.
class Server {
 public:
  /// `disk` runs producers and cold file reads. The router, hooks and pool outlive the server.
  Server(ServerSettings settings, Router router, ServerHooks hooks, WorkerPool& disk);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// Binds and begins to accept. Ignores SIGPIPE for the process: sendfile(2) has no other way not to raise it.
  /// kInvalid when `listen` is no address, kUnavailable when the address is taken.
  Result<void> start();
  /// The bound port, after start().
  [[nodiscard]] std::uint16_t port() const;
  /// Stops accepting, closes idle connections, lets running requests finish until `grace` passed, then cuts their
  /// connections and waits for the handlers to return (they honour context.deadline). Thread-safe; idempotent.
  void stop(std::chrono::seconds grace);
  struct Counters {
    std::uint64_t connections_open = 0, connections_total = 0, requests_total = 0, bytes_in = 0, bytes_out = 0;
  };
  [[nodiscard]] Counters counters() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace gantry::http
