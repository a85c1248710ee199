#include "gantry/audit/line.hpp"

#include <charconv>
#include <cstddef>
#include <span>

namespace gantry::audit {
namespace {

constexpr std::string_view kBegin = "{\"n\":";
constexpr std::string_view kHash = ",\"hash\":\"";
constexpr std::string_view kEnd = "\"}";
constexpr std::size_t kHexSize = 64;

int digit_of(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

}  // namespace

Sha256 chained(const Sha256& before, std::string_view text) {
  // Kept by each thread: the spool asks for two a request.
  thread_local std::string covered;
  covered.assign(reinterpret_cast<const char*>(before.data()), before.size()).append(text);
  return sha256(std::as_bytes(std::span(covered)));
}

void close_line(std::string& text, const Sha256& hash) {
  text.append(kHash).append(to_hex(hash)).append(kEnd).append(1, '\n');
}

std::optional<Sha256> parse_hash(std::string_view hex) {
  if (hex.size() != kHexSize) return std::nullopt;
  Sha256 hash{};
  for (std::size_t i = 0; i < hash.size(); ++i) {
    const int high = digit_of(hex[2 * i]), low = digit_of(hex[2 * i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    hash[i] = static_cast<std::uint8_t>(high << 4 | low);
  }
  return hash;
}

std::optional<Line> split_line(std::string_view line) {
  constexpr std::size_t kTail = kHash.size() + kHexSize + kEnd.size();
  if (!line.starts_with(kBegin) || !line.ends_with(kEnd) || line.size() < kBegin.size() + kTail) return std::nullopt;
  Line split;
  split.text = line.substr(0, line.size() - kTail);
  const std::string_view tail = line.substr(split.text.size());
  if (!tail.starts_with(kHash)) return std::nullopt;
  const auto hash = parse_hash(tail.substr(kHash.size(), kHexSize));
  const char* const begin = line.data() + kBegin.size();
  const auto [end, error] = std::from_chars(begin, line.data() + split.text.size(), split.n);
  if (!hash || error != std::errc() || end == begin) return std::nullopt;
  split.hash = *hash;
  return split;
}

}  // namespace gantry::audit
