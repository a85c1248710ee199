#pragma once

#include <span>
#include <string>
#include <string_view>

namespace gantry::dicom {

/// One line of the one table of known transfer syntaxes (PS3.5 §10, Annex A).
struct TransferSyntax {
  std::string_view uid;
  std::string_view name;
  bool explicit_vr = true;
  bool big_endian = false;
  bool deflated = false;      ///< the data set after the File Meta group is a raw deflate stream (PS3.5 A.5)
  bool encapsulated = false;  ///< Pixel Data is a sequence of fragments (PS3.5 A.4)
  bool lossless = true;       ///< no loss is possible by the syntax itself
  bool video = false;         ///< frames can't be had by number
  std::string_view
      frame_media_type;  ///< "image/jpeg", "application/octet-stream", "video/mp4" … (PS3.18 Table 8.7.3-2…5)
};

inline constexpr std::string_view kImplicitLittleEndian = "1.2.840.10008.1.2";
inline constexpr std::string_view kExplicitLittleEndian = "1.2.840.10008.1.2.1";
inline constexpr std::string_view kDeflatedExplicitLittleEndian = "1.2.840.10008.1.2.1.99";
inline constexpr std::string_view kExplicitBigEndian = "1.2.840.10008.1.2.2";

/// Null when the UID is not in the table. The result lives for ever.
[[nodiscard]] const TransferSyntax* find_transfer_syntax(std::string_view uid) noexcept;
[[nodiscard]] std::span<const TransferSyntax> all_transfer_syntaxes() noexcept;

}  // namespace gantry::dicom
