#include "gantry/pixels/local_codec.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <new>

#include "gantry/dicom/transfer_syntax.hpp"
#include "gantry/pixels/codecs/codecs.hpp"
#include "gantry/pixels/codecs/colours.hpp"
#include "gantry/pixels/codecs/samples.hpp"
#include "gantry/pixels/syntaxes.hpp"

namespace gantry::pixels {
namespace {

using codecs::Decoder;
using codecs::sample_at;

struct DecoderLine {
  std::string_view transfer_syntax;
  Decoder decode;
};

constexpr std::array kDecoders{
    DecoderLine{kEncapsulatedNative, codecs::decode_stored},
    DecoderLine{kRle, codecs::decode_rle},
    DecoderLine{kDeflatedFrames, codecs::decode_deflated},
    DecoderLine{kJpegBaseline, codecs::decode_jpeg},
    DecoderLine{kJpegExtended, codecs::decode_jpeg},
    DecoderLine{"1.2.840.10008.1.2.4.53", codecs::decode_jpeg},
    DecoderLine{"1.2.840.10008.1.2.4.55", codecs::decode_jpeg},
    DecoderLine{kJpegLossless, codecs::decode_jpeg},
    DecoderLine{kJpegLosslessSv1, codecs::decode_jpeg},
    DecoderLine{kJpegLs, codecs::decode_jpeg_ls},
    DecoderLine{kJpegLsLossy, codecs::decode_jpeg_ls},
    DecoderLine{kJpeg2000Lossless, codecs::decode_jpeg_2000},
    DecoderLine{kJpeg2000, codecs::decode_jpeg_2000},
    DecoderLine{kHtj2kLossless, codecs::decode_jpeg_2000},
    DecoderLine{kHtj2kRpcl, codecs::decode_jpeg_2000},
    DecoderLine{kHtj2k, codecs::decode_jpeg_2000},
    DecoderLine{kJpegXlLossless, codecs::decode_jpeg_xl},
    DecoderLine{kJpegXlRecompressed, codecs::decode_jpeg_xl},
    DecoderLine{kJpegXl, codecs::decode_jpeg_xl},
};

constexpr std::array kEncoders{kRle, kJpegBaseline, kJpegLs, kJpeg2000Lossless, kHtj2kLossless, kHtj2kRpcl};

Decoder decoder_of(std::string_view transfer_syntax) {
  const auto found = std::find_if(kDecoders.begin(), kDecoders.end(),
                                  [&](const DecoderLine& line) { return line.transfer_syntax == transfer_syntax; });
  return found == kDecoders.end() ? nullptr : found->decode;
}

template <class T>
void interleave(const char* from, char* to, std::uint64_t pixels, unsigned samples) {
  for (unsigned sample = 0; sample < samples; ++sample) {
    for (std::uint64_t i = 0; i < pixels; ++i) {
      std::memcpy(to + (i * samples + sample) * sizeof(T), from + (sample * pixels + i) * sizeof(T), sizeof(T));
    }
  }
}

/// Uncompressed YBR_FULL_422 has Y1 Y2 Cb Cr for two pixels (PS3.3 C.7.6.3.1.2); written out it is YBR_FULL.
std::string full_chroma(std::string_view native, std::uint64_t pixels) {
  std::string out;
  out.reserve(pixels * 3);
  for (std::size_t at = 0; at + 4 <= native.size(); at += 4) {
    for (const std::size_t luma : {at, at + 1}) {
      out.push_back(native[luma]);
      out.push_back(native[at + 2]);
      out.push_back(native[at + 3]);
    }
  }
  return out;
}

/// Native bytes as decoders give them: complete, interleaved, chroma for each pixel.
Result<Frame> canonical(const FrameShape& from, std::string_view bytes) {
  Frame frame{from, {}};
  const std::uint64_t needed = from.native_bytes();
  if (bytes.size() < needed) {
    return codecs::damaged("uncompressed", "it has " + std::to_string(bytes.size()) + " of " + std::to_string(needed) +
                                               " bytes");
  }
  bytes = bytes.substr(0, static_cast<std::size_t>(needed));
  if (from.photometric == "YBR_FULL_422" && from.samples == 3) {
    if (from.bits_allocated != 8 || from.pixels() % 2 != 0) return Error::unsupported("YBR_FULL_422 of such a size");
    frame.bytes = full_chroma(bytes, from.pixels());
    frame.shape.photometric = "YBR_FULL";
    frame.shape.planar = false;
    return frame;
  }
  if (!from.planar || from.samples == 1) {
    frame.bytes.assign(bytes);
    return frame;
  }
  frame.bytes.resize(bytes.size());
  switch (from.sample_bytes()) {
    case 1: interleave<std::uint8_t>(bytes.data(), frame.bytes.data(), from.pixels(), from.samples); break;
    case 2: interleave<std::uint16_t>(bytes.data(), frame.bytes.data(), from.pixels(), from.samples); break;
    case 4: interleave<std::uint32_t>(bytes.data(), frame.bytes.data(), from.pixels(), from.samples); break;
    default: return Error::unsupported("planes of " + std::to_string(from.bits_allocated) + " bits");
  }
  frame.shape.planar = false;
  return frame;
}

Result<Frame> decode(const FrameShape& from, std::string_view bytes) {
  if (is_native(from.transfer_syntax)) {
    GANTRY_LET(auto frame, canonical(from, bytes));
    frame.shape.transfer_syntax = dicom::kExplicitLittleEndian;
    return frame;
  }
  const Decoder decoder = decoder_of(from.transfer_syntax);
  if (decoder == nullptr) return Error::unsupported("transfer syntax " + from.transfer_syntax + " has no decoder here");
  Frame frame{from, {}};
  frame.bytes.resize(static_cast<std::size_t>(from.native_bytes()));
  GANTRY_LET(const std::string photometric, decoder(from, bytes, frame.bytes));
  if (!photometric.empty()) frame.shape.photometric = photometric;
  frame.shape.transfer_syntax = dicom::kExplicitLittleEndian;
  frame.shape.planar = false;
  // What is encapsulated without a codec of its own is laid out as the data set says.
  const bool as_it_was = from.transfer_syntax == kDeflatedFrames || from.transfer_syntax == kEncapsulatedNative;
  if (as_it_was && from.planar) {
    frame.shape.planar = true;
    return canonical(frame.shape, frame.bytes);
  }
  return frame;
}

Result<codecs::Encoded> encode(const Frame& frame, const CodecTarget& to) {
  if (!can_encode(frame.shape, to.transfer_syntax)) {
    return Error::unsupported("such frames can't be written in transfer syntax " + to.transfer_syntax);
  }
  if (to.transfer_syntax == kRle) return codecs::encode_rle(frame.shape, frame.bytes);
  if (to.transfer_syntax == kJpegBaseline) {
    return codecs::encode_jpeg(frame.shape, frame.bytes, std::clamp(to.quality, 1, 100));
  }
  if (to.transfer_syntax == kJpegLs) return codecs::encode_jpeg_ls(frame.shape, frame.bytes);
  if (to.transfer_syntax == kJpeg2000Lossless) return codecs::encode_jpeg_2000(frame.shape, frame.bytes);
  return codecs::encode_htj2k(frame.shape, frame.bytes);
}

}  // namespace

bool can_decode(std::string_view transfer_syntax) noexcept {
  return is_native(transfer_syntax) || decoder_of(transfer_syntax) != nullptr;
}

bool can_encode(std::string_view transfer_syntax) noexcept {
  return transfer_syntax == dicom::kExplicitLittleEndian ||
         std::find(kEncoders.begin(), kEncoders.end(), transfer_syntax) != kEncoders.end();
}

bool can_encode(const FrameShape& shape, std::string_view transfer_syntax) noexcept {
  if (transfer_syntax == dicom::kExplicitLittleEndian) return true;
  if (!can_encode(transfer_syntax) || shape.is_float || shape.bits_allocated == 1) return false;
  if (transfer_syntax == kRle) return shape.bits_allocated <= 32 && shape.samples * shape.sample_bytes() <= 15;
  if (transfer_syntax == kJpegBaseline) {
    return shape.bits_allocated == 8 && !shape.is_signed && shape.photometric != "PALETTE COLOR" && shape.samples <= 3;
  }
  return shape.bits_allocated <= 16;
}

Result<Frame> LocalCodec::convert(const FrameShape& from, std::string_view bytes, const CodecTarget& to) {
  GANTRY_TRY(check_shape(from, limits_));
  try {
    GANTRY_LET(Frame frame, decode(from, bytes));
    if (to.colours) GANTRY_TRY(codecs::convert_colours(frame, to.profile, *to.colours));
    if (to.transfer_syntax == dicom::kExplicitLittleEndian) return frame;
    GANTRY_LET(auto encoded, encode(frame, to));
    if (!encoded.photometric.empty()) frame.shape.photometric = encoded.photometric;
    frame.shape.transfer_syntax = to.transfer_syntax;
    frame.bytes = std::move(encoded.bytes);
    return frame;
  } catch (const std::bad_alloc&) {
    return Error::too_large("a frame needs more memory than codecs may use");
  }
}

bool is_harmless(std::string_view from, std::string_view to) noexcept {
  const auto harmless = [](std::string_view syntax) {
    return is_native(syntax) || syntax == kRle || syntax == kDeflatedFrames || syntax == kEncapsulatedNative;
  };
  return harmless(from) && harmless(to);
}

namespace codecs {

Error damaged(std::string_view what, std::string_view detail) {
  return Error::invalid("the frame can't be decoded, its " + std::string(what) + " data is damaged: " +
                        std::string(detail));
}

Result<void> check_size(std::string_view what, const FrameShape& shape, std::uint64_t columns, std::uint64_t rows,
                        std::uint64_t components) {
  if (columns == shape.columns && rows == shape.rows && components == shape.samples) return {};
  const auto text = [](std::uint64_t width, std::uint64_t height, std::uint64_t samples) {
    return std::to_string(width) + " x " + std::to_string(height) + " x " + std::to_string(samples);
  };
  return damaged(what, "it has " + text(columns, rows, components) + " samples, the data set says " +
                           text(shape.columns, shape.rows, shape.samples));
}

unsigned needed_bits(const FrameShape& shape, std::string_view native) {
  const unsigned stored = shape.bits_stored;
  const unsigned allocated = shape.bits_allocated;
  if (stored >= allocated) return allocated;
  const auto values = shape.values();
  const std::int64_t least = shape.is_signed ? -(std::int64_t{1} << (stored - 1)) : 0;
  const std::int64_t most = (std::int64_t{1} << (shape.is_signed ? stored - 1 : stored)) - 1;
  for (std::uint64_t i = 0; i < values; ++i) {
    std::int64_t value = 0;
    if (allocated == 8) {
      value = shape.is_signed ? sample_at<std::int8_t>(native.data(), i) : sample_at<std::uint8_t>(native.data(), i);
    } else {
      value = shape.is_signed ? sample_at<std::int16_t>(native.data(), i) : sample_at<std::uint16_t>(native.data(), i);
    }
    // Overlays in unused bits, or values that were not cut to Bits Stored.
    if (value < least || value > most) return allocated;
  }
  return stored;
}

}  // namespace codecs

}  // namespace gantry::pixels
