// Frames that are a raw deflate stream each (PS3.5 A.4.13), and frames that are encapsulated as they are (A.4.11).

#include <cstring>

#include <zlib.h>

#include "gantry/pixels/codecs/codecs.hpp"

namespace gantry::pixels::codecs {

Decoded decode_deflated(const FrameShape&, std::string_view coded, std::span<char> out) {
  z_stream stream{};
  if (inflateInit2(&stream, -MAX_WBITS) != Z_OK) return Error::internal("zlib can't be set up");
  // zlib does not write through next_in.
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(coded.data()));
  stream.avail_in = static_cast<uInt>(coded.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  const int result = inflate(&stream, Z_FINISH);
  const std::size_t left = stream.avail_out;
  inflateEnd(&stream);
  // More than a frame may come out of it: padding to an even length.
  if (left != 0 || (result != Z_STREAM_END && result != Z_BUF_ERROR)) {
    return damaged("deflate", "it gives " + std::to_string(out.size() - left) + " of " + std::to_string(out.size()) +
                                  " bytes");
  }
  return std::string();
}

Decoded decode_stored(const FrameShape&, std::string_view coded, std::span<char> out) {
  if (coded.size() < out.size()) {
    return damaged("uncompressed", "it has " + std::to_string(coded.size()) + " of " + std::to_string(out.size()) +
                                       " bytes");
  }
  std::memcpy(out.data(), coded.data(), out.size());
  return std::string();
}

}  // namespace gantry::pixels::codecs
