#pragma once

// The text that `annotation=patient,technique` burns into pictures (PS3.18 §8.3.5.1.1).

#include <string>
#include <vector>

#include "gantry/pixels/image_attributes.hpp"
#include "gantry/pixels/render/render.hpp"
#include "gantry/pixels/text/text_font.hpp"

namespace gantry::pixels {

/// Who: name, Patient ID, birth date, sex. One text a line, UTF-8; what the data set does not say is left out.
[[nodiscard]] std::vector<std::string> patient_lines(const AttributeItem& data_set);
/// What: modality and time, series, image and frame, body part and view, and the exposure or sequence. `frame` from 1.
[[nodiscard]] std::vector<std::string> technique_lines(const ImageAttributes& image, std::uint32_t frame);

/// A name as it is read: "Yamada^Tarou=山田^太郎" is "Yamada, Tarou (山田 太郎)".
[[nodiscard]] std::string readable_name(const std::string& utf8);

/// Writes lines in white on black edges: `patient` at the top left, `technique` at the bottom left. Lines that are
/// wider than the picture are broken, and letters become smaller, down to 8 pixels, until everything fits. kUnsupported
/// when it does not even then: a part of a name or a number would be worse than none.
[[nodiscard]] Result<void> burn_in(const std::vector<std::string>& patient, const std::vector<std::string>& technique,
                                   const TextFont& font, Picture& picture);

}  // namespace gantry::pixels
