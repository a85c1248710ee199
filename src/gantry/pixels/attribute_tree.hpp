#pragma once

// What pixels need to know of a data set, in memory: elements by tag, sequences as items.

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gantry/base/bytes.hpp"
#include "gantry/base/result.hpp"
#include "gantry/dicom/layout.hpp"
#include "gantry/dicom/tag.hpp"
#include "gantry/dicom/vr.hpp"

namespace gantry::pixels {

class AttributeItem;

struct Attribute {
  dicom::Vr vr = dicom::Vr::kUN;
  std::string bytes;  ///< little endian, with padding
  std::vector<AttributeItem> items;
};

/// A data set or an item of a sequence. Reading what is not there gives nothing, never an error.
class AttributeItem {
 public:
  /// Null when it is not there.
  [[nodiscard]] const Attribute* find(dicom::Tag tag) const noexcept;
  /// The first item of a sequence; null when there is none.
  [[nodiscard]] const AttributeItem* item(dicom::Tag sequence) const noexcept;
  /// Text without padding, as it is encoded; "" when absent.
  [[nodiscard]] std::string text(dicom::Tag tag) const;
  /// The values of text split at backslashes, without padding.
  [[nodiscard]] std::vector<std::string> texts(dicom::Tag tag) const;
  /// A value as a whole number: of US, SS, UL, SL, or digits. nullopt when there is none.
  [[nodiscard]] std::optional<std::int64_t> integer(dicom::Tag tag, std::size_t index = 0) const;
  /// A value as a number: of DS, IS, FD, FL and the whole ones.
  [[nodiscard]] std::optional<double> number(dicom::Tag tag, std::size_t index = 0) const;
  /// All values as numbers, up to the first that is none.
  [[nodiscard]] std::vector<double> numbers(dicom::Tag tag) const;

  std::map<std::uint32_t, Attribute> attributes;
};

/// The file that an instance is kept in.
struct StoredObject {
  std::shared_ptr<const RandomAccess> bytes;
  std::shared_ptr<const dicom::Layout> layout;
};

/// Reads the attributes in front of Pixel Data that describe images, colour, and how they are shown (groups 0008, 0010,
/// 0018, 0020, 0028, 0040, 0048, 0062, 0070, 2050, 5200, 60xx; values up to 1 MB), or all of the data set where there
/// is no Pixel Data. Blocking. kInternal when the object is not what its layout says.
[[nodiscard]] Result<std::shared_ptr<const AttributeItem>> read_attributes(const StoredObject& object);

}  // namespace gantry::pixels
