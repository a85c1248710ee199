#include "gantry/http/core.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <ctime>
#include <utility>

#include <boost/asio/bind_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <boost/asio/redirect_error.hpp>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sys/socket.h>

#include "gantry/base/sha256.hpp"
#include "gantry/http/connection.hpp"

namespace gantry::http {

namespace {

constexpr std::chrono::milliseconds kStarvedPause{100};  // out of descriptors or memory
constexpr std::chrono::milliseconds kFullPause{5};       // until the connection that was closed for a new one is gone

/// The peer's address without the port; IPv4 in IPv6 as IPv4.
std::string address_text(const sockaddr_storage& peer) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (peer.ss_family == AF_INET) {
    inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in&>(peer).sin_addr, text.data(), text.size());
  } else if (peer.ss_family == AF_INET6) {
    const in6_addr& address = reinterpret_cast<const sockaddr_in6&>(peer).sin6_addr;
    if (IN6_IS_ADDR_V4MAPPED(&address)) {
      inet_ntop(AF_INET, &address.s6_addr[12], text.data(), text.size());
    } else {
      inet_ntop(AF_INET6, &address, text.data(), text.size());
    }
  }
  return text.data();
}

bool is_loopback(const std::string& address) { return address.starts_with("127.") || address == "::1"; }

std::uint64_t random_seed() {
  const std::string hex = random_hex(8);
  std::uint64_t seed = 0;
  std::from_chars(hex.data(), hex.data() + hex.size(), seed, 16);
  return seed;
}

}  // namespace

bool AddressTable::enter(const std::string& address, std::size_t most) {
  const std::scoped_lock lock(mutex_);
  auto& count = counts_[address];
  if (count >= most) {
    if (count == 0) counts_.erase(address);
    return false;
  }
  ++count;
  return true;
}

void AddressTable::leave(const std::string& address) {
  const std::scoped_lock lock(mutex_);
  const auto entry = counts_.find(address);
  if (entry != counts_.end() && --entry->second == 0) counts_.erase(entry);
}

Edge::Edge(ServerSettings server_settings, Router routes, ServerHooks server_hooks, WorkerPool& disk_pool)
    : settings(std::move(server_settings)),
      router(std::move(routes)),
      hooks(std::move(server_hooks)),
      disk(disk_pool),
      cors(settings.cors) {}

bool Edge::is_trusted(const std::string& address) const {
  const auto& trusted = settings.trusted_proxies;
  return address == "unix" || std::find(trusted.begin(), trusted.end(), address) != trusted.end();
}

void Edge::connection_closed() {
  connections.fetch_sub(1);
  if (!stopping.load()) return;
  { const std::scoped_lock lock(mutex); }
  closed.notify_all();
}

struct Core::Lists {
  boost::intrusive::list<Connection, boost::intrusive::base_hook<AllHook>, boost::intrusive::constant_time_size<false>>
      all;
  boost::intrusive::list<Connection, boost::intrusive::base_hook<WaitingHook>,
                         boost::intrusive::constant_time_size<false>>
      waiting;
  boost::intrusive::list<Connection, boost::intrusive::base_hook<HandshakeHook>,
                         boost::intrusive::constant_time_size<false>>
      shaking;
  std::size_t shaking_count = 0;
};

struct Core::Listener {
  Listener(IoExecutor executor, UniqueFd fd, bool unix_socket)
      : descriptor(executor, fd.release()), pause(executor), is_unix(unix_socket) {}

  boost::asio::posix::basic_stream_descriptor<IoExecutor> descriptor;
  boost::asio::basic_waitable_timer<Clock, boost::asio::wait_traits<Clock>, IoExecutor> pause;
  bool is_unix;
};

Core::Core(Edge& shared, std::size_t number)
    : edge(shared),
      wheel(io.get_executor()),
      handshake_turns(io.get_executor()),
      tenant_turns(io.get_executor()),
      lists_(std::make_unique<Lists>()),
      work_(io.get_executor()),
      number_(number),
      id_state_(random_seed()) {}

Core::~Core() { join(); }

void Core::add_listener(UniqueFd listener, bool is_unix) {
  listeners_.push_back(std::make_unique<Listener>(io.get_executor(), std::move(listener), is_unix));
}

void Core::start() {
  for (auto& listener : listeners_) {
    boost::asio::co_spawn(io.get_executor(), accept_from(*listener), boost::asio::detached);
  }
  thread_ = std::thread([this] { io.run(); });
  const std::string name = "gantry-io-" + std::to_string(number_);
  pthread_setname_np(thread_.native_handle(), name.substr(0, 15).c_str());
}

void Core::begin_stop() {
  boost::asio::post(io, [this] {
    boost::system::error_code ignored;
    for (auto& listener : listeners_) {
      if (listener->descriptor.is_open()) listener->descriptor.close(ignored);
      listener->pause.cancel();
    }
    for (Connection& connection : lists_->all) connection.close_if_idle();
  });
}

void Core::cut_all() {
  boost::asio::post(io, [this] {
    for (Connection& connection : lists_->all) connection.cut();
  });
}

void Core::join() {
  if (!thread_.joinable()) return;
  boost::asio::post(io, [this] { wheel.stop(); });
  work_.reset();
  thread_.join();
}

Task<void> Core::accept_from(Listener& listener) {
  while (!edge.stopping.load()) {
    boost::system::error_code error;
    auto token = boost::asio::redirect_error(kUseTask, error);
    co_await listener.descriptor.async_wait(boost::asio::posix::descriptor_base::wait_read, token);
    if (error || edge.stopping.load()) break;
    const Accepted accepted_what = accept_all(listener);
    if (accepted_what == Accepted::kAll) continue;
    // No room: asking again at once would only spin, so make some and wait. Clients queue in the kernel meanwhile.
    make_room();
    listener.pause.expires_after(accepted_what == Accepted::kFull ? kFullPause : kStarvedPause);
    auto pause_token = boost::asio::redirect_error(kUseTask, error);
    co_await listener.pause.async_wait(pause_token);
  }
}

Core::Accepted Core::accept_all(Listener& listener) {
  constexpr int kAtOnce = 64;  // then others have their turn
  for (int i = 0; i < kAtOnce; ++i) {
    if (edge.connections.load(std::memory_order_relaxed) >= edge.settings.limits.connections) return Accepted::kFull;
    sockaddr_storage peer{};
    socklen_t size = sizeof peer;
    UniqueFd socket(::accept4(listener.descriptor.native_handle(), reinterpret_cast<sockaddr*>(&peer), &size,
                              SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (socket) {
      admit(std::move(socket), listener.is_unix ? "unix" : address_text(peer), listener.is_unix);
      continue;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK) return Accepted::kAll;
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) return Accepted::kStarved;
    // Others are about a connection that went away again (accept(2) lists them), or the listener, which the next wait
    // tells.
  }
  return Accepted::kAll;
}

void Core::admit(UniqueFd socket, std::string address, bool is_unix) {
  accepted.fetch_add(1, std::memory_order_relaxed);
  const ServerLimits& limits = edge.settings.limits;
  const std::size_t open = edge.connections.load(std::memory_order_relaxed);
  if (open + 1 > limits.connections - limits.connections / 10) make_room();
  const bool counted = !is_unix && !is_loopback(address) && !edge.is_trusted(address);
  if (counted && !edge.addresses.enter(address, limits.connections_per_address)) return;
  if (!is_unix) {
    // A page is sent when it is there; Nagle's algorithm would hold back the end of every answer.
    const int on = 1;
    ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  edge.connections.fetch_add(1, std::memory_order_relaxed);
  // The kernel spreads connections by hash, so that few long ones may meet on one core; the least busy one takes it.
  Core* least = this;
  for (auto& core : edge.cores) {
    if (core->connections.load(std::memory_order_relaxed) + 1 < least->connections.load(std::memory_order_relaxed)) {
      least = core.get();
    }
  }
  least->connections.fetch_add(1, std::memory_order_relaxed);
  if (least == this) {
    launch(std::move(socket), std::move(address), counted);
  } else {
    least->adopt(std::move(socket), std::move(address), counted);
  }
}

void Core::adopt(UniqueFd socket, std::string address, bool counted) {
  boost::asio::post(io, [this, socket = std::move(socket), address = std::move(address), counted]() mutable {
    launch(std::move(socket), std::move(address), counted);
  });
}

void Core::launch(UniqueFd socket, std::string address, bool counted) {
  auto connection = std::make_unique<Connection>(*this, std::move(socket), std::move(address), counted);
  lists_->all.push_back(*connection);
  boost::asio::co_spawn(io.get_executor(), Connection::run(std::move(connection)), boost::asio::detached);
}

void Core::make_room() {
  Core* oldest = nullptr;
  std::int64_t since = INT64_MAX;
  for (auto& core : edge.cores) {
    const std::int64_t waits = core->oldest_waiting.load(std::memory_order_relaxed);
    if (waits < since) {
      since = waits;
      oldest = core.get();
    }
  }
  if (oldest == this) {
    evict_here();
  } else if (oldest != nullptr) {
    oldest->evict_oldest();
  }
}

void Core::evict_oldest() {
  boost::asio::post(io, [this] { evict_here(); });
}

void Core::evict_here() {
  if (lists_->waiting.empty()) return;
  Connection& oldest = lists_->waiting.front();
  lists_->waiting.pop_front();
  publish_oldest();
  oldest.cut();
}

void Core::begin_waiting(Connection& connection) {
  lists_->waiting.push_back(connection);
  publish_oldest();
}

void Core::end_waiting(Connection& connection) {
  auto& hook = static_cast<WaitingHook&>(connection);
  if (hook.is_linked()) hook.unlink();
  publish_oldest();
}

void Core::begin_handshake(Connection& connection) {
  const std::size_t share = std::max<std::size_t>(1, edge.settings.limits.handshakes / edge.cores.size());
  lists_->shaking.push_back(connection);
  if (++lists_->shaking_count <= share) return;
  // An honest client is done within a few round trips, so who takes longest is the least likely to be one.
  Connection& longest = lists_->shaking.front();
  lists_->shaking.pop_front();
  longest.cut();
}

void Core::end_handshake(Connection& connection) {
  auto& hook = static_cast<HandshakeHook&>(connection);
  if (hook.is_linked()) hook.unlink();
  --lists_->shaking_count;
}

void Core::publish_oldest() {
  const std::int64_t since =
      lists_->waiting.empty() ? INT64_MAX : lists_->waiting.front().waiting_since().time_since_epoch().count();
  oldest_waiting.store(since, std::memory_order_relaxed);
}

std::string_view Core::date() {
  const std::time_t now = std::time(nullptr);
  if (now != date_second_) {
    date_second_ = now;
    std::tm parts{};
    gmtime_r(&now, &parts);
    std::array<char, 32> text{};
    // Names by hand: strftime would take them from the locale.
    static constexpr std::array<const char*, 7> kDays{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static constexpr std::array<const char*, 12> kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    std::snprintf(text.data(), text.size(), "%s, %02d %s %04d %02d:%02d:%02d GMT",
                  kDays[static_cast<std::size_t>(parts.tm_wday)], parts.tm_mday % 100,
                  kMonths[static_cast<std::size_t>(parts.tm_mon)], (parts.tm_year + 1900) % 10000, parts.tm_hour % 100,
                  parts.tm_min % 100, parts.tm_sec % 100);
    date_ = text.data();
  }
  return date_;
}

std::string Core::next_request_id() {
  // splitmix64: every state gives another number, so ids of one core never repeat, and look like chance.
  std::uint64_t z = (id_state_ += 0x9E3779B97F4A7C15ULL);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
  z ^= z >> 31;
  std::string id(16, '0');
  for (std::size_t i = 0; i < id.size(); ++i) id[i] = "0123456789abcdef"[(z >> (60 - 4 * i)) & 0xF];
  return id;
}

}  // namespace gantry::http
