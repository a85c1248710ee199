#include <filesystem>
#include <mutex>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "gantry/http/core.hpp"
#include "gantry/http/server_test_support.hpp"

namespace gantry::http::testing {
namespace {

using std::chrono::milliseconds;

TEST(Limits, OnHeadersThatTakeTooLongGive408) {
  ServerSettings settings = quiet_settings();
  settings.limits.header_deadline = milliseconds(200);
  TestServer test({hello_route()}, settings);
  Client slow = test.connect();
  slow.send("GET /hello HTTP/1.1\r\nHost:");
  const Reply reply = slow.read();
  EXPECT_EQ(reply.status, 408);
  EXPECT_EQ(reply.header("Connection"), "close");
  EXPECT_TRUE(slow.ended());
  Client silent = test.connect();
  EXPECT_TRUE(silent.ended()) << "who says nothing gets nothing";
}

TEST(Limits, OnHeadersHoldForLaterRequestsToo) {
  ServerSettings settings = quiet_settings();
  settings.limits.header_deadline = milliseconds(200);
  TestServer test({hello_route()}, settings);
  Client client = test.connect();
  EXPECT_EQ(client.get("/hello").body, "hello");
  client.send("GET /he");
  EXPECT_EQ(client.read().status, 408);
  EXPECT_TRUE(client.ended());
}

TEST(Limits, OnIdleConnectionsCloseThem) {
  ServerSettings settings = quiet_settings();
  settings.limits.idle_keep_alive = milliseconds(200);
  TestServer test({hello_route()}, settings);
  Client client = test.connect();
  EXPECT_EQ(client.get("/hello").body, "hello");
  EXPECT_TRUE(client.ended());
  EXPECT_FALSE(client.was_reset());
}

TEST(Limits, OnReadersThatStallEndTheAnswer) {
  ServerSettings settings = quiet_settings();
  settings.limits.write_stall = milliseconds(200);
  settings.io_threads = 1;
  OneShot<AccessRecord> logged;
  std::atomic<int> records = 0;
  ServerHooks hooks;
  hooks.log = [&](const AccessRecord& record) {
    if (records.fetch_add(1) == 0) logged.set(record);
  };
  const auto body = std::make_shared<const std::string>(pattern(64 << 20));
  TestServer test({get_route("/big",
                             [&](Request&) {
                               Response response;
                               response.body.add(body);
                               return response;
                             }),
                   hello_route()},
                  settings, hooks);
  Client stalled(test.server.port(), 4096);
  stalled.send("GET /big HTTP/1.1\r\nHost: t\r\n\r\n");
  const AccessRecord record = logged.wait();
  EXPECT_FALSE(record.complete);
  EXPECT_LT(record.bytes_out, body->size());
  Client honest = test.connect();
  EXPECT_EQ(honest.get("/hello").body, "hello");
}

TEST(Limits, OnARequestsLifeReachTheHandler) {
  ServerSettings settings = quiet_settings();
  settings.limits.request_life = milliseconds(300);
  TestServer test({echo_route("/echo"),
                   get_route("/left",
                             [](Request& r) {
                               const auto left = r.context.deadline - Clock::now();
                               return respond(200, "text/plain",
                                              left > milliseconds(0) && left <= milliseconds(300) ? "yes" : "no");
                             })},
                  settings);
  Client client = test.connect();
  EXPECT_EQ(client.get("/left").body, "yes");
  client.send("POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\n\r\nab");
  EXPECT_EQ(client.read().status, 408);
}

TEST(Limits, OnConnectionsCloseTheLongestSilentOneFirst) {
  ServerSettings settings = quiet_settings();
  settings.limits.connections = 20;
  settings.io_threads = 1;
  TestServer test({hello_route()}, settings);
  std::vector<Client> silent;
  for (int i = 0; i < 18; ++i) silent.push_back(test.connect());
  EXPECT_EQ(silent.back().get("/hello").body, "hello") << "all are accepted";
  for (int i = 0; i < 30; ++i) {
    Client honest = test.connect();
    ASSERT_EQ(honest.get("/hello").body, "hello") << i;
  }
  EXPECT_TRUE(silent.front().ended());
}

TEST(Limits, OnConnectionsOfOneAddressLeaveOthersAlone) {
  AddressTable table;
  EXPECT_TRUE(table.enter("10.0.0.1", 2));
  EXPECT_TRUE(table.enter("10.0.0.1", 2));
  EXPECT_FALSE(table.enter("10.0.0.1", 2));
  EXPECT_TRUE(table.enter("10.0.0.2", 2));
  table.leave("10.0.0.1");
  EXPECT_TRUE(table.enter("10.0.0.1", 2));
  EXPECT_FALSE(table.enter("10.0.0.3", 0));
}

TEST(Limits, On500SlowClientsDoNotHurtAnHonestOne) {
  TestServer test({hello_route(), echo_route("/echo")});
  std::vector<Client> slow;
  const auto before = resident_bytes();
  for (int i = 0; i < 500; ++i) {
    slow.push_back(test.connect());
    if (i % 3 == 0) slow.back().send("GET /hello HTTP/1.1\r\nX-Part: ");
    if (i % 3 == 1) slow.back().send("POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 1000\r\n\r\nabc");
  }
  Client honest = test.connect();
  for (int i = 0; i < 100; ++i) ASSERT_EQ(honest.get("/hello").body, "hello");
  EXPECT_LT(resident_bytes(), before + (64U << 20));
  slow[0].send("done\r\nHost: t\r\n\r\n");
  EXPECT_EQ(slow[0].read().body, "hello") << "nor do they lose their place";
}

TEST(Limits, OnDescriptorsMakeRoomForNewcomers) {
  ServerSettings settings = quiet_settings();
  settings.io_threads = 1;
  TestServer test({hello_route()}, settings);
  Client idle = test.connect();
  EXPECT_EQ(idle.get("/hello").body, "hello");
  rlimit before{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  std::vector<UniqueFd> filler;
  Client newcomer(test.server.port(), 0, [&] {
    const rlimit few{1000, before.rlim_max};
    ::setrlimit(RLIMIT_NOFILE, &few);
    for (int fd = ::dup(0); fd >= 0; fd = ::dup(0)) filler.emplace_back(fd);
  });
  EXPECT_EQ(newcomer.get("/hello").body, "hello") << "accept(2) found no descriptor";
  EXPECT_TRUE(idle.ended()) << "the longest idle one gave its own";
  ::setrlimit(RLIMIT_NOFILE, &before);
}

TEST(Limits, OnTurnsLetOthersThroughWhileOneDownloads) {
  ServerSettings settings = quiet_settings();
  settings.io_threads = 1;
  const auto file = std::make_shared<PatternFile>(64 << 20, true);
  TestServer test({hello_route(), get_route("/big",
                                            [&](Request&) {
                                              Response response;
                                              for (int i = 0; i < 64; ++i)
                                                response.body.add(FileRange{file, 0, file->size()});
                                              return response;
                                            })},
                  settings);
  Client greedy = test.connect();
  greedy.send("GET /big HTTP/1.1\r\nHost: t\r\n\r\n");
  std::atomic<bool> done = false;
  std::thread reader([&] {
    while (!done && !greedy.read_some(1 << 20).empty()) {
    }
  });
  Client honest = test.connect();
  for (int i = 0; i < 50; ++i) EXPECT_EQ(honest.get("/hello").body, "hello");
  done = true;
  reader.join();
}

TEST(Server, SurvivesClientsThatGoAwayWhileItSends) {
  const auto file = std::make_shared<PatternFile>(8 << 20, true);
  TestServer test({hello_route(),
                   get_route("/big",
                             [&](Request&) {
                               Response response;
                               response.body.add(FileRange{file, 0, file->size()});
                               return response;
                             }),
                   get_route("/made", [&](Request&) {
                     Response response;
                     response.body.add(Produced{std::make_shared<PatternStream>(8 << 20), std::nullopt});
                     return response;
                   })});
  for (int i = 0; i < 40; ++i) {
    Client client = test.connect();
    client.send(std::string("GET ") + (i % 2 == 0 ? "/big" : "/made") + " HTTP/1.1\r\nHost: t\r\n\r\n");
    client.read_some(1000);
    client.abort();
  }
  Client honest = test.connect();
  EXPECT_EQ(honest.get("/hello").body, "hello");
}

TEST(Server, BelievesForwardedFieldsOfNamedProxiesOnly) {
  const auto show = get_route("/from", [](Request& r) {
    return respond(200, "text/plain", std::string(r.headers.get("X-Forwarded-Host").value_or("nobody")));
  });
  ServerSettings settings = quiet_settings();
  {
    TestServer test({show}, settings);
    EXPECT_EQ(test.connect().get("/from", "X-Forwarded-Host: evil\r\n").body, "nobody");
  }
  settings.trusted_proxies = {"127.0.0.1"};
  TestServer test({show}, settings);
  EXPECT_EQ(test.connect().get("/from", "X-Forwarded-Host: pacs\r\n").body, "pacs");
}

TEST(Server, RefusesAnAddressThatIsTakenOrWrong) {
  TestServer test({hello_route()});
  WorkerPool disk("disk", 1, 10);
  ServerSettings settings = quiet_settings();
  settings.listen = "127.0.0.1:" + std::to_string(test.server.port());
  Server second(settings, Router({}), {}, disk);
  const auto started = second.start();
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().kind(), ErrorKind::kUnavailable);
  for (const char* wrong : {"127.0.0.1", "127.0.0.1:", "127.0.0.1:99999", "::1:80", "127.0.0.1:8o"}) {
    settings.listen = wrong;
    Server none(settings, Router({}), {}, disk);
    const auto result = none.start();
    ASSERT_FALSE(result) << wrong;
    EXPECT_EQ(result.error().kind(), ErrorKind::kInvalid) << wrong;
  }
}

TEST(Server, ServesAUnixSocketForItsOwnerAlone) {
  const std::string path = ::testing::TempDir() + "gantry-" + std::to_string(::getpid()) + ".sock";
  ServerSettings settings = quiet_settings();
  settings.unix_socket = path;
  {
    // What a killed server leaves: a socket file that nobody listens on.
    const UniqueFd left(::socket(AF_UNIX, SOCK_STREAM, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    ASSERT_EQ(::bind(left.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  }
  {
    TestServer test({get_route("/who", [](Request& r) { return respond(200, "text/plain", r.remote_address); })},
                    settings);
    EXPECT_EQ(Client(path).get("/who").body, "unix");
    EXPECT_EQ(test.connect().get("/who").body, "127.0.0.1");
    struct stat status {};
    ASSERT_EQ(::stat(path.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0600U);
    WorkerPool disk("disk", 1, 10);
    Server second(settings, Router({}), {}, disk);
    const auto started = second.start();
    ASSERT_FALSE(started) << "the socket is in use";
    EXPECT_EQ(started.error().kind(), ErrorKind::kUnavailable);
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(Stopping, ClosesIdleConnectionsAndLetsRequestsFinish) {
  OneShot<bool> entered;
  OneShot<bool> released;
  Handler handler = [entered, released](Request&) -> Task<Response> {
    entered.set(true);
    const bool go_on = co_await released.take();
    co_return respond(go_on ? 200 : 500, "text/plain", "finished");
  };
  TestServer test({hello_route(), Route{Method::kGet, "/slow", Permission::kPublic, "", handler}});
  Client idle = test.connect();
  EXPECT_EQ(idle.get("/hello").body, "hello");
  Client busy = test.connect();
  busy.send("GET /slow HTTP/1.1\r\nHost: t\r\n\r\n");
  EXPECT_TRUE(entered.wait());
  std::thread stopper([&] { test.server.stop(std::chrono::seconds(60)); });
  EXPECT_TRUE(idle.ended());
  released.set(true);
  const Reply reply = busy.read();
  EXPECT_EQ(reply.body, "finished");
  EXPECT_EQ(reply.header("Connection"), "close");
  EXPECT_TRUE(busy.ended());
  stopper.join();
  test.server.stop(std::chrono::seconds(1));
  EXPECT_EQ(test.server.counters().connections_open, 0U);
}

TEST(Stopping, CutsWhatTakesLongerThanTheGrace) {
  const auto body = std::make_shared<const std::string>(pattern(64 << 20));
  TestServer test({get_route("/big",
                             [&](Request&) {
                               Response response;
                               response.body.add(body);
                               return response;
                             }),
                   echo_route("/echo")});
  Client reader(test.server.port(), 4096);
  reader.send("GET /big HTTP/1.1\r\nHost: t\r\n\r\n");
  EXPECT_EQ(reader.read_some(8), "HTTP/1.1");
  Client writer = test.connect();
  writer.send("POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 100\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(writer.read().status, 100);
  std::thread other([&] { test.server.stop(std::chrono::seconds(0)); });
  test.server.stop(std::chrono::seconds(0));
  other.join();
  EXPECT_EQ(test.server.counters().connections_open, 0U);
  EXPECT_LT(reader.read_some(body->size() + 1000).size(), body->size());
}

TEST(Server, ThatNeverStartedStopsToo) {
  WorkerPool disk("disk", 1, 10);
  Server server(quiet_settings(), Router({}), {}, disk);
  server.stop(std::chrono::seconds(1));
  EXPECT_EQ(server.counters().connections_total, 0U);
}

TEST(Tenants, TakeTurnsOnAnIoThreadHoweverManyConnectionsOneHas) {
  std::mutex mutex;
  std::string order;
  OneShot<int> blocked;
  OneShot<int> go;
  const auto note = get_route("/note", [&](Request& request) {
    const std::scoped_lock lock(mutex);
    order += request.context.tenant.str();
    return respond(200, "text/plain", "noted");
  });
  // Holds the one io thread until everybody has sent a request.
  const auto block = get_route("/block", [&](Request&) {
    blocked.set(1);
    return respond(200, "text/plain", std::to_string(go.wait()));
  });
  ServerHooks hooks;
  hooks.authorize = [](Request& request, Permission) -> Task<std::optional<Response>> {
    request.context.tenant = TenantId(std::string(request.headers.get("x-tenant").value_or("")));
    co_return std::nullopt;
  };
  ServerSettings settings = quiet_settings();
  settings.io_threads = 1;
  TestServer test({note, block}, settings, hooks);
  std::vector<Client> crowd;
  for (int i = 0; i < 16; ++i) crowd.push_back(test.connect());
  Client guest = test.connect();
  for (auto& client : crowd) ASSERT_EQ(client.get("/note", "x-tenant: c\r\n").status, 200);
  ASSERT_EQ(guest.get("/note", "x-tenant: g\r\n").status, 200);
  Client blocker = test.connect();
  blocker.send("GET /block HTTP/1.1\r\nHost: t\r\nx-tenant: b\r\n\r\n");
  (void)blocked.wait();
  {
    const std::scoped_lock lock(mutex);
    order.clear();
  }
  for (auto& client : crowd) client.send("GET /note HTTP/1.1\r\nHost: t\r\nx-tenant: c\r\n\r\n");
  guest.send("GET /note HTTP/1.1\r\nHost: t\r\nx-tenant: g\r\n\r\n");
  go.set(1);
  ASSERT_EQ(guest.read().status, 200);
  for (auto& client : crowd) ASSERT_EQ(client.read().status, 200);
  const std::scoped_lock lock(mutex);
  EXPECT_EQ(order.size(), 17U);
  EXPECT_LE(order.find('g'), 2U) << order;
}

}  // namespace
}  // namespace gantry::http::testing
