#pragma once

// Text that comes as bulk data. In JSON and XML text is UTF-8 whatever Specific Character Set (0008,0005) says, which
// is that of the source (PS3.18 F.2.1.2); bytes beside them are the source's own.

#include <string>
#include <string_view>

#include "gantry/base/bytes.hpp"
#include "gantry/base/result.hpp"
#include "gantry/dicom/layout.hpp"
#include "gantry/dicom/vr.hpp"

namespace gantry::dicomweb::stow {

/// The most text of an instance, in bytes, that is held to be converted.
inline constexpr std::uint64_t kBulkTextMost = 8U << 20;

/// Whether bulk data of this VR are text that `charset`, a value of (0008,0005), makes other than UTF-8.
[[nodiscard]] bool needs_conversion(dicom::Vr vr, std::string_view charset) noexcept;

/// The text of `range`, all of which is held, in UTF-8; several values stay apart. kInvalid: it is not of that
/// character set; kUnavailable: it can't be read. Blocking.
[[nodiscard]] Result<std::string> bulk_text(const RandomAccess& bytes, const dicom::ByteRange& range, dicom::Vr vr,
                                            std::string_view charset);

}  // namespace gantry::dicomweb::stow
