// JPEG XL (ISO 18181) by libjxl 0.7.

#include <cstdint>
#include <vector>

#include <jxl/decode.h>

#include "gantry/base/handle.hpp"
#include "gantry/pixels/codecs/codecs.hpp"
#include "gantry/pixels/codecs/samples.hpp"

namespace gantry::pixels::codecs {
namespace {

using JxlHandle = Handle<JxlDecoder, &JxlDecoderDestroy>;

/// libjxl 0.7 spreads samples over the whole range of 16 bits; this is where they came from.
std::uint16_t to_bits(std::uint16_t value, unsigned bits) {
  const std::uint32_t most = (1U << bits) - 1;
  return static_cast<std::uint16_t>((std::uint32_t{value} * most + 32767) / 65535);
}

}  // namespace

Decoded decode_jpeg_xl(const FrameShape& shape, std::string_view coded, std::span<char> out) {
  if ((shape.bits_allocated != 8 && shape.bits_allocated != 16) || shape.samples > 3) {
    return Error::unsupported("JPEG XL is decoded to 8 and 16 bits here");
  }
  const JxlHandle decoder(JxlDecoderCreate(nullptr));
  if (decoder == nullptr) return Error::unavailable("no memory for a JPEG XL decoder");
  JxlDecoderSubscribeEvents(decoder.get(), JXL_DEC_BASIC_INFO | JXL_DEC_FULL_IMAGE);
  JxlDecoderSetInput(decoder.get(), reinterpret_cast<const std::uint8_t*>(coded.data()), coded.size());
  JxlDecoderCloseInput(decoder.get());
  const bool wide = shape.bits_allocated == 16;
  const JxlPixelFormat format{shape.samples, wide ? JXL_TYPE_UINT16 : JXL_TYPE_UINT8, JXL_LITTLE_ENDIAN, 0};
  JxlBasicInfo info{};
  for (;;) {
    const auto status = JxlDecoderProcessInput(decoder.get());
    if (status == JXL_DEC_BASIC_INFO) {
      if (JxlDecoderGetBasicInfo(decoder.get(), &info) != JXL_DEC_SUCCESS) return damaged("JPEG XL", "no header");
      GANTRY_TRY(check_size("JPEG XL", shape, info.xsize, info.ysize, info.num_color_channels));
      if (info.bits_per_sample > shape.bits_allocated || info.exponent_bits_per_sample != 0) {
        return damaged("JPEG XL", "its samples are wider than the data set's");
      }
    } else if (status == JXL_DEC_NEED_IMAGE_OUT_BUFFER) {
      if (JxlDecoderSetImageOutBuffer(decoder.get(), &format, out.data(), out.size()) != JXL_DEC_SUCCESS) {
        return damaged("JPEG XL", "its image does not fit");
      }
    } else if (status == JXL_DEC_FULL_IMAGE) {
      break;
    } else {
      return damaged("JPEG XL", status == JXL_DEC_NEED_MORE_INPUT ? "it ends early" : "it can't be decoded");
    }
  }
  const unsigned bits = info.bits_per_sample;
  if (wide && bits < 16) {
    SampleWriter writer(shape, out);
    for (std::uint64_t i = 0; i < shape.values(); ++i) {
      const std::int64_t value = to_bits(sample_at<std::uint16_t>(out.data(), i), bits);
      writer.put(i, shape.is_signed ? sign_extend(value, bits) : value);
    }
  } else if (!wide && bits < 8) {
    const unsigned most = (1U << bits) - 1;
    for (char& value : out) value = static_cast<char>((static_cast<unsigned char>(value) * most + 127) / 255);
  }
  return std::string(shape.samples == 3 ? "RGB" : "");
}

}  // namespace gantry::pixels::codecs
