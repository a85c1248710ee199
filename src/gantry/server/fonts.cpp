#include "gantry/server/fonts.hpp"

namespace gantry::server {

std::shared_ptr<const pixels::TextFont> load_font(observe::Log& log) {
  auto font = pixels::TextFont::load(pixels::usual_font_files());
  if (font) return *std::move(font);
  log.warn("no text can be written on pictures: " + font.error().detail());
  return nullptr;
}

}  // namespace gantry::server
