// Multipart bodies: however the bytes are cut, the same parts and the same verdict come out; and any bytes, written as
// a part, come back as they were.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "gantry/http/multipart.hpp"

namespace {

using namespace gantry;
using namespace gantry::http;

void require(bool holds) {
  if (!holds) std::abort();
}

struct Part {
  std::vector<std::pair<std::string, std::string>> headers;
  std::string data;
  bool complete = false;
  friend bool operator==(const Part&, const Part&) = default;
};

struct Outcome {
  std::vector<Part> parts;
  bool ended = false;
  std::optional<ErrorKind> refused;
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

constexpr MultipartLimits kLimits{.parts = 16, .part_header_bytes = 256, .boundary_bytes = 70};

/// Feeds in pieces of `step` bytes, or of varying length for 0. Each piece lies in memory of its own, so that reading
/// beside it is seen.
Outcome read(std::string_view body, std::string_view boundary, std::size_t step) {
  auto parser = MultipartParser::create(boundary, kLimits);
  require(parser.ok());
  Outcome outcome;
  bool open = false;
  auto state = static_cast<std::uint32_t>(body.size()) * 2654435761U + 1;
  while (!body.empty()) {
    state = state * 1664525U + 1013904223U;
    const auto length = std::min(body.size(), step != 0 ? step : 1 + (state >> 8) % 20);
    const std::vector<char> piece(body.begin(), body.begin() + static_cast<std::ptrdiff_t>(length));
    body.remove_prefix(length);
    parser->feed(std::as_bytes(std::span(piece)));
    for (bool more = true; more;) {
      const auto event = parser->next();
      if (!event) {
        require(!parser->next() && !parser->finish());
        outcome.refused = event.error().kind();
        return outcome;
      }
      switch (*event) {
        case MultipartParser::Event::kNeedMore: more = false; break;
        case MultipartParser::Event::kPartBegin:
          require(!open && !outcome.ended);
          open = true;
          outcome.parts.push_back({parser->headers().all(), "", false});
          require(outcome.parts.size() <= kLimits.parts);
          break;
        case MultipartParser::Event::kPartData: {
          require(open && !parser->data().empty());
          const auto data = parser->data();
          outcome.parts.back().data.append(reinterpret_cast<const char*>(data.data()), data.size());
          break;
        }
        case MultipartParser::Event::kPartEnd:
          require(open);
          open = false;
          outcome.parts.back().complete = true;
          break;
        case MultipartParser::Event::kEnd:
          require(!open);
          outcome.ended = true;
          more = false;
          break;
      }
    }
  }
  require(parser->finish().ok() == outcome.ended);
  return outcome;
}

void check_cuts(std::string_view body, std::string_view boundary) {
  const auto whole = read(body, boundary, body.size() + 1);
  require(read(body, boundary, 1) == whole);
  require(read(body, boundary, 0) == whole);
}

void check_round_trip(std::string_view bytes) {
  std::string boundary = "B";
  while (bytes.find("--" + boundary) != std::string_view::npos) boundary += 'x';  // as a sender must
  if (boundary.size() > kLimits.boundary_bytes) return;
  std::vector<Part> parts;
  std::string body;
  while (parts.size() < kLimits.parts) {
    const auto end = bytes.find('\xFF');
    Part part{{{"Content-Type", "a/b"}}, std::string(bytes.substr(0, end)), true};
    body += "\r\n--" + boundary + "\r\nContent-Type: a/b\r\n\r\n" + part.data;
    parts.push_back(std::move(part));
    if (end == std::string_view::npos) break;
    bytes.remove_prefix(end + 1);
  }
  body += "\r\n--" + boundary + "--";
  const Outcome expected{parts, true, std::nullopt};
  require(read(body, boundary, 0) == expected);
  require(read(body, boundary, 7) == expected);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  check_cuts(bytes, "B");
  check_cuts(bytes, "B--B");
  check_round_trip(bytes);
  return 0;
}
