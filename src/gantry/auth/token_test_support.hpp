#pragma once

// For tests: an issuer's keys, made on the spot, and tokens of any shape, right or wrong.

#include <memory>
#include <string>
#include <string_view>

#include <openssl/evp.h>


namespace gantry::auth::testing {

/// A private key and what an issuer publishes of it.
class TestKey {
 public:
  static TestKey rsa(unsigned bits = 2048);
  /// "P-256", "P-384" or "P-521".
  static TestKey ec(const std::string& curve);

  /// The public half as a JWK; `members` are put in front: R"("kid":"a","use":"sig")".
  [[nodiscard]] std::string jwk(const std::string& members) const;
  /// The public half as PEM: what attackers use as the secret of an HMAC.
  [[nodiscard]] std::string pem() const;
  /// The signature of `input` as RFC 7518 has it, for "RS256" and its like. Also "ES256-DER", the form that X.509 uses.
  [[nodiscard]] std::string sign(const std::string& algorithm, std::string_view input) const;

 private:
  std::shared_ptr<EVP_PKEY> key_;
  std::string curve_;
};

[[nodiscard]] std::string hmac(const std::string& algorithm, std::string_view secret, std::string_view input);

/// header.body.signature, in base64url, whatever they say.
[[nodiscard]] std::string make_token(const std::string& header, const std::string& body, const TestKey& key,
                                     const std::string& algorithm);
[[nodiscard]] std::string signing_input(const std::string& header, const std::string& body);

}  // namespace gantry::auth::testing
