#include "gantry/tls/channel.hpp"

#include <csignal>
#include <cstring>
#include <functional>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include "gantry/tls/server_identity.hpp"
#include "gantry/tls/test_support.hpp"

namespace gantry::tls::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// A server's channel and a client's session over a pair of non-blocking sockets, driven in turns by one thread.
class ChannelTest : public ::testing::Test {
 protected:
  ChannelTest() { std::signal(SIGPIPE, SIG_IGN); }

  void serve(ClientCertificates clients = ClientCertificates::kNone, const std::string& client_ca = "") {
    ServerFiles files;
    files.certificate = folder.write("server.pem", pem_of(*credential.certificate));
    files.key = folder.write("server.key", pem_of(*credential.key));
    files.clients = clients;
    if (!client_ca.empty()) files.client_ca = folder.write("clients.pem", client_ca);
    auto loaded = ServerIdentity::load(files);
    ASSERT_TRUE(loaded) << loaded.error().detail();
    identity = *loaded;
  }

  void connect(SSL_CTX& context) {
    channel.reset();
    client.reset();
    int pair[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    ours = UniqueFd(pair[0]);
    theirs = UniqueFd(pair[1]);
    channel = identity->accept(ours.get());
    client.reset(SSL_new(&context));
    SSL_set_fd(client.get(), theirs.get());
    SSL_set_connect_state(client.get());
  }

  /// The server's last step; the client goes as far as it can.
  Channel::Step shake_hands() {
    Channel::Step step = Channel::Step::kWantsRead;
    for (int i = 0; i < 20; ++i) {
      SSL_do_handshake(client.get());
      if (step == Channel::Step::kWantsRead || step == Channel::Step::kWantsWrite) step = channel->handshake();
    }
    return step;
  }

  std::string read_all() {
    std::string all(100000, '\0');
    std::size_t count = 0;
    last = channel->read(std::as_writable_bytes(std::span(all)), count);
    all.resize(count);
    return all;
  }

  bool client_writes(const std::string& text) {
    return SSL_write(client.get(), text.data(), static_cast<int>(text.size())) == static_cast<int>(text.size());
  }

  const Folder folder;
  const Authority authority, client_authority{"Client Authority"};
  const Credential credential{authority, Wanted()};
  std::shared_ptr<ServerIdentity> identity;
  UniqueFd ours, theirs;
  std::unique_ptr<Channel> channel;
  Session client;
  Channel::Step last = Channel::Step::kDone;
};

TEST_F(ChannelTest, CarriesBytesBothWays) {
  serve();
  const auto context = client_context(authority);
  connect(*context);
  ASSERT_EQ(shake_hands(), Channel::Step::kDone) << channel->failure();
  EXPECT_EQ(SSL_version(client.get()), TLS1_3_VERSION);
  EXPECT_EQ(channel->client_certificate(), nullptr);

  ASSERT_TRUE(client_writes("hello"));
  EXPECT_EQ(read_all(), "hello");
  EXPECT_EQ(read_all(), "");
  EXPECT_EQ(last, Channel::Step::kWantsRead);
  EXPECT_FALSE(channel->may_hold_bytes());

  const std::string answer = "welcome";
  std::size_t sent = 0;
  ASSERT_EQ(channel->write(std::as_bytes(std::span(answer)), sent), Channel::Step::kDone);
  EXPECT_EQ(sent, answer.size());
  char text[32]{};
  EXPECT_EQ(SSL_read(client.get(), text, sizeof text), 7);
  EXPECT_STREQ(text, "welcome");
}

TEST_F(ChannelTest, SaysThatItMayHoldBytesWhenRoomWasShort) {
  serve();
  const auto context = client_context(authority);
  connect(*context);
  ASSERT_EQ(shake_hands(), Channel::Step::kDone);
  ASSERT_TRUE(client_writes("0123456789"));
  std::string four(4, '\0');
  std::size_t count = 0;
  ASSERT_EQ(channel->read(std::as_writable_bytes(std::span(four)), count), Channel::Step::kDone);
  EXPECT_EQ(four, "0123");
  EXPECT_TRUE(channel->may_hold_bytes()) << "the socket is empty, six bytes are not read";
  EXPECT_EQ(read_all(), "456789");
  EXPECT_FALSE(channel->may_hold_bytes());
}

TEST_F(ChannelTest, TellsAnEndInOrderAndSendsItsOwn) {
  serve();
  const auto context = client_context(authority);
  connect(*context);
  ASSERT_EQ(shake_hands(), Channel::Step::kDone);
  ASSERT_TRUE(client_writes("bye"));
  SSL_shutdown(client.get());
  EXPECT_EQ(read_all(), "bye") << "what came before the end is handed over first";
  EXPECT_EQ(read_all(), "");
  EXPECT_EQ(last, Channel::Step::kEnded);
  channel->finish_sending();
  char byte = 0;
  EXPECT_EQ(SSL_read(client.get(), &byte, 1), 0);
  EXPECT_EQ(SSL_get_error(client.get(), 0), SSL_ERROR_ZERO_RETURN);
}

TEST_F(ChannelTest, TakesATornConnectionForItsEnd) {
  serve();
  const auto context = client_context(authority);
  connect(*context);
  ASSERT_EQ(shake_hands(), Channel::Step::kDone);
  theirs.reset();
  EXPECT_EQ(read_all(), "");
  EXPECT_EQ(last, Channel::Step::kEnded);
  channel->finish_sending();  // must not raise anything
}

TEST_F(ChannelTest, FailsOnBytesThatAreNoTls) {
  serve();
  const auto context = client_context(authority);
  connect(*context);
  const std::string garbage = std::string("\x16\x03\x01\x00\x05", 5) + "hello";
  ASSERT_EQ(::send(theirs.get(), garbage.data(), garbage.size(), 0), static_cast<ssize_t>(garbage.size()));
  EXPECT_EQ(channel->handshake(), Channel::Step::kFailed);
  EXPECT_FALSE(channel->failure().empty());
  EXPECT_FALSE(channel->spoke_plain_http());
}

TEST_F(ChannelTest, KnowsAnHttpRequestWithoutTls) {
  serve();
  const auto context = client_context(authority);
  connect(*context);
  const std::string request = "GET / HTTP/1.1\r\nHost: t\r\n\r\n";
  ASSERT_EQ(::send(theirs.get(), request.data(), request.size(), 0), static_cast<ssize_t>(request.size()));
  EXPECT_EQ(channel->handshake(), Channel::Step::kFailed);
  EXPECT_TRUE(channel->spoke_plain_http());
}

TEST_F(ChannelTest, SpeaksTls12WithForwardSecrecyAndRefusesWhatIsOlderOrWeaker) {
  serve();
  const auto refused = [&](const std::function<void(SSL_CTX*)>& weaken) {
    const auto context = client_context(authority);
    SSL_CTX_set_security_level(context.get(), 0);
    weaken(context.get());
    connect(*context);
    return shake_hands() == Channel::Step::kFailed;
  };
  const auto speak = [](int version) {
    return [version](SSL_CTX* context) {
      SSL_CTX_set_min_proto_version(context, version);
      SSL_CTX_set_max_proto_version(context, version);
    };
  };
  const auto offer = [](const char* suites) {
    return [suites](SSL_CTX* context) {
      SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION);
      SSL_CTX_set_cipher_list(context, suites);
    };
  };
  EXPECT_FALSE(refused(speak(TLS1_3_VERSION)));
  EXPECT_FALSE(refused(speak(TLS1_2_VERSION)));
  EXPECT_TRUE(refused(speak(TLS1_1_VERSION)));
  EXPECT_TRUE(refused(speak(TLS1_VERSION)));
  EXPECT_FALSE(refused(offer("ECDHE-ECDSA-AES128-GCM-SHA256")));
  EXPECT_TRUE(refused(offer("ECDHE-ECDSA-AES128-SHA256"))) << "CBC";
  EXPECT_TRUE(refused(offer("ECDHE-ECDSA-AES128-SHA")));
  EXPECT_TRUE(refused(offer("ECDHE-ECDSA-NULL-SHA")));
  EXPECT_TRUE(refused(offer("AECDH-AES128-SHA"))) << "nobody's certificate";
}

TEST_F(ChannelTest, DoesNotRenegotiate) {
  serve();
  const auto context = client_context(authority);
  SSL_CTX_set_max_proto_version(context.get(), TLS1_2_VERSION);
  connect(*context);
  ASSERT_EQ(shake_hands(), Channel::Step::kDone);
  SSL_renegotiate(client.get());
  SSL_do_handshake(client.get());
  read_all();
  const int result = SSL_do_handshake(client.get());
  EXPECT_NE(result, 1);
  EXPECT_EQ(SSL_get_error(client.get(), result), SSL_ERROR_SSL) << "the server answered no_renegotiation";
}

TEST_F(ChannelTest, AgreesOnHttp11Alone) {
  serve();
  const auto context = client_context(authority);
  const unsigned char both[] = "\x02h2\x08http/1.1";
  connect(*context);
  SSL_set_alpn_protos(client.get(), both, sizeof both - 1);
  ASSERT_EQ(shake_hands(), Channel::Step::kDone);
  const unsigned char* chosen = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(client.get(), &chosen, &size);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(chosen), size), "http/1.1");

  connect(*context);
  const unsigned char other[] = "\x02h2";
  SSL_set_alpn_protos(client.get(), other, sizeof other - 1);
  EXPECT_EQ(shake_hands(), Channel::Step::kFailed);
}

TEST_F(ChannelTest, ResumesSessions) {
  serve();
  const auto context = client_context(authority);
  connect(*context);
  ASSERT_EQ(shake_hands(), Channel::Step::kDone);
  EXPECT_FALSE(channel->resumed());
  std::size_t sent = 0;
  const std::string answer = "x";
  ASSERT_EQ(channel->write(std::as_bytes(std::span(answer)), sent), Channel::Step::kDone);
  char byte = 0;
  ASSERT_EQ(SSL_read(client.get(), &byte, 1), 1) << "tickets come before it";
  const Handle<SSL_SESSION, &SSL_SESSION_free> session(SSL_get1_session(client.get()));
  SSL_shutdown(client.get());  // a session that was torn off is not resumed by OpenSSL's client
  connect(*context);
  SSL_set_session(client.get(), session.get());
  ASSERT_EQ(shake_hands(), Channel::Step::kDone);
  EXPECT_TRUE(channel->resumed());
}

TEST_F(ChannelTest, ShowsTheCertificateOfAClient) {
  serve(ClientCertificates::kRequired, client_authority.pem());
  const Credential device(client_authority, Wanted("Gerät 1").client().also({"DNS:ct-1.example", "email:it@clinic.example",
                                                                                "URI:urn:ct:1"}));
  const auto context = client_context(authority, device);
  connect(*context);
  ASSERT_EQ(shake_hands(), Channel::Step::kDone) << channel->failure();
  const auto certificate = channel->client_certificate();
  ASSERT_NE(certificate, nullptr);
  EXPECT_EQ(certificate->subject, "O=Gantry Tests,CN=Gerät 1");
  EXPECT_THAT(certificate->alternatives,
              ElementsAre("dns:ct-1.example", "email:it@clinic.example", "uri:urn:ct:1"));
  EXPECT_EQ(certificate->fingerprint.size(), 64U);
  EXPECT_FALSE(certificate->expired());
}

TEST_F(ChannelTest, LetsNobodyInWithoutARightCertificateWhereOneIsRequired) {
  serve(ClientCertificates::kRequired, client_authority.pem());
  const auto none = client_context(authority);
  connect(*none);
  EXPECT_EQ(shake_hands(), Channel::Step::kFailed);

  const Authority stranger("Client Authority");  // the same name, another key
  const Credential forged(stranger, Wanted("ct-1").client());
  const auto forger = client_context(authority, forged);
  connect(*forger);
  EXPECT_EQ(shake_hands(), Channel::Step::kFailed);
  EXPECT_THAT(channel->failure(), HasSubstr("certificate verify failed"));

  const Credential old(client_authority, Wanted("ct-1").client().valid(std::chrono::hours(-2), std::chrono::hours(-1)));
  const auto late = client_context(authority, old);
  connect(*late);
  EXPECT_EQ(shake_hands(), Channel::Step::kFailed);
  EXPECT_THAT(channel->failure(), HasSubstr("expired"));

  const Credential server(client_authority, Wanted("ct-1"));
  const auto other_purpose = client_context(authority, server);
  connect(*other_purpose);
  EXPECT_EQ(shake_hands(), Channel::Step::kFailed) << "a server's certificate is none for clients";
}

TEST_F(ChannelTest, LetsClientsWithoutOneInWhereItIsOptionalButNotWithAWrongOne) {
  serve(ClientCertificates::kOptional, client_authority.pem());
  const auto none = client_context(authority);
  connect(*none);
  ASSERT_EQ(shake_hands(), Channel::Step::kDone) << channel->failure();
  EXPECT_EQ(channel->client_certificate(), nullptr);

  const Credential foreign(authority, Wanted("ct-1").client());
  const auto wrong = client_context(authority, foreign);
  connect(*wrong);
  EXPECT_EQ(shake_hands(), Channel::Step::kFailed);
}

TEST_F(ChannelTest, RefusesRevokedCertificatesWhereAListIsGiven) {
  const Credential good(client_authority, Wanted("good").client());
  const Credential stolen(client_authority, Wanted("stolen").client());
  serve(ClientCertificates::kRequired, client_authority.pem() + client_authority.revoke(*stolen.certificate));
  const auto honest = client_context(authority, good);
  connect(*honest);
  EXPECT_EQ(shake_hands(), Channel::Step::kDone) << channel->failure();
  const auto thief = client_context(authority, stolen);
  connect(*thief);
  EXPECT_EQ(shake_hands(), Channel::Step::kFailed);
  EXPECT_THAT(channel->failure(), HasSubstr("revoked"));
}

}  // namespace
}  // namespace gantry::tls::testing
