#include "gantry/pixels/text/text_block.hpp"

#include <algorithm>
#include <utility>

namespace gantry::pixels {
namespace {

constexpr std::size_t kLinesMost = 256;

std::size_t next_character(std::string_view text, std::size_t at) {
  ++at;
  while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0U) == 0x80U) ++at;
  return at;
}

/// How many bytes of a line fit; at least one character.
std::size_t fitting(const TextFont& font, std::string_view line, unsigned size, std::uint32_t width) {
  if (font.measure(line, size) <= width) return line.size();
  std::vector<std::size_t> ends;
  for (std::size_t at = 0; at < line.size();) ends.push_back(at = next_character(line, at));
  const auto fits = [&](std::size_t end) { return font.measure(line.substr(0, end), size) <= width; };
  const auto beyond = std::partition_point(ends.begin(), ends.end(), fits);
  const std::size_t end = beyond == ends.begin() ? ends.front() : *(beyond - 1);
  const auto space = line.rfind(' ', end - 1);
  return space != std::string_view::npos && space > 0 ? space + 1 : end;
}

}  // namespace

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  for (std::size_t at = 0; at <= text.size() && lines.size() < kLinesMost;) {
    const auto end = std::min(text.find_first_of("\r\n", at), text.size());
    lines.emplace_back(text.substr(at, end - at));
    at = end + 1;
    if (end + 1 < text.size() && text[end] == '\r' && text[end + 1] == '\n') ++at;
  }
  while (!lines.empty() && lines.back().empty()) lines.pop_back();
  return lines;
}

std::vector<std::string> wrapped(const TextFont& font, const std::vector<std::string>& lines, unsigned size,
                                 std::uint32_t width) {
  std::vector<std::string> broken;
  for (std::string_view line : lines) {
    do {
      const std::size_t count = fitting(font, line, size, width);
      broken.emplace_back(line.substr(0, count));
      line.remove_prefix(count);
    } while (!line.empty() && broken.size() < kLinesMost);
  }
  return broken;
}

TextImage write_block(const TextFont& font, const std::vector<std::string>& lines, unsigned size, TextAlign align,
                      std::uint32_t width_least, std::uint32_t width_most, std::uint32_t height_most) {
  std::vector<TextImage> written;
  TextImage block;
  block.width = std::min(width_least, width_most);
  for (const auto& line : lines) {
    auto image = font.write_line(line, size, width_most);
    if (block.height + image.height > height_most) break;
    block.height += image.height;
    block.width = std::max(block.width, image.width);
    written.push_back(std::move(image));
  }
  block.coverage.assign(std::size_t{block.width} * block.height, 0);
  std::uint32_t y = 0;
  for (const auto& image : written) {
    const std::uint32_t room = block.width - image.width;
    const std::uint32_t x = align == TextAlign::kLeft ? 0 : align == TextAlign::kRight ? room : room / 2;
    for (std::uint32_t row = 0; row < image.height; ++row) {
      std::copy_n(image.coverage.begin() + static_cast<std::ptrdiff_t>(std::size_t{row} * image.width), image.width,
                  block.coverage.begin() + static_cast<std::ptrdiff_t>(std::size_t{y + row} * block.width + x));
    }
    y += image.height;
  }
  return block;
}

void put_text(const TextImage& text, std::int64_t x, std::int64_t y, unsigned quarter_turns, const Ink& ink,
              Picture& picture) {
  const bool light = ink.grey >= 32768 || ink.rgb[1] >= 128;
  const Ink edge = light ? Ink{0, {0, 0, 0}} : Ink();
  const auto for_each = [&](auto&& put) {
    for (std::uint32_t row = 0; row < text.height; ++row) {
      for (std::uint32_t column = 0; column < text.width; ++column) {
        const unsigned covered = text.coverage[std::size_t{row} * text.width + column];
        if (covered == 0) continue;
        const std::int64_t u = column, v = row;
        switch (quarter_turns % 4) {
          case 1: put(x - 1 - v, y + u, covered); break;
          case 2: put(x - 1 - u, y - 1 - v, covered); break;
          case 3: put(x + v, y - 1 - u, covered); break;
          default: put(x + u, y + v, covered); break;
        }
      }
    }
  };
  for_each([&](std::int64_t at, std::int64_t line, unsigned covered) {
    for (const auto& [across, down] : {std::pair{-1, 0}, {1, 0}, {0, -1}, {0, 1}}) {
      put_ink(picture, at + across, line + down, edge, covered * 3 / 4);
    }
  });
  for_each([&](std::int64_t at, std::int64_t line, unsigned covered) { put_ink(picture, at, line, ink, covered); });
}

}  // namespace gantry::pixels
