#include "gantry/storage/object_key.hpp"

#include <algorithm>

namespace gantry::storage {
namespace {

bool is_hex(std::string_view text) noexcept {
  return std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

}  // namespace

bool is_valid_object_key(std::string_view key) noexcept {
  constexpr std::size_t kHash = 16, kDigest = 64, kRandom = 32;
  constexpr std::size_t kTail = 1 + kHash + 1 + kHash + 1 + kDigest + 1 + kRandom;
  const bool has_end = key.ends_with(".dcm") || key.ends_with(".gsj");
  if (has_end) key.remove_suffix(4);
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

Result<void> check_object_key(const ObjectKey& key) {
  if (!is_valid_object_key(key.view()))
    return Error::invalid("no name of an object: \"" + key.str().substr(0, 200) + "\"");
  return {};
}

}  // namespace gantry::storage
