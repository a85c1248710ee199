#include "gantry/config/values.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <utility>

namespace gantry::config {
namespace {

constexpr std::uint64_t kMost = std::numeric_limits<std::int64_t>::max();

std::string_view trim(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  return result;
}

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};

/// A number and its unit, multiplied.
std::optional<std::uint64_t> parse_amount(std::string_view text, std::span<const Unit> units) {
  text = trim(text);
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return std::nullopt;
  const auto name = lower(trim(text.substr(static_cast<std::size_t>(end - text.data()))));
  const auto unit = std::find_if(units.begin(), units.end(), [&](const Unit& u) { return u.name == name; });
  if (unit == units.end() || number > kMost / unit->factor) return std::nullopt;
  return number * unit->factor;
}

constexpr std::uint64_t kKilo = 1024;
constexpr std::array<Unit, 15> kByteUnits{{{"", 1},
                                           {"b", 1},
                                           {"k", kKilo},
                                           {"kb", kKilo},
                                           {"kib", kKilo},
                                           {"m", kKilo* kKilo},
                                           {"mb", kKilo* kKilo},
                                           {"mib", kKilo* kKilo},
                                           {"g", kKilo* kKilo* kKilo},
                                           {"gb", kKilo* kKilo* kKilo},
                                           {"gib", kKilo* kKilo* kKilo},
                                           {"t", kKilo* kKilo* kKilo* kKilo},
                                           {"tb", kKilo* kKilo* kKilo* kKilo},
                                           {"tib", kKilo* kKilo* kKilo* kKilo},
                                           {"bytes", 1}}};
constexpr std::array<Unit, 6> kTimeUnits{
    {{"ms", 1}, {"s", 1000}, {"m", 60'000}, {"min", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}}};

/// The number in the largest of `units` (largest first) that divides it.
std::string format_amount(std::uint64_t amount, std::span<const Unit> units) {
  for (const auto& [name, factor] : units) {
    if (amount >= factor && amount % factor == 0) return std::to_string(amount / factor) + std::string(name);
  }
  return std::to_string(amount) + std::string(units.back().name);
}

}  // namespace

std::optional<std::uint64_t> parse_bytes(std::string_view text) { return parse_amount(text, kByteUnits); }

std::string format_bytes(std::uint64_t bytes) {
  static constexpr std::array<Unit, 5> kUnits{{{"TB", kKilo * kKilo * kKilo * kKilo},
                                               {"GB", kKilo * kKilo * kKilo},
                                               {"MB", kKilo * kKilo},
                                               {"kB", kKilo},
                                               {"", 1}}};
  return format_amount(bytes, kUnits);
}

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) {
  const auto milliseconds = parse_amount(text, kTimeUnits);
  if (!milliseconds) return std::nullopt;
  return std::chrono::milliseconds(static_cast<std::int64_t>(*milliseconds));
}

std::string format_duration(std::chrono::milliseconds duration) {
  static constexpr std::array<Unit, 5> kUnits{
      {{"d", 86'400'000}, {"h", 3'600'000}, {"min", 60'000}, {"s", 1000}, {"ms", 1}}};
  if (duration.count() <= 0) return "0s";
  return format_amount(static_cast<std::uint64_t>(duration.count()), kUnits);
}

std::optional<std::uint64_t> parse_count(std::string_view text) {
  static constexpr std::array<Unit, 1> kUnits{{{"", 1}}};
  return parse_amount(text, kUnits);
}

std::optional<bool> parse_switch(std::string_view text) {
  const auto word = lower(trim(text));
  if (word == "true" || word == "on" || word == "yes" || word == "1") return true;
  if (word == "false" || word == "off" || word == "no" || word == "0") return false;
  return std::nullopt;
}

bool is_address(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return false;
  const auto host = text.substr(0, colon);
  const auto digits = text.substr(colon + 1);
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (error != std::errc() || end != digits.data() + digits.size()) return false;
  if (host.empty() || host.find_first_of(" \t/@") != std::string_view::npos) return false;
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  return bracketed || host.find_first_of("[]:") == std::string_view::npos;
}

std::vector<std::string> split_list(std::string_view text) {
  std::vector<std::string> elements;
  while (!text.empty()) {
    const auto comma = text.find(',');
    const auto element = trim(text.substr(0, comma));
    if (!element.empty()) elements.emplace_back(element);
    text = comma == std::string_view::npos ? std::string_view{} : text.substr(comma + 1);
  }
  return elements;
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1);
  std::vector<std::size_t> row(b.size() + 1);
  std::vector<std::size_t> next(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 0; i < a.size(); ++i) {
    next[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      next[j + 1] = std::min({row[j + 1] + 1, next[j] + 1, row[j] + (a[i] == b[j] ? 0U : 1U)});
      if (i > 0 && j > 0 && a[i] == b[j - 1] && a[i - 1] == b[j])
        next[j + 1] = std::min(next[j + 1], before[j - 1] + 1);
    }
    std::swap(before, row);
    std::swap(row, next);
  }
  return row[b.size()];
}

std::optional<std::string> nearest(std::string_view name, std::span<const std::string> candidates) {
  if (name.size() > 100) return std::nullopt;
  std::optional<std::string> best;
  std::size_t best_distance = std::max<std::size_t>(2, name.size() / 4) + 1;
  for (const auto& candidate : candidates) {
    const auto distance = edit_distance(name, candidate);
    if (distance < best_distance) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best;
}

std::string toml_string(std::string_view text) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string quoted = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += c;
    } else if (byte < 0x20 || byte == 0x7F) {
      quoted += "\\u00";
      quoted += kHex[byte >> 4];
      quoted += kHex[byte & 15];
    } else {
      quoted += c;
    }
  }
  quoted += '"';
  return quoted;
}

}  // namespace gantry::config
