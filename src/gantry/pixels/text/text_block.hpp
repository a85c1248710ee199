#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "gantry/pixels/render/ink.hpp"
#include "gantry/pixels/render/render.hpp"
#include "gantry/pixels/text/text_font.hpp"

namespace gantry::pixels {

enum class TextAlign { kLeft, kCenter, kRight };

/// Text as lines: split at CR, LF or both, without empty ones at the end. At most 256 lines.
[[nodiscard]] std::vector<std::string> lines_of(std::string_view text);

/// Lines broken where they are wider than `width` pixels, at spaces where there are some.
[[nodiscard]] std::vector<std::string> wrapped(const TextFont& font, const std::vector<std::string>& lines,
                                               unsigned size, std::uint32_t width);

/// Lines below each other, aligned in at least `width_least` pixels. What goes beyond the most is cut off; a line that
/// does not wholly fit in the height is left out.
[[nodiscard]] TextImage write_block(const TextFont& font, const std::vector<std::string>& lines, unsigned size,
                                    TextAlign align, std::uint32_t width_least, std::uint32_t width_most,
                                    std::uint32_t height_most);

/// Puts text on a picture, turned clockwise by quarters about its top left corner at (x, y), with an edge of the
/// opposite brightness so that it can be read on whatever lies below.
void put_text(const TextImage& text, std::int64_t x, std::int64_t y, unsigned quarter_turns, const Ink& ink,
              Picture& picture);

}  // namespace gantry::pixels
