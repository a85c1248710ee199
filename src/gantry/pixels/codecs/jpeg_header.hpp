#pragma once

#include <cstdint>
#include <string_view>

#include "gantry/base/result.hpp"

namespace gantry::pixels::codecs {

/// What a JPEG's frame header (ISO 10918-1 B.2.2) and the application markers before it say.
struct JpegHeader {
  unsigned process = 0;  ///< n of SOFn: 0 baseline, 1 extended, 2 progressive, 3 lossless …
  unsigned precision = 0;
  std::uint32_t rows = 0;
  std::uint32_t columns = 0;
  unsigned components = 0;
  bool rgb_identifiers = false;  ///< components are called R, G, B
  bool jfif = false;
  int adobe_transform = -1;  ///< of an Adobe marker: 0 none, 1 YCbCr; -1: no such marker
};

/// Reads up to the frame header. kInvalid when there is none.
[[nodiscard]] Result<JpegHeader> read_jpeg_header(std::string_view coded);

}  // namespace gantry::pixels::codecs
