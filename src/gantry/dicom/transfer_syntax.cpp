#include "gantry/dicom/transfer_syntax.hpp"

#include <algorithm>

namespace gantry::dicom {

namespace {

constexpr std::string_view kOctets = "application/octet-stream";

constexpr TransferSyntax encapsulated(std::string_view uid, std::string_view name, bool lossless, std::string_view media) {
  return {.uid = uid, .name = name, .encapsulated = true, .lossless = lossless, .frame_media_type = media};
}

constexpr TransferSyntax video(std::string_view uid, std::string_view name, std::string_view media) {
  return {.uid = uid, .name = name, .encapsulated = true, .lossless = false, .video = true, .frame_media_type = media};
}

// Media types as PS3.18 Tables 8.7.3-2 to 8.7.3-5 name them. Retired syntaxes that are still met are here, too: an
// archive gives back what it was given.
constexpr TransferSyntax kTable[] = {
    {.uid = kImplicitLittleEndian, .name = "Implicit VR Little Endian", .explicit_vr = false, .frame_media_type = kOctets},
    {.uid = kExplicitLittleEndian, .name = "Explicit VR Little Endian", .frame_media_type = kOctets},
    encapsulated("1.2.840.10008.1.2.1.98", "Encapsulated Uncompressed Explicit VR Little Endian", true, kOctets),
    {.uid = kDeflatedExplicitLittleEndian, .name = "Deflated Explicit VR Little Endian", .deflated = true, .frame_media_type = kOctets},
    {.uid = kExplicitBigEndian, .name = "Explicit VR Big Endian", .big_endian = true, .frame_media_type = kOctets},
    encapsulated("1.2.840.10008.1.2.4.50", "JPEG Baseline (Process 1)", false, "image/jpeg"),
    encapsulated("1.2.840.10008.1.2.4.51", "JPEG Extended (Processes 2 and 4)", false, "image/jpeg"),
    encapsulated("1.2.840.10008.1.2.4.52", "JPEG Extended (Processes 3 and 5)", false, "image/jpeg"),
    encapsulated("1.2.840.10008.1.2.4.53", "JPEG Spectral Selection, Non-Hierarchical (Processes 6 and 8)", false, "image/jpeg"),
    encapsulated("1.2.840.10008.1.2.4.54", "JPEG Spectral Selection, Non-Hierarchical (Processes 7 and 9)", false, "image/jpeg"),
    encapsulated("1.2.840.10008.1.2.4.55", "JPEG Full Progression, Non-Hierarchical (Processes 10 and 12)", false, "image/jpeg"),
    encapsulated("1.2.840.10008.1.2.4.56", "JPEG Full Progression, Non-Hierarchical (Processes 11 and 13)", false, "image/jpeg"),
    encapsulated("1.2.840.10008.1.2.4.57", "JPEG Lossless, Non-Hierarchical (Process 14)", true, "image/jpeg"),
    encapsulated("1.2.840.10008.1.2.4.58", "JPEG Lossless, Non-Hierarchical (Process 15)", true, "image/jpeg"),
    encapsulated("1.2.840.10008.1.2.4.59", "JPEG Extended, Hierarchical (Processes 16 and 18)", false, "image/jpeg"),
    encapsulated("1.2.840.10008.1.2.4.60", "JPEG Extended, Hierarchical (Processes 17 and 19)", false, "image/jpeg"),
    encapsulated("1.2.840.10008.1.2.4.61", "JPEG Spectral Selection, Hierarchical (Processes 20 and 22)", false, "image/jpeg"),
    encapsulated("1.2.840.10008.1.2.4.62", "JPEG Spectral Selection, Hierarchical (Processes 21 and 23)", false, "image/jpeg"),
    encapsulated("1.2.840.10008.1.2.4.63", "JPEG Full Progression, Hierarchical (Processes 24 and 26)", false, "image/jpeg"),
    encapsulated("1.2.840.10008.1.2.4.64", "JPEG Full Progression, Hierarchical (Processes 25 and 27)", false, "image/jpeg"),
    encapsulated("1.2.840.10008.1.2.4.65", "JPEG Lossless, Hierarchical (Process 28)", true, "image/jpeg"),
    encapsulated("1.2.840.10008.1.2.4.66", "JPEG Lossless, Hierarchical (Process 29)", true, "image/jpeg"),
    encapsulated("1.2.840.10008.1.2.4.70", "JPEG Lossless, Non-Hierarchical, First-Order Prediction", true, "image/jpeg"),
    encapsulated("1.2.840.10008.1.2.4.80", "JPEG-LS Lossless", true, "image/jls"),
    encapsulated("1.2.840.10008.1.2.4.81", "JPEG-LS Lossy (Near-Lossless)", false, "image/jls"),
    encapsulated("1.2.840.10008.1.2.4.90", "JPEG 2000 (Lossless Only)", true, "image/jp2"),
    encapsulated("1.2.840.10008.1.2.4.91", "JPEG 2000", false, "image/jp2"),
    encapsulated("1.2.840.10008.1.2.4.92", "JPEG 2000 Part 2 Multi-component (Lossless Only)", true, "image/jpx"),
    encapsulated("1.2.840.10008.1.2.4.93", "JPEG 2000 Part 2 Multi-component", false, "image/jpx"),
    // JPIP: the pixels are elsewhere, behind a URL; the data set itself is plain (PS3.5 A.6, A.7).
    {.uid = "1.2.840.10008.1.2.4.94", .name = "JPIP Referenced", .frame_media_type = kOctets},
    {.uid = "1.2.840.10008.1.2.4.95", .name = "JPIP Referenced Deflate", .deflated = true, .frame_media_type = kOctets},
    video("1.2.840.10008.1.2.4.100", "MPEG2 Main Profile / Main Level", "video/mpeg"),
    video("1.2.840.10008.1.2.4.100.1", "Fragmentable MPEG2 Main Profile / Main Level", "video/mpeg"),
    video("1.2.840.10008.1.2.4.101", "MPEG2 Main Profile / High Level", "video/mpeg"),
    video("1.2.840.10008.1.2.4.101.1", "Fragmentable MPEG2 Main Profile / High Level", "video/mpeg"),
    video("1.2.840.10008.1.2.4.102", "MPEG-4 AVC/H.264 High Profile / Level 4.1", "video/mp4"),
    video("1.2.840.10008.1.2.4.102.1", "Fragmentable MPEG-4 AVC/H.264 High Profile / Level 4.1", "video/mp4"),
    video("1.2.840.10008.1.2.4.103", "MPEG-4 AVC/H.264 BD-compatible High Profile / Level 4.1", "video/mp4"),
    video("1.2.840.10008.1.2.4.103.1", "Fragmentable MPEG-4 AVC/H.264 BD-compatible High Profile / Level 4.1", "video/mp4"),
    video("1.2.840.10008.1.2.4.104", "MPEG-4 AVC/H.264 High Profile / Level 4.2 for 2D Video", "video/mp4"),
    video("1.2.840.10008.1.2.4.104.1", "Fragmentable MPEG-4 AVC/H.264 High Profile / Level 4.2 for 2D Video", "video/mp4"),
    video("1.2.840.10008.1.2.4.105", "MPEG-4 AVC/H.264 High Profile / Level 4.2 for 3D Video", "video/mp4"),
    video("1.2.840.10008.1.2.4.105.1", "Fragmentable MPEG-4 AVC/H.264 High Profile / Level 4.2 for 3D Video", "video/mp4"),
    video("1.2.840.10008.1.2.4.106", "MPEG-4 AVC/H.264 Stereo High Profile / Level 4.2", "video/mp4"),
    video("1.2.840.10008.1.2.4.106.1", "Fragmentable MPEG-4 AVC/H.264 Stereo High Profile / Level 4.2", "video/mp4"),
    video("1.2.840.10008.1.2.4.107", "HEVC/H.265 Main Profile / Level 5.1", "video/mp4"),
    video("1.2.840.10008.1.2.4.108", "HEVC/H.265 Main 10 Profile / Level 5.1", "video/mp4"),
    encapsulated("1.2.840.10008.1.2.4.110", "JPEG XL Lossless", true, "image/jxl"),
    encapsulated("1.2.840.10008.1.2.4.111", "JPEG XL JPEG Recompression", false, "image/jxl"),
    encapsulated("1.2.840.10008.1.2.4.112", "JPEG XL", false, "image/jxl"),
    encapsulated("1.2.840.10008.1.2.4.201", "High-Throughput JPEG 2000 (Lossless Only)", true, "image/jphc"),
    encapsulated("1.2.840.10008.1.2.4.202", "High-Throughput JPEG 2000 with RPCL Options (Lossless Only)", true, "image/jphc"),
    encapsulated("1.2.840.10008.1.2.4.203", "High-Throughput JPEG 2000", false, "image/jphc"),
    // As JPIP above, with HTJ2K behind the URL.
    {.uid = "1.2.840.10008.1.2.4.204", .name = "JPIP HTJ2K Referenced", .frame_media_type = kOctets},
    {.uid = "1.2.840.10008.1.2.4.205", .name = "JPIP HTJ2K Referenced Deflate", .deflated = true, .frame_media_type = kOctets},
    encapsulated("1.2.840.10008.1.2.5", "RLE Lossless", true, "image/dicom-rle"),
    encapsulated("1.2.840.10008.1.2.8.1", "Deflated Image Frame Compression", true, "application/x-deflate"),
};

}  // namespace

const TransferSyntax* find_transfer_syntax(std::string_view uid) noexcept {
  const auto* found = std::find_if(std::begin(kTable), std::end(kTable), [uid](const auto& line) { return line.uid == uid; });
  return found == std::end(kTable) ? nullptr : found;
}

std::span<const TransferSyntax> all_transfer_syntaxes() noexcept { return kTable; }

}  // namespace gantry::dicom
