#include <csetjmp>
#include <cstdio>
#include <cstdlib>

#include <jpeglib.h>

#include "gantry/pixels/pictures/pictures.hpp"

namespace gantry::pixels {
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

bool run(jpeg_compress_struct& info, ErrorExit& errors, const Picture& picture, int quality, const std::string& icc,
         unsigned char** bytes, unsigned long* length, unsigned char* line) {
  if (setjmp(errors.back) != 0) return false;
  jpeg_create_compress(&info);
  jpeg_mem_dest(&info, bytes, length);
  info.image_width = picture.width;
  info.image_height = picture.height;
  info.input_components = static_cast<int>(picture.channels);
  info.in_color_space = picture.channels == 3 ? JCS_RGB : JCS_GRAYSCALE;
  jpeg_set_defaults(&info);
  jpeg_set_quality(&info, quality, TRUE);
  if (quality >= 90 && picture.channels == 3) info.comp_info[0].h_samp_factor = info.comp_info[0].v_samp_factor = 1;
  jpeg_start_compress(&info, TRUE);
  if (!icc.empty()) {
    jpeg_write_icc_profile(&info, reinterpret_cast<const JOCTET*>(icc.data()), static_cast<unsigned>(icc.size()));
  }
  const std::size_t stride = std::size_t{picture.width} * picture.channels;
  while (info.next_scanline < info.image_height) {
    if (picture.bits == 8) {
      // libjpeg does not write through its input rows.
      auto* row = const_cast<JSAMPLE*>(picture.bytes.data()) + info.next_scanline * stride;
      jpeg_write_scanlines(&info, &row, 1);
    } else {
      const unsigned char* from = picture.bytes.data() + info.next_scanline * stride * 2;
      for (std::size_t x = 0; x < stride; ++x) line[x] = from[2 * x + 1];
      jpeg_write_scanlines(&info, &line, 1);
    }
  }
  jpeg_finish_compress(&info);
  return true;
}

}  // namespace

Result<std::string> write_jpeg(const Picture& picture, int quality, const std::string& icc_profile) {
  jpeg_compress_struct info{};
  ErrorExit errors{};
  jpeg_std_error(&errors.base);
  errors.base.error_exit = leave;
  info.err = &errors.base;
  std::vector<unsigned char> line(picture.bits == 16 ? std::size_t{picture.width} * picture.channels : 0);
  unsigned char* bytes = nullptr;
  unsigned long length = 0;
  const bool whole = run(info, errors, picture, quality, icc_profile, &bytes, &length, line.data());
  jpeg_destroy_compress(&info);
  std::string file;
  if (whole) file.assign(reinterpret_cast<char*>(bytes), length);
  std::free(bytes);
  if (!whole) return Error::unsupported(std::string("the picture can't be written as JPEG: ") + errors.text);
  return file;
}

}  // namespace gantry::pixels
