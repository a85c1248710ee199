#pragma once

// The transfer syntaxes that codecs speak of by name.

#include <string_view>

namespace gantry::pixels {

inline constexpr std::string_view kEncapsulatedNative = "1.2.840.10008.1.2.1.98";
inline constexpr std::string_view kJpegBaseline = "1.2.840.10008.1.2.4.50";
inline constexpr std::string_view kJpegExtended = "1.2.840.10008.1.2.4.51";
inline constexpr std::string_view kJpegLossless = "1.2.840.10008.1.2.4.57";
inline constexpr std::string_view kJpegLosslessSv1 = "1.2.840.10008.1.2.4.70";
inline constexpr std::string_view kJpegLs = "1.2.840.10008.1.2.4.80";
inline constexpr std::string_view kJpegLsLossy = "1.2.840.10008.1.2.4.81";
inline constexpr std::string_view kJpeg2000Lossless = "1.2.840.10008.1.2.4.90";
inline constexpr std::string_view kJpeg2000 = "1.2.840.10008.1.2.4.91";
inline constexpr std::string_view kJpegXlLossless = "1.2.840.10008.1.2.4.110";
inline constexpr std::string_view kJpegXlRecompressed = "1.2.840.10008.1.2.4.111";
inline constexpr std::string_view kJpegXl = "1.2.840.10008.1.2.4.112";
inline constexpr std::string_view kHtj2kLossless = "1.2.840.10008.1.2.4.201";
inline constexpr std::string_view kHtj2kRpcl = "1.2.840.10008.1.2.4.202";
inline constexpr std::string_view kHtj2k = "1.2.840.10008.1.2.4.203";
inline constexpr std::string_view kRle = "1.2.840.10008.1.2.5";
inline constexpr std::string_view kDeflatedFrames = "1.2.840.10008.1.2.8.1";

}  // namespace gantry::pixels
