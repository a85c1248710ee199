// JPEG-LS (ISO 14495-1) by CharLS.

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include <charls/charls.h>

#include "gantry/pixels/codecs/codecs.hpp"
#include "gantry/pixels/codecs/samples.hpp"

namespace gantry::pixels::codecs {
namespace {

/// From planes to pixels where the codestream has a scan per component; widened and sign-extended where needed.
void spread(const FrameShape& shape, const std::vector<char>& decoded, unsigned bits, bool planes,
            std::span<char> out) {
  const std::size_t bytes = bits > 8 ? 2 : 1;
  const bool extend = shape.is_signed && bits == shape.bits_stored && bits < shape.bits_allocated;
  const auto pixels = shape.pixels();
  SampleWriter writer(shape, out);
  std::uint64_t at = 0;
  for (std::uint64_t i = 0; i < shape.values(); ++i) {
    std::int64_t value = bytes == 1 ? sample_at<std::uint8_t>(decoded.data(), i)
                                    : static_cast<std::int64_t>(sample_at<std::uint16_t>(decoded.data(), i));
    if (extend) value = sign_extend(value, bits);
    at = planes ? (i % pixels) * shape.samples + i / pixels : i;
    writer.put(at, value);
  }
}

}  // namespace

Decoded decode_jpeg_ls(const FrameShape& shape, std::string_view coded, std::span<char> out) {
  // Behind the end of a codestream without its end marker CharLS 2.4 looks for a bit for half a minute.
  std::string ended;
  if (coded.find("\xFF\xD9", coded.size() - std::min<std::size_t>(coded.size(), 16)) == std::string_view::npos) {
    ended.assign(coded).append("\xFF\xD9");
    coded = ended;
  }
  try {
    charls::jpegls_decoder decoder;
    decoder.source(coded.data(), coded.size());
    decoder.read_header();
    const auto& info = decoder.frame_info();
    GANTRY_TRY(check_size("JPEG-LS", shape, info.width, info.height, static_cast<std::uint64_t>(info.component_count)));
    const auto bits = static_cast<unsigned>(info.bits_per_sample);
    if (bits > shape.bits_allocated) return damaged("JPEG-LS", "its samples are wider than the data set's");
    const std::size_t bytes = bits > 8 ? 2 : 1;
    const bool planes = shape.samples > 1 && decoder.interleave_mode() == charls::interleave_mode::none;
    const bool extend = shape.is_signed && bits == shape.bits_stored && bits < shape.bits_allocated;
    if (bytes == shape.sample_bytes() && !planes && !extend) {
      decoder.decode(out.data(), out.size());
      return std::string();
    }
    std::vector<char> decoded(static_cast<std::size_t>(shape.values()) * bytes);
    decoder.decode(decoded.data(), decoded.size());
    spread(shape, decoded, bits, planes, out);
    return std::string();
  } catch (const charls::jpegls_error& error) {
    return damaged("JPEG-LS", error.what());
  }
}

Result<Encoded> encode_jpeg_ls(const FrameShape& shape, std::string_view native) {
  if (shape.bits_allocated != 8 && shape.bits_allocated != 16) {
    return Error::unsupported("JPEG-LS takes frames of 8 and 16 bits");
  }
  // 2 is the least the standard knows. Narrow samples in wide words are narrowed.
  const unsigned bits = std::max(2U, needed_bits(shape, native));
  const unsigned mask = (1U << bits) - 1;
  std::string narrowed;
  std::string_view input = native;
  const auto values = shape.values();
  if (shape.bits_allocated == 16 && bits <= 8) {
    narrowed.resize(static_cast<std::size_t>(values));
    for (std::uint64_t i = 0; i < values; ++i) {
      narrowed[i] = static_cast<char>(sample_at<std::uint16_t>(native.data(), i) & mask);
    }
    input = narrowed;
  } else if (shape.is_signed && bits < shape.bits_allocated) {
    narrowed.assign(native);
    SampleWriter writer(shape, narrowed);
    for (std::uint64_t i = 0; i < values; ++i) {
      const unsigned value = shape.bits_allocated == 8 ? sample_at<std::uint8_t>(native.data(), i)
                                                       : sample_at<std::uint16_t>(native.data(), i);
      writer.put(i, value & mask);
    }
    input = narrowed;
  }
  try {
    charls::jpegls_encoder encoder;
    encoder.frame_info({shape.columns, shape.rows, static_cast<int>(bits), shape.samples});
    if (shape.samples > 1) encoder.interleave_mode(charls::interleave_mode::sample);
    Encoded made;
    made.bytes.resize(encoder.estimated_destination_size() + 1024);
    encoder.destination(made.bytes.data(), made.bytes.size());
    made.bytes.resize(encoder.encode(input.data(), input.size()));
    return made;
  } catch (const charls::jpegls_error& error) {
    return Error::internal(std::string("JPEG-LS can't be written: ") + error.what());
  }
}

}  // namespace gantry::pixels::codecs
