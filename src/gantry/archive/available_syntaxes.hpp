#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "gantry/dicom/layout.hpp"

namespace gantry::archive {

/// The transfer syntaxes that an instance can be had in by name: the one it is kept in, unless PS3.18 §8.7.3 keeps it off
/// the web, Explicit VR Little Endian, and those that its pixels can be written in. `json` is its DICOM JSON.
[[nodiscard]] std::vector<std::string> available_syntaxes(const dicom::Layout& layout, std::string_view json = "{}");

/// An instance's DICOM JSON with Available Transfer Syntax UID (0008,3002) of these; one that was there goes.
[[nodiscard]] std::string with_available_syntaxes(const std::string& json, const std::vector<std::string>& syntaxes);

}  // namespace gantry::archive
