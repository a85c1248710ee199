// Frames per second of each codec: the library called here, and a codec process with its shared memory, as the server
// has it done. Both in turns, one thread, the best of some rounds: other work on the machine only ever adds time.
//
//   bench_codecs [ROUNDS]

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <string_view>

#include "gantry/dicom/transfer_syntax.hpp"
#include "gantry/pixels/local_codec.hpp"
#include "gantry/pixels/render/render.hpp"
#include "gantry/pixels/pictures/pictures.hpp"
#include "gantry/pixels/sandbox/sandboxed_codec.hpp"
#include "gantry/pixels/syntaxes.hpp"

namespace {

using namespace gantry;
using Clock = std::chrono::steady_clock;

/// 512 x 512 pixels of a smooth picture with noise, as a CT has: 12 bits in 16, or RGB.
pixels::Frame picture(bool colour) {
  pixels::Frame frame;
  auto& shape = frame.shape;
  shape.rows = shape.columns = 512;
  shape.samples = colour ? 3 : 1;
  shape.bits_allocated = colour ? 8 : 16;
  shape.bits_stored = colour ? 8 : 12;
  shape.high_bit = static_cast<std::uint16_t>(shape.bits_stored - 1);
  shape.photometric = colour ? "RGB" : "MONOCHROME2";
  shape.transfer_syntax = dicom::kExplicitLittleEndian;
  frame.bytes.resize(static_cast<std::size_t>(shape.native_bytes()));
  std::mt19937 random(1);
  for (std::uint64_t i = 0; i < shape.values(); ++i) {
    const auto pixel = i / shape.samples;
    const double x = static_cast<double>(pixel % 512) / 512 - 0.5;
    const double y = static_cast<double>(pixel / 512) / 512 - 0.5;
    const double inside = x * x + y * y < 0.2 ? 1000 + 300 * x + 200 * y : 30;
    const auto value = static_cast<std::uint16_t>(inside + static_cast<double>(random() % 24));
    if (colour) {
      frame.bytes[i] = static_cast<char>(value / 6);
    } else {
      std::memcpy(frame.bytes.data() + 2 * i, &value, 2);
    }
  }
  return frame;
}

/// Milliseconds of one conversion, the least of `rounds`.
double once(pixels::FrameCodec& codec, const pixels::Frame& frame, const std::string& to) {
  const auto begin = Clock::now();
  const auto made = codec.convert(frame.shape, frame.bytes, {to});
  const auto time = std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
  if (!made) {
    std::fprintf(stderr, "%s\n", made.error().detail().c_str());
    std::exit(1);
  }
  return time;
}

void row(const char* what, pixels::FrameCodec& bare, pixels::FrameCodec& server, const pixels::Frame& frame,
         const std::string& to, int rounds) {
  double alone = 1e9;
  double served = 1e9;
  for (int i = 0; i < rounds; ++i) {
    alone = std::min(alone, once(bare, frame, to));
    served = std::min(served, once(server, frame, to));
  }
  std::printf("| %s | %.2f | %.2f | %.2f |\n", what, alone, served, alone / served);
}

}  // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 50;
  pixels::LocalCodec bare;
  pixels::SandboxSettings settings;
  settings.command = {GANTRY_CODEC_PROCESS};
  pixels::SandboxedCodec server(settings);
  const std::string native(dicom::kExplicitLittleEndian);
  struct Codec {
    std::string_view name, uid;
    bool colour;
  };
  const Codec codecs[] = {{"RLE", pixels::kRle, false},
                          {"JPEG baseline, RGB", pixels::kJpegBaseline, true},
                          {"JPEG-LS", pixels::kJpegLs, false},
                          {"JPEG 2000", pixels::kJpeg2000Lossless, false},
                          {"HTJ2K", pixels::kHtj2kRpcl, false}};
  std::printf("| 512 x 512 | library ms | server ms | ratio |\n|---|---:|---:|---:|\n");
  for (const auto& codec : codecs) {
    const auto frame = picture(codec.colour);
    const auto coded = bare.convert(frame.shape, frame.bytes, {std::string(codec.uid)});
    if (!coded) return 1;
    const std::string name(codec.name);
    row((name + " encoded").c_str(), bare, server, frame, std::string(codec.uid), rounds);
    row((name + " decoded").c_str(), bare, server, *coded, native, rounds);
    if (codec.uid != pixels::kHtj2kRpcl && !codec.colour) {
      row((name + " to HTJ2K").c_str(), bare, server, *coded, std::string(pixels::kHtj2kRpcl), rounds);
    }
  }
  pixels::ImageAttributes image;
  image.data_set = std::make_shared<const pixels::AttributeItem>();
  const auto frame = picture(false);
  image.shape = frame.shape;
  double best = 1e9;
  for (int i = 0; i < rounds; ++i) {
    const auto begin = Clock::now();
    pixels::RenderOptions options;
    options.window = pixels::Window{1000, 400, pixels::VoiFunction::kLinear};
    const auto shown = pixels::render_frame(frame, image, 1, options);
    if (!shown || !pixels::write_jpeg(*shown, 90, "")) return 1;
    best = std::min(best, std::chrono::duration<double, std::milli>(Clock::now() - begin).count());
  }
  std::printf("\nrendered, 512 x 512, to JPEG of quality 90: %.2f ms\n", best);
  return 0;
}
