// Presentation states, hostile in any attribute: reading and applying them never crashes, takes bounded time, and a
// picture has the size that it says.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "require.hpp"
#include "gantry/base/memory_bytes.hpp"
#include "gantry/dicom/instance_indexer.hpp"
#include "gantry/pixels/presentation/render_presented.hpp"

namespace {

using namespace gantry;

/// 12 bits in 16, with room for embedded overlays.
pixels::Frame image_frame() {
  pixels::Frame frame;
  frame.shape.rows = 24;
  frame.shape.columns = 32;
  frame.shape.bits_allocated = 16;
  frame.shape.bits_stored = 12;
  frame.shape.high_bit = 11;
  frame.shape.photometric = "MONOCHROME2";
  frame.shape.transfer_syntax = "1.2.840.10008.1.2.1";
  frame.bytes.resize(24 * 32 * 2);
  for (std::size_t i = 0; i < frame.bytes.size(); ++i) frame.bytes[i] = static_cast<char>(i * 37);
  return frame;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto font = pixels::TextFont::load(pixels::usual_font_files());
  static const pixels::Frame frame = image_frame();
  const auto bytes = std::as_bytes(std::span(data, size));
  dicom::InstanceIndexer indexer;
  if (!indexer.feed(bytes)) return 0;
  auto indexed = indexer.finish();
  if (!indexed) return 0;
  auto set = pixels::read_attributes(
      {std::make_shared<MemoryBytes>(std::string(reinterpret_cast<const char*>(data), size)), std::make_shared<dicom::Layout>(std::move(indexed->layout))});
  if (!set) return 0;
  const auto state = pixels::parse_presentation_state(*set);
  if (!state) return 0;
  pixels::ImageAttributes image;
  image.shape = frame.shape;
  image.frames = 1;
  image.data_set = *set;  // the state's own attributes are as hostile as any
  for (const bool viewport : {false, true}) {
    pixels::RenderOptions options;
    options.sixteen_bits = !viewport;
    if (viewport) {
      options.viewport.emplace();
      options.viewport->width = 60;
      options.viewport->height = 50;
    }
    const auto picture = pixels::render_presented(frame, image, state->images.front().image.sop, 1, *state,
                                                  font ? font->get() : nullptr, options);
    if (!picture) continue;
    require(picture->bytes.size() ==
            std::size_t{picture->width} * picture->height * picture->channels * (picture->bits / 8));
    require(!viewport || (picture->width <= 60 && picture->height <= 50));
  }
  return 0;
}
