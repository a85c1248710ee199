#include "gantry/server/identity_parts.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gantry/server/token_authenticator.hpp"

namespace gantry::server {
namespace {

using ::testing::HasSubstr;

config::Settings settings_with(void (*change)(config::Settings::Issuer&)) {
  config::Settings settings;
  auto& issuer = settings.auth.main;
  issuer.issuer = "https://id.example";
  issuer.audience = {"gantry"};
  issuer.tenant_claim = "$.tenant";
  issuer.read = {"$.roles=viewer"};
  change(issuer);
  return settings;
}

std::string refused(void (*change)(config::Settings::Issuer&)) {
  const auto checked = check_auth(settings_with(change));
  return checked ? "" : checked.error().detail();
}

TEST(AuthSettings, AreRefusedWhenTheyCouldOpenTheServerByAccident) {
  using Issuer = config::Settings::Issuer;
  EXPECT_EQ(refused([](Issuer&) {}), "");
  EXPECT_THAT(refused([](Issuer& one) { one.issuer.clear(); }), HasSubstr("auth.issuer")) << "the rest is there";
  EXPECT_THAT(refused([](Issuer& one) { one.audience.clear(); }), HasSubstr("auth.audience"));
  EXPECT_THAT(refused([](Issuer& one) { one.algorithms.clear(); }), HasSubstr("auth.algorithms"));
  EXPECT_THAT(refused([](Issuer& one) { one.tenant_claim.clear(); }), HasSubstr("auth.tenant_claim"));
  EXPECT_THAT(refused([](Issuer& one) { one.tenant = "a"; }), HasSubstr("one of tenant and tenant_claim"));
  EXPECT_THAT(refused([](Issuer& one) { one.read.clear(); }), HasSubstr("nobody may do anything"));
  EXPECT_THAT(refused([](Issuer& one) { one.read = {"viewer"}; }), HasSubstr("auth.read: \"viewer\" is no rule"));
  EXPECT_THAT(refused([](Issuer& one) { one.tenant_claim = "tenant"; }), HasSubstr("auth.tenant_claim: "));
  EXPECT_THAT(refused([](Issuer& one) { one.issuer = "http://id.example"; }), HasSubstr("is not https"));
  EXPECT_THAT(refused([](Issuer& one) { one.issuer = "http://127.0.0.1:1"; }), HasSubstr("auth.http_on_loopback"));
  EXPECT_EQ(refused([](Issuer& one) {
              one.issuer = "http://127.0.0.1:1";
              one.http_on_loopback = true;
            }),
            "");
}

TEST(AuthSettings, NameTheirPlace) {
  auto settings = settings_with([](config::Settings::Issuer& one) { one.read = {"viewer"}; });
  settings.sources["auth.read"] = "gantry.toml, line 7";
  EXPECT_THAT(check_auth(settings).error().detail(), HasSubstr("auth.read (gantry.toml, line 7): "));
}

TEST(AuthSettings, MayHaveOneIssuerForSeveralAudiencesButOneSetOfKeys) {
  auto settings = settings_with([](config::Settings::Issuer&) {});
  settings.auth.issuers = {settings.auth.main};
  settings.auth.issuers[0].audience = {"stow"};
  EXPECT_TRUE(check_auth(settings));
  settings.auth.issuers[0].jwks_url = "https://elsewhere.example/keys";
  EXPECT_THAT(check_auth(settings).error().detail(), HasSubstr("auth.issuers[0].issuer: it stands here twice"));
}

TEST(BearerToken, IsReadFromOneAuthorizationFieldAlone) {
  const auto token = [](std::vector<std::string> fields) {
    http::Request request;
    for (auto& field : fields) request.headers.add("Authorization", std::move(field));
    const auto found = bearer_token(request);
    return found ? std::string(*found) : std::string("(none)");
  };
  EXPECT_EQ(token({"Bearer a.b.c"}), "a.b.c");
  EXPECT_EQ(token({"bEARER  a.b.c"}), "a.b.c");
  EXPECT_EQ(token({"Bearer "}), "");
  for (const char* other : {"", "Bearer", "Bearera.b.c", "Basic YTpi", "a.b.c"}) EXPECT_EQ(token({other}), "(none)");
  EXPECT_EQ(token({"Bearer a", "Bearer b"}), "(none)");
  EXPECT_EQ(token({}), "(none)");
}

}  // namespace
}  // namespace gantry::server
