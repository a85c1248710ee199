#pragma once

// Text as pixels.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "gantry/base/result.hpp"

namespace gantry::pixels {

/// How much of each pixel text covers (0 to 255), row by row.
struct TextImage {
  std::uint32_t width = 0;
  std::uint32_t height = 0;
  std::vector<std::uint8_t> coverage;
};

/// Writes text with the fonts that were loaded at the start. Accents are joined to their letters, Arabic letters to
/// each other, and text from right to left is turned round (Unicode's UAX 9); other scripts' ligatures are not made. A
/// character that no font has becomes an empty box. Thread-safe.
///
/// FreeType reads font files, which are the machine's own: nothing that a client sends is ever read as a font.
class TextFont {
 public:
  /// Opens those of the files that there are; for each character the first font that has it counts. kNotFound when
  /// there is none at all.
  static Result<std::shared_ptr<const TextFont>> load(const std::vector<std::string>& files);
  ~TextFont();
  TextFont(const TextFont&) = delete;
  TextFont& operator=(const TextFont&) = delete;

  /// One line; line breaks and other controls become spaces. `size` in pixels from 6 to 256 is what the letters' em
  /// has, the image is somewhat higher, and always as high for the same size. What is wider than `width_most` is cut
  /// off.
  [[nodiscard]] TextImage write_line(std::string_view utf8, unsigned size, std::uint32_t width_most) const;
  /// How wide it would be.
  [[nodiscard]] std::uint32_t measure(std::string_view utf8, unsigned size) const;
  /// Pixels from one line to the next.
  [[nodiscard]] std::uint32_t line_height(unsigned size) const;

 private:
  struct Faces;
  explicit TextFont(std::unique_ptr<Faces> faces);
  std::unique_ptr<Faces> faces_;
};

/// Where Debian's packages fonts-dejavu-core and fonts-droid-fallback keep their fonts.
[[nodiscard]] const std::vector<std::string>& usual_font_files();

}  // namespace gantry::pixels
