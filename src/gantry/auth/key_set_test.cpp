#include "gantry/auth/key_set.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gantry/auth/token_test_support.hpp"

namespace gantry::auth {
namespace {

using auth::testing::TestKey;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string set_of(const std::string& keys) { return "{\"keys\":[" + keys + "]}"; }

/// Why the one key is not taken; "" when it is.
std::string skipped(const std::string& key) {
  const auto set = KeySet::parse(set_of(key));
  return set ? "" : set.error().detail();
}

TEST(KeySet, LeavesOutWhatCanNotCheckATokenAndSaysSo) {
  const auto good = TestKey::rsa();
  const auto set = KeySet::parse(set_of(R"({"kty":"oct","k":"AAAA","kid":"h"},)" + good.jwk(R"("kid":"g")") +
                                        R"(,{"kty":"OKP","crv":"Ed25519","x":"AAAA"},7)"));
  ASSERT_TRUE(set) << set.error().detail();
  EXPECT_EQ((*set)->size(), 1U);
  EXPECT_THAT((*set)->skipped(), ElementsAre(HasSubstr("(h)"), HasSubstr("key 3"), HasSubstr("key 4")));
}

TEST(KeySet, TakesNoWeakOrForeignKeys) {
  EXPECT_EQ(skipped(TestKey::rsa(2048).jwk("")), "");
  EXPECT_THAT(skipped(TestKey::rsa(1024).jwk("")), HasSubstr("1024 bits"));
  EXPECT_THAT(skipped(TestKey::rsa(2040).jwk("")), HasSubstr("2040 bits"));
  EXPECT_THAT(skipped(TestKey::ec("P-521").jwk("")), HasSubstr("neither P-256 nor P-384"));
  const auto key = TestKey::rsa();
  EXPECT_THAT(skipped(key.jwk(R"("use":"enc")")), HasSubstr("not for signatures"));
  EXPECT_THAT(skipped(key.jwk(R"("key_ops":["encrypt"])")), HasSubstr("not for signatures"));
  EXPECT_THAT(skipped(key.jwk(R"("use":7)")), HasSubstr("not for signatures"));
  EXPECT_THAT(skipped(key.jwk(R"("d":"AQAB")")), HasSubstr("secret"));
}

TEST(KeySet, TakesNoBrokenNumbers) {
  for (const char* key : {R"({"kty":"RSA"})", R"({"kty":"RSA","n":"","e":"AQAB"})", R"({"kty":"RSA","n":"!!","e":"AQAB"})",
                          R"({"kty":"RSA","n":7,"e":"AQAB"})", R"({"kty":"EC","crv":"P-256"})", R"({"kty":"rsa"})", "{}",
                          R"({"kty":"EC","crv":"P-256","x":"AAAA","y":"AAAA"})"}) {
    EXPECT_NE(skipped(key), "") << key;
  }
  const std::string zeros(43, 'A');
  EXPECT_THAT(skipped(R"({"kty":"EC","crv":"P-256","x":")" + zeros + R"(","y":")" + zeros + "\"}"),
              HasSubstr("make no key")) << "a point beside the curve";
  const std::string ones = std::string(341, '_') + "w";  // 2048 bits of ones
  EXPECT_EQ(skipped(R"({"kty":"RSA","n":")" + ones + R"(","e":"AQAB"})"), "");
  EXPECT_THAT(skipped(R"({"kty":"RSA","n":")" + ones + R"(","e":"AQ"})"), HasSubstr("unusual")) << "e = 1";
  EXPECT_THAT(skipped(R"({"kty":"RSA","n":")" + ones + R"(","e":"AQAA"})"), HasSubstr("unusual")) << "an even e";
  EXPECT_THAT(skipped(R"({"kty":"RSA","n":")" + std::string(4096, '_') + R"(","e":"AQAB"})"), HasSubstr("bits"));
}

TEST(KeySet, IsNothingElse) {
  for (const char* json : {"", "{}", "[]", "null", "{\"keys\":{}}", "{\"keys\":null}", "{\"keys\":[]}", "<html>",
                           "{\"keys\":[[]]}", "{\"keys\":[null]}"}) {
    EXPECT_FALSE(KeySet::parse(json)) << json;
  }
  std::string many;
  for (std::size_t i = 0; i <= kKeysMost; ++i) many += (i == 0 ? "{}" : ",{}");
  EXPECT_THAT(KeySet::parse(set_of(many)).error().detail(), HasSubstr("more than"));
}

}  // namespace
}  // namespace gantry::auth
