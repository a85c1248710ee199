#include "gantry/storage/object_key.hpp"

#include <algorithm>

namespace gantry::storage {
namespace {

bool is_hex(std::string_view text) noexcept {
  return std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

constexpr std::size_t kEnding = 4;

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

bool is_rendition(std::string_view key) noexcept {
  return key.size() > kEnding && key.substr(key.size() - kEnding).starts_with(".r") && is_digit(key[key.size() - 2]) &&
         is_digit(key.back());
}

}  // namespace

bool is_valid_object_key(std::string_view key) noexcept {
  constexpr std::size_t kHash = 16, kDigest = 64, kRandom = 32;
  constexpr std::size_t kTail = 1 + kHash + 1 + kHash + 1 + kDigest + 1 + kRandom;
  const bool has_end = key.ends_with(".dcm") || key.ends_with(".gsj") || is_rendition(key);
  if (has_end) key.remove_suffix(kEnding);
  if (!has_end || key.size() <= kTail || !is_valid_tenant(key.substr(0, key.size() - kTail))) return false;
  key.remove_prefix(key.size() - kTail);
  const auto take = [&key](std::size_t count) {
    const auto part = key.substr(0, count);
    key.remove_prefix(count);
    return part;
  };
  return take(1) == "/" && is_hex(take(kHash)) && take(1) == "/" && is_hex(take(kHash)) && take(1) == "/" &&
         is_hex(take(kDigest)) && take(1) == "-" && is_hex(key);
}

std::optional<unsigned> rendition_of(const ObjectKey& key) noexcept {
  const auto text = key.view();
  if (!is_rendition(text)) return std::nullopt;
  return static_cast<unsigned>(text[text.size() - 2] - '0') * 10 + static_cast<unsigned>(text.back() - '0');
}

ObjectKey rendition_key(const ObjectKey& original, unsigned number) {
  std::string key = original.str();
  key.resize(key.size() - std::min(key.size(), kEnding));
  key += ".r";
  key += static_cast<char>('0' + number / 10 % 10);
  key += static_cast<char>('0' + number % 10);
  return ObjectKey(std::move(key));
}

ObjectKey original_of(const ObjectKey& rendition) {
  const auto text = rendition.view();
  return ObjectKey(std::string(text.substr(0, text.size() - std::min(text.size(), kEnding))) + ".dcm");
}

Result<void> check_object_key(const ObjectKey& key) {
  if (!is_valid_object_key(key.view()))
    return Error::invalid("no name of an object: \"" + key.str().substr(0, 200) + "\"");
  return {};
}

}  // namespace gantry::storage
