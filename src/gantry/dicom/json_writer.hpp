#pragma once

#include <span>
#include <string>
#include <string_view>

#include "gantry/dicom/tag.hpp"
#include "gantry/dicom/vr.hpp"

namespace gantry::dicom {

// The pieces that DICOM JSON (PS3.18 Annex F) is made of, appended to a string. None of them allocates otherwise.

/// Base64 with padding, without quotes.
void append_base64(std::string& out, std::string_view bytes);
/// Eight upper-case hex digits, without quotes.
void append_hex8(std::string& out, Tag tag);

/// Whether an IS or DS value can be a JSON number without changing: it has JSON's grammar (no "+5", ".03", "007"), and
/// a double gives its digits back.
[[nodiscard]] bool survives_as_json_number(std::string_view text) noexcept;

/// The items of `Value` for text, without brackets: numbers for IS and DS where they survive, objects for PN, null for
/// what is empty.
void append_text_items(std::string& out, Vr vr, std::span<const std::string_view> values);
/// The items of `Value` for binary numbers and AT. False, and nothing appended, when one of them is NaN or infinite.
/// The caller has seen to it that the bytes are whole numbers of values.
[[nodiscard]] bool append_number_items(std::string& out, Vr vr, std::string_view bytes, bool big_endian);
/// The bytes as Base64, words swapped to little endian.
void append_binary(std::string& out, Vr vr, std::string_view bytes, bool big_endian);

}  // namespace gantry::dicom
