// JPEG 2000 (ISO 15444-1) by OpenJPEG.

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include <openjpeg.h>

#include "gantry/base/handle.hpp"
#include "gantry/pixels/codecs/codecs.hpp"
#include "gantry/pixels/codecs/samples.hpp"

namespace gantry::pixels::codecs {
namespace {

using Codec = Handle<opj_codec_t, &opj_destroy_codec>;
using Stream = Handle<opj_stream_t, &opj_stream_destroy>;
using Image = Handle<opj_image_t, &opj_image_destroy>;

struct Source {
  std::string_view bytes;
  std::size_t at = 0;
};

OPJ_SIZE_T read_source(void* into, OPJ_SIZE_T wanted, void* user) {
  auto& source = *static_cast<Source*>(user);
  const std::size_t count = std::min<std::size_t>(wanted, source.bytes.size() - source.at);
  if (count == 0) return static_cast<OPJ_SIZE_T>(-1);
  std::memcpy(into, source.bytes.data() + source.at, count);
  source.at += count;
  return count;
}

OPJ_OFF_T skip_source(OPJ_OFF_T count, void* user) {
  auto& source = *static_cast<Source*>(user);
  if (count < 0 || source.at == source.bytes.size()) return -1;
  const std::size_t step = std::min<std::size_t>(static_cast<std::size_t>(count), source.bytes.size() - source.at);
  source.at += step;
  return static_cast<OPJ_OFF_T>(step);
}

OPJ_BOOL seek_source(OPJ_OFF_T position, void* user) {
  auto& source = *static_cast<Source*>(user);
  if (position < 0 || static_cast<std::size_t>(position) > source.bytes.size()) return OPJ_FALSE;
  source.at = static_cast<std::size_t>(position);
  return OPJ_TRUE;
}

struct Sink {
  std::string bytes;
  std::size_t at = 0;
};

OPJ_SIZE_T write_sink(void* from, OPJ_SIZE_T count, void* user) {
  auto& sink = *static_cast<Sink*>(user);
  if (sink.bytes.size() < sink.at + count) sink.bytes.resize(sink.at + count);
  std::memcpy(sink.bytes.data() + sink.at, from, count);
  sink.at += count;
  return count;
}

OPJ_OFF_T skip_sink(OPJ_OFF_T count, void* user) {
  auto& sink = *static_cast<Sink*>(user);
  sink.at += static_cast<std::size_t>(count);
  if (sink.bytes.size() < sink.at) sink.bytes.resize(sink.at);
  return count;
}

OPJ_BOOL seek_sink(OPJ_OFF_T position, void* user) {
  auto& sink = *static_cast<Sink*>(user);
  sink.at = static_cast<std::size_t>(position);
  if (sink.bytes.size() < sink.at) sink.bytes.resize(sink.at);
  return OPJ_TRUE;
}

void keep_first(const char* text, void* user) {
  auto& kept = *static_cast<std::string*>(user);
  if (!kept.empty()) return;
  kept = text;
  while (!kept.empty() && (kept.back() == '\n' || kept.back() == ' ')) kept.pop_back();
}

void say_nothing(const char*, void*) {}

void set_messages(opj_codec_t* codec, std::string& problem) {
  opj_set_error_handler(codec, keep_first, &problem);
  opj_set_warning_handler(codec, say_nothing, nullptr);
  opj_set_info_handler(codec, say_nothing, nullptr);
}

Result<void> check_components(const opj_image_t& image, const FrameShape& shape) {
  for (OPJ_UINT32 i = 0; i < image.numcomps; ++i) {
    const auto& component = image.comps[i];
    if (component.dx != 1 || component.dy != 1 || component.w != shape.columns || component.h != shape.rows) {
      return Error::unsupported("JPEG 2000 with subsampled components");
    }
    if (component.prec > shape.bits_allocated || component.prec > 31) {
      return damaged("JPEG 2000", "its samples have " + std::to_string(component.prec) + " bits, the data set's " +
                                      std::to_string(shape.bits_allocated));
    }
  }
  return {};
}

template <class T>
void interleave(const OPJ_INT32* from, T* to, std::uint64_t pixels, unsigned samples, unsigned extend_bits) {
  if (extend_bits == 0) {
    for (std::uint64_t i = 0; i < pixels; ++i) to[i * samples] = static_cast<T>(from[i]);
  } else {
    for (std::uint64_t i = 0; i < pixels; ++i) to[i * samples] = static_cast<T>(sign_extend(from[i], extend_bits));
  }
}

void take_samples(const opj_image_t& image, const FrameShape& shape, std::span<char> out) {
  for (unsigned sample = 0; sample < shape.samples; ++sample) {
    const auto& component = image.comps[sample];
    // Some encoders call signed samples unsigned; the data set knows better.
    const unsigned extend = shape.is_signed && component.sgnd == 0 ? component.prec : 0;
    char* to = out.data() + std::size_t{sample} * shape.sample_bytes();
    const auto pixels = shape.pixels();
    if (shape.bits_allocated == 1) {
      SampleWriter writer(shape, out);
      for (std::uint64_t i = 0; i < pixels; ++i) writer.put(i * shape.samples + sample, component.data[i]);
    } else if (shape.bits_allocated == 8) {
      interleave(component.data, reinterpret_cast<std::uint8_t*>(to), pixels, shape.samples, extend);
    } else if (shape.bits_allocated == 16) {
      interleave(component.data, reinterpret_cast<std::uint16_t*>(to), pixels, shape.samples, extend);
    } else {
      interleave(component.data, reinterpret_cast<std::uint32_t*>(to), pixels, shape.samples, extend);
    }
  }
}

bool is_boxed(std::string_view coded) { return coded.substr(4, 4) == "jP  "; }

}  // namespace

Decoded decode_jpeg_2000(const FrameShape& shape, std::string_view coded, std::span<char> out) {
  if (coded.size() < 12) return damaged("JPEG 2000", "it is too short");
  if (shape.bits_allocated > 32) {
    return Error::unsupported("JPEG 2000 in a data set of " + std::to_string(shape.bits_allocated) + " bits");
  }
  std::string problem;
  Codec codec(opj_create_decompress(is_boxed(coded) ? OPJ_CODEC_JP2 : OPJ_CODEC_J2K));
  set_messages(codec.get(), problem);
  opj_dparameters_t parameters;
  opj_set_default_decoder_parameters(&parameters);
  parameters.flags |= OPJ_DPARAMETERS_IGNORE_PCLR_CMAP_CDEF_FLAG;
  if (opj_setup_decoder(codec.get(), &parameters) == OPJ_FALSE) return Error::internal("OpenJPEG can't be set up");

  Source source{coded};
  Stream stream(opj_stream_create(1 << 16, OPJ_TRUE));
  opj_stream_set_user_data(stream.get(), &source, nullptr);
  opj_stream_set_user_data_length(stream.get(), coded.size());
  opj_stream_set_read_function(stream.get(), read_source);
  opj_stream_set_skip_function(stream.get(), skip_source);
  opj_stream_set_seek_function(stream.get(), seek_source);

  opj_image_t* raw = nullptr;
  const bool headed = opj_read_header(stream.get(), codec.get(), &raw) == OPJ_TRUE;
  Image image(raw);
  if (!headed) return damaged("JPEG 2000", problem);
  GANTRY_TRY(check_size("JPEG 2000", shape, image->x1 - image->x0, image->y1 - image->y0, image->numcomps));
  if (opj_decode(codec.get(), stream.get(), image.get()) == OPJ_FALSE) return damaged("JPEG 2000", problem);
  GANTRY_TRY(check_components(*image, shape));
  take_samples(*image, shape, out);
  const bool transformed = shape.photometric == "YBR_RCT" || shape.photometric == "YBR_ICT";
  return std::string(transformed ? "RGB" : "");
}

Result<Encoded> encode_jpeg_2000(const FrameShape& shape, std::string_view native) {
  if (shape.bits_allocated != 8 && shape.bits_allocated != 16) {
    return Error::unsupported("JPEG 2000 takes frames of 8 and 16 bits here");
  }
  const unsigned bits = needed_bits(shape, native);
  std::vector<opj_image_cmptparm_t> components(shape.samples);
  for (auto& component : components) {
    component = {};
    component.dx = component.dy = 1;
    component.w = shape.columns;
    component.h = shape.rows;
    component.prec = bits;
    component.sgnd = shape.is_signed ? 1 : 0;
  }
  const bool rgb = shape.samples == 3 && shape.photometric == "RGB";
  Image image(opj_image_create(shape.samples, components.data(), rgb ? OPJ_CLRSPC_SRGB : OPJ_CLRSPC_UNSPECIFIED));
  if (image == nullptr) return Error::unavailable("no memory for a frame");
  image->x1 = shape.columns;
  image->y1 = shape.rows;
  const auto pixels = shape.pixels();
  for (unsigned sample = 0; sample < shape.samples; ++sample) {
    OPJ_INT32* to = image->comps[sample].data;
    for (std::uint64_t i = 0; i < pixels; ++i) {
      const std::uint64_t at = i * shape.samples + sample;
      if (shape.bits_allocated == 8) {
        to[i] = shape.is_signed ? sample_at<std::int8_t>(native.data(), at) : sample_at<std::uint8_t>(native.data(), at);
      } else {
        to[i] = shape.is_signed ? sample_at<std::int16_t>(native.data(), at)
                                : sample_at<std::uint16_t>(native.data(), at);
      }
    }
  }
  opj_cparameters_t parameters;
  opj_set_default_encoder_parameters(&parameters);
  parameters.tcp_numlayers = 1;
  parameters.tcp_rates[0] = 0;  // lossless
  parameters.cp_disto_alloc = 1;
  parameters.tcp_mct = rgb ? 1 : 0;
  // A level halves both sides; OpenJPEG refuses more levels than a side can be halved.
  int levels = 1;
  while (levels < 6 && (std::min(shape.rows, shape.columns) >> levels) > 0) ++levels;
  parameters.numresolution = levels;

  std::string problem;
  Codec codec(opj_create_compress(OPJ_CODEC_J2K));
  set_messages(codec.get(), problem);
  Sink sink;
  Stream stream(opj_stream_create(1 << 16, OPJ_FALSE));
  opj_stream_set_user_data(stream.get(), &sink, nullptr);
  opj_stream_set_write_function(stream.get(), write_sink);
  opj_stream_set_skip_function(stream.get(), skip_sink);
  opj_stream_set_seek_function(stream.get(), seek_sink);
  const bool done = opj_setup_encoder(codec.get(), &parameters, image.get()) == OPJ_TRUE &&
                    opj_start_compress(codec.get(), image.get(), stream.get()) == OPJ_TRUE &&
                    opj_encode(codec.get(), stream.get()) == OPJ_TRUE &&
                    opj_end_compress(codec.get(), stream.get()) == OPJ_TRUE;
  if (!done) return Error::internal("JPEG 2000 can't be written: " + problem);
  return Encoded{std::move(sink.bytes), rgb ? "YBR_RCT" : ""};
}

}  // namespace gantry::pixels::codecs
