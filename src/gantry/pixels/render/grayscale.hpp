#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "gantry/base/result.hpp"
#include "gantry/pixels/render/render.hpp"

namespace gantry::pixels {

/// The samples of a frame as whole numbers: Bits Stored cut out, signs extended. For integer pixels of 1 to 32 bits.
[[nodiscard]] std::vector<std::int64_t> stored_values(const Frame& frame);

/// A monochrome frame through modality, VOI and presentation LUT (PS3.4 N.2) to 8 or 16 bits.
[[nodiscard]] Result<Picture> render_grayscale(const Frame& frame, const ImageAttributes& image, std::uint32_t number,
                                               const RenderOptions& options);

/// A window as a function of modality values to parts of white, 0 to 1 (PS3.3 C.11.2.1.2, C.11.2.1.3).
[[nodiscard]] std::function<double(double)> voi_curve(const Window& window);

/// What a functional group says of a frame: its own, else the shared one. Null when neither is there.
[[nodiscard]] const AttributeItem* functional_group(const AttributeItem& data_set, std::uint32_t number,
                                                    dicom::Tag sequence);

/// A look-up table of the data set (PS3.3 C.11.1): entries from `first` on.
struct LookUpTable {
  std::int64_t first = 0;
  unsigned bits = 16;  ///< of an entry
  std::vector<std::uint16_t> entries;
};
/// nullopt when there is none, or it can't be one.
[[nodiscard]] std::optional<LookUpTable> read_table(const AttributeItem& item, dicom::Tag descriptor, dicom::Tag data,
                                                    bool signed_input);

}  // namespace gantry::pixels
