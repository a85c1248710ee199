#include <csetjmp>

#include <png.h>

#include "gantry/pixels/pictures/pictures.hpp"

namespace gantry::pixels {
namespace {

struct Job {
  std::string bytes;
  std::string problem;
};

void append(png_structp png, png_bytep bytes, png_size_t length) {
  static_cast<Job*>(png_get_io_ptr(png))->bytes.append(reinterpret_cast<const char*>(bytes), length);
}
void flush(png_structp) {}
void fail(png_structp png, png_const_charp text) {
  static_cast<Job*>(png_get_error_ptr(png))->problem = text;
  png_longjmp(png, 1);
}
void ignore(png_structp, png_const_charp) {}

/// libpng leaves by longjmp: nothing is made in here that would have to be destroyed.
bool run(png_structp png, png_infop info, const Picture& picture, const std::string& icc) {
  if (setjmp(png_jmpbuf(png)) != 0) return false;
  png_set_compression_level(png, 3);
  png_set_IHDR(png, info, picture.width, picture.height, static_cast<int>(picture.bits),
               picture.channels == 3 ? PNG_COLOR_TYPE_RGB : PNG_COLOR_TYPE_GRAY, PNG_INTERLACE_NONE,
               PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  if (!icc.empty()) {
    png_set_iCCP(png, info, "ICC", PNG_COMPRESSION_TYPE_BASE, reinterpret_cast<png_const_bytep>(icc.data()),
                 static_cast<png_uint_32>(icc.size()));
  }
  png_write_info(png, info);
  if (picture.bits == 16) png_set_swap(png);
  const std::size_t stride = std::size_t{picture.width} * picture.channels * (picture.bits / 8);
  for (std::uint32_t y = 0; y < picture.height; ++y) png_write_row(png, picture.bytes.data() + y * stride);
  png_write_end(png, nullptr);
  return true;
}

}  // namespace

Result<std::string> write_png(const Picture& picture, const std::string& icc_profile) {
  Job job;
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &job, fail, ignore);
  if (png == nullptr) return Error::unavailable("no memory for a PNG");
  png_infop info = png_create_info_struct(png);
  png_set_write_fn(png, &job, append, flush);
  const bool whole = info != nullptr && run(png, info, picture, icc_profile);
  png_destroy_write_struct(&png, &info);
  if (!whole) return Error::unsupported("the picture can't be written as PNG: " + job.problem);
  return std::move(job.bytes);
}

}  // namespace gantry::pixels
