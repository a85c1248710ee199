#include "gantry/auth/policy.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gantry::auth {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Token token_of(std::string_view json) { return {"", "", Algorithm::kRs256, std::nullopt, *Claims::parse(json)}; }

std::vector<std::string_view> at(const Claims& claims, std::string_view path) {
  return claims.texts(*ClaimPath::parse(path));
}

TokenPolicy policy_of(std::string audience, std::vector<Rule> rules) {
  TokenPolicy policy;
  policy.issuer = "https://id.example";
  policy.audiences = {std::move(audience)};
  policy.algorithms = {Algorithm::kRs256};
  policy.tenant_claim = *ClaimPath::parse("$.tenant");
  policy.rules = std::move(rules);
  return policy;
}

Verdict ask(const std::vector<TokenPolicy>& policies, std::string_view json) {
  const Token token = token_of(json);
  auto taking = check_claims(policies, token, std::chrono::system_clock::time_point(std::chrono::seconds(1000)));
  if (auto* refusal = std::get_if<Refusal>(&taking)) return *refusal;
  return identity_of(std::get<0>(taking), token);
}

TEST(ClaimPath, ReachesNestedMembersWhateverTheirNames) {
  const auto claims = *Claims::parse(
      R"({"realm_access":{"roles":["viewer",7,"admin"]},"resource_access":{"gan.try":{"roles":["x"]}},)"
      R"("https://clinic.example/tenant":"a","scope":"openid dicom.read  dicom.write","flag":true,"n":null})");
  EXPECT_THAT(at(claims, "$.realm_access.roles"), ElementsAre("viewer", "admin"));
  EXPECT_THAT(at(claims, "$.resource_access['gan.try'].roles"), ElementsAre("x"));
  EXPECT_THAT(at(claims, "$[\"https://clinic.example/tenant\"]"), ElementsAre("a"));
  EXPECT_THAT(at(claims, "$.scope"), ElementsAre("openid", "dicom.read", "dicom.write"));
  for (const char* nothing : {"$.realm_access", "$.realm_access.roles.x", "$.none", "$.flag", "$.n", "$.n.x"}) {
    EXPECT_THAT(at(claims, nothing), IsEmpty()) << nothing;
  }
}

TEST(ClaimPath, SaysWhereItStopsBeingOne) {
  for (const char* wrong : {"", "roles", "$", "$.", "$..a", "$.a.", "$[a]", "$['a'", "$['']", "$['a']x", "$.a b", "$.*", "$[0]"}) {
    const auto path = ClaimPath::parse(wrong);
    ASSERT_FALSE(path) << wrong;
    EXPECT_THAT(path.error().detail(), HasSubstr("$.realm_access.roles"));
  }
}

TEST(Rule, IsWrittenAsPathAndValue) {
  const auto rule = *Rule::parse(Permission::kWrite, "$.resource_access['a=b'].roles = up=loader");
  EXPECT_THAT(rule.path.members(), ElementsAre("resource_access", "a=b", "roles"));
  EXPECT_EQ(rule.value, "up=loader");
  EXPECT_EQ(Rule::parse(Permission::kRead, "scope:dicom.read")->path.text(), "$.scope");
  for (const char* wrong : {"", "viewer", "$.roles", "$.roles=", "=viewer", "scope:", "roles=viewer"}) {
    EXPECT_FALSE(Rule::parse(Permission::kRead, wrong)) << wrong;
  }
}

TEST(Policy, ATokenMayEndLaterThanAnyClockCounts) {
  const std::vector<TokenPolicy> policies{policy_of("g", {})};
  for (const char* end : {"9999999999", "253402300799", "253402300799.5"}) {
    const auto verdict = ask(policies, R"({"aud":"g","sub":"a","tenant":"t","exp":)" + std::string(end) + "}");
    ASSERT_TRUE(std::holds_alternative<Identity>(verdict) == (std::string_view(end) != "253402300799.5")) << end;
    if (const auto* identity = std::get_if<Identity>(&verdict)) {
      EXPECT_GT(identity->expires, std::chrono::system_clock::now() + std::chrono::hours(24 * 365 * 100)) << end;
    }
  }
}

TEST(Policy, GivesNothingThatNoRuleGives) {
  const std::vector<TokenPolicy> policies{policy_of("g", {*Rule::parse(Permission::kRead, "$.roles=viewer"),
                                                          *Rule::parse(Permission::kWrite, "scope:dicom.write")})};
  const auto given = [&](const std::string& claims) {
    const auto verdict = ask(policies, R"({"aud":"g","exp":2000,"sub":"a","tenant":"t")" + claims + "}");
    return std::get<Identity>(verdict).permissions;
  };
  EXPECT_TRUE(given("").empty());
  EXPECT_TRUE(given(R"(,"roles":"viewers","scope":"dicom.writer")").empty());
  EXPECT_TRUE(given(R"(,"roles":[["viewer"]])").empty());
  EXPECT_TRUE(given(R"(,"roles":"viewer admin")").empty()) << "only scopes are lists of words";
  EXPECT_EQ(given(R"(,"roles":"viewer")"), PermissionSet{Permission::kRead});
  EXPECT_EQ(given(R"(,"scope":"openid dicom.write")"), PermissionSet{Permission::kWrite});
  EXPECT_FALSE(given(R"(,"roles":["viewer"],"scope":"dicom.write")").has(Permission::kAdmin));
}

TEST(Policy, MayNameTheTenantInARule) {
  const std::vector<TokenPolicy> policies{policy_of("g", {*Rule::parse(Permission::kRead, "$.groups={tenant}-read")})};
  const auto reads = [&](const char* claims) {
    const auto verdict = ask(policies, std::string(R"({"aud":"g","exp":2000,"sub":"a",)") + claims + "}");
    return std::get<Identity>(verdict).permissions.has(Permission::kRead);
  };
  EXPECT_TRUE(reads(R"("tenant":"a","groups":["a-read"])"));
  EXPECT_FALSE(reads(R"("tenant":"b","groups":["a-read","{tenant}-read"])"));
}

TEST(Policy, RefusesTokensWithoutOneRightTenant) {
  const std::vector<TokenPolicy> policies{policy_of("g", {})};
  for (const char* claims :
       {"", R"(,"tenant":"")", R"(,"tenant":"A")", R"(,"tenant":"../b")", R"(,"tenant":["a","b"])", R"(,"tenant":7)",
        R"(,"tenant":"a\u0000")", R"(,"tenant":{"a":1})"}) {
    const auto verdict = ask(policies, std::string(R"({"aud":"g","exp":2000,"sub":"a")") + claims + "}");
    ASSERT_TRUE(std::holds_alternative<Refusal>(verdict)) << claims;
    EXPECT_EQ(std::get<Refusal>(verdict).status, 403);
    EXPECT_THAT(std::get<Refusal>(verdict).description, HasSubstr("$.tenant"));
  }
}

TEST(Policy, JoinsWhatTheAudiencesOfOneIssuerGive) {
  const std::vector<TokenPolicy> policies{policy_of("wado", {*Rule::parse(Permission::kRead, "$.sub=*")}),
                                          policy_of("stow", {*Rule::parse(Permission::kWrite, "$.sub=*")})};
  const auto given = [&](const char* audience) {
    const auto verdict =
        ask(policies, std::string(R"({"exp":2000,"sub":"a","tenant":"t","aud":)") + audience + "}");
    return std::get<Identity>(verdict).permissions;
  };
  EXPECT_EQ(given("\"wado\""), PermissionSet{Permission::kRead});
  EXPECT_EQ(given("\"stow\""), PermissionSet{Permission::kWrite});
  EXPECT_EQ(given(R"(["stow","wado"])"), (PermissionSet{Permission::kRead, Permission::kWrite}));
}

TEST(Policy, RefusesTokensThatSpeakForNobody) {
  const std::vector<TokenPolicy> policies{policy_of("g", {})};
  for (const char* claims : {"", R"(,"sub":"")", R"(,"sub":7)", R"(,"sub":["a","b"])"}) {
    const auto verdict = ask(policies, std::string(R"({"aud":"g","exp":2000,"tenant":"t")") + claims + "}");
    ASSERT_TRUE(std::holds_alternative<Refusal>(verdict)) << claims;
    EXPECT_EQ(std::get<Refusal>(verdict).status, 401);
  }
}

}  // namespace
}  // namespace gantry::auth
