// Accept, Content-Type and Range: what could be read is the same when it is written and read again; ranges lie inside
// the representation.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "gantry/http/byte_range.hpp"
#include "gantry/http/media_type.hpp"

namespace {

using namespace gantry::http;

void require(bool holds) {
  if (!holds) std::abort();
}

/// With every value quoted, so that whatever it holds can be written.
std::string written(const MediaType& media) {
  std::string text = media.essence();
  for (const auto& [name, value] : media.parameters) {
    text += "; " + name + "=\"";
    for (const char c : value) {
      if (c == '"' || c == '\\') text += '\\';
      text += c;
    }
    text += '"';
  }
  return text;
}

bool same(const MediaType& a, const MediaType& b) {
  return a.type == b.type && a.subtype == b.subtype && a.parameters == b.parameters;
}

void check_range(std::string_view field, std::uint64_t length) {
  const auto request = parse_range(field, length);
  require((request.kind == RangeRequest::Kind::kRanges) == !request.ranges.empty());
  require(request.ranges.size() <= 16);
  for (const auto& range : request.ranges) require(range.first <= range.last && range.last < length);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);

  if (const auto media = parse_media_type(text)) {
    const auto again = parse_media_type(written(*media));
    require(again.ok() && same(*again, *media));
  }

  const auto ranges = parse_accept(text);
  require(
      std::is_sorted(ranges.begin(), ranges.end(), [](const auto& a, const auto& b) { return a.quality > b.quality; }));
  std::string list;
  for (const auto& range : ranges) {
    require(range.quality >= 0 && range.quality <= 1000);
    require(!range.type.parameter("q"));
    const auto fraction = std::to_string(1000 + range.quality % 1000).substr(1);
    list += written(range.type) + ";q=" + std::to_string(range.quality / 1000) + "." + fraction + ",";
  }
  const auto again = parse_accept(list);
  require(again.size() == ranges.size());
  for (std::size_t i = 0; i < ranges.size(); ++i) {
    require(again[i].quality == ranges[i].quality && same(again[i].type, ranges[i].type));
  }

  for (const std::uint64_t length : {0ULL, 1ULL, 100ULL, 1ULL << 40, ~0ULL}) {
    check_range(text, length);
    check_range("bytes=" + std::string(text), length);
  }
  return 0;
}
