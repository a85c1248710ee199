#include "gantry/auth/secret_token.hpp"

#include <algorithm>
#include <array>
#include <span>

namespace gantry::auth {
namespace {

constexpr std::string_view kAlphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
constexpr std::size_t kIdLength = 12, kSecretLength = 43, kChecksumLength = 6;  // 62^43 > 2^256

constexpr bool is_token_character(char c) noexcept {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

unsigned nibble(char hex) { return static_cast<unsigned>(hex <= '9' ? hex - '0' : hex - 'a' + 10); }

/// Each character with the same chance: bytes from 248 = 4 * 62 on are thrown away.
std::string random_text(std::size_t length) {
  std::string text;
  while (text.size() < length) {
    const std::string hex = random_hex(2 * (length - text.size()));
    for (std::size_t i = 0; i + 1 < hex.size() && text.size() < length; i += 2) {
      const unsigned byte = nibble(hex[i]) << 4 | nibble(hex[i + 1]);
      if (byte < 4 * kAlphabet.size()) text += kAlphabet[byte % kAlphabet.size()];
    }
  }
  return text;
}

/// Against typos and texts cut off, not against attackers: they can compute it, too.
std::array<char, kChecksumLength> checksum_of(std::string_view text) noexcept {
  const Sha256 digest = hash_of_token(text);
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < 8; ++i) number = number << 8 | digest[i];
  std::array<char, kChecksumLength> checksum{};
  for (char& c : checksum) {
    c = kAlphabet[number % kAlphabet.size()];
    number /= kAlphabet.size();
  }
  return checksum;
}

}  // namespace

SecretToken make_token(std::string_view prefix) {
  SecretToken token;
  token.id = random_text(kIdLength);
  token.text = std::string(prefix) + token.id + "_" + random_text(kSecretLength);
  const auto checksum = checksum_of(token.text);
  token.text.append(checksum.begin(), checksum.end());
  return token;
}

std::optional<std::string_view> id_in_token(std::string_view prefix, std::string_view text) noexcept {
  if (text.size() != prefix.size() + kIdLength + 1 + kSecretLength + kChecksumLength) return std::nullopt;
  if (!text.starts_with(prefix) || text[prefix.size() + kIdLength] != '_') return std::nullopt;
  const std::string_view id = text.substr(prefix.size(), kIdLength);
  const std::string_view rest = text.substr(prefix.size() + kIdLength + 1);
  if (!std::all_of(id.begin(), id.end(), is_token_character)) return std::nullopt;
  if (!std::all_of(rest.begin(), rest.end(), is_token_character)) return std::nullopt;
  const auto checksum = checksum_of(text.substr(0, text.size() - kChecksumLength));
  if (rest.substr(kSecretLength) != std::string_view(checksum.data(), checksum.size())) return std::nullopt;
  return id;
}

Sha256 hash_of_token(std::string_view text) { return sha256(std::as_bytes(std::span(text))); }

bool is_same_hash(const Sha256& a, const Sha256& b) noexcept {
  unsigned difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i) difference |= static_cast<unsigned>(a[i] ^ b[i]);
  return difference == 0;
}

std::string without_tokens(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    std::size_t at = std::string_view::npos, length = 0;
    for (const std::string_view prefix : {kApiKeyPrefix, kSharePrefix}) {
      const std::size_t found = text.find(prefix);
      if (found < at) at = found, length = prefix.size();
    }
    if (at == std::string_view::npos) return out.append(text);
    const std::string_view id = text.substr(at + length).substr(0, kIdLength + 1);
    const bool is_token = id.size() > kIdLength && id.back() == '_' &&
                          std::all_of(id.begin(), id.end() - 1, is_token_character);
    const std::size_t shown = at + length + (is_token ? id.size() : 0);
    out.append(text.substr(0, shown));
    text.remove_prefix(shown);
    if (!is_token) continue;
    out += "***";
    const auto end = std::find_if_not(text.begin(), text.end(), is_token_character);
    text.remove_prefix(static_cast<std::size_t>(end - text.begin()));
  }
  return out;
}

}  // namespace gantry::auth
