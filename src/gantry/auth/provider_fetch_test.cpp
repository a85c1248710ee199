#include "gantry/auth/provider_fetch.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gantry::auth {
namespace {

using ::testing::HasSubstr;

TEST(ProviderUrls, AreHttpsButOnThisMachineWhereThatIsAllowed) {
  EXPECT_TRUE(check_provider_url("https://id.example/realms/x", false));
  for (const char* here : {"http://127.0.0.1:4000/jwks", "http://localhost/x", "http://[::1]:1/x", "http://127.8.8.8"}) {
    EXPECT_TRUE(check_provider_url(here, true)) << here;
    EXPECT_THAT(check_provider_url(here, false).error().detail(), HasSubstr("auth.http_on_loopback")) << here;
  }
  for (const char* wrong : {"http://id.example/", "http://127.0.0.1.example/", "http://10.0.0.1/", "http://localhost.example/",
                            "ftp://127.0.0.1/", "file:///etc/passwd", "gopher://localhost/", "", "id.example", "//x", "http://",
                            "http://127.0.0.1@evil.example/", "http://[::ffff:10.0.0.1]/"}) {
    EXPECT_FALSE(check_provider_url(wrong, true)) << wrong;
  }
}

TEST(ProviderFetch, SaysWhichProviderDoesNotAnswer) {
  FetchSettings settings;
  settings.http_on_loopback = true;
  const std::atomic<bool> stop{false};
  const auto nothing = fetch_from_provider("http://127.0.0.1:1/jwks", settings, stop);
  ASSERT_FALSE(nothing);
  EXPECT_EQ(nothing.error().kind(), ErrorKind::kUnavailable);
  EXPECT_THAT(nothing.error().detail(), HasSubstr("http://127.0.0.1:1/jwks"));
}

}  // namespace
}  // namespace gantry::auth
