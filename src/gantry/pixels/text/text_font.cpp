#include "gantry/pixels/text/text_font.hpp"

#include <algorithm>
#include <mutex>
#include <utility>

#include <ft2build.h>
#include FT_FREETYPE_H
#include <unicode/normalizer2.h>
#include <unicode/ubidi.h>
#include <unicode/unistr.h>
#include <unicode/ushape.h>

#include "gantry/base/handle.hpp"

namespace gantry::pixels {
namespace {

constexpr unsigned kSizeLeast = 6;
constexpr unsigned kSizeMost = 256;
constexpr std::size_t kCharactersMost = 1024;

void close_library(FT_Library library) { FT_Done_FreeType(library); }
void close_face(FT_Face face) { FT_Done_Face(face); }
using Library = Handle<FT_LibraryRec_, &close_library>;
using Face = Handle<FT_FaceRec_, &close_face>;
using Bidi = Handle<UBiDi, &ubidi_close>;

bool runs_from_right(const icu::UnicodeString& text) {
  return ubidi_getBaseDirection(text.getBuffer(), text.length()) == UBIDI_RTL ||
         std::any_of(text.getBuffer(), text.getBuffer() + text.length(), [](char16_t unit) {
           return (unit >= 0x0590 && unit <= 0x08FF) || (unit >= 0xFB1D && unit <= 0xFEFC);
         });
}

/// Letters in the order in which they stand from left to right, Arabic ones in the form that their neighbours ask for.
icu::UnicodeString in_visual_order(const icu::UnicodeString& text) {
  UErrorCode status = U_ZERO_ERROR;
  const auto capacity = static_cast<std::int32_t>(text.length() * 2 + 2);
  std::vector<char16_t> shaped(static_cast<std::size_t>(capacity));
  const std::int32_t length =
      u_shapeArabic(text.getBuffer(), text.length(), shaped.data(), capacity,
                    U_SHAPE_LETTERS_SHAPE | U_SHAPE_TEXT_DIRECTION_LOGICAL | U_SHAPE_LENGTH_GROW_SHRINK, &status);
  const Bidi bidi(ubidi_open());
  if (U_FAILURE(status) || bidi == nullptr) return text;
  ubidi_setPara(bidi.get(), shaped.data(), length, UBIDI_DEFAULT_LTR, nullptr, &status);
  std::vector<char16_t> ordered(static_cast<std::size_t>(capacity));
  const std::int32_t count = ubidi_writeReordered(bidi.get(), ordered.data(), capacity,
                                                  UBIDI_DO_MIRRORING | UBIDI_REMOVE_BIDI_CONTROLS, &status);
  return U_FAILURE(status) ? text : icu::UnicodeString(ordered.data(), count);
}

std::vector<char32_t> characters_of(std::string_view utf8) {
  // Four bytes are the longest character.
  utf8 = utf8.substr(0, kCharactersMost * 4);
  auto text = icu::UnicodeString::fromUTF8({utf8.data(), static_cast<std::int32_t>(utf8.size())});
  UErrorCode status = U_ZERO_ERROR;
  const auto* composer = icu::Normalizer2::getNFCInstance(status);
  if (U_SUCCESS(status)) {
    const auto composed = composer->normalize(text, status);
    if (U_SUCCESS(status)) text = composed;
  }
  if (runs_from_right(text)) text = in_visual_order(text);
  std::vector<char32_t> characters;
  for (std::int32_t at = 0; at < text.length() && characters.size() < kCharactersMost; at = text.moveIndex32(at, 1)) {
    const auto character = static_cast<char32_t>(text.char32At(at));
    characters.push_back(character < 0x20 || (character >= 0x7F && character < 0xA0) ? U' ' : character);
  }
  return characters;
}

}  // namespace

struct TextFont::Faces {
  Library library;
  std::vector<Face> faces;
  std::mutex mutex;  // FreeType's faces are of one thread at a time

  struct Glyph {
    FT_Face face = nullptr;
    FT_UInt index = 0;  // 0: the box that stands for what is missing
  };
  [[nodiscard]] Glyph glyph_of(char32_t character) const {
    for (const auto& face : faces) {
      if (const FT_UInt index = FT_Get_Char_Index(face.get(), character)) return {face.get(), index};
    }
    return {faces.front().get(), 0};
  }
  unsigned set_size(unsigned size) {
    size = std::clamp(size, kSizeLeast, kSizeMost);
    for (const auto& face : faces) FT_Set_Pixel_Sizes(face.get(), 0, size);
    return size;
  }
  [[nodiscard]] std::int64_t ascent() const { return (faces.front()->size->metrics.ascender + 63) >> 6; }
  [[nodiscard]] std::int64_t height() const {
    return std::max<std::int64_t>(1, (faces.front()->size->metrics.height + 63) >> 6);
  }
  std::int64_t width_of(const std::vector<char32_t>& characters) {
    FT_Pos width = 0;
    for (const char32_t character : characters) {
      const Glyph glyph = glyph_of(character);
      if (FT_Load_Glyph(glyph.face, glyph.index, FT_LOAD_DEFAULT) == 0) width += glyph.face->glyph->advance.x;
    }
    return (width + 63) >> 6;
  }
};

TextFont::TextFont(std::unique_ptr<Faces> faces) : faces_(std::move(faces)) {}
TextFont::~TextFont() = default;

Result<std::shared_ptr<const TextFont>> TextFont::load(const std::vector<std::string>& files) {
  auto faces = std::make_unique<Faces>();
  FT_Library library = nullptr;
  if (FT_Init_FreeType(&library) != 0) return Error::internal("FreeType can't be started");
  faces->library.reset(library);
  for (const auto& file : files) {
    FT_Face face = nullptr;
    if (FT_New_Face(library, file.c_str(), 0, &face) == 0) faces->faces.emplace_back(face);
  }
  if (faces->faces.empty()) {
    return Error::not_found("no font was found; the packages fonts-dejavu-core and fonts-droid-fallback have some");
  }
  return std::shared_ptr<const TextFont>(new TextFont(std::move(faces)));
}

TextImage TextFont::write_line(std::string_view utf8, unsigned size, std::uint32_t width_most) const {
  const auto characters = characters_of(utf8);
  const std::scoped_lock lock(faces_->mutex);
  faces_->set_size(size);
  TextImage image;
  image.width = static_cast<std::uint32_t>(std::min<std::int64_t>(faces_->width_of(characters), width_most));
  image.height = static_cast<std::uint32_t>(faces_->height());
  image.coverage.assign(std::size_t{image.width} * image.height, 0);
  const std::int64_t baseline = faces_->ascent();
  FT_Pos pen = 0;
  for (const char32_t character : characters) {
    if (pen >> 6 >= image.width) break;
    const Faces::Glyph glyph = faces_->glyph_of(character);
    if (FT_Load_Glyph(glyph.face, glyph.index, FT_LOAD_RENDER) != 0) continue;
    const FT_GlyphSlot slot = glyph.face->glyph;
    const FT_Bitmap& bitmap = slot->bitmap;
    for (unsigned row = 0; bitmap.pixel_mode == FT_PIXEL_MODE_GRAY && row < bitmap.rows; ++row) {
      const std::int64_t y = baseline - slot->bitmap_top + row;
      if (y < 0 || y >= image.height) continue;
      for (unsigned column = 0; column < bitmap.width; ++column) {
        const std::int64_t x = (pen >> 6) + slot->bitmap_left + column;
        if (x < 0 || x >= image.width) continue;
        auto& covered = image.coverage[static_cast<std::size_t>(y) * image.width + static_cast<std::size_t>(x)];
        covered = std::max(covered, bitmap.buffer[static_cast<std::ptrdiff_t>(row) * bitmap.pitch + column]);
      }
    }
    pen += slot->advance.x;
  }
  return image;
}

std::uint32_t TextFont::measure(std::string_view utf8, unsigned size) const {
  const auto characters = characters_of(utf8);
  const std::scoped_lock lock(faces_->mutex);
  faces_->set_size(size);
  return static_cast<std::uint32_t>(std::max<std::int64_t>(0, faces_->width_of(characters)));
}

std::uint32_t TextFont::line_height(unsigned size) const {
  const std::scoped_lock lock(faces_->mutex);
  faces_->set_size(size);
  return static_cast<std::uint32_t>(faces_->height());
}

const std::vector<std::string>& usual_font_files() {
  static const std::vector<std::string> files{
      "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf",
      "/usr/share/fonts-droid-fallback/truetype/DroidSansFallback.ttf",
      "/usr/share/fonts/truetype/droid/DroidSansFallbackFull.ttf",
  };
  return files;
}

}  // namespace gantry::pixels
