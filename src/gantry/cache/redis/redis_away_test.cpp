// A Redis that is away, hangs, or is none: sockets of the test's own.

#include <array>
#include <atomic>
#include <functional>
#include <string>
#include <thread>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "gantry/base/handle.hpp"
#include "gantry/cache/redis/redis_cache.hpp"

namespace gantry::cache {
namespace {

/// Listens on a free port; `serve` is given each connection, in turn.
class Listener {
 public:
  using Serve = std::function<void(int connection)>;
  explicit Listener(Serve serve) : serve_(std::move(serve)) {
    socket_ = UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ::bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address));
    ::listen(socket_.get(), 16);
    socklen_t size = sizeof(address);
    ::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] {
      for (;;) {
        const UniqueFd connection(::accept(socket_.get(), nullptr, nullptr));
        if (!connection) return;
        ++accepted_;
        serve_(connection.get());
      }
    });
  }
  ~Listener() {
    ::shutdown(socket_.get(), SHUT_RDWR);
    thread_.join();
  }
  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] int accepted() const { return accepted_; }

 private:
  const Serve serve_;
  UniqueFd socket_;
  std::uint16_t port_ = 0;
  std::atomic<int> accepted_{0};
  std::thread thread_;
};

void say(int connection, const std::string& bytes) { ::send(connection, bytes.data(), bytes.size(), MSG_NOSIGNAL); }
/// Until the other ends it.
void listen_to(int connection) {
  std::array<char, 4096> buffer;
  while (::recv(connection, buffer.data(), buffer.size(), 0) > 0) continue;
}
std::string heard(int connection) {
  std::array<char, 4096> buffer;
  const auto count = ::recv(connection, buffer.data(), buffer.size(), 0);
  return std::string(buffer.data(), count > 0 ? static_cast<std::size_t>(count) : 0);
}

std::unique_ptr<RedisCache> cache_at(std::uint16_t port,
                                     std::chrono::milliseconds time = std::chrono::milliseconds(20)) {
  RedisSettings settings;
  settings.host = "127.0.0.1";
  settings.port = port;
  settings.operation_time = time;
  auto cache = RedisCache::open(settings);
  EXPECT_TRUE(cache) << cache.error().detail();
  return *std::move(cache);
}

const RequestContext kCtx;

TEST(RedisAway, WhatIsAwayIsUnavailableAndSoonNotAskedAnyMore) {
  const auto cache = cache_at(1);
  for (int i = 0; i < 5; ++i) {
    const auto text = cache->get_text(kCtx, "a");
    ASSERT_FALSE(text);
    EXPECT_EQ(text.error().kind(), ErrorKind::kUnavailable);
  }
  const auto counters = cache->counters();
  EXPECT_EQ(counters.failures, 3U);
  EXPECT_EQ(counters.skipped, 2U);
  EXPECT_FALSE(counters.available);
}

TEST(RedisAway, WhatHangsIsATimeoutAtTheDeadline) {
  const Listener server(listen_to);
  const auto cache = cache_at(server.port());
  const auto text = cache->get_text(kCtx, "a");
  ASSERT_FALSE(text);
  EXPECT_EQ(text.error().kind(), ErrorKind::kTimeout);
  RequestContext late;
  late.deadline = Clock::now();
  EXPECT_EQ(cache->get_text(late, "a").error().kind(), ErrorKind::kTimeout) << "the request's own deadline counts, too";
}

TEST(RedisAway, GarbageIsUnavailableAndEndsTheConnection) {
  for (const std::string garbage : {"HTTP/1.1 400 Bad Request\r\n\r\n", "$99999999999999999999\r\n", "*1000000000\r\n",
                                    "*2\r\n*2\r\n*2\r\n", "$5\r\nab\r\n\r\n\r\n\r\n", ":x\r\n", "\0\0\0\0"}) {
    const Listener server([&](int connection) {
      (void)heard(connection);
      say(connection, garbage);
    });
    const auto cache = cache_at(server.port());
    EXPECT_FALSE(cache->get_text(kCtx, "a")) << garbage;
  }
}

TEST(RedisAway, AnAnswerWithoutEndIsNotReadToTheEnd) {
  std::atomic<std::size_t> sent{0};
  const Listener server([&](int connection) {
    (void)heard(connection);
    say(connection, "+PONG\r\n");
    (void)heard(connection);
    say(connection, "$500000000\r\n");
    const std::string chunk(1 << 16, 'x');
    while (::send(connection, chunk.data(), chunk.size(), MSG_NOSIGNAL) > 0) sent += chunk.size();
  });
  const auto cache = cache_at(server.port(), std::chrono::seconds(30));
  const auto text = cache->get_text(kCtx, "a");
  ASSERT_FALSE(text);
  EXPECT_EQ(text.error().kind(), ErrorKind::kUnavailable);
  EXPECT_LT(sent, 100U << 20);
}

TEST(RedisAway, AConnectionThatWasEndedWhileItWasIdleIsReplacedUnseen) {
  const Listener server([](int connection) {
    (void)heard(connection);
    say(connection, "+PONG\r\n");
    (void)heard(connection);
    say(connection, "$1\r\nv\r\n");
  });
  const auto cache = cache_at(server.port(), std::chrono::seconds(5));
  for (int i = 1; i <= 3; ++i) {
    const auto text = cache->get_text(kCtx, "a");
    ASSERT_TRUE(text) << text.error().detail();
    EXPECT_EQ(*text, "v");
    EXPECT_EQ(server.accepted(), i);
  }
}

TEST(RedisAway, ErrorsSayWhatAnOperatorCanDoAndNeverThePassword) {
  for (const auto& [answer, words] : std::vector<std::pair<std::string, std::string>>{
           {"-NOAUTH Authentication required.\r\n", "user and password in cache.url"},
           {"-WRONGPASS invalid username-password pair\r\n", "user and password in cache.url"},
           {"-LOADING Redis is loading the dataset in memory\r\n", "LOADING"},
           {"-MOVED 3999 127.0.0.1:6381\r\n", "a cluster"}}) {
    const Listener server([&, answer = answer](int connection) {
      (void)heard(connection);
      say(connection, answer + answer + "+PONG\r\n");
      listen_to(connection);
    });
    RedisSettings settings;
    settings.host = "127.0.0.1";
    settings.port = server.port();
    settings.user = "gantry";
    settings.password = "hunter2";
    settings.database = 1;
    settings.operation_time = std::chrono::seconds(5);
    const auto cache = RedisCache::open(settings);
    const auto refused = (*cache)->check(kCtx);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind(), ErrorKind::kUnavailable);
    EXPECT_NE(refused.error().detail().find(words), std::string::npos) << refused.error().detail();
    EXPECT_EQ(refused.error().detail().find("hunter2"), std::string::npos);
  }
}

/// A sentinel that answers any number of questions so.
class Sentinel : public Listener {
 public:
  explicit Sentinel(const std::string& answer)
      : Listener([answer](int connection) {
          (void)heard(connection);
          say(connection, "+PONG\r\n");
          if (heard(connection).find("get-master-addr-by-name\r\n$8\r\nmymaster\r\n") != std::string::npos)
            say(connection, answer);
          listen_to(connection);
        }) {}
};
std::string address_of(const Listener& server) {
  const std::string port = std::to_string(server.port());
  return "*2\r\n$9\r\n127.0.0.1\r\n$" + std::to_string(port.size()) + "\r\n" + port + "\r\n";
}
/// A Redis that gives each connection one answer.
class Server : public Listener {
 public:
  explicit Server(const std::string& answer)
      : Listener([answer](int connection) {
          (void)heard(connection);
          say(connection, "+PONG\r\n");
          (void)heard(connection);
          say(connection, answer);
        }) {}
};

std::unique_ptr<RedisCache> cache_by(const std::vector<std::uint16_t>& sentinels) {
  RedisSettings settings;
  for (const auto port : sentinels) settings.sentinels.push_back({"127.0.0.1", port});
  settings.service = "mymaster";
  settings.operation_time = std::chrono::seconds(5);
  auto cache = RedisCache::open(settings);
  EXPECT_TRUE(cache) << cache.error().detail();
  return *std::move(cache);
}

TEST(RedisSentinels, TheFirstThatKnowsThePrimaryIsBelievedAndAskedFirstFromThenOn) {
  const Server primary("$1\r\nv\r\n");
  const Sentinel strange("*-1\r\n"), confused("*2\r\n$1\r\nx\r\n$1\r\nx\r\n"), knowing(address_of(primary));
  const auto cache = cache_by({1, strange.port(), confused.port(), knowing.port()});
  for (int i = 1; i <= 3; ++i) {
    const auto text = cache->get_text(kCtx, "a");
    ASSERT_TRUE(text) << text.error().detail();
    EXPECT_EQ(*text, "v");
    EXPECT_EQ(primary.accepted(), i);
  }
  EXPECT_EQ(knowing.accepted(), 3);
  EXPECT_EQ(strange.accepted(), 1);
  EXPECT_EQ(confused.accepted(), 1);
}

TEST(RedisSentinels, WhenNoneKnowsThePrimaryItIsSaidWhatTheLastOneSaid) {
  const Sentinel strange("*-1\r\n"), refusing("-NOAUTH Authentication required.\r\n"),
      endless("*1000000000\r\n");
  for (const auto& [sentinel, words] : std::vector<std::pair<const Sentinel*, std::string>>{
           {&strange, "knows no service mymaster"}, {&refusing, "NOAUTH"}, {&endless, "the cache's answer is none"}}) {
    const auto checked = cache_by({1, sentinel->port()})->check(kCtx);
    ASSERT_FALSE(checked);
    EXPECT_NE(checked.error().detail().find(words), std::string::npos) << checked.error().detail();
    EXPECT_NE(checked.error().detail().find(":" + std::to_string(sentinel->port())), std::string::npos);
  }
}

TEST(RedisSentinels, AReplicaThatASentinelTookForThePrimaryIsLeft) {
  const Server replica("-READONLY You can't write against a read only replica.\r\n"), primary("+OK\r\n");
  const Sentinel late(address_of(replica)), right(address_of(primary));
  const auto cache = cache_by({late.port(), right.port()});
  EXPECT_FALSE(cache->put_text(kCtx, "a", "v", std::chrono::minutes(1)));
  EXPECT_TRUE(cache->put_text(kCtx, "a", "v", std::chrono::minutes(1)));
  EXPECT_EQ(cache->counters().failures, 1U);
}

TEST(RedisAway, SettingsThatNeverWorkAreRefusedAtOnce) {
  EXPECT_EQ(RedisCache::open({}).error().kind(), ErrorKind::kInvalid);
  RedisSettings settings;
  settings.sentinels.push_back({"127.0.0.1", 1});
  EXPECT_EQ(RedisCache::open(settings).error().kind(), ErrorKind::kInvalid) << "of which service?";
  settings = {};
  settings.host = "127.0.0.1";
  settings.tls = true;
  settings.ca_file = "/nowhere/ca.crt";
  const auto opened = RedisCache::open(settings);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().kind(), ErrorKind::kInvalid);
  EXPECT_NE(opened.error().detail().find("/nowhere/ca.crt"), std::string::npos);
}

}  // namespace
}  // namespace gantry::cache
