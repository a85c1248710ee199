#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gantry/http/server_test_support.hpp"

namespace gantry::http::testing {
namespace {

using ::testing::HasSubstr;

std::string post(const std::string& fields, const std::string& path = "/echo") {
  return "POST " + path + " HTTP/1.1\r\nHost: t\r\n" + fields + "\r\n";
}

/// Counts a body's bytes without keeping them.
Route count_route() {
  Handler handler = [](Request& request) -> Task<Response> {
    std::uint64_t total = 0;
    for (;;) {
      auto piece = co_await request.body->next();
      if (!piece) co_return problem(piece.error());
      if (piece->empty()) break;
      total += piece->size();
    }
    co_return respond(200, "text/plain", std::to_string(total));
  };
  return {Method::kPost, "/count", Permission::kPublic, "", std::move(handler)};
}

/// Answers without looking at the body.
Route deaf_route(int status) {
  Handler handler = [status](Request&) -> Task<Response> { co_return respond(status, "text/plain", "no"); };
  return {Method::kPost, "/deaf", Permission::kPublic, "", std::move(handler)};
}

TEST(RequestBody, OfAnyFramingArrivesWhole) {
  TestServer test({echo_route("/echo")});
  const std::string body = pattern(3'000'000);
  Client client = test.connect();
  const Reply sized = client.ask(post("Content-Length: 3000000\r\n") + body);
  EXPECT_EQ(sized.body, body);
  std::string chunked = post("Transfer-Encoding: Chunked\r\n");
  for (std::size_t at = 0, size = 1; at < body.size(); at += size, size = size * 2 + 1) {
    const std::string piece = body.substr(at, size);
    char head[32];
    std::snprintf(head, sizeof head, "%zX\r\n", piece.size());
    chunked += head + piece + "\r\n";
  }
  EXPECT_EQ(client.ask(chunked + "0\r\n\r\n").body, body);
  EXPECT_EQ(client.ask(post("Content-Length: 0\r\n")).body, "");
  EXPECT_EQ(client.ask(post("")).body, "") << "no framing means no body";
}

TEST(RequestBody, IsAwaitedOnlyWhenTheHandlerReads) {
  TestServer test({echo_route("/echo"), deaf_route(403)});
  Client client = test.connect();
  client.send(post("Content-Length: 3\r\nExpect: 100-Continue\r\n"));
  EXPECT_EQ(client.read().status, 100);
  client.send("abc");
  EXPECT_EQ(client.read().body, "abc");

  client.send(post("Content-Length: 3\r\nExpect: 100-continue\r\n", "/deaf"));
  const Reply refused = client.read();
  EXPECT_EQ(refused.status, 403);
  EXPECT_EQ(refused.header("Connection"), "close") << "nobody knows whether the body comes";
  EXPECT_TRUE(client.ended());
}

TEST(RequestBody, ThatIsAlreadyThereNeedsNoContinue) {
  TestServer test({echo_route("/echo")});
  Client client = test.connect();
  const Reply reply = client.ask(post("Content-Length: 3\r\nExpect: 100-continue\r\n") + "abc");
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.body, "abc");
}

TEST(RequestBody, ThatNobodyReadIsReadOverWhenSmall) {
  TestServer test({hello_route(), deaf_route(200)});
  Client client = test.connect();
  ASSERT_TRUE(client.send(post("Content-Length: 60000\r\n", "/deaf") + pattern(60000)));
  EXPECT_EQ(client.read().status, 200);
  EXPECT_EQ(client.get("/hello").body, "hello");
  ASSERT_TRUE(client.send(post("Transfer-Encoding: chunked\r\n", "/deaf") + "5\r\nabcde\r\n0\r\n\r\n"));
  EXPECT_EQ(client.read().status, 200);
  EXPECT_EQ(client.get("/hello").body, "hello");
}

TEST(RequestBody, ThatNobodyReadEndsTheConnectionWhenLarge) {
  TestServer test({deaf_route(200)});
  Client client = test.connect();
  client.send(post("Content-Length: 10000000\r\n", "/deaf") + pattern(200'000));
  const Reply reply = client.read();
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.body, "no");
  EXPECT_EQ(reply.header("Connection"), "close");
}

TEST(RequestBody, OverTheLimitIsRefused) {
  ServerSettings settings = quiet_settings();
  settings.limits.body_bytes = 100'000;
  TestServer test({count_route()}, settings);
  Client declared = test.connect();
  const Reply at_once = declared.ask(post("Content-Length: 100001\r\n", "/count"));
  EXPECT_EQ(at_once.status, 413) << "before a byte of it came";
  EXPECT_TRUE(declared.ended());
  Client chunked = test.connect();
  chunked.send(post("Transfer-Encoding: chunked\r\n", "/count") + "186A1\r\n" + pattern(100'001) + "\r\n0\r\n\r\n");
  const Reply later = chunked.read();
  EXPECT_EQ(later.status, 413);
  EXPECT_EQ(later.header("Connection"), "close");
  Client fitting = test.connect();
  EXPECT_EQ(fitting.ask(post("Content-Length: 100000\r\n", "/count") + pattern(100'000)).body, "100000");
}

TEST(RequestBody, LargerThanItsReaderWantsIsRefusedByTheReader) {
  Handler handler = [](Request& request) -> Task<Response> {
    auto body = co_await read_all(*request.body, 10);
    if (!body) co_return problem(body.error());
    co_return respond(200, "text/plain", *body);
  };
  TestServer test({Route{Method::kPost, "/small", Permission::kPublic, "", handler}});
  Client sized = test.connect();
  EXPECT_EQ(sized.ask(post("Content-Length: 11\r\n", "/small") + "01234567890").status, 413);
  Client chunked = test.connect();
  EXPECT_EQ(chunked.ask(post("Transfer-Encoding: chunked\r\n", "/small") + "b\r\n01234567890\r\n0\r\n\r\n").status,
            413);
  EXPECT_EQ(chunked.ask(post("Content-Length: 10\r\n", "/small") + "0123456789").body, "0123456789");
}

TEST(RequestBody, ThatIsTooSlowIsGivenUp) {
  ServerSettings settings = quiet_settings();
  settings.limits.body_rate_window = std::chrono::milliseconds(200);
  TestServer test({count_route(), hello_route()}, settings);
  Client silent = test.connect();
  silent.send(post("Content-Length: 100000\r\n", "/count"));
  Client trickling = test.connect();
  trickling.send(post("Transfer-Encoding: chunked\r\n", "/count") + "5\r\nab");
  for (Client* client : {&silent, &trickling}) {
    const Reply reply = client->read();
    EXPECT_EQ(reply.status, 408);
    EXPECT_EQ(reply.header("Connection"), "close");
    EXPECT_TRUE(client->ended());
  }
  Client honest = test.connect();
  EXPECT_EQ(honest.get("/hello").body, "hello");
}

TEST(RequestBody, ThatBreaksOffReachesTheHandlerAsAnError) {
  OneShot<ErrorKind> seen;
  Handler handler = [seen](Request& request) -> Task<Response> {
    auto body = co_await read_all(*request.body, 1000);
    seen.set(body ? ErrorKind::kNotFound : body.error().kind());
    co_return problem(Error::invalid("x"));
  };
  TestServer test({Route{Method::kPost, "/x", Permission::kPublic, "", handler}});
  Client client = test.connect();
  client.send(post("Content-Length: 100\r\n", "/x") + "abc");
  client.finish_sending();
  EXPECT_EQ(seen.wait(), ErrorKind::kInvalid);
  EXPECT_EQ(client.read().status, 400);
}

TEST(RequestBody, OfGigabytesTakesNoMemory) {
  TestServer test({count_route()});
  Client client = test.connect();
  const std::string piece = pattern(1 << 20);
  constexpr std::uint64_t kPieces = 1024;
  ASSERT_TRUE(client.send(post("Content-Length: " + std::to_string(kPieces << 20) + "\r\n", "/count")));
  const std::uint64_t before = resident_bytes();
  std::uint64_t most = 0;
  for (std::uint64_t i = 0; i < kPieces; ++i) {
    ASSERT_TRUE(client.send(piece));
    if (i % 64 == 0) most = std::max(most, resident_bytes());
  }
  EXPECT_EQ(client.read().body, std::to_string(kPieces << 20));
  EXPECT_LT(most, before + (16U << 20));
}

}  // namespace
}  // namespace gantry::http::testing
