// The server over TLS: the same answers, and what only TLS brings.

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gantry/http/server_test_support.hpp"

namespace gantry::http::testing {
namespace {

using std::chrono::milliseconds;
using tls::testing::Authority;
using tls::testing::client_context;
using tls::testing::Credential;
using tls::testing::Folder;
using tls::testing::pem_of;
using tls::testing::Wanted;
using ::testing::HasSubstr;

class OverTls : public ::testing::Test {
 protected:
  /// Settings with an identity of `credential`.
  ServerSettings secure_settings(tls::ClientCertificates clients = tls::ClientCertificates::kNone) {
    tls::ServerFiles files;
    files.certificate = folder.write("server.pem", pem_of(*credential.certificate));
    files.key = folder.write("server.key", pem_of(*credential.key));
    files.client_ca = folder.write("clients.pem", client_authority.pem());
    files.clients = clients;
    auto loaded = tls::ServerIdentity::load(files);
    if (!loaded) ADD_FAILURE() << loaded.error().detail();
    ServerSettings settings = quiet_settings();
    settings.identity = *loaded;
    return settings;
  }
  [[nodiscard]] Client connect(const TestServer& test) const { return Client(test.server.port(), *context); }
  /// A hook that keeps what it is told.
  ServerHooks keeping() {
    ServerHooks hooks;
    hooks.handshake = [this](const HandshakeRecord& record) {
      const std::scoped_lock lock(mutex);
      records.push_back(record);
      told.notify_all();
    };
    return hooks;
  }
  /// What was told, when that are `count`: a client may see the end of its handshake before the hook does.
  std::vector<HandshakeRecord> wait_for_records(std::size_t count) {
    std::unique_lock lock(mutex);
    told.wait(lock, [&] { return records.size() >= count; });
    return records;
  }

  const Folder folder;
  const Authority authority, client_authority{"Client Authority"};
  const Credential credential{authority, Wanted()};
  const tls::testing::Context context = client_context(authority);
  std::mutex mutex;
  std::condition_variable told;
  std::vector<HandshakeRecord> records;
};

TEST_F(OverTls, RequestsAreAnsweredAndTheConnectionIsKept) {
  std::atomic<int> secure = 0;
  TestServer test({get_route("/secure", [&](Request& request) {
                    secure += request.secure ? 1 : 0;
                    return respond(200, "text/plain", request.client_certificate ? "known" : "unknown");
                  })},
                  secure_settings());
  Client client = connect(test);
  ASSERT_TRUE(client.secured());
  for (int i = 0; i < 3; ++i) EXPECT_EQ(client.get("/secure").body, "unknown");
  EXPECT_EQ(secure, 3);
  EXPECT_EQ(client.get("/secure", "Connection: close\r\n").status, 200);
  EXPECT_TRUE(client.ended());
  EXPECT_TRUE(client.had_farewell());
}

TEST_F(OverTls, BodiesOfEverySizeComeAndGoByteByByte) {
  TestServer test({echo_route("/echo")}, secure_settings());
  Client client = connect(test);
  for (const std::size_t size : {0, 1, 4095, 16384, 16385, 32768, 131072, 131073, 5'000'000}) {
    const std::string body = pattern(size);
    ASSERT_TRUE(client.send("POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: " + std::to_string(size) + "\r\n\r\n" + body));
    const Reply reply = client.read();
    EXPECT_EQ(reply.status, 200);
    EXPECT_TRUE(reply.body == body) << size;
  }
}

TEST_F(OverTls, FilesAndTheirRangesAreExact) {
  constexpr std::size_t kSize = 3'000'017;
  const auto file = std::make_shared<PatternFile>(kSize, true);
  TestServer test({get_route("/file", [&](Request&) {
                    Response response = respond(200, "application/octet-stream", "head:");
                    response.body.add(FileRange{file, 0, kSize});
                    response.body.add(std::string(":tail"));
                    response.headers.set("ETag", "\"x\"");
                    response.ranges = true;
                    return response;
                  })},
                  secure_settings());
  const std::string all = "head:" + pattern(kSize) + ":tail";
  Client client = connect(test);
  EXPECT_TRUE(client.get("/file").body == all);
  file->make_cold();
  EXPECT_TRUE(client.get("/file").body == all);
  for (const auto& [from, to] : {std::pair<std::size_t, std::size_t>{0, 0}, {3, 40000}, {65535, 65536}, {2'999'000, kSize + 9}}) {
    const Reply part = client.get("/file", "Range: bytes=" + std::to_string(from) + "-" + std::to_string(to) + "\r\n");
    EXPECT_EQ(part.status, 206);
    EXPECT_TRUE(part.body == all.substr(from, to - from + 1)) << from;
  }
}

TEST_F(OverTls, ProducedBodiesAreExactAndABrokenOneIsNeverTakenForWhole) {
  TestServer test({get_route("/made",
                             [](Request&) {
                               Response response = respond(200, "application/octet-stream", "");
                               response.body.add(Produced{std::make_shared<PatternStream>(1'000'000), std::nullopt});
                               return response;
                             }),
                   get_route("/broken",
                             [](Request&) {
                               Response response = respond(200, "application/octet-stream", "");
                               response.body.add(
                                   Produced{std::make_shared<PatternStream>(1'000'000, 700'000), std::nullopt});
                               return response;
                             })},
                  secure_settings());
  Client client = connect(test);
  EXPECT_TRUE(client.get("/made").body == pattern(1'000'000));
  const Reply broken = client.get("/broken");
  EXPECT_FALSE(broken.whole);
  EXPECT_TRUE(client.ended());
  EXPECT_FALSE(client.had_farewell());
}

TEST_F(OverTls, SlowReadersGetEverythingInTheEnd) {
  TestServer test({get_route("/large", [](Request&) { return respond(200, "text/plain", pattern(8 << 20)); })},
                  secure_settings());
  Client client = connect(test);
  client.send("GET /large HTTP/1.1\r\nHost: t\r\n\r\n");
  std::this_thread::sleep_for(milliseconds(100));  // until the socket's buffers are full
  EXPECT_TRUE(client.read().body == pattern(8 << 20));
}

TEST_F(OverTls, PipelinedRequestsInOneRecordAreAllAnswered) {
  TestServer test({hello_route(), echo_route("/echo")}, secure_settings());
  Client client = connect(test);
  std::string requests;
  for (int i = 0; i < 40; ++i) requests += "GET /hello HTTP/1.1\r\nHost: t\r\n\r\n";
  // Bodies that end with a full read, behind which the socket itself shows nothing more.
  requests += "POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 4096\r\n\r\n" + pattern(4096);
  requests += "GET /hello HTTP/1.1\r\nHost: t\r\n\r\n";
  ASSERT_TRUE(client.send(requests));
  for (int i = 0; i < 40; ++i) ASSERT_EQ(client.read().body, "hello") << i;
  EXPECT_TRUE(client.read().body == pattern(4096));
  EXPECT_EQ(client.read().body, "hello");
}

TEST_F(OverTls, ContinueIsSentWhenAskedFor) {
  TestServer test({echo_route("/echo")}, secure_settings());
  Client client = connect(test);
  client.send("POST /echo HTTP/1.1\r\nHost: t\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
  EXPECT_EQ(client.read().status, 100);
  client.send("12345");
  EXPECT_EQ(client.read().body, "12345");
}

TEST_F(OverTls, SessionsAreResumed) {
  TestServer test({hello_route()}, secure_settings(), keeping());
  Handle<SSL_SESSION, &SSL_SESSION_free> session;
  {
    Client first = connect(test);
    EXPECT_EQ(first.get("/hello").body, "hello");
    session.reset(SSL_get1_session(first.tls()));
    SSL_shutdown(first.tls());
  }
  Client second(test.server.port(), *context, session.get());
  EXPECT_EQ(second.get("/hello").body, "hello");
  EXPECT_EQ(SSL_session_reused(second.tls()), 1);
  const auto seen = wait_for_records(2);
  EXPECT_EQ(seen[0].outcome, HandshakeRecord::Outcome::kDone);
  EXPECT_EQ(seen[1].outcome, HandshakeRecord::Outcome::kResumed);
}

TEST_F(OverTls, WhoSpeaksHttpIsToldToUseTls) {
  TestServer test({hello_route()}, secure_settings());
  Client plain = test.connect();
  const Reply reply = plain.get("/hello");
  EXPECT_EQ(reply.status, 400);
  EXPECT_THAT(reply.body, HasSubstr("https://"));
  EXPECT_TRUE(plain.ended());
}

TEST_F(OverTls, TheUnixSocketStaysAsItWas) {
  ServerSettings settings = secure_settings();
  settings.unix_socket = folder.path("socket");
  TestServer test({hello_route()}, settings);
  Client local(settings.unix_socket);
  EXPECT_EQ(local.get("/hello").body, "hello");
}

TEST_F(OverTls, ClientsAreKnownByTheirCertificates) {
  TestServer test({get_route("/who", [](Request& request) {
                    const auto& certificate = request.client_certificate;
                    return respond(200, "text/plain", certificate ? certificate->subject : "nobody");
                  })},
                  secure_settings(tls::ClientCertificates::kOptional), keeping());
  const Credential device(client_authority, Wanted("ct-1").client());
  const auto known = client_context(authority, device);
  Client ct(test.server.port(), *known);
  EXPECT_EQ(ct.get("/who").body, "O=Gantry Tests,CN=ct-1");
  EXPECT_EQ(ct.get("/who").body, "O=Gantry Tests,CN=ct-1");
  Client anonymous = connect(test);
  EXPECT_EQ(anonymous.get("/who").body, "nobody");

  const Credential forged(authority, Wanted("ct-1").client());
  const auto forger = client_context(authority, forged);
  Client stranger(test.server.port(), *forger);
  EXPECT_EQ(stranger.get("/who").status, 0);
  EXPECT_FALSE(stranger.was_reset()) << "the alert that says why arrives";
  const auto seen = wait_for_records(3);
  EXPECT_EQ(seen[2].outcome, HandshakeRecord::Outcome::kFailed);
  EXPECT_THAT(seen[2].detail, HasSubstr("certificate verify failed"));
  EXPECT_EQ(seen[2].remote_address, "127.0.0.1");
}

TEST_F(OverTls, HandshakesThatTakeTooLongEnd) {
  ServerSettings settings = secure_settings();
  settings.limits.handshake_deadline = milliseconds(200);
  TestServer test({hello_route()}, settings, keeping());
  Client silent = test.connect();
  Client begun = test.connect();
  begun.send(std::string("\x16\x03\x01\x02", 4));
  EXPECT_TRUE(silent.ended());
  EXPECT_TRUE(begun.ended());
  EXPECT_EQ(connect(test).get("/hello").body, "hello");
  const std::scoped_lock lock(mutex);
  ASSERT_EQ(records.size(), 2U) << "who said nothing is not worth a word";
  EXPECT_EQ(records[0].outcome, HandshakeRecord::Outcome::kLate);
}

TEST_F(OverTls, ACrowdOfHandshakesThatDoNotGoOnMakesRoomForHonestClients) {
  ServerSettings settings = secure_settings();
  settings.io_threads = 1;
  settings.limits.handshakes = 20;
  TestServer test({hello_route()}, settings);
  Client friend_from_before = connect(test);
  EXPECT_EQ(friend_from_before.get("/hello").body, "hello");
  std::vector<Client> crowd;
  for (int i = 0; i < 500; ++i) {
    crowd.push_back(test.connect());
    crowd.back().send(std::string("\x16\x03\x01\x02", 4));
  }
  for (int i = 0; i < 20; ++i) EXPECT_EQ(connect(test).get("/hello").body, "hello");
  EXPECT_EQ(friend_from_before.get("/hello").body, "hello");
  EXPECT_TRUE(crowd.front().ended()) << "the oldest made room";
}

TEST_F(OverTls, ACertificateThatIsReplacedIsShownToTheNextClient) {
  ServerSettings settings = secure_settings();
  TestServer test({hello_route()}, settings);
  Client before = connect(test);
  EXPECT_EQ(before.get("/hello").body, "hello");
  const Credential renewed(authority, Wanted("renewed"));
  folder.write("server.pem", pem_of(*renewed.certificate));
  EXPECT_FALSE(settings.identity->reload()) << "its key is still the old one";
  EXPECT_EQ(connect(test).get("/hello").body, "hello");
  folder.write("server.key", pem_of(*renewed.key));
  ASSERT_TRUE(settings.identity->reload());
  Client after = connect(test);
  EXPECT_EQ(after.get("/hello").body, "hello");
  const X509* const shown = SSL_get0_peer_certificate(after.tls());
  EXPECT_EQ(X509_cmp(shown, renewed.certificate.get()), 0);
  EXPECT_EQ(before.get("/hello").body, "hello") << "who is in stays";
}

TEST_F(OverTls, ASlowUploadInLargeRecordsIsNotTakenForAStalledOne) {
  // A record shows only when it is complete; what counts for the minimum rate is what came over the socket.
  ServerSettings settings = secure_settings();
  settings.limits.body_rate_window = milliseconds(300);
  settings.limits.body_rate_bytes_per_s = 2000;
  TestServer test({echo_route("/echo")}, settings);
  // The client's encrypted bytes go through our hands, so that they can be dripped.
  Client socket = test.connect();
  tls::testing::Session session(SSL_new(context.get()));
  BIO* const in = BIO_new(BIO_s_mem());
  BIO* const out = BIO_new(BIO_s_mem());
  SSL_set_bio(session.get(), in, out);
  SSL_set_connect_state(session.get());
  const auto flush = [&](std::size_t piece, milliseconds pause) {
    char* bytes = nullptr;
    const long size = BIO_get_mem_data(out, &bytes);
    const std::string all(bytes, static_cast<std::size_t>(size));
    static_cast<void>(BIO_reset(out));
    for (std::size_t at = 0; at < all.size(); at += piece) {
      if (!socket.send(std::string_view(all).substr(at, piece))) return false;
      if (pause > milliseconds(0)) std::this_thread::sleep_for(pause);
    }
    return true;
  };
  while (SSL_do_handshake(session.get()) != 1) {
    flush(100000, milliseconds(0));
    const std::string got = socket.read_some(1);
    BIO_write(in, got.data(), static_cast<int>(got.size()));
  }
  const std::string request = "POST /echo HTTP/1.1\r\nHost: t\r\nConnection: close\r\nContent-Length: 16000\r\n\r\n";
  SSL_write(session.get(), request.data(), static_cast<int>(request.size()));
  ASSERT_TRUE(flush(100000, milliseconds(0)));
  const std::string body = pattern(16000);
  SSL_write(session.get(), body.data(), static_cast<int>(body.size()));
  ASSERT_TRUE(flush(800, milliseconds(50)));  // 16 kB/s, a second for the one record
  std::string answer;
  char piece[4096];
  for (;;) {
    const int got = SSL_read(session.get(), piece, sizeof piece);
    if (got > 0) {
      answer.append(piece, static_cast<std::size_t>(got));
      continue;
    }
    const std::string more = socket.read_some(1);
    if (more.empty()) break;
    BIO_write(in, more.data(), 1);
  }
  EXPECT_TRUE(answer.ends_with(body)) << answer.substr(0, 200);
}

}  // namespace
}  // namespace gantry::http::testing
