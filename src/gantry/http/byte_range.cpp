#include "gantry/http/byte_range.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

namespace gantry::http {

namespace {

std::string_view trim(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

/// Digits only; a number too large for 64 bits saturates, as it is beyond every representation anyway.
std::optional<std::uint64_t> parse_number(std::string_view text) {
  if (text.empty() || !std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; })) return {};
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc::result_out_of_range) return UINT64_MAX;
  return value;
}

}  // namespace

RangeRequest parse_range(std::string_view field, std::uint64_t length, std::size_t most) {
  field = trim(field);
  constexpr std::string_view kUnit = "bytes";
  if (field.size() < kUnit.size()) return {};
  const bool is_bytes = std::equal(kUnit.begin(), kUnit.end(), field.begin(),
                                   [](char a, char b) { return a == (b >= 'A' && b <= 'Z' ? b + 32 : b); });
  if (!is_bytes) return {};
  field = trim(field.substr(kUnit.size()));
  if (field.empty() || field.front() != '=') return {};
  field.remove_prefix(1);

  RangeRequest request;
  std::size_t specs = 0;
  while (!field.empty()) {
    const auto comma = field.find(',');
    const auto spec = trim(field.substr(0, comma));
    field = comma == std::string_view::npos ? std::string_view{} : field.substr(comma + 1);
    if (spec.empty()) continue;  // empty list elements are allowed (RFC 9110 §5.6.1)
    if (++specs > most) return {};
    const auto dash = spec.find('-');
    if (dash == std::string_view::npos) return {};
    const auto before = trim(spec.substr(0, dash));
    const auto after = trim(spec.substr(dash + 1));
    if (before.empty()) {  // the last n bytes
      const auto suffix = parse_number(after);
      if (!suffix) return {};
      if (*suffix == 0 || length == 0) continue;
      request.ranges.push_back({length - std::min(*suffix, length), length - 1});
      continue;
    }
    const auto first = parse_number(before);
    const auto last = after.empty() ? std::optional<std::uint64_t>(UINT64_MAX) : parse_number(after);
    if (!first || !last || *last < *first) return {};
    if (*first >= length) continue;
    request.ranges.push_back({*first, std::min(*last, length - 1)});
  }
  if (specs == 0) return {};
  request.kind = request.ranges.empty() ? RangeRequest::Kind::kUnsatisfiable : RangeRequest::Kind::kRanges;
  return request;
}

}  // namespace gantry::http
