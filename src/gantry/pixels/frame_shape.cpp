#include "gantry/pixels/frame_shape.hpp"

#include "gantry/dicom/transfer_syntax.hpp"

namespace gantry::pixels {

std::uint64_t FrameShape::native_bytes() const noexcept {
  if (bits_allocated == 1) return (values() + 7) / 8;
  // One chroma pair for two pixels, also where nothing is compressed (PS3.3 C.7.6.3.1.2).
  if (is_native(transfer_syntax) && photometric == "YBR_FULL_422" && samples == 3) return pixels() * 2 * sample_bytes();
  return values() * sample_bytes();
}

Result<void> check_shape(const FrameShape& shape, const FrameLimits& limits) {
  if (shape.rows == 0 || shape.columns == 0 || shape.rows > 65535 || shape.columns > 65535) {
    return Error::unsupported("an image of " + std::to_string(shape.columns) + " x " + std::to_string(shape.rows) +
                              " pixels");
  }
  if (shape.samples != 1 && shape.samples != 3 && shape.samples != 4) {
    return Error::unsupported("Samples per Pixel (0028,0002) is " + std::to_string(shape.samples));
  }
  const auto bits = shape.bits_allocated;
  if (bits != 1 && bits != 8 && bits != 16 && bits != 32 && bits != 64) {
    return Error::unsupported("Bits Allocated (0028,0100) is " + std::to_string(bits));
  }
  if (!shape.is_float && (shape.bits_stored == 0 || shape.bits_stored > bits)) {
    return Error::unsupported("Bits Stored (0028,0101) is " + std::to_string(shape.bits_stored) + " of " +
                              std::to_string(bits));
  }
  if (shape.native_bytes() > limits.native_bytes) {
    return Error::too_large("a frame of " + std::to_string(shape.native_bytes()) + " bytes; at most " +
                            std::to_string(limits.native_bytes) + " are decoded");
  }
  return {};
}

bool is_native(std::string_view transfer_syntax) noexcept {
  const auto* known = dicom::find_transfer_syntax(transfer_syntax);
  return known != nullptr && !known->encapsulated;
}

}  // namespace gantry::pixels
