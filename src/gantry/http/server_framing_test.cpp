#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gantry/http/server_test_support.hpp"

namespace gantry::http::testing {
namespace {

using ::testing::HasSubstr;

/// A request that must be refused with `status`, after which the connection ends.
struct Refused {
  const char* name;
  std::string bytes;
  int status;
};

class Framing : public ::testing::TestWithParam<Refused> {};

TEST_P(Framing, IsRefusedOnceAndTheConnectionEnds) {
  TestServer test({hello_route(), echo_route("/echo")});
  Client client = test.connect();
  // What follows must never be read as a request of its own.
  client.send(GetParam().bytes + "GET /hello HTTP/1.1\r\nHost: t\r\n\r\n");
  const Reply reply = client.read();
  EXPECT_EQ(reply.status, GetParam().status);
  EXPECT_EQ(reply.header("Connection"), "close");
  EXPECT_EQ(reply.header("Content-Type"), "application/problem+json");
  EXPECT_THAT(reply.body, HasSubstr("\"status\":" + std::to_string(GetParam().status)));
  EXPECT_EQ(reply.header("Access-Control-Allow-Origin"), "*");
  EXPECT_TRUE(client.ended());
}

std::string post(const std::string& fields, const std::string& body = "") {
  return "POST /echo HTTP/1.1\r\nHost: t\r\n" + fields + "\r\n" + body;
}
std::string get(const std::string& fields) { return "GET /hello HTTP/1.1\r\nHost: t\r\n" + fields + "\r\n"; }

std::string many_fields(int count) {
  std::string fields;
  for (int i = 0; i < count; ++i) fields += "X-" + std::to_string(i) + ": v\r\n";
  return fields;
}

std::string long_fields() {
  std::string fields;
  for (int i = 0; i < 9; ++i) fields += "X-Long: " + std::string(4000, 'a') + "\r\n";
  return fields;
}

INSTANTIATE_TEST_SUITE_P(
    Http, Framing,
    ::testing::Values(
        Refused{"LengthAndCoding", post("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), 400},
        Refused{"TwoLengths", post("Content-Length: 3\r\nContent-Length: 3\r\n", "abc"), 400},
        Refused{"LengthList", post("Content-Length: 3, 3\r\n", "abc"), 400},
        Refused{"SignedLength", post("Content-Length: +3\r\n", "abc"), 400},
        Refused{"NegativeLength", post("Content-Length: -3\r\n", "abc"), 400},
        Refused{"HexLength", post("Content-Length: 0x3\r\n", "abc"), 400},
        Refused{"EmptyLength", post("Content-Length: \r\n", "abc"), 400},
        Refused{"LengthThatOverflows", post("Content-Length: 18446744073709551619\r\n", "abc"), 400},
        Refused{"BareLineFeeds", "GET /hello HTTP/1.1\nHost: t\n\n", 400},
        Refused{"OneBareLineFeed", "GET /hello HTTP/1.1\r\nHost: t\nX: y\r\n\r\n", 400},
        Refused{"BareCarriageReturn", get("X: a\rb\r\n"), 400}, Refused{"FoldedLine", get("X: a\r\n b\r\n"), 400},
        Refused{"FoldedFirstLine", "GET /hello HTTP/1.1\r\n Host: t\r\n\r\n", 400},
        Refused{"SpaceBeforeColon", get("X : a\r\n"), 400}, Refused{"NoColon", get("X\r\n"), 400},
        Refused{"EmptyName", get(": a\r\n"), 400}, Refused{"ControlInName", get(std::string("X\x01: a\r\n")), 400},
        Refused{"NulInValue", get(std::string("X: a\0b\r\n", 8)), 400},
        Refused{"DeleteInValue", get("X: a\x7f\r\n"), 400},
        Refused{"UnknownCoding", post("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"), 501},
        Refused{"IdentityCoding", post("Transfer-Encoding: identity\r\n"), 501},
        Refused{"TwoCodings", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), 400},
        Refused{"ChunkedInHttp10", "POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
        Refused{"NoHost", "GET /hello HTTP/1.1\r\n\r\n", 400}, Refused{"TwoHosts", get("Host: u\r\n"), 400},
        Refused{"BadHost", "GET /hello HTTP/1.1\r\nHost: a/b\r\n\r\n", 400},
        Refused{"SpaceInTarget", "GET /hel lo HTTP/1.1\r\nHost: t\r\n\r\n", 400},
        Refused{"ControlInTarget", "GET /hel\x02lo HTTP/1.1\r\nHost: t\r\n\r\n", 400},
        Refused{"RawUtf8InTarget", "GET /h\xc3\xbc HTTP/1.1\r\nHost: t\r\n\r\n", 400},
        Refused{"NoVersion", "GET /hello\r\n\r\n", 400},
        Refused{"BadVersion", "GET /hello HTTP/1,1\r\nHost: t\r\n\r\n", 400},
        Refused{"Http2Preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
        Refused{"MethodNoToken", "G@T /hello HTTP/1.1\r\nHost: t\r\n\r\n", 400},
        Refused{"TargetNoPath", "GET hello HTTP/1.1\r\nHost: t\r\n\r\n", 400},
        Refused{"TlsHello", std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11), 400},
        Refused{"OnlyEmptyLines", "\r\n\r\n\r\n\r\n\r\n", 400}, Refused{"TooManyFields", get(many_fields(100)), 431},
        Refused{"BlockTooLong", get(long_fields()), 431},
        Refused{"FieldTooLong", get("X: " + std::string(9000, 'a') + "\r\n"), 431},
        Refused{"UrlTooLong", "GET /" + std::string(9000, 'a') + " HTTP/1.1\r\nHost: t\r\n\r\n", 414},
        Refused{"EndlessFirstLine", "GET /" + std::string(40000, 'a'), 414},
        Refused{"UnknownExpectation", post("Content-Length: 1\r\nExpect: 200-ok\r\n", "a"), 417},
        Refused{"ChunkWithoutSize", post("Transfer-Encoding: chunked\r\n", "\r\nabc\r\n0\r\n\r\n"), 400},
        Refused{"ChunkSizeNotHex", post("Transfer-Encoding: chunked\r\n", "3z\r\nabc\r\n0\r\n\r\n"), 400},
        Refused{"ChunkSizeSigned", post("Transfer-Encoding: chunked\r\n", "+3\r\nabc\r\n0\r\n\r\n"), 400},
        Refused{"ChunkSizeHuge", post("Transfer-Encoding: chunked\r\n", "FFFFFFFFFFFFFFFFF\r\nabc"), 400},
        Refused{"ChunkLongerThanItsSize", post("Transfer-Encoding: chunked\r\n", "3\r\nabcd\r\n0\r\n\r\n"), 400},
        Refused{"ChunkWithBareLineFeed", post("Transfer-Encoding: chunked\r\n", "3\nabc\r\n0\r\n\r\n"), 400},
        Refused{"EndlessChunkExtension",
                post("Transfer-Encoding: chunked\r\n", "3;" + std::string(20000, 'x') + "\r\nabc\r\n0\r\n\r\n"), 400},
        Refused{"EndlessTrailers",
                post("Transfer-Encoding: chunked\r\n", "0\r\nX: " + std::string(9000, 'x') + "\r\n\r\n"), 400}),
    [](const auto& refused) { return refused.param.name; });

TEST(Requests, OnOneConnectionAreAnsweredInOrder) {
  TestServer test({get_route("/n/{n}", [](Request& r) { return respond(200, "text/plain", r.parameter("n")); })});
  Client client = test.connect();
  std::string requests;
  for (int i = 0; i < 500; ++i) requests += "GET /n/" + std::to_string(i) + " HTTP/1.1\r\nHost: t\r\n\r\n";
  ASSERT_TRUE(client.send(requests));
  for (int i = 0; i < 500; ++i) {
    const Reply reply = client.read();
    ASSERT_EQ(reply.status, 200);
    ASSERT_EQ(reply.body, std::to_string(i));
  }
  EXPECT_EQ(test.server.counters().requests_total, 500U);
}

TEST(Requests, MayArriveByteByByte) {
  TestServer test({echo_route("/echo")});
  Client client = test.connect();
  for (const char c : std::string("\r\nPOST /echo HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n"
                                  "3;name=\"v\"\r\nabc\r\n00A\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n")) {
    ASSERT_TRUE(client.send(std::string_view(&c, 1)));
  }
  EXPECT_EQ(client.read().body, "abc0123456789");
  EXPECT_EQ(client.get("/none").status, 404) << "the connection lives on";
}

TEST(Requests, OfHttp10EndTheConnectionUnlessAskedOtherwise) {
  TestServer test({hello_route()});
  Client once = test.connect();
  const Reply reply = once.ask("GET /hello HTTP/1.0\r\n\r\n");
  EXPECT_EQ(reply.body, "hello");
  EXPECT_TRUE(once.ended());
  Client twice = test.connect();
  for (int i = 0; i < 2; ++i) {
    const Reply kept = twice.ask("GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    EXPECT_EQ(kept.body, "hello");
    EXPECT_EQ(kept.header("Connection"), "keep-alive");
  }
}

TEST(Requests, CanAskForTheEndOfTheConnection) {
  TestServer test({hello_route()});
  Client client = test.connect();
  const Reply reply = client.get("/hello", "Connection: x, Close\r\n");
  EXPECT_EQ(reply.body, "hello");
  EXPECT_EQ(reply.header("Connection"), "close");
  EXPECT_TRUE(client.ended());
}

TEST(Requests, InAbsoluteFormMeanTheSame) {
  TestServer test({get_route("/hello", [](Request& r) { return respond(200, "text/plain", r.path + "?" + r.query); })});
  Client client = test.connect();
  EXPECT_EQ(client.get("http://example.org:81/hello?a=%2C").body, "/hello?a=%2C");
}

TEST(Requests, MayCarryATokenOf16Kilobytes) {
  TestServer test({get_route("/hello", [](Request& r) {
    return respond(200, "text/plain", std::to_string(r.headers.get("Authorization")->size()));
  })});
  Client client = test.connect();
  EXPECT_EQ(client.get("/hello", "Authorization: Bearer " + std::string(16384, 'x') + "\r\n").body, "16391");
}

TEST(Requests, WithPathsThatClimbOrHideAreRefused) {
  TestServer test({hello_route()});
  for (const char* target : {"/a/../hello", "/a/%2e%2e/hello", "/a%2Fhello", "/hello%00", "/hel%zzlo", "/a\\b"}) {
    Client client = test.connect();
    EXPECT_EQ(client.get(target).status, 400) << target;
  }
}

TEST(Requests, ThatEndInTheMiddleAreForgotten) {
  TestServer test({hello_route(), echo_route("/echo")});
  for (const char* part : {"GET /hello HT", "POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 100\r\n\r\nabc",
                           "POST /echo HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"}) {
    Client client = test.connect();
    client.send(part);
    client.abort();
  }
  Client honest = test.connect();
  EXPECT_EQ(honest.get("/hello").body, "hello");
}

}  // namespace
}  // namespace gantry::http::testing
