#pragma once

// What one io thread has to itself, and what all of them share.

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <vector>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/intrusive/list.hpp>

#include "gantry/base/handle.hpp"
#include "gantry/http/cors.hpp"
#include "gantry/http/handshake_turns.hpp"
#include "gantry/http/input_buffer.hpp"
#include "gantry/http/server.hpp"
#include "gantry/http/tenant_turns.hpp"
#include "gantry/http/timer_wheel.hpp"

namespace gantry::http {

class Connection;
class Core;

/// How many connections each address has. From all io threads.
class AddressTable {
 public:
  /// Counts one more; false (and not counted) when the address has `most` already.
  [[nodiscard]] bool enter(const std::string& address, std::size_t most);
  void leave(const std::string& address);

 private:
  std::mutex mutex_;
  std::unordered_map<std::string, std::size_t> counts_;
};

/// What all cores share. Everything but the atomics and the table is constant while they run.
struct Edge {
  Edge(ServerSettings server_settings, Router routes, ServerHooks server_hooks, WorkerPool& disk_pool);

  ServerSettings settings;
  Router router;
  ServerHooks hooks;
  WorkerPool& disk;
  CorsPolicy cors;
  AddressTable addresses;
  std::vector<std::unique_ptr<Core>> cores;
  std::atomic<bool> stopping{false};
  std::atomic<std::size_t> connections{0};
  std::mutex mutex;
  std::condition_variable closed;  ///< a connection ended while stopping

  [[nodiscard]] bool is_trusted(const std::string& address) const;
  void connection_closed();
};

/// One io thread: its io_context, timers, buffers, connections and counters. Members are used on its thread alone
/// unless they are atomic or say otherwise.
class Core {
 public:
  Core(Edge& edge, std::size_t number);
  ~Core();
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;

  /// Before start(): accepts connections of `listener` (listening, non-blocking).
  void add_listener(UniqueFd listener, bool is_unix);
  void start();
  /// From any thread: closes listeners and idle connections.
  void begin_stop();
  /// From any thread: ends all connections as soon as their handlers return.
  void cut_all();
  /// After the last connection: ends the thread.
  void join();

  /// From any thread: serves a connected socket on this core.
  void adopt(UniqueFd socket, std::string address, bool counted);
  /// From any thread: closes the connection that is longest without a complete request, if there is one.
  void evict_oldest();

  /// Those that wait for a request, the one that waits longest first. Kept by the connections.
  void begin_waiting(Connection& connection);
  void end_waiting(Connection& connection);

  /// Those in a TLS handshake. One more than this core's share of the limit ends the one that takes longest.
  void begin_handshake(Connection& connection);
  void end_handshake(Connection& connection);

  [[nodiscard]] std::string_view date();        ///< now, as an IMF-fixdate
  [[nodiscard]] std::string next_request_id();  ///< 16 hex digits

  Edge& edge;
  boost::asio::io_context io{1};
  TimerWheel wheel;
  HandshakeTurns handshake_turns;
  TenantTurns tenant_turns;
  BufferPool buffers;

  std::atomic<std::size_t> connections{0};
  std::atomic<std::uint64_t> accepted{0}, requests{0}, bytes_in{0}, bytes_out{0};
  /// When the longest waiting connection began to wait (steady clock's ticks); INT64_MAX: none waits.
  std::atomic<std::int64_t> oldest_waiting{INT64_MAX};

 private:
  struct Listener;
  Task<void> accept_from(Listener& listener);
  enum class Accepted { kAll, kFull, kStarved };
  /// Accepts what is there, up to the limit of connections (kFull) or of the system (kStarved).
  Accepted accept_all(Listener& listener);
  void admit(UniqueFd socket, std::string address, bool is_unix);
  void launch(UniqueFd socket, std::string address, bool counted);
  void make_room();
  void evict_here();
  void publish_oldest();

  struct Lists;
  std::unique_ptr<Lists> lists_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  boost::asio::executor_work_guard<IoExecutor> work_;
  std::thread thread_;
  const std::size_t number_;
  std::int64_t date_second_ = -1;
  std::string date_;
  std::uint64_t id_state_ = 0;
};

}  // namespace gantry::http
