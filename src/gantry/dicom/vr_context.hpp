#pragma once

#include <cstdint>
#include <string_view>

#include "gantry/dicom/data_set_parser.hpp"

namespace gantry::dicom {

/// Settles the VRs that the dictionary leaves open in Implicit VR (PS3.5 Annex A.1) by what the data set has said so
/// far. Items inherit from the data set around them: copy the context when an item begins.
class VrContext {
 public:
  /// Whether note() wants to see this attribute's value.
  [[nodiscard]] static bool wants(Tag tag) noexcept;
  void note(const ElementHead& head, std::string_view bytes) noexcept;
  /// The VR of an element: the file's in Explicit VR.
  [[nodiscard]] Vr resolve(const ElementHead& head) const noexcept;

 private:
  bool signed_pixels_ = false;
  std::uint16_t lut_entries_ = 0;  ///< first value of the last LUT Descriptor
};

}  // namespace gantry::dicom
