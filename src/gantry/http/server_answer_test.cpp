#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include "gantry/http/server_test_support.hpp"

namespace gantry::http::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string unzip(const std::string& compressed) {
  z_stream stream{};
  EXPECT_EQ(inflateInit2(&stream, 15 + 16), Z_OK);
  std::string out;
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(compressed.data()));
  stream.avail_in = static_cast<uInt>(compressed.size());
  int status = Z_OK;
  while (status == Z_OK) {
    char piece[65536];
    stream.next_out = reinterpret_cast<Bytef*>(piece);
    stream.avail_out = sizeof piece;
    status = inflate(&stream, Z_NO_FLUSH);
    out.append(piece, sizeof piece - stream.avail_out);
  }
  EXPECT_EQ(status, Z_STREAM_END);
  inflateEnd(&stream);
  return out;
}

Response plan_response(std::vector<Segment> segments) {
  Response response;
  response.headers.add("Content-Type", "application/octet-stream");
  response.headers.add("ETag", "\"v1\"");
  response.body.segments = std::move(segments);
  response.ranges = response.body.length().has_value();
  return response;
}

Produced produced(std::uint64_t size, std::optional<std::uint64_t> declared, std::optional<std::uint64_t> fail = {}) {
  return {std::make_shared<PatternStream>(size, fail), declared};
}

TEST(Answer, IsMadeOfEverySourceInOrder) {
  const std::string text = pattern(5'000'000);
  for (const bool descriptor : {true, false}) {
    const auto file = std::make_shared<PatternFile>(text.size(), descriptor);
    for (const bool known : {true, false}) {
      TestServer test({get_route("/all", [&](Request&) {
        const auto shared = std::make_shared<const std::string>("shared|");
        return plan_response({Bytes("head|"), shared, FileRange{file, 0, text.size()}, Bytes(""), Bytes("|mid|"),
                              FileRange{file, 1000, 70'000},
                              produced(3'000'000, known ? std::optional<std::uint64_t>(3'000'000) : std::nullopt),
                              produced(0, known ? std::optional<std::uint64_t>(0) : std::nullopt), produced(10, 10),
                              produced(20, 20), Bytes("|tail")});
      })});
      Client client = test.connect();
      const std::string expected = "head|shared|" + text + "|mid|" + text.substr(1000, 70'000) +
                                   text.substr(0, 3'000'000) + text.substr(0, 10) + text.substr(0, 20) + "|tail";
      for (int turn = 0; turn < 2; ++turn) {
        const Reply reply = client.get("/all");
        EXPECT_TRUE(reply.whole);
        EXPECT_EQ(reply.headers.get("Content-Length").has_value(), known);
        EXPECT_TRUE(reply.body == expected) << "descriptor " << descriptor << ", known length " << known;
      }
      Client old = test.connect();
      const Reply whole = old.ask("GET /all HTTP/1.0\r\n\r\n");
      EXPECT_TRUE(whole.body == expected && whole.whole);
      EXPECT_FALSE(whole.headers.get("Transfer-Encoding"));
    }
  }
}

TEST(Answer, OfColdPagesIsReadElsewhereAndWhole) {
  const std::string text = pattern(6'000'000);
  const auto file = std::make_shared<PatternFile>(text.size(), true);
  TestServer test({get_route("/file", [&](Request&) { return plan_response({FileRange{file, 0, text.size()}}); })});
  Client client = test.connect();
  for (int turn = 0; turn < 3; ++turn) {
    file->make_cold();
    EXPECT_TRUE(client.get("/file").body == text);
  }
}

TEST(Answer, WhoseSourceFailsLaterIsCutOff) {
  const auto file = std::make_shared<PatternFile>(3'000'000, true);
  TestServer test(
      {get_route("/fails", [](Request&) { return plan_response({produced(2'000'000, 2'000'000, 1'000'000)}); }),
       get_route("/fails-unknown", [](Request&) { return plan_response({produced(2'000'000, {}, 1'000'000)}); }),
       get_route("/short", [](Request&) { return plan_response({produced(1'000'000, 2'000'000)}); }),
       get_route("/long", [](Request&) { return plan_response({produced(2'000'000, 1'000'000)}); }),
       get_route("/truncated", [&](Request&) {
         return plan_response({FileRange{file, 0, 4'000'000}});
       })});
  for (const char* path : {"/fails", "/fails-unknown", "/short", "/long", "/truncated"}) {
    Client client = test.connect();
    const Reply reply = client.get(path);
    EXPECT_EQ(reply.status, 200) << path;
    EXPECT_FALSE(reply.whole) << path;
    EXPECT_TRUE(client.ended()) << path;
    Client old = test.connect();
    const Reply to_the_end = old.ask(std::string("GET ") + path + " HTTP/1.0\r\n\r\n");
    EXPECT_FALSE(to_the_end.whole) << path << " looks whole where only the connection's end tells";
  }
}

TEST(Answer, WhoseSourceFailsAtOnceIsAnError) {
  TestServer test({get_route("/fails", [](Request&) { return plan_response({Bytes("x"), produced(100, 100, 0)}); })});
  Client client = test.connect();
  const Reply reply = client.get("/fails");
  EXPECT_EQ(reply.status, 500);
  EXPECT_TRUE(reply.whole);
  EXPECT_THAT(reply.body, Not(HasSubstr("broke"))) << "what went wrong inside is for the log";
  EXPECT_EQ(client.get("/none").status, 404) << "the connection lives on";
}

TEST(Answer, ToHeadHasTheHeadersOfGetAndNoBody) {
  TestServer test({get_route("/all",
                             [](Request&) {
                               return plan_response({Bytes("abc"), produced(5, 5)});
                             }),
                   get_route("/chunked", [](Request&) { return plan_response({produced(5, {})}); }), hello_route()});
  Client client = test.connect();
  client.send("HEAD /all HTTP/1.1\r\nHost: t\r\n\r\n");
  const Reply head = client.read(true);
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.header("Content-Length"), "8");
  EXPECT_EQ(head.header("ETag"), "\"v1\"");
  client.send("HEAD /chunked HTTP/1.1\r\nHost: t\r\n\r\n");
  EXPECT_EQ(client.read(true).header("Transfer-Encoding"), "chunked");
  client.send("HEAD /nowhere HTTP/1.1\r\nHost: t\r\n\r\n");
  EXPECT_EQ(client.read(true).status, 404);
  EXPECT_EQ(client.get("/hello").body, "hello") << "nothing of a body was sent";
}

TEST(Conditions, GiveNotModifiedWhenTheClientHasIt) {
  TestServer test({get_route("/all", [](Request&) {
    Response response = plan_response({Bytes("abc")});
    response.headers.add("Cache-Control", "private, no-cache");
    return response;
  })});
  Client client = test.connect();
  for (const char* field : {"\"v1\"", "W/\"v1\"", "\"a,b\", \"v1\"", "*", "\"v1-gzip\""}) {
    const Reply reply = client.get("/all", std::string("If-None-Match: ") + field + "\r\n");
    EXPECT_EQ(reply.status, 304) << field;
    EXPECT_EQ(reply.header("Cache-Control"), "private, no-cache");
    EXPECT_EQ(reply.header("ETag"), std::string(field) == "\"v1-gzip\"" ? field : "\"v1\"");
    EXPECT_FALSE(reply.headers.get("Content-Type"));
  }
  for (const char* field : {"\"v2\"", "v1", "\"", "", "\"v1"}) {
    EXPECT_EQ(client.get("/all", std::string("If-None-Match: ") + field + "\r\n").body, "abc") << field;
  }
}

TEST(Ranges, ArePartsOfTheSameBytes) {
  const std::string text = pattern(300'000);
  const auto file = std::make_shared<PatternFile>(200'000, true);
  TestServer test({get_route("/all", [&](Request&) {
    return plan_response(
        {Bytes(text.substr(0, 1000)), FileRange{file, 1000, 99'000}, produced(50'000, 50'000), Bytes("end")});
  })});
  const std::string all = text.substr(0, 100'000) + text.substr(0, 50'000) + "end";
  Client client = test.connect();
  const auto check = [&](const std::string& range, std::size_t first, std::size_t last) {
    const Reply reply = client.get("/all", "Range: " + range + "\r\n");
    EXPECT_EQ(reply.status, 206) << range;
    EXPECT_EQ(reply.header("Content-Range"),
              "bytes " + std::to_string(first) + "-" + std::to_string(last) + "/" + std::to_string(all.size()));
    EXPECT_TRUE(reply.body == all.substr(first, last - first + 1)) << range;
  };
  check("bytes=0-0", 0, 0);
  check("bytes=500-1500", 500, 1500);
  check("bytes=99999-", 99'999, all.size() - 1);
  check("bytes=-10", all.size() - 10, all.size() - 1);
  check("bytes=-9999999", 0, all.size() - 1);
  check("bytes=120000-120999", 120'000, 120'999);
  check("bytes=100000-149999", 100'000, 149'999);
  check("bytes=150000-99999999", 150'000, all.size() - 1);
  const Reply beyond = client.get("/all", "Range: bytes=" + std::to_string(all.size()) + "-\r\n");
  EXPECT_EQ(beyond.status, 416);
  EXPECT_EQ(beyond.header("Content-Range"), "bytes */" + std::to_string(all.size()));
  for (const char* ignored : {"bytes=5-2", "bytes=a-b", "items=0-1", "bytes=0-1,5-6", "bytes"}) {
    const Reply reply = client.get("/all", std::string("Range: ") + ignored + "\r\n");
    EXPECT_EQ(reply.status, 200) << ignored;
    EXPECT_EQ(reply.header("Accept-Ranges"), "bytes");
    EXPECT_TRUE(reply.body == all);
  }
}

TEST(Ranges, HoldOnlyForTheVersionThatIfRangeNames) {
  TestServer test({get_route("/all", [&](Request&) { return plan_response({Bytes("0123456789")}); }),
                   get_route("/never", [&](Request&) { return respond(200, "text/plain", "0123456789"); })});
  Client client = test.connect();
  EXPECT_EQ(client.get("/all", "Range: bytes=1-2\r\nIf-Range: \"v1\"\r\n").body, "12");
  EXPECT_EQ(client.get("/all", "Range: bytes=1-2\r\nIf-Range: \"v2\"\r\n").status, 200);
  EXPECT_EQ(client.get("/all", "Range: bytes=1-2\r\nIf-Range: W/\"v1\"\r\n").status, 200);
  EXPECT_EQ(client.get("/all", "Range: bytes=1-2\r\nIf-Range: \"v1-gzip\"\r\n").status, 200);
  EXPECT_EQ(client.get("/all", "Range: bytes=1-2\r\nIf-Range: Thu, 01 Jan 2026 00:00:00 GMT\r\n").status, 200);
  EXPECT_EQ(client.get("/never", "Range: bytes=1-2\r\n").status, 200);
}

TEST(Compression, IsUsedWhereItPays) {
  std::string json;
  for (int i = 0; i < 20'000; ++i) json += "{\"vr\":\"UI\",\"Value\":[\"1.2." + std::to_string(i) + "\"]},";
  const auto file = std::make_shared<PatternFile>(100'000, true);
  const auto compressible = [](Segment body) {
    Response response = plan_response({std::move(body)});
    response.headers.add("Vary", "Accept");
    response.compressible = true;
    return response;
  };
  TestServer test({get_route("/small", [&](Request&) { return compressible(json.substr(0, 1000)); }),
                   get_route("/medium", [&](Request&) { return compressible(json.substr(0, 60'000)); }),
                   get_route("/large", [&](Request&) { return compressible(json); }),
                   get_route("/file",
                             [&](Request&) {
                               return compressible(FileRange{file, 0, 100'000});
                             }),
                   get_route("/made", [&](Request&) { return compressible(produced(400'000, {})); }),
                   get_route("/plain", [&](Request&) { return plan_response({json}); })});
  Client client = test.connect();
  const std::string accepts = "Accept-Encoding: br, gzip;q=0.5\r\n";
  EXPECT_EQ(client.get("/small", accepts).body, json.substr(0, 1000));
  const Reply medium = client.get("/medium", accepts);
  EXPECT_EQ(medium.header("Content-Encoding"), "gzip");
  EXPECT_EQ(medium.header("ETag"), "\"v1-gzip\"");
  EXPECT_EQ(medium.header("Vary"), "Accept, Accept-Encoding");
  EXPECT_TRUE(medium.headers.get("Content-Length"));
  EXPECT_EQ(unzip(medium.body), json.substr(0, 60'000));
  const Reply large = client.get("/large", accepts);
  EXPECT_LT(large.body.size(), json.size() / 4);
  EXPECT_EQ(unzip(large.body), json);
  EXPECT_EQ(unzip(client.get("/file", accepts).body), pattern(100'000));
  EXPECT_EQ(unzip(client.get("/made", accepts).body), pattern(400'000));
  EXPECT_EQ(client.get("/plain", accepts).body, json);

  for (const char* refuses :
       {"", "Accept-Encoding: identity\r\n", "Accept-Encoding: gzip;q=0, br\r\n", "Accept-Encoding: *;q=0\r\n"}) {
    const Reply reply = client.get("/medium", refuses);
    EXPECT_EQ(reply.body, json.substr(0, 60'000)) << refuses;
    EXPECT_EQ(reply.header("ETag"), "\"v1\"");
    EXPECT_EQ(reply.header("Vary"), "Accept, Accept-Encoding") << "caches must know that it could have been";
  }
  EXPECT_EQ(client.get("/medium", accepts + "If-None-Match: \"v1-gzip\"\r\n").header("ETag"), "\"v1-gzip\"");
  EXPECT_EQ(client.get("/medium", "If-None-Match: \"v1\"\r\n").status, 304);
  const Reply part = client.get("/medium", accepts + "Range: bytes=0-9\r\n");
  EXPECT_EQ(part.status, 206) << "ranges are of the plain bytes";
  EXPECT_EQ(part.body, json.substr(0, 10));
  client.send("HEAD /medium HTTP/1.1\r\nHost: t\r\n" + accepts + "\r\n");
  const Reply head = client.read(true);
  EXPECT_EQ(head.header("Content-Encoding"), "gzip");
  EXPECT_EQ(head.header("Content-Length"), medium.header("Content-Length"));
}

TEST(Cors, AnswersPreflightsBeforeAnyoneIsAskedWhoTheyAre) {
  ServerHooks hooks;
  hooks.authorize = [](Request&, Permission) -> Task<std::optional<Response>> {
    co_return problem(Error::denied("no"));
  };
  TestServer test({hello_route()}, quiet_settings(), hooks);
  Client client = test.connect();
  const Reply reply = client.ask(
      "OPTIONS /hello HTTP/1.1\r\nHost: t\r\nOrigin: https://viewer.example\r\n"
      "Access-Control-Request-Method: GET\r\nAccess-Control-Request-Headers: authorization\r\n\r\n");
  EXPECT_EQ(reply.status, 204);
  EXPECT_EQ(reply.header("Access-Control-Allow-Origin"), "*");
  EXPECT_THAT(reply.header("Access-Control-Allow-Methods"), HasSubstr("DELETE"));
  for (const char* name :
       {"Authorization", "Accept", "Content-Type", "Range", "If-None-Match", "If-Range", "x-tenant"}) {
    EXPECT_THAT(reply.header("Access-Control-Allow-Headers"), HasSubstr(name));
  }
  const Reply denied = client.get("/hello");
  EXPECT_EQ(denied.status, 403);
  EXPECT_EQ(denied.header("Access-Control-Allow-Origin"), "*");
  for (const char* name : {"ETag", "Content-Range", "Content-Location", "Link", "Warning", "X-Total-Count",
                           "X-Request-Id", "Server-Timing", "Retry-After"}) {
    EXPECT_THAT(denied.header("Access-Control-Expose-Headers"), HasSubstr(name));
  }
}

TEST(Cors, NamesOnlyOriginsThatAreAllowed) {
  ServerSettings settings = quiet_settings();
  settings.cors.allowed_origins = {"https://a.example"};
  TestServer test({hello_route()}, settings);
  Client client = test.connect();
  const Reply allowed = client.get("/hello", "Origin: https://a.example\r\n");
  EXPECT_EQ(allowed.header("Access-Control-Allow-Origin"), "https://a.example");
  EXPECT_EQ(allowed.header("Vary"), "Origin");
  const Reply other = client.get("/nowhere", "Origin: https://b.example\r\n");
  EXPECT_FALSE(other.headers.get("Access-Control-Allow-Origin"));
  EXPECT_EQ(other.header("Vary"), "Origin");
}

TEST(Answer, NamesWhatAResourceTakes) {
  TestServer test({hello_route(), echo_route("/echo"), echo_route("/hello", Method::kPut)});
  Client client = test.connect();
  const Reply wrong = client.ask("DELETE /hello HTTP/1.1\r\nHost: t\r\n\r\n");
  EXPECT_EQ(wrong.status, 405);
  EXPECT_EQ(wrong.header("Allow"), "GET, HEAD, PUT, OPTIONS");
  EXPECT_THAT(wrong.body, HasSubstr("\"status\":405"));
  EXPECT_EQ(client.ask("BREW /hello HTTP/1.1\r\nHost: t\r\n\r\n").status, 405);
  const Reply options = client.ask("OPTIONS /echo HTTP/1.1\r\nHost: t\r\n\r\n");
  EXPECT_EQ(options.status, 204);
  EXPECT_EQ(options.header("Allow"), "POST, OPTIONS");
  EXPECT_EQ(client.ask("OPTIONS * HTTP/1.1\r\nHost: t\r\n\r\n").status, 204);
  EXPECT_EQ(client.ask("OPTIONS /nowhere HTTP/1.1\r\nHost: t\r\n\r\n").status, 404);
  EXPECT_EQ(client.get("/nowhere").status, 404);
}

TEST(Answer, CarriesTheRequestsId) {
  TestServer test(
      {hello_route(), get_route("/id", [](Request& r) { return respond(200, "text/plain", r.context.request_id); })});
  Client client = test.connect();
  EXPECT_EQ(client.get("/id", "X-Request-Id: my-id_1.2\r\n").header("X-Request-Id"), "my-id_1.2");
  const Reply made = client.get("/id");
  EXPECT_EQ(made.header("X-Request-Id"), made.body);
  EXPECT_NE(client.get("/id").body, made.body);
  for (const std::string& unsafe : {std::string("a b"), std::string(65, 'a'), std::string("a\"b")}) {
    EXPECT_NE(client.get("/id", "X-Request-Id: " + unsafe + "\r\n").body, unsafe);
  }
  const Reply problem_reply = client.get("/nowhere", "X-Request-Id: quoted\r\n");
  EXPECT_THAT(problem_reply.body, HasSubstr("\"requestId\":\"quoted\""));
  EXPECT_THAT(made.header("Server-Timing"), HasSubstr("total;dur="));
  EXPECT_EQ(made.header("Server"), "Gantry");
  EXPECT_THAT(made.header("Date"), HasSubstr(" GMT"));
}

TEST(Answer, CannotBeSplitByItsHeaderValues) {
  TestServer test({get_route("/evil", [](Request&) {
    Response response = respond(200, "text/plain", "x");
    response.headers.add("Content-Location", "/a\r\nSet-Cookie: evil=1\r\n\r\nbody");
    response.headers.add("Content-Length", "99");
    return response;
  })});
  Client client = test.connect();
  const Reply reply = client.get("/evil");
  EXPECT_FALSE(reply.headers.get("Set-Cookie"));
  EXPECT_EQ(reply.body, "x");
}

TEST(Answer, HidesWhatHandlersThrow) {
  std::vector<AccessRecord> records;
  ServerHooks hooks;
  hooks.log = [&](const AccessRecord& record) { records.push_back(record); };
  ServerSettings settings = quiet_settings();
  settings.io_threads = 1;
  {
    TestServer test({get_route("/throws", [](Request&) -> Response { throw std::runtime_error("secret"); }),
                     get_route("/internal", [](Request&) { return problem(Error::internal("secret")); })},
                    settings, hooks);
    Client client = test.connect();
    for (const char* path : {"/throws?patient=x", "/internal"}) {
      const Reply reply = client.get(path);
      EXPECT_EQ(reply.status, 500);
      EXPECT_THAT(reply.body, Not(HasSubstr("secret")));
    }
    test.server.stop(std::chrono::seconds(10));
  }
  ASSERT_EQ(records.size(), 2U);
  EXPECT_EQ(records[0].path, "/throws") << "queries may name patients";
  EXPECT_THAT(records[0].error_detail, HasSubstr("secret"));
  EXPECT_THAT(records[1].error_detail, HasSubstr("secret"));
}

TEST(Requests, AreLoggedOnceWithWhatBecameOfThem) {
  std::vector<AccessRecord> records;
  ServerHooks hooks;
  hooks.authorize = [](Request& request, Permission) -> Task<std::optional<Response>> {
    request.context.tenant = TenantId("clinic-a");
    request.context.principal = "ann";
    co_return std::nullopt;
  };
  hooks.log = [&](const AccessRecord& record) { records.push_back(record); };
  ServerSettings settings = quiet_settings();
  settings.io_threads = 1;
  {
    TestServer test({echo_route("/echo"),
                     get_route("/short", [](Request&) { return plan_response({produced(1'000'000, 2'000'000)}); })},
                    settings, hooks);
    Client client = test.connect();
    const std::string request = "POST /echo?PatientID=1 HTTP/1.1\r\nHost: t\r\nContent-Length: 3\r\n\r\nabc";
    const Reply reply = client.ask(request);
    client.get("/short");
    Client refused = test.connect();
    refused.ask("nonsense\r\n\r\n");
    test.server.stop(std::chrono::seconds(10));
    ASSERT_EQ(records.size(), 3U);
    EXPECT_EQ(records[0].path, "/echo");
    EXPECT_EQ(records[0].method, "POST");
    EXPECT_EQ(records[0].tenant, "clinic-a");
    EXPECT_EQ(records[0].principal, "ann");
    EXPECT_EQ(records[0].remote_address, "127.0.0.1");
    EXPECT_EQ(records[0].status, 200);
    EXPECT_EQ(records[0].bytes_in, request.size());
    EXPECT_EQ(records[0].bytes_out, reply.head.size() + 3);
    EXPECT_TRUE(records[0].complete);
    EXPECT_FALSE(records[1].complete);
    EXPECT_THAT(records[1].error_detail, HasSubstr("shorter"));
    EXPECT_EQ(records[2].status, 400);
    const auto counters = test.server.counters();
    EXPECT_EQ(counters.requests_total, 3U);
    EXPECT_EQ(counters.connections_total, 2U);
    EXPECT_EQ(counters.connections_open, 0U);
    EXPECT_EQ(counters.bytes_out, records[0].bytes_out + records[1].bytes_out + records[2].bytes_out);
  }
}

TEST(Requests, AreAnnouncedOnceBeforeTheirFirstByte) {
  struct Announced {
    std::string path, pattern;  ///< pattern: of the route, "(none)" without
    int status;
  };
  std::vector<Announced> announced;
  std::vector<AccessRecord> records;
  ServerHooks hooks;
  hooks.authorize = [](Request& request, Permission) -> Task<std::optional<Response>> {
    if (request.path == "/denied") co_return problem(Error::denied("not you"));
    co_return std::nullopt;
  };
  hooks.answering = [&](const Request& request, const Response& response) -> Result<std::uint64_t> {
    announced.push_back({request.path, request.route != nullptr ? request.route->pattern : "(none)", response.status});
    if (request.path == "/unrecorded") return Error::unavailable("the spool is full");
    return announced.size();
  };
  hooks.log = [&](const AccessRecord& record) { records.push_back(record); };
  ServerSettings settings = quiet_settings();
  settings.io_threads = 1;
  {
    TestServer test({hello_route(), get_route("/denied", [](Request&) { return Response(); }),
                     get_route("/unrecorded", [](Request&) { return respond(200, "text/plain", "patient"); }),
                     get_route("/fails", [](Request&) { return plan_response({produced(100, 100, 0)}); })},
                    settings, hooks);
    Client client = test.connect();
    EXPECT_EQ(client.get("/hello").body, "hello");
    EXPECT_EQ(client.get("/denied").status, 403);
    const Reply refused = client.get("/unrecorded");
    EXPECT_EQ(refused.status, 503);
    EXPECT_THAT(refused.body, Not(HasSubstr("patient")));
    EXPECT_EQ(client.get("/fails").status, 500) << "its source fails before the head is sent";
    EXPECT_EQ(client.get("/nowhere").status, 404);
    test.server.stop(std::chrono::seconds(10));
  }
  ASSERT_EQ(announced.size(), 5U);
  EXPECT_EQ(announced[0].status, 200);
  EXPECT_EQ(announced[0].pattern, "/hello");
  EXPECT_EQ(announced[1].status, 403);
  EXPECT_EQ(announced[3].status, 200) << "what was to be sent; the record says what was";
  EXPECT_EQ(announced[4].pattern, "(none)");
  ASSERT_EQ(records.size(), 5U);
  const std::uint64_t tickets[] = {1, 2, 0, 4, 5};
  for (std::size_t i = 0; i < 5; ++i) EXPECT_EQ(records[i].ticket, tickets[i]) << i;
  EXPECT_EQ(records[3].status, 500);
}

TEST(Answer, OfAGigabyteTakesNoMemory) {
  TestServer test({get_route("/made", [](Request&) { return plan_response({produced(1ULL << 30, 1ULL << 30)}); })});
  Client client = test.connect();
  client.send("GET /made HTTP/1.1\r\nHost: t\r\n\r\n");
  std::uint64_t read = 0;
  const std::uint64_t before = resident_bytes();
  std::uint64_t most = 0;
  while (read < (1ULL << 30)) {
    const std::string piece = client.read_some(1 << 20);
    ASSERT_FALSE(piece.empty());
    read += piece.size();
    most = std::max(most, resident_bytes());
  }
  EXPECT_LT(most, before + (16U << 20));
}

}  // namespace
}  // namespace gantry::http::testing
