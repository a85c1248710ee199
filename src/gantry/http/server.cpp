#include "gantry/http/server.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>
#include <mutex>
#include <thread>
#include <utility>

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "gantry/base/handle.hpp"
#include "gantry/http/connection.hpp"
#include "gantry/http/core.hpp"

namespace gantry::http {

namespace {

constexpr int kBacklog = 4096;

struct Address {
  sockaddr_storage storage{};
  socklen_t size = 0;

  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  void set_port(std::uint16_t port) {
    if (storage.ss_family == AF_INET) reinterpret_cast<sockaddr_in&>(storage).sin_port = htons(port);
    if (storage.ss_family == AF_INET6) reinterpret_cast<sockaddr_in6&>(storage).sin6_port = htons(port);
  }
};

Result<Address> resolve(const std::string& listen) {
  const auto wrong = [&listen] {
    return Error::invalid("\"" + listen + "\" is no address to listen on; expected HOST:PORT or [IPV6]:PORT");
  };
  const auto colon = listen.rfind(':');
  if (colon == std::string::npos) return wrong();
  std::string host = listen.substr(0, colon);
  const std::string port = listen.substr(colon + 1);
  std::uint16_t number = 0;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
  if (port.empty() || error != std::errc() || end != port.data() + port.size()) return wrong();
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string::npos) {
    return wrong();
  }
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* list = nullptr;
  if (host == "*") host.clear();
  if (const int failed = ::getaddrinfo(host.empty() ? nullptr : host.c_str(), "0", &hints, &list); failed != 0) {
    return Error::invalid("the host of \"" + listen + "\" has no address: " + gai_strerror(failed));
  }
  const Handle<addrinfo, &freeaddrinfo> owner(list);
  Address address;
  std::memcpy(&address.storage, list->ai_addr, list->ai_addrlen);
  address.size = list->ai_addrlen;
  address.set_port(number);
  return address;
}

Error listen_error(const std::string& where) {
  const int number = errno;
  const std::string text = "can't listen on " + where + ": " + std::strerror(number);
  return number == EADDRINUSE || number == EMFILE || number == ENFILE ? Error::unavailable(text) : Error::invalid(text);
}

/// A listening socket on `address`, whose port is filled in when it was 0. The first one of a server is bound without
/// SO_REUSEPORT and gets it afterwards: with it from the start, a second server of this user could bind the same port,
/// and each would get half of the connections.
Result<UniqueFd> listen_on(Address& address, bool first, const std::string& where) {
  UniqueFd fd(::socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return listen_error(where);
  const int on = 1;
  const int off = 0;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (address.storage.ss_family == AF_INET6) ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  if (!first) ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
  if (::bind(fd.get(), address.get(), address.size) != 0) return listen_error(where);
  if (first) {
    ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    if (::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address.storage), &address.size) != 0) {
      return listen_error(where);
    }
  }
  return fd;
}

Result<UniqueFd> listen_on_unix(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return Error::invalid("the path of a Unix socket is too long: " + path);
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  const auto* name = reinterpret_cast<const sockaddr*>(&address);
  struct stat status {};
  if (::lstat(path.c_str(), &status) == 0) {
    if (!S_ISSOCK(status.st_mode)) return Error::invalid(path + " exists and is no socket");
    const UniqueFd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (::connect(probe.get(), name, sizeof address) == 0) return Error::unavailable(path + " is in use");
    ::unlink(path.c_str());
  }
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  // The mode of the socket file follows from the descriptor's, so nobody else can connect between bind and a chmod.
  if (!fd || ::fchmod(fd.get(), 0600) != 0 || ::bind(fd.get(), name, sizeof address) != 0 ||
      ::chmod(path.c_str(), 0600) != 0 || ::listen(fd.get(), kBacklog) != 0) {
    return listen_error(path);
  }
  return fd;
}

std::uint16_t port_of(const Address& address) {
  if (address.storage.ss_family == AF_INET)
    return ntohs(reinterpret_cast<const sockaddr_in&>(address.storage).sin_port);
  return ntohs(reinterpret_cast<const sockaddr_in6&>(address.storage).sin6_port);
}

}  // namespace

class Server::Impl {
 public:
  Impl(ServerSettings settings, Router router, ServerHooks hooks, WorkerPool& disk)
      : edge_(std::move(settings), std::move(router), std::move(hooks), disk) {}
  ~Impl() { stop(std::chrono::seconds(0)); }

  Result<void> start() {
    const std::scoped_lock lock(mutex_);
    if (state_ != State::kNew) return Error::internal("a server starts once");
    // sendfile(2) has no MSG_NOSIGNAL; a client that goes away would end the process. Handlers someone set are kept.
    struct sigaction action {};
    if (::sigaction(SIGPIPE, nullptr, &action) == 0 && action.sa_handler == SIG_DFL) ::signal(SIGPIPE, SIG_IGN);
    rlimit files{};
    if (::getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur != RLIM_INFINITY) {
      auto& most = edge_.settings.limits.connections;
      most = std::max<std::size_t>(1, std::min<std::size_t>(most, files.rlim_cur / 2));
    }
    const std::string& where = edge_.settings.listen;
    GANTRY_LET(Address address, resolve(where));
    std::size_t threads = edge_.settings.io_threads;
    if (threads == 0) threads = std::max(1U, std::thread::hardware_concurrency());
    std::vector<UniqueFd> listeners;
    for (std::size_t i = 0; i < threads; ++i) {
      GANTRY_LET(UniqueFd fd, listen_on(address, i == 0, where));
      listeners.push_back(std::move(fd));
    }
    for (const UniqueFd& fd : listeners) {
      if (::listen(fd.get(), kBacklog) != 0) return listen_error(where);
    }
    UniqueFd unix_listener;
    if (!edge_.settings.unix_socket.empty()) {
      GANTRY_LET(UniqueFd fd, listen_on_unix(edge_.settings.unix_socket));
      unix_listener = std::move(fd);
    }
    for (std::size_t i = 0; i < threads; ++i) edge_.cores.push_back(std::make_unique<Core>(edge_, i));
    for (std::size_t i = 0; i < threads; ++i) edge_.cores[i]->add_listener(std::move(listeners[i]), false);
    if (unix_listener) edge_.cores[0]->add_listener(std::move(unix_listener), true);
    for (auto& core : edge_.cores) core->start();
    port_.store(port_of(address));
    state_ = State::kRunning;
    return {};
  }

  [[nodiscard]] std::uint16_t port() const { return port_.load(); }

  void stop(std::chrono::seconds grace) {
    const std::scoped_lock lock(mutex_);
    if (state_ != State::kRunning) return;
    edge_.stopping.store(true);
    for (auto& core : edge_.cores) core->begin_stop();
    const auto all_closed = [this] { return edge_.connections.load() == 0; };
    {
      std::unique_lock waiting(edge_.mutex);
      if (!edge_.closed.wait_for(waiting, grace, all_closed)) {
        for (auto& core : edge_.cores) core->cut_all();
        edge_.closed.wait(waiting, all_closed);
      }
    }
    for (auto& core : edge_.cores) core->join();
    if (!edge_.settings.unix_socket.empty()) ::unlink(edge_.settings.unix_socket.c_str());
    state_ = State::kStopped;
  }

  [[nodiscard]] Counters counters() const {
    Counters sum;
    sum.connections_open = edge_.connections.load(std::memory_order_relaxed);
    for (const auto& core : edge_.cores) {
      sum.connections_total += core->accepted.load(std::memory_order_relaxed);
      sum.requests_total += core->requests.load(std::memory_order_relaxed);
      sum.bytes_in += core->bytes_in.load(std::memory_order_relaxed);
      sum.bytes_out += core->bytes_out.load(std::memory_order_relaxed);
    }
    return sum;
  }

 private:
  enum class State { kNew, kRunning, kStopped };

  Edge edge_;
  std::mutex mutex_;
  State state_ = State::kNew;
  std::atomic<std::uint16_t> port_{0};
};

Server::Server(ServerSettings settings, Router router, ServerHooks hooks, WorkerPool& disk)
    : impl_(std::make_unique<Impl>(std::move(settings), std::move(router), std::move(hooks), disk)) {}
Server::~Server() = default;

Result<void> Server::start() { return impl_->start(); }
std::uint16_t Server::port() const { return impl_->port(); }
void Server::stop(std::chrono::seconds grace) { impl_->stop(grace); }
Server::Counters Server::counters() const { return impl_->counters(); }

}  // namespace gantry::http
