#include "gantry/auth/key_set.hpp"

#include <algorithm>
#include <bit>
#include <optional>
#include <utility>

#include <cjose/jwk.h>
#include <cjose/jws.h>
#include <simdjson.h>

#include "gantry/auth/base64url.hpp"
#include "gantry/base/handle.hpp"

namespace gantry::auth {
namespace {

using Jwk = Handle<cjose_jwk_t, &cjose_jwk_release>;
using Jws = Handle<cjose_jws_t, &cjose_jws_release>;
using simdjson::dom::element;
using simdjson::dom::object;

enum class Kind { kRsa, kP256, kP384 };

bool fits(Kind kind, Algorithm algorithm) noexcept {
  if (is_rsa(algorithm)) return kind == Kind::kRsa;
  return algorithm == Algorithm::kEs256 ? kind == Kind::kP256 : kind == Kind::kP384;
}

std::optional<std::string_view> text_of(const object& key, const char* member) {
  std::string_view text;
  if (key.at_key(member).get_string().get(text) != simdjson::SUCCESS) return std::nullopt;
  return text;
}

bool has(const object& key, const char* member) { return key.at_key(member).error() == simdjson::SUCCESS; }

/// RFC 7517 §4.2 and §4.3: what the key may be used for, where it says so.
bool is_for_signatures(const object& key) {
  if (has(key, "use") && text_of(key, "use") != "sig") return false;
  if (!has(key, "key_ops")) return true;
  simdjson::dom::array operations;
  if (key.at_key("key_ops").get_array().get(operations) != simdjson::SUCCESS) return false;
  return std::any_of(operations.begin(), operations.end(), [](const element operation) {
    std::string_view name;
    return operation.get_string().get(name) == simdjson::SUCCESS && name == "verify";
  });
}

std::size_t bits_of(std::string_view big_endian) {
  const auto first = big_endian.find_first_not_of('\0');
  if (first == std::string_view::npos) return 0;
  const auto top = static_cast<unsigned char>(big_endian[first]);
  return (big_endian.size() - first - 1) * 8 + static_cast<std::size_t>(std::bit_width(top));
}

/// A key of which nothing but its numbers is taken; the reason when it is none for us.
std::variant<std::pair<Kind, Jwk>, std::string> read_key(const object& key) {
  if (!is_for_signatures(key)) return "it is not for signatures";
  for (const char* secret : {"d", "k", "p", "q"}) {
    if (has(key, secret)) return "it holds secret numbers, and is known to everybody by now";
  }
  const auto type = text_of(key, "kty");
  std::string plain;
  Kind kind = Kind::kRsa;
  if (type == "RSA") {
    const auto modulus = decode_base64url(text_of(key, "n").value_or(""));
    const auto exponent = decode_base64url(text_of(key, "e").value_or(""));
    if (!modulus || !exponent || modulus->empty() || exponent->empty()) return "its numbers are not base64url";
    const std::size_t bits = bits_of(*modulus);
    if (bits < kRsaBitsLeast || bits > kRsaBitsMost) return "an RSA key of " + std::to_string(bits) + " bits";
    const bool odd = ((exponent->back() & 1) != 0) && ((modulus->back() & 1) != 0);
    if (!odd || bits_of(*exponent) < 2 || bits_of(*exponent) > 32) return "an RSA key with unusual numbers";
    plain = R"({"kty":"RSA","n":")" + encode_base64url(*modulus) + R"(","e":")" + encode_base64url(*exponent) + "\"}";
  } else if (type == "EC") {
    const auto curve = text_of(key, "crv");
    if (curve != "P-256" && curve != "P-384") return "a curve that is neither P-256 nor P-384";
    kind = curve == "P-256" ? Kind::kP256 : Kind::kP384;
    const std::size_t size = kind == Kind::kP256 ? 32 : 48;
    const auto x = decode_base64url(text_of(key, "x").value_or(""));
    const auto y = decode_base64url(text_of(key, "y").value_or(""));
    if (!x || !y || x->size() != size || y->size() != size) return "its coordinates are not of the curve's size";
    plain = R"({"kty":"EC","crv":")" + std::string(*curve) + R"(","x":")" + encode_base64url(*x) + R"(","y":")" +
            encode_base64url(*y) + "\"}";
  } else {
    return "its kind is neither RSA nor EC";
  }
  cjose_err error{};
  Jwk jwk(cjose_jwk_import(plain.data(), plain.size(), &error));
  if (!jwk) return "its numbers make no key";  // a point that is not on the curve, for one
  return std::pair(kind, std::move(jwk));
}

}  // namespace

struct KeySet::Key {
  std::optional<std::string> id;
  std::optional<std::string> algorithm;  ///< the one that it is for (RFC 7517 §4.4)
  Kind kind = Kind::kRsa;
  Jwk jwk;

  [[nodiscard]] bool is_for(Algorithm wanted) const {
    return fits(kind, wanted) && (!algorithm || *algorithm == to_string(wanted));
  }
};

KeySet::KeySet() = default;
KeySet::~KeySet() = default;

std::size_t KeySet::size() const noexcept { return keys_.size(); }

Result<std::shared_ptr<const KeySet>> KeySet::parse(std::string_view json) {
  simdjson::dom::parser parser;
  simdjson::dom::array keys;
  if (parser.parse(json.data(), json.size())["keys"].get_array().get(keys) != simdjson::SUCCESS) {
    return Error::invalid("that is no JSON Web Key Set");
  }
  const std::shared_ptr<KeySet> set(new KeySet);
  std::size_t number = 0;
  for (const element entry : keys) {
    if (++number > kKeysMost) return Error::invalid("the key set has more than " + std::to_string(kKeysMost) + " keys");
    object key;
    if (entry.get_object().get(key) != simdjson::SUCCESS) {
      set->skipped_.push_back("key " + std::to_string(number) + ": it is no object");
      continue;
    }
    const auto id = text_of(key, "kid");
    auto read = read_key(key);
    if (const auto* reason = std::get_if<std::string>(&read)) {
      set->skipped_.push_back("key " + std::to_string(number) + (id ? " (" + printable(*id) + ")" : "") + ": " + *reason);
      continue;
    }
    auto& [kind, jwk] = std::get<0>(read);
    Key kept;
    if (id) kept.id = std::string(*id);
    if (const auto algorithm = text_of(key, "alg")) kept.algorithm = std::string(*algorithm);
    kept.kind = kind;
    kept.jwk = std::move(jwk);
    set->keys_.push_back(std::move(kept));
  }
  if (set->keys_.empty()) {
    return Error::invalid("the key set has no key that can check a token" +
                          (set->skipped_.empty() ? std::string() : "; " + set->skipped_.front()));
  }
  return std::shared_ptr<const KeySet>(set);
}

KeySet::Match KeySet::find(const Token& token) const {
  Match match;
  for (std::size_t i = 0; i < keys_.size(); ++i) {
    if (token.key_id && keys_[i].id != token.key_id) continue;
    if (!keys_[i].is_for(token.algorithm)) {
      if (token.key_id && match.found == Found::kNone) match.found = Found::kOther;
      continue;
    }
    if (match.found == Found::kFits) return {Found::kSeveral, 0};
    match = {Found::kFits, i};
  }
  return match;
}

bool KeySet::verifies(const Match& match, const Token& token) const {
  if (match.found != Found::kFits) return false;
  // What is handed to the library was read by us before: one spelling, names that are there once, an algorithm that is
  // none of the symmetric ones and fits the key.
  cjose_err error{};
  const Jws jws(cjose_jws_import(token.compact.data(), token.compact.size(), &error));
  return jws && cjose_jws_verify(jws.get(), keys_[match.key].jwk.get(), &error);
}

}  // namespace gantry::auth
