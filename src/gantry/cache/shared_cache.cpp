#include "gantry/cache/shared_cache.hpp"

#include <charconv>

namespace gantry::cache {
namespace {

constexpr std::string_view kBegin = R"({"version":)";

}  // namespace

std::string versioned_text(std::uint64_t version, std::string_view members) {
  std::string text(kBegin);
  text += std::to_string(version);
  if (!members.empty()) text.append(",").append(members);
  return text + "}";
}

std::optional<std::uint64_t> version_of_text(std::string_view text) {
  if (!text.starts_with(kBegin)) return std::nullopt;
  text.remove_prefix(kBegin.size());
  std::uint64_t version = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), version);
  if (error != std::errc() || end == text.data() + text.size() || (*end != ',' && *end != '}')) return std::nullopt;
  return version;
}

}  // namespace gantry::cache
