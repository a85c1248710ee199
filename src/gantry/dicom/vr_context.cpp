#include "gantry/dicom/vr_context.hpp"

#include <algorithm>
#include <array>

namespace gantry::dicom {

namespace {

constexpr Tag kPixelRepresentation{0x0028, 0x0103};
constexpr Tag kLutDescriptor{0x0028, 0x3002};
constexpr Tag kLutData{0x0028, 0x3006};

// Attributes that are US or SS, as Pixel Representation says (PS3.6).
constexpr std::array<std::uint32_t, 25> kUnsignedOrSigned = {
    0x00189810, 0x00221452, 0x00280071, 0x00280104, 0x00280105, 0x00280106, 0x00280107, 0x00280108, 0x00280109,
    0x00280110, 0x00280111, 0x00280120, 0x00280121, 0x00281100, 0x00281101, 0x00281102, 0x00281103, 0x00281111,
    0x00281112, 0x00281113, 0x00283002, 0x00409211, 0x00409216, 0x00603004, 0x00603006};
static_assert(std::is_sorted(kUnsignedOrSigned.begin(), kUnsignedOrSigned.end()));

}  // namespace

bool VrContext::wants(Tag tag) noexcept { return tag == kPixelRepresentation || tag == kLutDescriptor; }

void VrContext::note(const ElementHead& head, std::string_view bytes) noexcept {
  if (!wants(head.tag) || bytes.size() < 2) return;
  const bool swapped = head.big_endian && head.vr != Vr::kUN;
  const auto low = static_cast<std::uint8_t>(bytes[swapped ? 1 : 0]);
  const auto high = static_cast<std::uint8_t>(bytes[swapped ? 0 : 1]);
  const auto value = static_cast<std::uint16_t>((high << 8) | low);
  if (head.tag == kLutDescriptor) {
    lut_entries_ = value;
  } else {
    signed_pixels_ = value == 1;
  }
}

Vr VrContext::resolve(const ElementHead& head) const noexcept {
  if (!head.implicit) return head.vr;
  if (head.tag == kLutData) return lut_entries_ == 1 ? Vr::kUS : Vr::kOW;
  if (head.vr == Vr::kUS && signed_pixels_ &&
      std::binary_search(kUnsignedOrSigned.begin(), kUnsignedOrSigned.end(), head.tag.value())) {
    return Vr::kSS;
  }
  return head.vr;
}

}  // namespace gantry::dicom
