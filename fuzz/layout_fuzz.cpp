// Kept layouts: hostile bytes never crash, what decodes encodes to something equal, and frames stay inside Pixel Data.

#include <cstdint>
#include <cstdlib>
#include <string>

#include <zlib.h>

#include "gantry/dicom/layout.hpp"

namespace {

using namespace gantry::dicom;

void require(bool holds) {
  if (!holds) std::abort();
}

void check(std::string_view bytes) {
  const auto layout = decode_layout(bytes);
  if (!layout) return;
  const std::string again = encode_layout(*layout);
  const auto twice = decode_layout(again);
  require(twice.ok() && encode_layout(*twice) == again);
  for (const std::uint32_t number : {0U, 1U, layout->pixels.frames, UINT32_MAX}) {
    const auto frame = layout->frame(number);
    if (!frame || layout->pixels.kind != PixelLayout::Kind::kNative) continue;
    for (const ByteRange& range : frame->ranges) require(range.length <= layout->pixels.value.length);
  }
  for (const BulkItem& item : layout->bulk) static_cast<void>(layout->find_bulk(item.path));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  check(bytes);
  // With a right head and checksum, so that the fields are reached.
  std::string whole = "GL\x01" + std::string(bytes);
  const auto sum = crc32_z(0, reinterpret_cast<const Bytef*>(whole.data()), whole.size());
  for (unsigned i = 0; i < 4; ++i) whole.push_back(static_cast<char>(sum >> (8 * i)));
  check(whole);
  return 0;
}
