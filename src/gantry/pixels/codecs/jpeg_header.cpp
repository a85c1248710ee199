#include "gantry/pixels/codecs/jpeg_header.hpp"

#include "gantry/pixels/codecs/codecs.hpp"

namespace gantry::pixels::codecs {
namespace {

unsigned u8(std::string_view bytes, std::size_t at) { return static_cast<unsigned char>(bytes[at]); }
unsigned u16(std::string_view bytes, std::size_t at) { return u8(bytes, at) << 8 | u8(bytes, at + 1); }

/// SOF0 to SOF15 without DHT, JPG and DAC, which share the range.
bool is_frame_header(unsigned marker) {
  return marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
}

}  // namespace

Result<JpegHeader> read_jpeg_header(std::string_view coded) {
  if (coded.size() < 4 || u8(coded, 0) != 0xFF || u8(coded, 1) != 0xD8) return damaged("JPEG", "it has no start");
  JpegHeader header;
  for (std::size_t at = 2; at + 4 <= coded.size();) {
    if (u8(coded, at) != 0xFF) return damaged("JPEG", "a marker is missing");
    const unsigned marker = u8(coded, at + 1);
    if (marker == 0xFF) {  // a fill byte
      ++at;
      continue;
    }
    if (marker == 0xD8 || marker == 0x01) {
      at += 2;
      continue;
    }
    const std::size_t length = u16(coded, at + 2);
    if (length < 2 || coded.size() - at - 2 < length) break;
    const auto segment = coded.substr(at + 4, length - 2);
    if (marker == 0xE0 && segment.starts_with("JFIF")) header.jfif = true;
    if (marker == 0xEE && segment.size() >= 12 && segment.starts_with("Adobe")) {
      header.adobe_transform = static_cast<int>(u8(segment, 11));
    }
    if (marker == 0xDA) break;
    if (is_frame_header(marker)) {
      if (segment.size() < 6) break;
      header.process = marker - 0xC0;
      header.precision = u8(segment, 0);
      header.rows = u16(segment, 1);
      header.columns = u16(segment, 3);
      header.components = u8(segment, 5);
      if (segment.size() < 6 + std::size_t{3} * header.components) break;
      header.rgb_identifiers = header.components == 3 && segment[6] == 'R' && segment[9] == 'G' && segment[12] == 'B';
      return header;
    }
    at += 2 + length;
  }
  return damaged("JPEG", "it has no frame header");
}

}  // namespace gantry::pixels::codecs
