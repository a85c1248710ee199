#include "gantry/dicomweb/stow/metadata.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>

namespace gantry::dicomweb::stow {
namespace {

bool before(const MetadataAttribute& attribute, dicom::Tag tag) { return attribute.tag < tag; }

int bits_of(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  return c == '+' ? 62 : c == '/' ? 63 : -1;
}

}  // namespace

std::optional<dicom::Tag> parse_tag(std::string_view text) noexcept {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (text.size() != 8 || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return dicom::Tag(value);
}

const MetadataAttribute* find(const MetadataSet& set, dicom::Tag tag) noexcept {
  const auto place = std::lower_bound(set.begin(), set.end(), tag, before);
  return place != set.end() && place->tag == tag ? &*place : nullptr;
}

void put(MetadataSet& set, MetadataAttribute attribute) {
  const auto place = std::lower_bound(set.begin(), set.end(), attribute.tag, before);
  if (place != set.end() && place->tag == attribute.tag) {
    *place = std::move(attribute);
  } else {
    set.insert(place, std::move(attribute));
  }
}

std::string first_value(const MetadataSet& set, dicom::Tag tag) {
  const auto* attribute = find(set, tag);
  return attribute == nullptr || attribute->values.empty() ? std::string() : attribute->values.front();
}

Result<std::string> decode_base64(std::string_view text) {
  std::string bytes;
  bytes.reserve(text.size() / 4 * 3);
  unsigned held = 0;
  int count = 0;
  std::size_t padding = 0;
  for (const char c : text) {
    if (c == '\r' || c == '\n' || c == ' ' || c == '\t') continue;
    if (c == '=') {
      ++padding;
      continue;
    }
    const int bits = bits_of(c);
    if (bits < 0 || padding > 0) return Error::invalid("it is no Base64");
    held = (held << 6 | static_cast<unsigned>(bits)) & 0xFFFFFF;
    count += 6;
    if (count < 8) continue;
    count -= 8;
    bytes += static_cast<char>(held >> count & 0xFF);
  }
  // Six bits left over make no byte: a character is missing.
  if (padding > 2 || count == 6) return Error::invalid("it is no whole Base64");
  return bytes;
}

}  // namespace gantry::dicomweb::stow
