// Bearer tokens, key sets and rules: whatever comes, nothing that was not signed is taken, and every token has one spelling.

#include <cstdint>
#include <cstdlib>
#include <string>

#include "gantry/auth/base64url.hpp"
#include "gantry/auth/key_set.hpp"
#include "gantry/auth/policy.hpp"
#include "gantry/auth/token.hpp"

namespace {

using namespace gantry::auth;

void require(bool holds) {
  if (!holds) std::abort();
}

const KeySet& keys() {
  // A key whose private half nobody has.
  static const auto kKeys = KeySet::parse(
      R"({"keys":[{"kty":"EC","crv":"P-256","kid":"e","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",)"
      R"("y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"},{"kty":"RSA","kid":"r","e":"AQAB","n":")" +
      std::string(341, '_') + R"(w"}]})");
  require(kKeys.ok());
  return **kKeys;
}

const TokenPolicy& policy() {
  static const TokenPolicy kPolicy = [] {
    TokenPolicy made;
    made.issuer = "i";
    made.audiences = {"a"};
    made.algorithms.assign(std::begin(kAllAlgorithms), std::end(kAllAlgorithms));
    made.tenant_claim = *ClaimPath::parse("$.t");
    made.rules = {*Rule::parse(gantry::Permission::kRead, "$.r=v")};
    return made;
  }();
  return kPolicy;
}

void check_token(std::string_view text) {
  auto parsed = parse_token(text);
  if (const auto* refusal = std::get_if<Refusal>(&parsed)) {
    require(refusal->status == 401 && !refusal->description.empty());
    for (const char c : refusal->description) require(c >= 0x20 && c != 0x7F);
    return;
  }
  const Token& token = std::get<Token>(parsed);
  require(text.size() <= kTokenBytesMost && !token.signature.empty());
  require(text.ends_with(encode_base64url(token.signature)));
  require(!keys().verifies(keys().find(token), token));
  const TokenPolicy* const taking[] = {&policy()};
  static_cast<void>(check_claims({&policy(), 1}, token, std::chrono::system_clock::now()));
  static_cast<void>(identity_of(taking, token));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check_token(text);
  // Of header and body as JSON, parted by a line break: what the fuzzer can change without knowing base64.
  const auto line = text.find('\n');
  if (line != std::string_view::npos) {
    check_token(encode_base64url(text.substr(0, line)) + "." + encode_base64url(text.substr(line + 1)) + ".c2ln");
  }
  if (const auto bytes = decode_base64url(text)) require(encode_base64url(*bytes) == text);
  require(decode_base64url(encode_base64url(text)) == text);
  if (const auto set = KeySet::parse(text)) require((*set)->size() > 0);
  if (const auto path = ClaimPath::parse(text)) require(!path->members().empty());
  if (const auto rule = Rule::parse(gantry::Permission::kWrite, text)) require(!rule->value.empty());
  return 0;
}
