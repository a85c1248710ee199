// Frames in one transfer syntax (GANTRY_FUZZ_SYNTAX), with any shape: whatever the codestream is, the answer is an error
// or a frame of exactly the size that the shape says. Libraries run where the server runs them, in a codec process, so
// that one that dies here is an error, too; code of our own runs in this process, under the sanitizers.

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "codec_settings.hpp"
#include "require.hpp"
#include "gantry/dicom/transfer_syntax.hpp"
#include "gantry/pixels/local_codec.hpp"
#include "gantry/pixels/sandbox/sandboxed_codec.hpp"

namespace {

using namespace gantry;

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t kHeader = 4;
  if (size < kHeader) return 0;
  static pixels::SandboxedCodec codec(codec_settings());
  pixels::FrameShape shape;
  shape.rows = data[0];
  shape.columns = data[1];
  shape.samples = (data[2] & 1) != 0 ? 3 : 1;
  const std::uint16_t bits[] = {8, 16, 32, 1};
  shape.bits_allocated = bits[data[2] >> 1 & 3];
  shape.bits_stored = static_cast<std::uint16_t>(data[3] % shape.bits_allocated + 1);
  shape.high_bit = static_cast<std::uint16_t>(shape.bits_stored - 1);
  shape.is_signed = (data[2] & 8) != 0;
  shape.planar = (data[2] & 16) != 0;
  shape.photometric = shape.samples == 3 ? "RGB" : "MONOCHROME2";
  shape.transfer_syntax = GANTRY_FUZZ_SYNTAX;
  const std::string_view coded(reinterpret_cast<const char*>(data) + kHeader, size - kHeader);
  const auto frame = codec.convert(shape, coded, {std::string(dicom::kExplicitLittleEndian)});
  if (!frame) {
    require(!frame.error().detail().empty());
    return 0;
  }
  require(frame->bytes.size() == shape.values() * shape.sample_bytes() || shape.bits_allocated == 1);
  // What was decoded can be written, and comes back.
  const std::string rle("1.2.840.10008.1.2.5");
  if (!pixels::can_encode(frame->shape, rle)) return 0;
  const auto packed = codec.convert(frame->shape, frame->bytes, {rle});
  require(packed.ok());
  const auto back = codec.convert(packed->shape, packed->bytes, {std::string(dicom::kExplicitLittleEndian)});
  require(back.ok() && back->bytes == frame->bytes);
  return 0;
}
