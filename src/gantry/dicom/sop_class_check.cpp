#include "gantry/dicom/sop_class_check.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

namespace gantry::dicom {
namespace {

// Ascending.
constexpr std::array<std::uint32_t, 17> kCounted = {
    0x00080060,  // Modality
    0x00280002,  // Samples per Pixel
    0x00280004,  // Photometric Interpretation
    0x00280010,  // Rows
    0x00280011,  // Columns
    0x00280100,  // Bits Allocated
    0x00280101,  // Bits Stored
    0x00280102,  // High Bit
    0x00280103,  // Pixel Representation
    0x00287FE0,  // Pixel Data Provider URL
    0x0040A040,  // Value Type
    0x00420011,  // Encapsulated Document
    0x00420012,  // MIME Type of Encapsulated Document
    0x54000100,  // Waveform Sequence
    0x7FE00008,  // Float Pixel Data
    0x7FE00009,  // Double Float Pixel Data
    0x7FE00010,  // Pixel Data
};

constexpr std::uint32_t bit_of(std::uint32_t tag) {
  for (std::size_t i = 0; i < kCounted.size(); ++i) {
    if (kCounted[i] == tag) return 1U << i;
  }
  return 0;
}

constexpr std::uint32_t kModality = bit_of(0x00080060);
constexpr std::uint32_t kIntegers = bit_of(0x7FE00010), kFloats = bit_of(0x7FE00008) | bit_of(0x7FE00009);
constexpr std::uint32_t kElsewhere = bit_of(0x00287FE0);
constexpr std::uint32_t kShape =
    bit_of(0x00280002) | bit_of(0x00280004) | bit_of(0x00280010) | bit_of(0x00280011) | bit_of(0x00280100);
constexpr std::uint32_t kDepth = bit_of(0x00280101) | bit_of(0x00280102) | bit_of(0x00280103);
constexpr std::uint32_t kDocument = bit_of(0x00420011) | bit_of(0x00420012);
constexpr std::uint32_t kReport = bit_of(0x0040A040), kWaveform = bit_of(0x54000100);

// Classes by what follows the root of storage classes (PS3.4 B.5).
constexpr std::string_view kStorage = "1.2.840.10008.5.1.4.1.1.";
constexpr std::array<std::string_view, 24> kImages = {
    "1",   "1.1", "1.1.1", "1.2", "1.2.1", "1.3",  "1.3.1", "2",  "2.1", "2.2",    "3.1",    "4",
    "4.1", "4.3", "6.1",   "6.2", "7",     "12.1", "12.2",  "20", "128", "77.1.1", "77.1.4", "481.1"};
constexpr std::array<std::string_view, 3> kDocuments = {"104.1", "104.2", "104.3"};
constexpr std::array<std::string_view, 5> kReports = {"88.11", "88.22", "88.33", "88.34", "88.59"};
constexpr std::array<std::string_view, 5> kWaveforms = {"9.1.1", "9.1.2", "9.1.3", "9.2.1", "9.3.1"};

template <std::size_t N>
bool is_one_of(const std::array<std::string_view, N>& list, std::string_view name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

}  // namespace

void SopClassCheck::on_value(Tag tag) noexcept {
  const auto found = std::lower_bound(kCounted.begin(), kCounted.end(), tag.value());
  if (found != kCounted.end() && *found == tag.value()) seen_ |= 1U << (found - kCounted.begin());
}

std::vector<Tag> SopClassCheck::missing(std::string_view sop_class) const {
  if (!sop_class.starts_with(kStorage)) return {};
  const std::string_view name = sop_class.substr(kStorage.size());
  std::uint32_t wanted = kModality;
  if ((seen_ & kIntegers) != 0) wanted |= kShape | kDepth;
  if ((seen_ & kFloats) != 0) wanted |= kShape;
  if (is_one_of(kImages, name) && (seen_ & (kIntegers | kFloats | kElsewhere)) == 0) wanted |= kIntegers;
  if (is_one_of(kDocuments, name)) wanted |= kDocument;
  if (is_one_of(kReports, name)) wanted |= kReport;
  if (is_one_of(kWaveforms, name)) wanted |= kWaveform;
  std::vector<Tag> tags;
  for (std::size_t i = 0; i < kCounted.size(); ++i) {
    if ((wanted & ~seen_ & (1U << i)) != 0) tags.emplace_back(kCounted[i]);
  }
  return tags;
}

}  // namespace gantry::dicom
