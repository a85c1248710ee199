// RLE Lossless (PS3.5 Annex G): PackBits of byte planes, most significant byte first.

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <vector>

#include "gantry/pixels/codecs/codecs.hpp"

namespace gantry::pixels::codecs {
namespace {

constexpr std::size_t kHeaderBytes = 64;
constexpr std::size_t kSegmentsMost = 15;

std::uint32_t u32_at(std::string_view bytes, std::size_t offset) {
  std::uint32_t value = 0;
  std::memcpy(&value, bytes.data() + offset, 4);
  return value;
}

/// One segment into `plane`; false when it ends before the plane is full. What follows is padding.
bool unpack(std::string_view segment, std::span<char> plane) {
  std::size_t at = 0;
  std::size_t filled = 0;
  while (filled < plane.size() && at < segment.size()) {
    const auto code = static_cast<signed char>(segment[at++]);
    if (code >= 0) {
      const std::size_t count = std::min<std::size_t>(static_cast<std::size_t>(code) + 1, plane.size() - filled);
      if (segment.size() - at < count) return false;
      std::memcpy(plane.data() + filled, segment.data() + at, count);
      filled += count;
      at += count;
    } else if (code != -128) {
      if (at == segment.size()) return false;
      const std::size_t count = std::min<std::size_t>(1 - static_cast<int>(code), plane.size() - filled);
      std::memset(plane.data() + filled, segment[at++], count);
      filled += count;
    }
  }
  return filled == plane.size();
}

/// A row's bytes; runs and literals do not cross rows (G.3.1).
void pack_row(std::string_view row, std::string& out) {
  std::size_t at = 0;
  while (at < row.size()) {
    std::size_t run = 1;
    while (run < 128 && at + run < row.size() && row[at + run] == row[at]) ++run;
    if (run > 1) {
      out.push_back(static_cast<char>(1 - static_cast<int>(run)));
      out.push_back(row[at]);
      at += run;
      continue;
    }
    std::size_t end = at + 1;
    // A run of two inside a literal costs as much as two literals, so only three end one.
    while (end < row.size() && end - at < 128 &&
           !(end + 2 < row.size() && row[end] == row[end + 1] && row[end] == row[end + 2])) {
      ++end;
    }
    out.push_back(static_cast<char>(end - at - 1));
    out.append(row.substr(at, end - at));
    at = end;
  }
}

}  // namespace

Decoded decode_rle(const FrameShape& shape, std::string_view coded, std::span<char> out) {
  const std::size_t bytes = shape.bits_allocated == 1 ? 1 : shape.sample_bytes();
  const std::size_t segments = std::size_t{shape.samples} * bytes;
  const std::size_t plane_bytes = out.size() / segments;
  if (coded.size() < kHeaderBytes) return damaged("RLE", "it ends inside its header");
  const std::uint32_t declared = u32_at(coded, 0);
  if (segments > kSegmentsMost || declared != segments) {
    return damaged("RLE", "it has " + std::to_string(declared) + " segments where the data set asks for " +
                              std::to_string(segments));
  }
  std::vector<char> plane;
  if (segments > 1) plane.resize(plane_bytes);
  for (std::size_t i = 0; i < segments; ++i) {
    const std::size_t begin = u32_at(coded, 4 + 4 * i);
    const std::size_t end = i + 1 < segments ? u32_at(coded, 8 + 4 * i) : coded.size();
    if (begin < kHeaderBytes || begin > end || end > coded.size()) {
      return damaged("RLE", "the offset of segment " + std::to_string(i + 1) + " leads outside of it");
    }
    const std::span<char> target = segments > 1 ? std::span<char>(plane) : out;
    if (!unpack(coded.substr(begin, end - begin), target)) {
      return damaged("RLE", "segment " + std::to_string(i + 1) + " ends before its plane is full");
    }
    if (segments == 1) continue;
    const std::size_t sample = i / bytes;
    const std::size_t stride = segments;
    char* to = out.data() + sample * bytes + (bytes - 1 - i % bytes);
    for (std::size_t at = 0; at < plane_bytes; ++at) to[at * stride] = plane[at];
  }
  return std::string();
}

Result<Encoded> encode_rle(const FrameShape& shape, std::string_view native) {
  const std::size_t bytes = shape.sample_bytes();
  const std::size_t segments = std::size_t{shape.samples} * bytes;
  if (bytes == 0 || segments > kSegmentsMost) {
    return Error::unsupported("RLE takes no frames of " + std::to_string(shape.bits_allocated) + " bits");
  }
  Encoded made;
  made.bytes.assign(kHeaderBytes, '\0');
  made.bytes.reserve(native.size() / 2);
  const auto put_u32 = [&](std::size_t offset, std::size_t value) {
    const auto number = static_cast<std::uint32_t>(value);
    std::memcpy(made.bytes.data() + offset, &number, 4);
  };
  put_u32(0, segments);
  std::string row(shape.columns, '\0');
  for (std::size_t i = 0; i < segments; ++i) {
    put_u32(4 + 4 * i, made.bytes.size());
    const char* from = native.data() + (i / bytes) * bytes + (bytes - 1 - i % bytes);
    for (std::uint32_t y = 0; y < shape.rows; ++y) {
      const char* line = from + std::size_t{y} * shape.columns * segments;
      for (std::uint32_t x = 0; x < shape.columns; ++x) row[x] = line[x * segments];
      pack_row(row, made.bytes);
    }
    if (made.bytes.size() % 2 != 0) made.bytes.push_back('\0');
  }
  return made;
}

}  // namespace gantry::pixels::codecs
