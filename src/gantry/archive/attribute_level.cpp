#include "gantry/archive/attribute_level.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

namespace gantry::archive {
namespace {

// Both tables ascend, so that they can be searched by halves.
constexpr std::array<std::uint32_t, 36> kStudyTags = {
    0x00080020,  // Study Date
    0x00080030,  // Study Time
    0x00080050,  // Accession Number
    0x00080051,  // Issuer of Accession Number Sequence
    0x00080054,  // Retrieve AE Title
    0x00080056,  // Instance Availability
    0x00080061,  // Modalities in Study
    0x00080062,  // SOP Classes in Study
    0x00080063,  // Anatomic Regions in Study Code Sequence
    0x00080090,  // Referring Physician's Name
    0x00080092,  // … Address
    0x00080094,  // … Telephone Numbers
    0x00080096,  // … Identification Sequence
    0x0008009C,  // Consulting Physician's Name
    0x0008009D,  // … Identification Sequence
    0x00080201,  // Timezone Offset From UTC
    0x0008041B,  // Record Key: of whatever level was searched
    0x0008041C,  // Prior Record Key
    0x00081030,  // Study Description
    0x00081032,  // Procedure Code Sequence
    0x00081048,  // Physician(s) of Record
    0x00081049,  // … Identification Sequence
    0x00081060,  // Name of Physician(s) Reading Study
    0x00081062,  // … Identification Sequence
    0x00081080,  // Admitting Diagnoses Description
    0x00081084,  // Admitting Diagnoses Code Sequence
    0x00081110,  // Referenced Study Sequence
    0x00081120,  // Referenced Patient Sequence
    0x00081190,  // Retrieve URL
    0x0020000D,  // Study Instance UID
    0x00200010,  // Study ID
    0x00201200,  // Number of Patient Related Studies
    0x00201206,  // Number of Study Related Series
    0x00201208,  // Number of Study Related Instances
    0x00401012,  // Reason For Performed Procedure Code Sequence
    0x00401060,  // Requested Procedure Description (trial)
};

constexpr std::array<std::uint32_t, 49> kSeriesTags = {
    0x00080021,  // Series Date
    0x00080031,  // Series Time
    0x00080060,  // Modality
    0x00080068,  // Presentation Intent Type
    0x00080070,  // Manufacturer
    0x00080080,  // Institution Name
    0x00080081,  // Institution Address
    0x00080082,  // Institution Code Sequence
    0x00081010,  // Station Name
    0x0008103E,  // Series Description
    0x0008103F,  // Series Description Code Sequence
    0x00081040,  // Institutional Department Name
    0x00081041,  // … Type Code Sequence
    0x00081050,  // Performing Physician's Name
    0x00081052,  // … Identification Sequence
    0x00081070,  // Operators' Name
    0x00081072,  // … Identification Sequence
    0x00081090,  // Manufacturer's Model Name
    0x00081111,  // Referenced Performed Procedure Step Sequence
    0x00081250,  // Related Series Sequence
    0x00120060,  // Clinical Trial Coordinating Center Name
    0x00120071,  // Clinical Trial Series ID
    0x00120072,  // Clinical Trial Series Description
    0x00120073,  // Issuer of Clinical Trial Series ID
    0x00180015,  // Body Part Examined
    0x00181000,  // Device Serial Number
    0x00181002,  // Device UID
    0x00181008,  // Gantry ID
    0x00181020,  // Software Versions
    0x00181030,  // Protocol Name
    0x00181050,  // Spatial Resolution
    0x00181200,  // Date of Last Calibration
    0x00181201,  // Time of Last Calibration
    0x00185100,  // Patient Position
    0x0020000E,  // Series Instance UID
    0x00200011,  // Series Number
    0x00200052,  // Frame of Reference UID
    0x00200060,  // Laterality
    0x00201040,  // Position Reference Indicator
    0x00201209,  // Number of Series Related Instances
    0x00280108,  // Smallest Pixel Value in Series
    0x00280109,  // Largest Pixel Value in Series
    0x00400244,  // Performed Procedure Step Start Date
    0x00400245,  // … Start Time
    0x00400250,  // … End Date
    0x00400251,  // … End Time
    0x00400253,  // … ID
    0x00400254,  // … Description
    0x00400275,  // Request Attributes Sequence
};

static_assert(std::is_sorted(kStudyTags.begin(), kStudyTags.end()));
static_assert(std::is_sorted(kSeriesTags.begin(), kSeriesTags.end()));

}  // namespace

index::Level attribute_level(dicom::Tag tag) noexcept {
  const auto value = tag.value();
  if (std::binary_search(kSeriesTags.begin(), kSeriesTags.end(), value)) return index::Level::kSeries;
  if (std::binary_search(kStudyTags.begin(), kStudyTags.end(), value)) return index::Level::kStudy;
  switch (tag.group) {
    case 0x0010:  // patient
    case 0x0012:  // clinical trial
    case 0x0032:  // study
    case 0x0038:  // visit
      return index::Level::kStudy;
    default: return index::Level::kInstance;
  }
}

}  // namespace gantry::archive
