#include "gantry/archive/record_key.hpp"

#include <cstdint>
#include <optional>

#include "gantry/base/ids.hpp"
#include "gantry/index/fields.hpp"

namespace gantry::archive {
namespace {

constexpr std::string_view kForm = "1";  ///< of keys; another one makes the old ones unusable
constexpr std::size_t kEncodedMost = 1024;

/// Of six bits of base64url or Base64; nullopt when the character is none.
std::optional<std::uint32_t> bits_of(char c) {
  if (c >= 'A' && c <= 'Z') return static_cast<std::uint32_t>(c - 'A');
  if (c >= 'a' && c <= 'z') return static_cast<std::uint32_t>(c - 'a' + 26);
  if (c >= '0' && c <= '9') return static_cast<std::uint32_t>(c - '0' + 52);
  if (c == '-' || c == '+') return 62;
  if (c == '_' || c == '/') return 63;
  return std::nullopt;
}

std::optional<std::string> decode(std::string_view encoded) {
  while (encoded.ends_with('=')) encoded.remove_suffix(1);
  if (encoded.size() % 4 == 1) return std::nullopt;
  std::string bytes;
  std::uint32_t held = 0;
  int count = 0;
  for (const char c : encoded) {
    const auto bits = bits_of(c);
    if (!bits) return std::nullopt;
    held = held << 6 | *bits;
    count += 6;
    if (count < 8) continue;
    count -= 8;
    bytes += static_cast<char>(held >> count & 0xFF);
  }
  return bytes;
}

/// Could the value have come from a hit?
bool is_part(index::Field field, const std::string& value) {
  switch (index::traits_of(field).kind) {
    case index::FieldKind::kDate: return value.empty() || index::date_key(value) == value;
    case index::FieldKind::kTime: return value.empty() || index::time_key(value) == value;
    case index::FieldKind::kNumber: return value.empty() || index::number_key(value) != index::kNoNumber;
    default: return is_valid_uid(value);
  }
}

}  // namespace

std::string record_key_of(const index::SearchRow& row) {
  std::string key(kForm);
  for (const auto& part : index::place_of(row)) key.append("|").append(part);
  return key;
}

Result<std::vector<std::string>> place_of_record_key(std::string_view encoded, index::Level level) {
  const auto refusal = [] {
    return Error::invalid("PriorRecordKey is no Record Key (0008,041B) of such a search, as base64url");
  };
  if (encoded.size() > kEncodedMost) return refusal();
  const auto bytes = decode(encoded);
  if (!bytes) return refusal();
  std::vector<std::string> parts;
  std::string_view rest = *bytes;
  for (;;) {
    const auto cut = rest.find('|');
    parts.emplace_back(rest.substr(0, cut));
    if (cut == std::string_view::npos) break;
    rest.remove_prefix(cut + 1);
  }
  if (parts.front() != kForm) return refusal();
  parts.erase(parts.begin());
  const auto fields = index::place_fields(level);
  if (parts.size() != fields.size()) return refusal();
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (!is_part(fields[i], parts[i])) return refusal();
  }
  return parts;
}

}  // namespace gantry::archive
