#pragma once

// Picture files.

#include <cstdint>
#include <memory>
#include <string>

#include "gantry/base/result.hpp"
#include "gantry/pixels/render/render.hpp"

namespace gantry::pixels {

/// A JPEG of 8 bits (a picture of 16 is cut to its upper byte). `quality` from 1 to 100. An ICC profile may be "".
[[nodiscard]] Result<std::string> write_jpeg(const Picture& picture, int quality, const std::string& icc_profile);
/// A PNG of 8 or 16 bits.
[[nodiscard]] Result<std::string> write_png(const Picture& picture, const std::string& icc_profile);

/// Writes a GIF frame by frame: grey as it is, colour in a fixed palette. With more than one frame it repeats for ever.
class GifWriter {
 public:
  /// Pictures are of this size and 8 bits. `delay_ms` between two.
  GifWriter(std::uint32_t width, std::uint32_t height, bool colour, unsigned delay_ms, bool animated);
  ~GifWriter();
  GifWriter(const GifWriter&) = delete;
  GifWriter& operator=(const GifWriter&) = delete;
  Result<void> add(const Picture& picture);
  /// The whole file. Call once.
  Result<std::string> finish();

 private:
  class File;
  std::unique_ptr<File> file_;
};

}  // namespace gantry::pixels
