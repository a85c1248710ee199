#include "gantry/pixels/codecs/jpeg_dcmtk.hpp"

#include <memory>
#include <vector>

// DCMTK's headers want its own configuration first.
#include <dcmtk/config/osconfig.h>

#include <dcmtk/dcmjpeg/djcparam.h>
#include <dcmtk/dcmjpeg/djdijg12.h>
#include <dcmtk/dcmjpeg/djdijg16.h>
#include <dcmtk/dcmjpeg/djdijg8.h>
#include <dcmtk/oflog/oflog.h>

#include "gantry/pixels/codecs/samples.hpp"

namespace gantry::pixels::codecs {
namespace {

void silence() {
  static const bool done = [] {
    OFLog::configure(OFLogger::OFF_LOG_LEVEL);
    return true;
  }();
  (void)done;
}

}  // namespace

Decoded decode_jpeg_dcmtk(const FrameShape& shape, const JpegHeader& header, std::string_view coded,
                          std::span<char> out) {
  silence();
  if (header.process > 3 || header.precision > 16) {
    return Error::unsupported("JPEG process SOF" + std::to_string(header.process) + " of " +
                              std::to_string(header.precision) + " bits");
  }
  const DJCodecParameter parameters(ECC_lossyYCbCr, EDC_never, EUC_never, EPC_colorByPixel);
  std::unique_ptr<DJDecoder> decoder;
  if (header.precision <= 8) {
    decoder = std::make_unique<DJDecompressIJG8Bit>(parameters, OFFalse);
  } else if (header.precision <= 12) {
    decoder = std::make_unique<DJDecompressIJG12Bit>(parameters, OFFalse);
  } else {
    decoder = std::make_unique<DJDecompressIJG16Bit>(parameters, OFFalse);
  }
  if (decoder->init().bad()) return Error::internal("DCMTK's JPEG decoder can't be set up");

  const std::size_t bytes = decoder->bytesPerSample();
  const auto values = shape.values();
  std::vector<char> narrow;
  std::span<char> target = out;
  if (bytes != shape.sample_bytes()) {
    narrow.resize(static_cast<std::size_t>(values) * bytes);
    target = narrow;
  }
  // DCMTK does not write through its input, and its sizes are 32 bits wide, as a fragment's is.
  auto* input = reinterpret_cast<Uint8*>(const_cast<char*>(coded.data()));
  const OFCondition result =
      decoder->decode(input, static_cast<Uint32>(coded.size()), reinterpret_cast<Uint8*>(target.data()),
                      static_cast<Uint32>(target.size()), shape.is_signed ? OFTrue : OFFalse);
  if (result.bad()) return damaged("JPEG", result == EJ_Suspension ? "it ends early" : result.text());

  const bool extend = shape.is_signed && header.process == 3 && header.precision < shape.bits_allocated;
  if (!narrow.empty() || extend) {
    SampleWriter writer(shape, out);
    for (std::uint64_t i = 0; i < values; ++i) {
      std::int64_t value = bytes == 1 ? sample_at<std::uint8_t>(target.data(), i)
                                      : static_cast<std::int64_t>(sample_at<std::uint16_t>(target.data(), i));
      if (extend) value = sign_extend(value, header.precision);
      writer.put(i, value);
    }
  }
  // Lossy colour was YCbCr and still is, but no longer subsampled.
  return std::string(header.process != 3 && shape.photometric.starts_with("YBR_FULL") ? "YBR_FULL" : "");
}

}  // namespace gantry::pixels::codecs
