#pragma once

// Instances that come as metadata with their bulk data beside them (PS3.18 §10.5.1.2): the metadata as plain values.
// Bytes come from outside: nothing is trusted.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gantry/base/result.hpp"
#include "gantry/dicom/tag.hpp"
#include "gantry/dicom/vr.hpp"

namespace gantry::dicomweb::stow {

struct MetadataAttribute;
/// Ascending by tag, each tag once.
using MetadataSet = std::vector<MetadataAttribute>;

/// An attribute. Of `values`, `items`, `binary` and `bulk_uri` at most one is in use; none: it has no value.
struct MetadataAttribute {
  dicom::Tag tag;
  dicom::Vr vr = dicom::Vr::kUN;
  std::vector<std::string> values;  ///< as text; person names with '=' between their groups, AT as 8 hex digits
  std::vector<MetadataSet> items;
  std::string binary;    ///< little endian
  std::string bulk_uri;  ///< the Content-Location of a part
};

/// How deep sequences may be (DESIGN §13).
inline constexpr std::size_t kMetadataDepthMost = 64;

/// The objects of a DICOM JSON array (PS3.18 F.2), or a single object. kInvalid when the text is no JSON of that shape.
[[nodiscard]] Result<std::vector<std::string_view>> split_json(std::string_view text);
/// One of them. kInvalid names the attribute that is wrong, and never its value.
[[nodiscard]] Result<MetadataSet> parse_json(std::string_view object);
/// A NativeDicomModel document (PS3.19 Annex A). Errors as above.
[[nodiscard]] Result<MetadataSet> parse_xml(std::string_view document);

/// 8 hex digits; nullopt when it is something else.
[[nodiscard]] std::optional<dicom::Tag> parse_tag(std::string_view text) noexcept;
/// Null when there is none.
[[nodiscard]] const MetadataAttribute* find(const MetadataSet& set, dicom::Tag tag) noexcept;
/// Adds an attribute, or replaces the one with its tag.
void put(MetadataSet& set, MetadataAttribute attribute);
/// The first value; "" when there is none.
[[nodiscard]] std::string first_value(const MetadataSet& set, dicom::Tag tag);

/// Base64 with or without padding, blanks and line ends skipped; kInvalid when it is none.
[[nodiscard]] Result<std::string> decode_base64(std::string_view text);

}  // namespace gantry::dicomweb::stow
