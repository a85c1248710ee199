#pragma once

#include "gantry/pixels/codecs/codecs.hpp"
#include "gantry/pixels/codecs/jpeg_header.hpp"

namespace gantry::pixels::codecs {

/// JPEG of more than 8 bits, and lossless JPEG (processes 2, 4, 14), by DCMTK's builds of the IJG library.
Decoded decode_jpeg_dcmtk(const FrameShape& shape, const JpegHeader& header, std::string_view coded,
                          std::span<char> out);

}  // namespace gantry::pixels::codecs
