#include "gantry/tls/server_identity.hpp"

#include <condition_variable>
#include <mutex>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <sys/stat.h>

#include "gantry/tls/test_support.hpp"
#include "gantry/tls/watcher.hpp"

namespace gantry::tls::testing {
namespace {

using ::testing::HasSubstr;

class Identity : public ::testing::Test {
 protected:
  ServerFiles written(const Credential& credential) const {
    ServerFiles files;
    files.certificate = folder.write("server.pem", pem_of(*credential.certificate) + authority.pem());
    files.key = folder.write("server.key", pem_of(*credential.key));
    return files;
  }
  static std::string failure(const ServerFiles& files) {
    const auto loaded = ServerIdentity::load(files);
    return loaded ? "(loaded)" : loaded.error().detail();
  }

  const Folder folder;
  const Authority authority;
  const Credential first{authority, Wanted("first")};
  const Credential second{authority, Wanted("second")};
};

TEST_F(Identity, SaysWhatTheCertificateIs) {
  const auto identity = ServerIdentity::load(written(first));
  ASSERT_TRUE(identity) << identity.error().detail();
  const auto facts = (*identity)->facts();
  EXPECT_EQ(facts.subject, "O=Gantry Tests,CN=first");
  EXPECT_EQ(facts.fingerprint.size(), 64U);
  const auto left = facts.expires - std::chrono::system_clock::now();
  EXPECT_GT(left, std::chrono::minutes(59));
  EXPECT_LT(left, std::chrono::minutes(61));
  EXPECT_FALSE(facts.key_is_exposed);
}

TEST_F(Identity, TellsWhenEverybodyMayReadTheKey) {
  const auto files = written(first);
  ::chmod(files.key.c_str(), 0644);
  const auto identity = ServerIdentity::load(files);
  ASSERT_TRUE(identity);
  EXPECT_TRUE((*identity)->facts().key_is_exposed);
}

TEST_F(Identity, NamesTheFileThatIsWrong) {
  auto files = written(first);
  files.certificate = folder.path("missing.pem");
  EXPECT_THAT(failure(files), HasSubstr("missing.pem"));

  files = written(first);
  folder.write("server.pem", "no PEM at all");
  EXPECT_THAT(failure(files), HasSubstr("server.pem holds no certificate"));

  files = written(first);
  folder.write("server.pem", pem_of(*first.certificate).substr(0, 200) + "\n-----END CERTIFICATE-----\n");
  EXPECT_THAT(failure(files), HasSubstr("server.pem holds a certificate that can't be read"));

  files = written(first);
  folder.write("server.key", pem_of(*first.certificate));
  EXPECT_THAT(failure(files), HasSubstr("server.key holds no private key"));

  files = written(first);
  folder.write("server.key", pem_of(*second.key));
  EXPECT_THAT(failure(files), HasSubstr("does not belong to the certificate"));

  files = written(first);
  files.certificate = folder.path(".");
  EXPECT_THAT(failure(files), HasSubstr("is no file"));

  files = written(first);
  files.clients = ClientCertificates::kOptional;
  files.client_ca = folder.write("ca.pem", "# nobody\n");
  EXPECT_THAT(failure(files), HasSubstr("ca.pem holds no authority's certificate"));
}

TEST_F(Identity, DoesNotAskForThePasswordOfAKey) {
  const auto files = written(first);
  const Handle<BIO, &BIO_free_all> bio(BIO_new(BIO_s_mem()));
  const unsigned char password[] = "secret";
  ASSERT_EQ(PEM_write_bio_PrivateKey(bio.get(), first.key.get(), EVP_aes_128_cbc(), password, 6, nullptr, nullptr), 1);
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  folder.write("server.key", std::string(text, static_cast<std::size_t>(size)));
  EXPECT_THAT(failure(files), HasSubstr("is under a password"));
}

TEST_F(Identity, IsReplacedWhenItsFilesAre) {
  const auto identity = ServerIdentity::load(written(first));
  ASSERT_TRUE(identity);
  auto outcome = (*identity)->reload();
  ASSERT_TRUE(outcome);
  EXPECT_FALSE(*outcome);

  // A certificate whose key is still to come changes nothing, and the pair is taken when it is whole.
  folder.write("server.pem", pem_of(*second.certificate));
  outcome = (*identity)->reload();
  ASSERT_FALSE(outcome);
  EXPECT_THAT(outcome.error().detail(), HasSubstr("does not belong"));
  EXPECT_EQ((*identity)->facts().subject, "O=Gantry Tests,CN=first");

  folder.write("server.key", pem_of(*second.key));
  outcome = (*identity)->reload();
  ASSERT_TRUE(outcome) << outcome.error().detail();
  EXPECT_TRUE(*outcome);
  EXPECT_EQ((*identity)->facts().subject, "O=Gantry Tests,CN=second");
}

TEST_F(Identity, IsNotReplacedByAnExpiredOneButMayStartWithIt) {
  const Credential expired(authority, Wanted("old").valid(std::chrono::hours(-2), std::chrono::hours(-1)));
  const auto identity = ServerIdentity::load(written(first));
  ASSERT_TRUE(identity);
  written(expired);
  const auto outcome = (*identity)->reload();
  ASSERT_FALSE(outcome);
  EXPECT_THAT(outcome.error().detail(), HasSubstr("has expired"));
  EXPECT_EQ((*identity)->facts().subject, "O=Gantry Tests,CN=first");

  const auto started = ServerIdentity::load(written(expired));
  ASSERT_TRUE(started);
  EXPECT_LT((*started)->facts().expires, std::chrono::system_clock::now());
}

TEST_F(Identity, IsWatchedAndEachFailureToldOnce) {
  const auto identity = ServerIdentity::load(written(first));
  ASSERT_TRUE(identity);
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::string> told;
  Watcher watcher([&] { return (*identity)->reload(); }, std::chrono::milliseconds(5), [&](const std::string& failure) {
    const std::scoped_lock lock(mutex);
    told.push_back(failure.empty() ? (*identity)->facts().subject : "failed");
    changed.notify_all();
  });
  const auto wait_for = [&](std::size_t count) {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return told.size() >= count; });
  };
  folder.write("server.pem", "broken");
  wait_for(1);
  watcher.look_now();  // someone asked, so it is told again
  wait_for(2);
  written(second);
  std::unique_lock lock(mutex);
  changed.wait(lock, [&] { return told.back() != "failed"; });
  EXPECT_EQ(told.back(), "O=Gantry Tests,CN=second");
  EXPECT_EQ(watcher.counters().reloaded, 1U);
  EXPECT_GE(watcher.counters().failed, 2U);
}

}  // namespace
}  // namespace gantry::tls::testing
