// The battery of DESIGN §9: every token here is refused, by a check of its own, before anything in it is believed.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gantry/auth/base64url.hpp"
#include "gantry/auth/key_set.hpp"
#include "gantry/auth/policy.hpp"
#include "gantry/auth/token_test_support.hpp"

namespace gantry::auth {
namespace {

using auth::testing::hmac;
using auth::testing::make_token;
using auth::testing::signing_input;
using auth::testing::TestKey;
using ::testing::HasSubstr;

constexpr std::chrono::seconds kNow{1'800'000'000};
constexpr const char* kIssuer = "https://id.example";

const TestKey& rsa() {
  static const TestKey kKey = TestKey::rsa();
  return kKey;
}
const TestKey& other_rsa() {
  static const TestKey kKey = TestKey::rsa();
  return kKey;
}
const TestKey& p256() {
  static const TestKey kKey = TestKey::ec("P-256");
  return kKey;
}
const TestKey& p384() {
  static const TestKey kKey = TestKey::ec("P-384");
  return kKey;
}

std::string key_set() {
  return R"({"keys":[)" + rsa().jwk(R"("kid":"r","use":"sig")") + "," + p256().jwk(R"("kid":"e2")") + "," +
         p384().jwk(R"("kid":"e3","key_ops":["verify"])") + "," +
         other_rsa().jwk(R"("kid":"only-ps","alg":"PS256")") + "]}";
}

std::string body(const std::string& more = "") {
  return R"({"iss":"https://id.example","aud":"gantry","sub":"ann","tenant":"clinic-a","exp":1800000300,)"
         R"("roles":["viewer"])" +
         more + "}";
}

std::string header(const std::string& algorithm, const std::string& kid, const std::string& more = "") {
  return R"({"alg":")" + algorithm + R"(","kid":")" + kid + "\"" + more + "}";
}

std::vector<TokenPolicy> policies() {
  TokenPolicy policy;
  policy.issuer = kIssuer;
  policy.audiences = {"gantry"};
  policy.algorithms.assign(std::begin(kAllAlgorithms), std::end(kAllAlgorithms));
  policy.tenant_claim = *ClaimPath::parse("$.tenant");
  policy.rules = {*Rule::parse(Permission::kRead, "$.roles=viewer")};
  return {policy};
}

/// All checks in the order of the authority; what they say.
Verdict judge(const std::string& compact, const std::string& keys = key_set()) {
  auto parsed = parse_token(compact);
  if (auto* refusal = std::get_if<Refusal>(&parsed)) return *refusal;
  const auto& token = std::get<Token>(parsed);
  const auto all = policies();
  if (token.claims.text("iss") != kIssuer) return invalid_token("issuer");
  auto checked = check_claims(all, token, std::chrono::system_clock::time_point(kNow));
  if (auto* refusal = std::get_if<Refusal>(&checked)) return *refusal;
  const auto set = KeySet::parse(keys);
  if (!set) return invalid_token("keys: " + set.error().detail());
  const auto match = (*set)->find(token);
  if (match.found != KeySet::Found::kFits) return invalid_token("no key fits");
  if (!(*set)->verifies(match, token)) return invalid_token("signature");
  return identity_of(std::get<0>(checked), token);
}

std::string refused(const std::string& compact) {
  const auto verdict = judge(compact);
  if (const auto* refusal = std::get_if<Refusal>(&verdict)) {
    EXPECT_EQ(refusal->status, 401);
    EXPECT_EQ(refusal->error, "invalid_token");
    return refusal->description;
  }
  return "TAKEN";
}

bool taken(const std::string& compact) { return std::holds_alternative<Identity>(judge(compact)); }

TEST(Tokens, AreTakenWithEveryAlgorithmOfTheList) {
  for (const char* algorithm : {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}) {
    EXPECT_TRUE(taken(make_token(header(algorithm, "r"), body(), rsa(), algorithm))) << algorithm;
  }
  EXPECT_TRUE(taken(make_token(header("ES256", "e2"), body(), p256(), "ES256")));
  EXPECT_TRUE(taken(make_token(header("ES384", "e3"), body(), p384(), "ES384")));
  EXPECT_TRUE(taken(make_token(header("RS256", "r", R"(,"typ":"at+jwt")"), body(), rsa(), "RS256")));
}

TEST(Tokens, SayWhoAskedForWhichTenantAndWhatTheyMayDo) {
  const auto verdict = judge(make_token(header("RS256", "r"), body(), rsa(), "RS256"));
  const auto& identity = std::get<Identity>(verdict);
  EXPECT_EQ(identity.principal, "ann@https://id.example");
  EXPECT_EQ(identity.tenant.str(), "clinic-a");
  EXPECT_EQ(identity.permissions, PermissionSet{Permission::kRead});
  EXPECT_EQ(identity.expires.time_since_epoch(), kNow + std::chrono::seconds(300) + kClockSkew);
  EXPECT_EQ(identity.method, "oidc");
}

TEST(HostileTokens, OfWrongShapesAreRefused) {
  const std::string good = make_token(header("RS256", "r"), body(), rsa(), "RS256");
  const auto signature = good.substr(good.rfind('.'));
  for (const std::string& compact :
       {std::string(), std::string("."), std::string(".."), std::string("..."), std::string("a.b.c"), std::string("\0.\0.\0", 5),
        std::string("Bearer"), good + ".", "." + good, good.substr(0, good.rfind('.')), good.substr(0, good.rfind('.') + 1),
        good + "=", good + "\n", " " + good, good + "A", good + "AA", good.substr(0, good.size() - 2), good + "." + good,
        std::string(kTokenBytesMost + 1, 'A'), std::string(kTokenBytesMost, '.'), std::string(kTokenBytesMost, 'A'),
        "é." + good, std::string("bnVsbA.bnVsbA.bnVsbA"), std::string("W10.W10.W10"), std::string("e30.e30.e30"),
        encode_base64url(std::string(4000, '[')) + ".e30.e30", encode_base64url("{\"alg\":\"RS256\"") + ".e30.e30",
        encode_base64url("\xFF\xFE") + ".e30.e30"}) {
    EXPECT_NE(refused(compact), "TAKEN") << compact.substr(0, 80);
  }
  EXPECT_THAT(refused(std::string(kTokenBytesMost + 1, 'A')), HasSubstr("16384 bytes"));
}

TEST(HostileTokens, WithAnyOneBitChangedAreRefused) {
  const std::string good = make_token(header("ES256", "e2"), body(), p256(), "ES256");
  ASSERT_TRUE(taken(good));
  for (std::size_t i = 0; i < good.size(); ++i) {
    for (const char c : {'A', 'B', '_', '.', '\0'}) {
      std::string bad = good;
      if (bad[i] == c) continue;
      bad[i] = c;
      EXPECT_NE(refused(bad), "TAKEN") << i << " " << c;
    }
  }
}

TEST(HostileTokens, ThatAreSignedByNobodyAreRefused) {
  for (const char* none : {"none", "None", "NONE", "nOnE", "", "null"}) {
    const auto input = signing_input(header(none, "r"), body());
    EXPECT_NE(refused(input + "."), "TAKEN");
    EXPECT_THAT(refused(input + ".AA"), HasSubstr("algorithm"));
  }
  const auto input = signing_input(header("RS256", "r"), body());
  EXPECT_NE(refused(input + "."), "TAKEN");
  EXPECT_EQ(refused(input + "." + encode_base64url(std::string(256, '\0'))), "signature");
  EXPECT_EQ(refused(input + "." + encode_base64url(std::string(256, '\xFF'))), "signature");
  EXPECT_EQ(refused(signing_input(header("ES256", "e2"), body()) + "." + encode_base64url(std::string(64, '\0'))),
            "signature") << "r = s = 0, CVE-2022-21449";
}

TEST(HostileTokens, ThatUseAPublicKeyAsASecretAreRefused) {
  for (const char* algorithm : {"HS256", "HS384", "HS512"}) {
    const auto input = signing_input(header(algorithm, "r"), body());
    for (const auto& secret : {rsa().pem(), rsa().jwk(R"("kid":"r","use":"sig")"), std::string()}) {
      EXPECT_THAT(refused(input + "." + encode_base64url(hmac(algorithm, secret, input))), HasSubstr("algorithm"));
    }
  }
}

TEST(HostileTokens, WhoseAlgorithmIsNotTheKeysAreRefused) {
  EXPECT_EQ(refused(make_token(header("ES256", "r"), body(), p256(), "ES256")), "no key fits");
  EXPECT_EQ(refused(make_token(header("RS256", "e2"), body(), rsa(), "RS256")), "no key fits");
  EXPECT_EQ(refused(make_token(header("ES384", "e2"), body(), p256(), "ES384")), "no key fits") << "a P-256 key";
  EXPECT_EQ(refused(make_token(header("ES256", "e3"), body(), p384(), "ES256")), "no key fits") << "a P-384 key";
  EXPECT_EQ(refused(make_token(header("RS256", "only-ps"), body(), other_rsa(), "RS256")), "no key fits");
  EXPECT_TRUE(taken(make_token(header("PS256", "only-ps"), body(), other_rsa(), "PS256")));
  EXPECT_EQ(refused(make_token(header("PS256", "r"), body(), rsa(), "RS256")), "signature");
  EXPECT_EQ(refused(make_token(header("RS256", "r"), body(), rsa(), "PS256")), "signature");
  EXPECT_EQ(refused(make_token(header("RS512", "r"), body(), rsa(), "RS256")), "signature");
  EXPECT_EQ(refused(make_token(header("ES256", "e2"), body(), p256(), "ES256-DER")), "signature");
  for (const char* algorithm : {"rs256", "RS1", "RS256 ", "RSA-OAEP", "dir", "EdDSA", "ES512", "ES256K"}) {
    EXPECT_THAT(refused(make_token(header(algorithm, "r"), body(), rsa(), "RS256")), HasSubstr("algorithm"));
  }
}

TEST(HostileTokens, WithTricksInTheirKidAreRefused) {
  for (const char* kid : {"", "R", "r ", " r", "../../../dev/null", "r\\u0000", "' OR 1=1 --", "http://evil.example/k",
                          "|id", "e2r"}) {
    EXPECT_EQ(refused(make_token(header("RS256", kid), body(), rsa(), "RS256")), "no key fits") << kid;
  }
  for (const char* bad : {R"({"alg":"RS256","kid":7})", R"({"alg":"RS256","kid":null})", R"({"alg":"RS256","kid":["r"]})",
                          R"({"alg":"RS256","kid":{"r":1}})"}) {
    EXPECT_THAT(refused(make_token(bad, body(), rsa(), "RS256")), HasSubstr("kid"));
  }
  EXPECT_EQ(refused(make_token(header("RS256", std::string(8000, 'k')), body(), rsa(), "RS256")), "no key fits");
}

TEST(HostileTokens, ThatBringTheirOwnKeyGainNothingByIt) {
  const auto own = TestKey::rsa();
  const auto jwk = own.jwk(R"("kid":"r")");
  for (const std::string& more :
       {",\"jwk\":" + jwk, std::string(R"(,"jku":"https://evil.example/keys")"),
        std::string(R"(,"x5u":"https://evil.example/chain")"), std::string(R"(,"x5c":["AAAA"],"x5t":"AAAA")")}) {
    EXPECT_EQ(refused(make_token(header("RS256", "r", more), body(), own, "RS256")), "signature") << more;
    EXPECT_TRUE(taken(make_token(header("RS256", "r", more), body(), rsa(), "RS256"))) << "ignored: " << more;
  }
  EXPECT_EQ(refused(make_token("{\"alg\":\"RS256\",\"jwk\":" + jwk + "}", body(), own, "RS256")), "signature")
      << "one key of the issuer fits, so that it needs no name";
  EXPECT_EQ(refused(make_token("{\"alg\":\"PS256\",\"jwk\":" + jwk + "}", body(), own, "PS256")), "no key fits")
      << "two keys fit, and the token names none";
}

TEST(HostileTokens, WithUnknownExtensionsOrOtherPurposesAreRefused) {
  for (const char* crit : {R"(,"crit":["exp"])", R"(,"crit":[])", R"(,"crit":null)", R"(,"crit":["b64"],"b64":false)"}) {
    EXPECT_THAT(refused(make_token(header("RS256", "r", crit), body(), rsa(), "RS256")), HasSubstr("critical"));
  }
  for (const char* typ : {R"(,"typ":"logout+jwt")", R"(,"typ":"dpop+jwt")", R"(,"typ":"JOSE+JSON")", R"(,"typ":7)"}) {
    EXPECT_THAT(refused(make_token(header("RS256", "r", typ), body(), rsa(), "RS256")), HasSubstr("typ"));
  }
}

TEST(HostileTokens, WithNamesThatAreThereTwiceAreRefused) {
  for (const char* twice : {R"({"alg":"none","alg":"RS256","kid":"r"})", R"({"alg":"RS256","kid":"r","alg":"HS256"})",
                            R"({"alg":"RS256","\u0061lg":"none","kid":"r"})", R"({"alg":"RS256","kid":"x","kid":"r"})"}) {
    EXPECT_THAT(refused(make_token(twice, body(), rsa(), "RS256")), HasSubstr("header")) << twice;
  }
  EXPECT_THAT(refused(make_token(header("RS256", "r"), body(R"(,"aud":"other")"), rsa(), "RS256")), HasSubstr("body"));
}

TEST(HostileTokens, OutsideOfTheirTimeAreRefused) {
  const auto at = [](const std::string& times) {
    return refused(make_token(header("RS256", "r"),
                              R"({"iss":"https://id.example","aud":"gantry","sub":"a","tenant":"t")" + times + "}", rsa(),
                              "RS256"));
  };
  EXPECT_THAT(at(""), HasSubstr("no exp"));
  EXPECT_THAT(at(R"(,"exp":1799999940)"), HasSubstr("expired")) << "60 s of skew";
  EXPECT_EQ(at(R"(,"exp":1799999941)"), "TAKEN");
  EXPECT_EQ(at(R"(,"exp":1800000000.5)"), "TAKEN") << "RFC 7519 allows fractions";
  EXPECT_THAT(at(R"(,"exp":1800000300,"nbf":1800000061)"), HasSubstr("nbf"));
  EXPECT_EQ(at(R"(,"exp":1800000300,"nbf":1800000060)"), "TAKEN");
  EXPECT_THAT(at(R"(,"exp":1800000300,"iat":1800000061)"), HasSubstr("iat"));
  for (const char* wrong : {"\"1800000300\"", "null", "true", "[]", "{}", "-1", "1e300", "18446744073709551615",
                            "9223372036854775807", "-9223372036854775808", "253402300800"}) {
    EXPECT_THAT(at(std::string(",\"exp\":") + wrong), HasSubstr("exp is no time")) << wrong;
    EXPECT_NE(at(std::string(",\"exp\":1800000300,\"nbf\":") + wrong), "TAKEN") << wrong;
    EXPECT_NE(at(std::string(",\"exp\":1800000300,\"iat\":") + wrong), "TAKEN") << wrong;
  }
  EXPECT_NE(at(R"(,"exp":1e400)"), "TAKEN");
}

TEST(HostileTokens, ForOthersAreRefusedWithBothNames) {
  const auto of = [](const std::string& audience) {
    return refused(make_token(header("RS256", "r"),
                              R"({"iss":"https://id.example","sub":"a","tenant":"t","exp":1800000300)" + audience + "}",
                              rsa(), "RS256"));
  };
  EXPECT_EQ(of(R"(,"aud":"billing")"),
            "the token is for another audience: it has audience billing, this server is gantry");
  for (const char* aud : {"", R"(,"aud":null)", R"(,"aud":[])", R"(,"aud":{"gantry":1})", R"(,"aud":["a","b"])",
                          R"(,"aud":"Gantry")", R"(,"aud":"gantry ")", R"(,"aud":"gantry,other")", R"(,"aud":[["gantry"]])",
                          R"(,"aud":true)", R"(,"aud":"*")"}) {
    EXPECT_THAT(of(aud), HasSubstr("another audience")) << aud;
  }
  EXPECT_EQ(of(R"(,"aud":["billing","gantry"])"), "TAKEN");
}

}  // namespace
}  // namespace gantry::auth
