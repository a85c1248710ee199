// The encoder of High-Throughput JPEG 2000 (ISO 15444-15) by OpenJPH. Decoding is OpenJPEG's: OpenJPH 0.9 gives wrong
// pixels for codestreams with more decompositions than the image has halves, and tells nobody.

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <mutex>
#include <stdexcept>
#include <string>

#include <malloc.h>
#include <openjph/ojph_arch.h>
#include <openjph/ojph_codestream.h>
#include <openjph/ojph_file.h>
#include <openjph/ojph_mem.h>
#include <openjph/ojph_message.h>
#include <openjph/ojph_params.h>

#include "gantry/pixels/codecs/codecs.hpp"
#include "gantry/pixels/codecs/samples.hpp"

namespace gantry::pixels::codecs {
namespace {

// OpenJPH's message classes have no virtual destructor; ours are never deleted.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wnon-virtual-dtor"

/// OpenJPH leaves by an exception; its own handler prints first.
class Thrower final : public ojph::message_error {
 public:
  void operator()(int, const char*, int, const char* format, ...) override {
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    std::vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    throw std::runtime_error(text);
  }
};

class QuietWarning final : public ojph::message_warning {
 public:
  void operator()(int, const char*, int, const char*, ...) override {}
};

class QuietInfo final : public ojph::message_info {
 public:
  void operator()(int, const char*, int, const char*, ...) override {}
};

#pragma GCC diagnostic pop

void set_messages() {
  static std::once_flag once;
  std::call_once(once, [] {
    static Thrower thrower;
    static QuietWarning warning;
    static QuietInfo info;
    ojph::configure_error(&thrower);
    ojph::configure_warning(&warning);
    ojph::configure_info(&info);
  });
}

/// OpenJPH 0.9 codes what lies behind an image's last columns in its buffers, whatever was there before. It is not shown, but
/// the same image would get other bytes each time, and some of them from another one's. While this lives, the process gets
/// its memory as zeros; a codec process has one frame at a time.
class ZeroedMemory {
 public:
  ZeroedMemory() { mallopt(M_PERTURB, 0xFF); }
  ~ZeroedMemory() { mallopt(M_PERTURB, 0); }
  ZeroedMemory(const ZeroedMemory&) = delete;
  ZeroedMemory& operator=(const ZeroedMemory&) = delete;
};

template <class T>
void give_line(const char* native, std::uint64_t first, unsigned columns, unsigned samples, ojph::si32* to) {
  for (unsigned x = 0; x < columns; ++x) to[x] = sample_at<T>(native, first + std::uint64_t{x} * samples);
}

void append_u16(std::string& out, unsigned value) {
  out.push_back(static_cast<char>(value >> 8 & 0xFF));
  out.push_back(static_cast<char>(value & 0xFF));
}

/// With a Tile-part Length marker, which the RPCL transfer syntax asks for (PS3.5 §10.18) and OpenJPH 0.9 does not
/// write. The codestream has one tile-part (ISO 15444-1 A.7.1).
Result<std::string> with_tile_lengths(std::string_view coded) {
  const auto u16 = [&](std::size_t at) {
    return static_cast<unsigned>(static_cast<unsigned char>(coded[at])) << 8 | static_cast<unsigned char>(coded[at + 1]);
  };
  std::size_t at = 2;
  while (at + 12 <= coded.size() && u16(at) != 0xFF90) at += 2 + u16(at + 2);
  if (at + 12 > coded.size()) return Error::internal("OpenJPH wrote no tile");
  std::string made(coded.substr(0, at));
  append_u16(made, 0xFF55);
  append_u16(made, 8);     // this segment's length
  made.push_back('\0');    // its index
  made.push_back('\x40');  // tiles in order, lengths of 32 bits
  made.append(coded.substr(at + 6, 4));
  made.append(coded.substr(at));
  return made;
}

}  // namespace

Result<Encoded> encode_htj2k(const FrameShape& shape, std::string_view native) {
  if (shape.bits_allocated != 8 && shape.bits_allocated != 16) {
    return Error::unsupported("HTJ2K takes frames of 8 and 16 bits here");
  }
  set_messages();
  const ZeroedMemory zeroed;
  const bool rgb = shape.samples == 3 && shape.photometric == "RGB";
  const unsigned bits = needed_bits(shape, native);
  try {
    ojph::codestream stream;
    auto size = stream.access_siz();
    size.set_image_extent(ojph::point(shape.columns, shape.rows));
    size.set_num_components(shape.samples);
    for (unsigned sample = 0; sample < shape.samples; ++sample) {
      size.set_component(sample, ojph::point(1, 1), bits, shape.is_signed);
    }
    auto style = stream.access_cod();
    // The base resolution has at most 64 pixels a side (PS3.5 §10.18).
    unsigned levels = 0;
    while (levels < 32 && (std::max(shape.rows, shape.columns) + (1U << levels) - 1) >> levels > 64) ++levels;
    style.set_num_decomposition(levels);
    style.set_block_dims(64, 64);
    style.set_progression_order("RPCL");
    style.set_reversible(true);
    style.set_color_transform(rgb);
    stream.set_planar(false);
    ojph::mem_outfile file;
    file.open();
    stream.write_headers(&file);
    ojph::ui32 component = 0;
    auto* line = stream.exchange(nullptr, component);
    const std::uint64_t stride = std::uint64_t{shape.columns} * shape.samples;
    for (unsigned y = 0; y < shape.rows; ++y) {
      for (unsigned sample = 0; sample < shape.samples; ++sample) {
        const std::uint64_t first = y * stride + component;
        if (shape.bits_allocated == 8) {
          shape.is_signed ? give_line<std::int8_t>(native.data(), first, shape.columns, shape.samples, line->i32)
                          : give_line<std::uint8_t>(native.data(), first, shape.columns, shape.samples, line->i32);
        } else {
          shape.is_signed ? give_line<std::int16_t>(native.data(), first, shape.columns, shape.samples, line->i32)
                          : give_line<std::uint16_t>(native.data(), first, shape.columns, shape.samples, line->i32);
        }
        line = stream.exchange(line, component);
      }
    }
    stream.flush();
    const std::string_view coded(reinterpret_cast<const char*>(file.get_data()), static_cast<std::size_t>(file.tell()));
    GANTRY_LET(auto made, with_tile_lengths(coded));
    stream.close();
    return Encoded{std::move(made), rgb ? "YBR_RCT" : ""};
  } catch (const std::exception& error) {
    return Error::internal(std::string("HTJ2K can't be written: ") + error.what());
  }
}

}  // namespace gantry::pixels::codecs
