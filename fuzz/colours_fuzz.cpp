// ICC profiles, hostile: what comes of converting colours by one is an error, or as many samples as before. The library
// that reads them runs where the server runs it, in a codec process, so that one that dies here is an error, too; the
// check in front of it runs in this process, under the sanitizers.

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "codec_settings.hpp"
#include "require.hpp"
#include "gantry/dicom/transfer_syntax.hpp"
#include "gantry/pixels/pictures/pictures.hpp"
#include "gantry/pixels/sandbox/sandboxed_codec.hpp"

namespace {

using namespace gantry;

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  static pixels::SandboxedCodec codec(codec_settings());
  const std::string profile(reinterpret_cast<const char*>(data), size);
  for (const std::uint16_t samples : {1, 3}) {
    pixels::FrameShape shape;
    shape.rows = 2;
    shape.columns = 8;
    shape.samples = samples;
    shape.photometric = samples == 3 ? "RGB" : "MONOCHROME2";
    shape.transfer_syntax = dicom::kExplicitLittleEndian;
    std::string bytes;
    for (int i = 0; i < 16 * samples; ++i) bytes.push_back(static_cast<char>(i * 5));
    pixels::CodecTarget target{std::string(dicom::kExplicitLittleEndian)};
    target.colours = pixels::ColourSpace::kSrgb;
    target.profile = profile;
    const auto converted = codec.convert(shape, bytes, target);
    require(converted.ok() ? converted->bytes.size() == bytes.size() : !converted.error().detail().empty());
    // What passes the check is embedded without being read further.
    if (!pixels::profile_problem(profile, samples).empty()) continue;
    const pixels::Picture picture{8, 2, samples, 8, std::vector<std::uint8_t>(16 * samples)};
    (void)pixels::write_png(picture, profile);
    (void)pixels::write_jpeg(picture, 90, profile);
  }
  return 0;
}
