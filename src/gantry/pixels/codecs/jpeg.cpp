// JPEG of 8 bits by libjpeg-turbo: baseline, extended, progressive (ISO 10918-1), and the encoder of baseline.

#include <csetjmp>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include <jpeglib.h>
// After jpeglib.h, which it needs.
#include <jerror.h>

#include "gantry/pixels/codecs/codecs.hpp"
#include "gantry/pixels/codecs/jpeg_dcmtk.hpp"
#include "gantry/pixels/codecs/jpeg_header.hpp"

namespace gantry::pixels::codecs {
namespace {

/// libjpeg leaves by longjmp: between setjmp and its return no C++ object may be made.
struct ErrorExit {
  jpeg_error_mgr base;
  std::jmp_buf back;
  char text[JMSG_LENGTH_MAX];
};

void leave(j_common_ptr info) {
  auto* exit = reinterpret_cast<ErrorExit*>(info->err);
  info->err->format_message(info, exit->text);
  std::longjmp(exit->back, 1);
}

/// libjpeg goes on after these, with grey where it knows no better. A picture with invented parts is worse than none.
bool is_damage(int code) {
  return code == JWRN_JPEG_EOF || code == JWRN_HIT_MARKER || code == JWRN_HUFF_BAD_CODE || code == JWRN_MUST_RESYNC ||
         code == JWRN_ARITH_BAD_CODE;
}

void note_warning(j_common_ptr info, int level) {
  if (level < 0 && is_damage(info->err->msg_code)) ++info->err->num_warnings;
}

void set_errors(ErrorExit& errors) {
  jpeg_std_error(&errors.base);
  errors.base.error_exit = leave;
  errors.base.emit_message = note_warning;
  errors.text[0] = '\0';
}

/// Colour as the data set says it; where it says RGB, a codestream may still say that it is YCbCr (many do).
J_COLOR_SPACE coded_space(const FrameShape& shape, const JpegHeader& header) {
  if (header.components == 1) return JCS_GRAYSCALE;
  if (header.components == 4) return header.adobe_transform == 2 ? JCS_YCCK : JCS_CMYK;
  if (header.adobe_transform == 0 || header.rgb_identifiers) return JCS_RGB;
  if (header.adobe_transform == 1) return JCS_YCbCr;
  if (shape.photometric == "RGB") return header.jfif ? JCS_YCbCr : JCS_RGB;
  return JCS_YCbCr;
}

/// What the frame's header says fits `shape`. `wide`: samples of two bytes. Nothing is thrown and nothing made here.
bool run_decoder(jpeg_decompress_struct& info, ErrorExit& errors, std::string_view coded, J_COLOR_SPACE space,
                 std::span<char> out, std::size_t sample_bytes, JSAMPLE* line, std::size_t row_values) {
  if (setjmp(errors.back) != 0) return false;
  jpeg_create_decompress(&info);
  jpeg_mem_src(&info, reinterpret_cast<const unsigned char*>(coded.data()), static_cast<unsigned long>(coded.size()));
  jpeg_read_header(&info, TRUE);
  info.jpeg_color_space = space;
  info.out_color_space = space == JCS_GRAYSCALE ? JCS_GRAYSCALE : info.num_components == 4 ? JCS_CMYK : JCS_RGB;
  jpeg_start_decompress(&info);
  while (info.output_scanline < info.output_height) {
    const std::size_t y = info.output_scanline;
    if (sample_bytes == 1) {
      auto* row = reinterpret_cast<JSAMPLE*>(out.data() + y * row_values);
      jpeg_read_scanlines(&info, &row, 1);
    } else {
      jpeg_read_scanlines(&info, &line, 1);
      char* row = out.data() + y * row_values * sample_bytes;
      for (std::size_t x = 0; x < row_values; ++x) row[x * sample_bytes] = static_cast<char>(line[x]);
    }
  }
  jpeg_finish_decompress(&info);
  return true;
}

struct EncodeJob {
  const FrameShape& shape;
  std::string_view native;
  int quality;
  J_COLOR_SPACE space;
  bool ybr_in_file;
};

bool run_encoder(jpeg_compress_struct& info, ErrorExit& errors, const EncodeJob& job, unsigned char** bytes,
                 unsigned long* length) {
  if (setjmp(errors.back) != 0) return false;
  jpeg_create_compress(&info);
  jpeg_mem_dest(&info, bytes, length);
  info.image_width = job.shape.columns;
  info.image_height = job.shape.rows;
  info.input_components = job.shape.samples;
  info.in_color_space = job.space;
  jpeg_set_defaults(&info);
  if (job.shape.samples == 3) {
    jpeg_set_colorspace(&info, JCS_YCbCr);
    info.comp_info[0].h_samp_factor = 2;
    info.comp_info[0].v_samp_factor = 1;
  }
  jpeg_set_quality(&info, job.quality, TRUE);
  jpeg_start_compress(&info, TRUE);
  const std::size_t stride = std::size_t{job.shape.columns} * job.shape.samples;
  while (info.next_scanline < info.image_height) {
    // libjpeg does not write through its input rows.
    auto* row = reinterpret_cast<JSAMPLE*>(const_cast<char*>(job.native.data()) + info.next_scanline * stride);
    jpeg_write_scanlines(&info, &row, 1);
  }
  jpeg_finish_compress(&info);
  return true;
}

}  // namespace

Decoded decode_jpeg(const FrameShape& shape, std::string_view coded, std::span<char> out) {
  GANTRY_LET(const JpegHeader header, read_jpeg_header(coded));
  GANTRY_TRY(check_size("JPEG", shape, header.columns, header.rows, header.components));
  if (header.precision > shape.bits_allocated) {
    return damaged("JPEG", "its samples have " + std::to_string(header.precision) + " bits, the data set's " +
                               std::to_string(shape.bits_allocated));
  }
  const bool lossless = header.process == 3;
  if (lossless || header.precision > 8) return decode_jpeg_dcmtk(shape, header, coded, out);
  if (header.precision != 8 || (header.process > 2 && header.process != 9 && header.process != 10)) {
    return Error::unsupported("JPEG process SOF" + std::to_string(header.process) + " of " +
                              std::to_string(header.precision) + " bits");
  }
  const J_COLOR_SPACE space = coded_space(shape, header);
  const std::size_t row_values = std::size_t{shape.columns} * shape.samples;
  std::vector<JSAMPLE> line(row_values);
  jpeg_decompress_struct info{};
  ErrorExit errors{};
  set_errors(errors);
  info.err = &errors.base;
  const bool whole = run_decoder(info, errors, coded, space, out, shape.sample_bytes(), line.data(), row_values);
  const long warnings = errors.base.num_warnings;
  jpeg_destroy_decompress(&info);
  if (!whole) return damaged("JPEG", errors.text);
  if (warnings > 0) return damaged("JPEG", std::to_string(warnings) + " errors in its entropy-coded data");
  return std::string(space == JCS_YCbCr || space == JCS_RGB ? "RGB" : "");
}

Result<Encoded> encode_jpeg(const FrameShape& shape, std::string_view native, int quality) {
  if (shape.bits_allocated != 8 || shape.is_signed || (shape.samples != 1 && shape.samples != 3)) {
    return Error::unsupported("JPEG baseline takes unsigned frames of 8 bits with 1 or 3 samples");
  }
  if (shape.photometric == "PALETTE COLOR") return Error::unsupported("JPEG baseline takes no palette colour");
  const bool ybr = shape.photometric.starts_with("YBR_FULL");
  const EncodeJob job{shape, native, quality,
                      shape.samples == 1 ? JCS_GRAYSCALE : ybr ? JCS_YCbCr : JCS_RGB, shape.samples == 3};
  jpeg_compress_struct info{};
  ErrorExit errors{};
  set_errors(errors);
  info.err = &errors.base;
  unsigned char* bytes = nullptr;
  unsigned long length = 0;
  const bool whole = run_encoder(info, errors, job, &bytes, &length);
  jpeg_destroy_compress(&info);
  Encoded made;
  if (whole) made.bytes.assign(reinterpret_cast<char*>(bytes), length);
  std::free(bytes);
  if (!whole) return Error::internal(std::string("JPEG can't be written: ") + errors.text);
  if (shape.samples == 3) made.photometric = "YBR_FULL_422";
  return made;
}

}  // namespace gantry::pixels::codecs
