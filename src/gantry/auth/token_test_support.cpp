#include "gantry/auth/token_test_support.hpp"

#include <stdexcept>
#include <utility>
#include <vector>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "gantry/auth/base64url.hpp"
#include "gantry/base/handle.hpp"

namespace gantry::auth::testing {
namespace {

using Number = Handle<BIGNUM, &BN_free>;

const EVP_MD* digest_of(const std::string& algorithm) {
  if (algorithm.ends_with("512")) return EVP_sha512();
  return algorithm.ends_with("384") ? EVP_sha384() : EVP_sha256();
}

std::string number_of(EVP_PKEY* key, const char* name, int bytes) {
  BIGNUM* raw = nullptr;
  if (EVP_PKEY_get_bn_param(key, name, &raw) != 1) throw std::runtime_error(name);
  const Number number(raw);
  std::string text(static_cast<std::size_t>(bytes == 0 ? BN_num_bytes(raw) : bytes), '\0');
  BN_bn2binpad(raw, reinterpret_cast<unsigned char*>(text.data()), static_cast<int>(text.size()));
  return encode_base64url(text);
}

int coordinate_bytes(const std::string& curve) { return curve == "P-256" ? 32 : curve == "P-384" ? 48 : 66; }

}  // namespace

TestKey TestKey::rsa(unsigned bits) {
  TestKey key;
  key.key_.reset(EVP_RSA_gen(bits), &EVP_PKEY_free);
  return key;
}

TestKey TestKey::ec(const std::string& curve) {
  TestKey key;
  key.key_.reset(EVP_EC_gen(curve.c_str()), &EVP_PKEY_free);
  key.curve_ = curve;
  return key;
}

std::string TestKey::jwk(const std::string& members) const {
  std::string text = "{" + members + (members.empty() ? "" : ",");
  if (curve_.empty()) {
    return text + R"("kty":"RSA","n":")" + number_of(key_.get(), OSSL_PKEY_PARAM_RSA_N, 0) + R"(","e":")" +
           number_of(key_.get(), OSSL_PKEY_PARAM_RSA_E, 0) + "\"}";
  }
  const int bytes = coordinate_bytes(curve_);
  return text + R"("kty":"EC","crv":")" + curve_ + R"(","x":")" +
         number_of(key_.get(), OSSL_PKEY_PARAM_EC_PUB_X, bytes) + R"(","y":")" +
         number_of(key_.get(), OSSL_PKEY_PARAM_EC_PUB_Y, bytes) + "\"}";
}

std::string TestKey::pem() const {
  const Handle<BIO, &BIO_free_all> out(BIO_new(BIO_s_mem()));
  PEM_write_bio_PUBKEY(out.get(), key_.get());
  char* data = nullptr;
  const long size = BIO_get_mem_data(out.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

std::string TestKey::sign(const std::string& algorithm, std::string_view input) const {
  const Handle<EVP_MD_CTX, &EVP_MD_CTX_free> context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* parameters = nullptr;
  const bool der = algorithm.ends_with("-DER");
  const std::string name = der ? algorithm.substr(0, algorithm.size() - 4) : algorithm;
  if (EVP_DigestSignInit(context.get(), &parameters, digest_of(name), nullptr, key_.get()) != 1) {
    throw std::runtime_error("EVP_DigestSignInit");
  }
  if (name.starts_with("PS")) {
    EVP_PKEY_CTX_set_rsa_padding(parameters, RSA_PKCS1_PSS_PADDING);
    EVP_PKEY_CTX_set_rsa_pss_saltlen(parameters, RSA_PSS_SALTLEN_DIGEST);
  }
  std::size_t size = 0;
  const auto* data = reinterpret_cast<const unsigned char*>(input.data());
  EVP_DigestSign(context.get(), nullptr, &size, data, input.size());
  std::string signature(size, '\0');
  auto* out = reinterpret_cast<unsigned char*>(signature.data());
  if (EVP_DigestSign(context.get(), out, &size, data, input.size()) != 1) throw std::runtime_error("EVP_DigestSign");
  signature.resize(size);
  if (curve_.empty() || der) return signature;
  const Handle<ECDSA_SIG, &ECDSA_SIG_free> pair([&] {
    const auto* at = reinterpret_cast<const unsigned char*>(signature.data());
    return d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(signature.size()));
  }());
  const int bytes = coordinate_bytes(curve_);
  std::string joined(static_cast<std::size_t>(bytes) * 2, '\0');
  auto* both = reinterpret_cast<unsigned char*>(joined.data());
  BN_bn2binpad(ECDSA_SIG_get0_r(pair.get()), both, bytes);
  BN_bn2binpad(ECDSA_SIG_get0_s(pair.get()), both + bytes, bytes);
  return joined;
}

std::string hmac(const std::string& algorithm, std::string_view secret, std::string_view input) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  HMAC(digest_of(algorithm), secret.data(), static_cast<int>(secret.size()),
       reinterpret_cast<const unsigned char*>(input.data()), input.size(), digest, &size);
  return {reinterpret_cast<const char*>(digest), size};
}

std::string signing_input(const std::string& header, const std::string& body) {
  return encode_base64url(header) + "." + encode_base64url(body);
}

std::string make_token(const std::string& header, const std::string& body, const TestKey& key,
                       const std::string& algorithm) {
  const auto input = signing_input(header, body);
  return input + "." + encode_base64url(key.sign(algorithm, input));
}

}  // namespace gantry::auth::testing
