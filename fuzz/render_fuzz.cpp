// Data sets with pixels, hostile in any attribute: reading what they say of their images, and rendering them, never
// crashes, and a picture has the size that it says.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>
#include <string>

#include "require.hpp"
#include "gantry/base/memory_bytes.hpp"
#include "gantry/dicom/instance_indexer.hpp"
#include "gantry/pixels/image_attributes.hpp"
#include "gantry/pixels/local_codec.hpp"
#include "gantry/pixels/pictures/pictures.hpp"
#include "gantry/pixels/render/render.hpp"

using namespace gantry;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  dicom::InstanceIndexer indexer;
  if (!indexer.feed(bytes)) return 0;
  auto indexed = indexer.finish();
  if (!indexed) return 0;
  const pixels::StoredObject object{std::make_shared<MemoryBytes>(std::string(reinterpret_cast<const char*>(data), size)),
                                    std::make_shared<dicom::Layout>(std::move(indexed->layout))};
  const auto image = pixels::read_image_attributes(object);
  if (!image || !pixels::is_native(image->shape.transfer_syntax)) return 0;
  pixels::FrameReader reader(object, image->shape);
  const auto stored = reader.read(1);
  if (!stored) return 0;
  const auto frame = pixels::LocalCodec({4 << 20}).convert(image->shape, *stored, {"1.2.840.10008.1.2.1"});
  if (!frame) return 0;
  pixels::RenderOptions options;
  const auto picture = pixels::render_frame(*frame, *image, 1, options);
  if (!picture) return 0;
  require(picture->bytes.size() == std::size_t{picture->width} * picture->height * picture->channels);
  require(pixels::write_png(*picture, "").ok() || picture->width == 0);
  options.viewport.emplace();
  options.viewport->width = 40;
  options.viewport->height = 30;
  options.sixteen_bits = true;
  const auto small = pixels::render_frame(*frame, *image, 1, options);
  require(small.ok() && small->width <= 40 && small->height <= 30);
  return 0;
}
