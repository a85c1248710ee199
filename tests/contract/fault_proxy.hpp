#pragma once

// A TCP proxy on 127.0.0.1 that stands between a client and a server and fails on command: what networks and restarting
// servers do, when a test wants it.

#include <array>
#include <atomic>
#include <list>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gantry/base/handle.hpp"

namespace gantry::contract {

class FaultProxy {
 public:
  /// Stands at 127.0.0.`host`.
  explicit FaultProxy(std::uint16_t server_port, std::uint8_t host = 1)
      : server_port_(server_port), listener_(listening(port_, host)) {
    thread_ = std::thread([this] { serve(); });
  }
  ~FaultProxy() {
    stopping_ = true;
    thread_.join();
  }
  FaultProxy(const FaultProxy&) = delete;
  FaultProxy& operator=(const FaultProxy&) = delete;

  [[nodiscard]] std::uint16_t port() const { return port_; }
  /// Nothing passes, and nothing ends: a server that hangs.
  void stall(bool on) { stalled_ = on; }
  /// Connections end at once, and new ones do: a server that is away.
  void away(bool on) { away_ = on; }
  /// The next answer of the server that holds `words` does not arrive; its connection ends instead.
  void lose_answer_with(std::string words) {
    const std::scoped_lock lock(mutex_);
    lost_words_ = std::move(words);
  }
  /// The next `times` requests that hold `words` do not arrive; their connections end instead.
  void lose_requests_with(std::string words, int times) {
    const std::scoped_lock lock(mutex_);
    lost_requests_ = std::move(words);
    requests_to_lose_ = times;
  }
  /// How many answers and requests were lost.
  [[nodiscard]] int lost() const { return lost_; }

 private:
  struct Pair {
    UniqueFd client, server;
  };

  static UniqueFd listening(std::uint16_t& port, std::uint8_t host) {
    UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK - 1 + host);
    socklen_t size = sizeof address;
    if (bind(fd.get(), reinterpret_cast<sockaddr*>(&address), size) != 0 || listen(fd.get(), 64) != 0) std::abort();
    getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size);
    port = ntohs(address.sin_port);
    return fd;
  }

  void accept_one() {
    Pair pair{UniqueFd(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC)),
              UniqueFd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0))};
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(server_port_);
    if (!away_ && connect(pair.server.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) {
      pairs_.push_back(std::move(pair));
    }
  }

  bool is_lost(std::string_view bytes) {
    const std::scoped_lock lock(mutex_);
    if (lost_words_.empty() || bytes.find(lost_words_) == std::string_view::npos) return false;
    lost_words_.clear();
    ++lost_;
    return true;
  }

  bool is_lost_request(std::string_view bytes) {
    const std::scoped_lock lock(mutex_);
    if (requests_to_lose_ == 0 || bytes.find(lost_requests_) == std::string_view::npos) return false;
    --requests_to_lose_;
    ++lost_;
    return true;
  }

  /// False when the pair is to end.
  bool pass(int from, int to, bool from_server) {
    std::array<char, 1 << 16> buffer;
    const auto got = recv(from, buffer.data(), buffer.size(), 0);
    if (got <= 0) return false;
    const std::string_view bytes(buffer.data(), static_cast<std::size_t>(got));
    if (from_server ? is_lost(bytes) : is_lost_request(bytes)) return false;
    for (ssize_t sent = 0; sent < got;) {
      const auto n = send(to, buffer.data() + sent, static_cast<std::size_t>(got - sent), MSG_NOSIGNAL);
      if (n <= 0) return false;
      sent += n;
    }
    return true;
  }

  void serve() {
    while (!stopping_) {
      if (away_) pairs_.clear();
      std::vector<pollfd> waiting{{listener_.get(), POLLIN, 0}};
      for (const Pair& pair : pairs_) {
        waiting.push_back({stalled_ ? -1 : pair.client.get(), POLLIN, 0});
        waiting.push_back({stalled_ ? -1 : pair.server.get(), POLLIN, 0});
      }
      poll(waiting.data(), waiting.size(), 5);
      std::size_t at = 1;
      for (auto pair = pairs_.begin(); pair != pairs_.end(); at += 2) {
        const bool goes_on = (waiting[at].revents == 0 || pass(pair->client.get(), pair->server.get(), false)) &&
                             (waiting[at + 1].revents == 0 || pass(pair->server.get(), pair->client.get(), true));
        pair = goes_on ? std::next(pair) : pairs_.erase(pair);
      }
      if (waiting[0].revents != 0) accept_one();
    }
  }

  const std::uint16_t server_port_;
  std::uint16_t port_ = 0;
  UniqueFd listener_;
  std::list<Pair> pairs_;
  std::atomic<bool> stopping_ = false, stalled_ = false, away_ = false;
  std::atomic<int> lost_ = 0;
  std::mutex mutex_;
  std::string lost_words_, lost_requests_;
  int requests_to_lose_ = 0;
  std::thread thread_;
};

}  // namespace gantry::contract
