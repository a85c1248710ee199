#include <algorithm>
#include <array>
#include <vector>

#include <gif_lib.h>

#include "gantry/base/handle.hpp"
#include "gantry/pixels/pictures/pictures.hpp"

namespace gantry::pixels {
namespace {

using ColorMap = Handle<ColorMapObject, &GifFreeMapObject>;

constexpr unsigned kReds = 6, kGreens = 7, kBlues = 6;

int append(GifFileType* gif, const GifByteType* bytes, int length) {
  static_cast<std::string*>(gif->UserData)->append(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(length));
  return length;
}

ColorMap make_map(bool colour) {
  ColorMap map(GifMakeMapObject(256, nullptr));
  for (unsigned i = 0; i < 256; ++i) {
    GifColorType& entry = map->Colors[i];
    if (!colour) {
      entry = {static_cast<GifByteType>(i), static_cast<GifByteType>(i), static_cast<GifByteType>(i)};
    } else if (i < kReds * kGreens * kBlues) {
      entry.Red = static_cast<GifByteType>(i / (kGreens * kBlues) * 255 / (kReds - 1));
      entry.Green = static_cast<GifByteType>(i / kBlues % kGreens * 255 / (kGreens - 1));
      entry.Blue = static_cast<GifByteType>(i % kBlues * 255 / (kBlues - 1));
    } else {
      entry = {0, 0, 0};
    }
  }
  return map;
}

/// The nearest level, pushed up or down by where the pixel lies, so that areas keep their mean (ordered dithering).
unsigned level(unsigned value, unsigned levels, int push) {
  const int scaled = static_cast<int>(value * (levels - 1)) + push * 255 / 16 - 128 + 8;
  return static_cast<unsigned>(std::clamp((scaled + 127) / 255, 0, static_cast<int>(levels) - 1));
}

}  // namespace

class GifWriter::File {
 public:
  File(std::uint32_t width, std::uint32_t height, bool colour, unsigned delay_ms, bool animated)
      : width_(width), height_(height), colour_(colour), delay_(std::clamp(delay_ms / 10, 2U, 6000U)) {
    int error = 0;
    gif_ = width <= 65535 && height <= 65535 ? EGifOpen(&bytes_, append, &error) : nullptr;
    if (gif_ == nullptr) return;
    EGifSetGifVersion(gif_, true);
    const ColorMap map = make_map(colour);
    good_ = EGifPutScreenDesc(gif_, static_cast<int>(width), static_cast<int>(height), 8, 0, map.get()) == GIF_OK;
    if (good_ && animated) {
      const std::array<GifByteType, 3> forever{1, 0, 0};
      good_ = EGifPutExtensionLeader(gif_, APPLICATION_EXT_FUNC_CODE) == GIF_OK &&
              EGifPutExtensionBlock(gif_, 11, "NETSCAPE2.0") == GIF_OK &&
              EGifPutExtensionBlock(gif_, 3, forever.data()) == GIF_OK && EGifPutExtensionTrailer(gif_) == GIF_OK;
    }
  }
  ~File() {
    int error = 0;
    if (gif_ != nullptr) EGifCloseFile(gif_, &error);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  Result<void> add(const Picture& picture) {
    if (picture.width != width_ || picture.height != height_ || picture.bits != 8) {
      return Error::unsupported("the frames of a GIF have one size");
    }
    GraphicsControlBlock control{DISPOSE_DO_NOT, false, static_cast<int>(delay_), NO_TRANSPARENT_COLOR};
    std::array<GifByteType, 4> extension{};
    EGifGCBToExtension(&control, extension.data());
    good_ = good_ && EGifPutExtension(gif_, GRAPHICS_EXT_FUNC_CODE, 4, extension.data()) == GIF_OK &&
            EGifPutImageDesc(gif_, 0, 0, static_cast<int>(width_), static_cast<int>(height_), false, nullptr) == GIF_OK;
    std::vector<GifPixelType> line(width_);
    for (std::uint32_t y = 0; good_ && y < height_; ++y) {
      index_line(picture, y, line);
      good_ = EGifPutLine(gif_, line.data(), static_cast<int>(width_)) == GIF_OK;
    }
    return good_ ? Result<void>() : Error::unsupported("the picture can't be written as GIF");
  }

  Result<std::string> finish() {
    int error = 0;
    good_ = good_ && EGifCloseFile(gif_, &error) == GIF_OK;
    gif_ = nullptr;
    if (!good_) return Error::unsupported("the picture can't be written as GIF");
    return std::move(bytes_);
  }

 private:
  void index_line(const Picture& picture, std::uint32_t y, std::vector<GifPixelType>& line) const {
    static constexpr std::array<std::array<int, 4>, 4> kBayer{{{0, 8, 2, 10}, {12, 4, 14, 6}, {3, 11, 1, 9}, {15, 7, 13, 5}}};
    const std::uint8_t* from = picture.bytes.data() + std::size_t{y} * width_ * picture.channels;
    for (std::uint32_t x = 0; x < width_; ++x) {
      const std::uint8_t* pixel = from + std::size_t{x} * picture.channels;
      if (!colour_) {
        line[x] = pixel[0];
        continue;
      }
      const std::uint8_t red = pixel[0];
      const std::uint8_t green = picture.channels == 3 ? pixel[1] : pixel[0];
      const std::uint8_t blue = picture.channels == 3 ? pixel[2] : pixel[0];
      const int push = kBayer[y % 4][x % 4];
      line[x] = static_cast<GifPixelType>((level(red, kReds, push) * kGreens + level(green, kGreens, push)) * kBlues +
                                          level(blue, kBlues, push));
    }
  }

  const std::uint32_t width_, height_;
  const bool colour_;
  const unsigned delay_;  ///< in hundredths of a second
  std::string bytes_;
  GifFileType* gif_ = nullptr;
  bool good_ = false;
};

GifWriter::GifWriter(std::uint32_t width, std::uint32_t height, bool colour, unsigned delay_ms, bool animated)
    : file_(std::make_unique<File>(width, height, colour, delay_ms, animated)) {}
GifWriter::~GifWriter() = default;
Result<void> GifWriter::add(const Picture& picture) { return file_->add(picture); }
Result<std::string> GifWriter::finish() { return file_->finish(); }

}  // namespace gantry::pixels
