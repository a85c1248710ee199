#pragma once

#include <cstdint>
#include <string_view>

#include "gantry/dicom/data_set_parser.hpp"

namespace gantry::dicom {

/// The VR that PS3.6 gives a standard attribute which a sender wrote as UN: its value is then in Implicit VR Little
/// Endian (PS3.5 §6.2.2). A private creator is LO (PS3.5 §7.8.1). UN when the attribute is another private one or
/// unknown, or `length` is no whole number of such values.
[[nodiscard]] Vr known_vr(Tag tag, std::uint32_t length) noexcept;

/// Whether `value` is the items of a sequence in Implicit VR Little Endian, whole and within the limits. Senders wrote
/// other things there too (items in Explicit VR, garbage), and a file is not refused for what may stay UN.
[[nodiscard]] bool holds_items(std::string_view value, const ParserLimits& limits);

}  // namespace gantry::dicom
