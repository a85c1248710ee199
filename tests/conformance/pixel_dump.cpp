// Shows what Gantry's codecs make of the frames of files, for comparison with other implementations.
//
//   pixel_dump FOLDER CODEC_PROCESS < list of paths, one a line > a line of JSON for each
//
// {"file", "error"}, or {"file", "rows", "columns", "samples", "bits_allocated", "bits_stored", "signed", "photometric",
// "transfer_syntax", "frames": [{"error"} or {"raw": path in FOLDER of the decoded bytes, "photometric", "trips": […],
// "png": path of the picture, or "png_error"}]}
//
// A trip is a frame that was written in one lossless transfer syntax, from there in another, and decoded: "ok", or what
// was wrong.

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "gantry/base/json_text.hpp"
#include "gantry/base/memory_bytes.hpp"
#include "gantry/dicom/instance_indexer.hpp"
#include "gantry/dicom/transfer_syntax.hpp"
#include "gantry/pixels/image_attributes.hpp"
#include "gantry/pixels/pictures/pictures.hpp"
#include "gantry/pixels/render/render.hpp"
#include "gantry/pixels/sandbox/sandboxed_codec.hpp"
#include "gantry/pixels/syntaxes.hpp"

namespace {

using namespace gantry;
using pixels::Frame;

constexpr std::uint32_t kFramesMost = 3;  // of each file: they are all alike
constexpr std::string_view kLossless[] = {pixels::kRle, pixels::kJpegLs, pixels::kJpeg2000Lossless, pixels::kHtj2kRpcl};

std::string quoted(std::string_view text) {
  std::string json;
  append_json_string(json, text);
  return json;
}

/// "ok", "none" when such frames can't be written so, or what was wrong.
std::string trip(pixels::FrameCodec& codec, const Frame& decoded, std::string_view first, std::string_view second) {
  if (!pixels::can_encode(decoded.shape, first) || !pixels::can_encode(decoded.shape, second)) return "none";
  const auto one = codec.convert(decoded.shape, decoded.bytes, {std::string(first)});
  if (!one) return one.error().detail();
  const auto two = codec.convert(one->shape, one->bytes, {std::string(second)});
  if (!two) return two.error().detail();
  const auto back = codec.convert(two->shape, two->bytes, {std::string(dicom::kExplicitLittleEndian)});
  if (!back) return back.error().detail();
  if (back->shape.photometric != decoded.shape.photometric) return "it came back as " + back->shape.photometric;
  return back->bytes == decoded.bytes ? "ok" : "other pixels came back";
}

void write_file(const std::string& target, const std::string& bytes) {
  std::ofstream out(target, std::ios::binary);
  out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

/// The frame as a picture, as its data set wants it shown.
std::string dump_picture(const Frame& decoded, const pixels::ImageAttributes& image, std::uint32_t number,
                         const std::string& target) {
  const auto picture = pixels::render_frame(decoded, image, number, {});
  const auto png = picture ? pixels::write_png(*picture, "") : Result<std::string>(picture.error());
  if (!png) return ",\"png_error\":" + quoted(png.error().detail());
  write_file(target, *png);
  return ",\"png\":" + quoted(target);
}

std::string dump_frame(pixels::FrameCodec& codec, pixels::FrameReader& reader, const pixels::ImageAttributes& image,
                       std::uint32_t number, const std::string& target) {
  const auto& shape = image.shape;
  const auto failed = [](const Error& error) { return "{\"error\":" + quoted(error.detail()) + "}"; };
  const auto stored = reader.read(number);
  if (!stored) return failed(stored.error());
  const auto decoded = codec.convert(shape, *stored, {std::string(dicom::kExplicitLittleEndian)});
  if (!decoded) return failed(decoded.error());
  write_file(target, decoded->bytes);
  std::string trips, picture;
  if (number == 1) picture = dump_picture(*decoded, image, number, target + ".png");
  if (number == 1 && !pixels::is_native(shape.transfer_syntax)) {
    for (const auto first : kLossless) {
      for (const auto second : kLossless) {
        if (first == second) continue;
        trips += (trips.empty() ? "" : ",") + quoted(trip(codec, *decoded, first, second));
      }
    }
  }
  return "{\"raw\":" + quoted(target) + ",\"photometric\":" + quoted(decoded->shape.photometric) + ",\"trips\":[" + trips +
         "]" + picture + "}";
}

Result<dicom::IndexedInstance> index(const std::string& bytes) {
  dicom::InstanceIndexer indexer;
  GANTRY_TRY(indexer.feed(std::as_bytes(std::span(bytes))));
  return indexer.finish();
}

std::string dump(pixels::FrameCodec& codec, const std::string& path, const std::string& target) {
  const std::string head = "{\"file\":" + quoted(path);
  const auto failed = [&](const Error& error) { return head + ",\"error\":" + quoted(error.detail()) + "}"; };
  std::ifstream in(path, std::ios::binary);
  std::string bytes{std::istreambuf_iterator<char>(in), {}};
  auto indexed = index(bytes);
  if (!indexed) return failed(indexed.error());
  const pixels::StoredObject object{std::make_shared<MemoryBytes>(std::move(bytes)),
                                    std::make_shared<dicom::Layout>(std::move(indexed->layout))};
  const auto image = pixels::read_image_attributes(object);
  if (!image) return failed(image.error());
  const auto& shape = image->shape;
  pixels::FrameReader reader(object, shape);
  std::string frames;
  for (std::uint32_t number = 1; number <= std::min(image->frames, kFramesMost); ++number) {
    frames += (number > 1 ? "," : "") +
              dump_frame(codec, reader, *image, number, target + "." + std::to_string(number));
  }
  const auto number = [](const char* key, std::uint64_t value) {
    return std::string(",\"") + key + "\":" + std::to_string(value);
  };
  return head + number("rows", shape.rows) + number("columns", shape.columns) + number("samples", shape.samples) +
         number("bits_allocated", shape.bits_allocated) + number("bits_stored", shape.bits_stored) +
         number("signed", shape.is_signed ? 1 : 0) + number("float", shape.is_float ? 1 : 0) +
         ",\"photometric\":" + quoted(shape.photometric) + ",\"transfer_syntax\":" + quoted(shape.transfer_syntax) +
         ",\"frames\":[" + frames + "]}";
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: pixel_dump FOLDER CODEC_PROCESS < paths\n";
    return 2;
  }
  pixels::SandboxSettings settings;
  settings.command = {argv[2]};
  pixels::SandboxedCodec codec(settings);
  std::size_t number = 0;
  for (std::string path; std::getline(std::cin, path);) {
    std::cout << dump(codec, path, std::string(argv[1]) + "/" + std::to_string(++number)) << std::endl;
  }
  return std::cout ? 0 : 1;
}
