#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "gantry/dicom/tag.hpp"

namespace gantry::dicom {

/// Notes, while a data set goes by, which of the attributes have a value that no instance of its SOP class can do
/// without (Type 1 without a condition, PS3.5 §7.4.1). A small choice of them: what a viewer or pipeline stumbles over
/// when it is missing.
///   all standard storage classes   Modality (PS3.3 C.7.3.1)
///   what has Pixel Data            how its pixels are laid out (PS3.3 C.7.6.3, C.7.6.24)
///   images                         Pixel Data, or where it is (C.7.6.3)
///   documents                      the document and its media type (C.24.2)
///   structured reports             Value Type of the root (C.17.3)
///   waveforms                      Waveform Sequence (C.10.9)
class SopClassCheck {
 public:
  /// Of the top level; `tag` has a value, or a sequence an item.
  void on_value(Tag tag) noexcept;
  /// What is missing, ascending; empty: nothing, or the class asks for nothing here (private and unknown ones). Of the
  /// three forms of Pixel Data the first stands for all.
  [[nodiscard]] std::vector<Tag> missing(std::string_view sop_class) const;

 private:
  std::uint32_t seen_ = 0;  ///< a bit for each attribute that counts
};

}  // namespace gantry::dicom
