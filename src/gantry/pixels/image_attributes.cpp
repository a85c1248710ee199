#include "gantry/pixels/image_attributes.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "gantry/dicom/explicit_le.hpp"
#include "gantry/dicom/transfer_syntax.hpp"

namespace gantry::pixels {
namespace {

using dicom::PixelLayout;
using dicom::Tag;

constexpr Tag kFloatPixels{0x7FE0, 0x0008};
constexpr Tag kDoublePixels{0x7FE0, 0x0009};
constexpr std::uint64_t kCodedOverhead = 1U << 20;

void swap_words(std::string& bytes, std::size_t word) {
  for (std::size_t at = 0; at + word <= bytes.size(); at += word) {
    std::reverse(bytes.begin() + static_cast<std::ptrdiff_t>(at), bytes.begin() + static_cast<std::ptrdiff_t>(at + word));
  }
}

std::string shifted(const std::string& bytes, unsigned shift, std::uint64_t bits) {
  std::string out(static_cast<std::size_t>((bits + 7) / 8), '\0');
  for (std::size_t i = 0; i < out.size(); ++i) {
    unsigned value = static_cast<unsigned char>(bytes[i]) >> shift;
    if (shift > 0 && i + 1 < bytes.size()) value |= static_cast<unsigned>(static_cast<unsigned char>(bytes[i + 1])) << (8 - shift);
    out[i] = static_cast<char>(value & 0xFFU);
  }
  if (bits % 8 != 0) out.back() = static_cast<char>(static_cast<unsigned char>(out.back()) & ((1U << (bits % 8)) - 1));
  return out;
}

}  // namespace

Result<ImageAttributes> read_image_attributes(const StoredObject& object) {
  const auto& layout = *object.layout;
  const auto& pixels = layout.pixels;
  if (pixels.kind == PixelLayout::Kind::kNone) return Error::not_found("the instance has no Pixel Data");
  if (pixels.kind == PixelLayout::Kind::kUnusable) {
    return Error::unsupported("frames of this instance can't be told apart: " + pixels.problem);
  }
  ImageAttributes image;
  GANTRY_LET(image.data_set, read_attributes(object));
  const auto& set = *image.data_set;
  const auto u16 = [&](Tag tag, std::uint16_t otherwise) {
    return static_cast<std::uint16_t>(set.integer(tag).value_or(otherwise));
  };
  FrameShape& shape = image.shape;
  shape.rows = pixels.rows;
  shape.columns = pixels.columns;
  shape.samples = pixels.samples == 0 ? std::uint16_t{1} : pixels.samples;
  shape.bits_allocated = pixels.bits_allocated;
  shape.is_float = pixels.element == kFloatPixels || pixels.element == kDoublePixels;
  if (pixels.element == kFloatPixels) shape.bits_allocated = 32;
  if (pixels.element == kDoublePixels) shape.bits_allocated = 64;
  shape.bits_stored = u16({0x0028, 0x0101}, shape.bits_allocated);
  shape.high_bit = u16({0x0028, 0x0102}, static_cast<std::uint16_t>(shape.bits_stored - 1));
  shape.is_signed = u16({0x0028, 0x0103}, 0) == 1;
  shape.planar = u16({0x0028, 0x0006}, 0) == 1;
  shape.photometric = set.text({0x0028, 0x0004});
  if (shape.photometric.empty()) shape.photometric = shape.samples > 1 ? "RGB" : "MONOCHROME2";
  // Native frames come out of a FrameReader little endian and inflated.
  shape.transfer_syntax = pixels.kind == PixelLayout::Kind::kEncapsulated ? layout.transfer_syntax
                                                                          : std::string(dicom::kExplicitLittleEndian);
  image.frames = pixels.frames;
  return image;
}

FrameReader::FrameReader(StoredObject object, FrameShape shape) : object_(std::move(object)), shape_(std::move(shape)) {}

Result<void> FrameReader::read_range(const dicom::ByteRange& range, std::string& into) {
  const std::size_t begin = into.size();
  into.resize(begin + static_cast<std::size_t>(range.length));
  auto target = std::as_writable_bytes(std::span(into)).subspan(begin);
  if (!object_.layout->inflated) {
    GANTRY_LET(const std::size_t count, object_.bytes->read_at(range.offset, target));
    if (count < target.size()) return Error::internal("an object ends before its layout does");
    return {};
  }
  if (inflated_ == nullptr || range.offset < position_) {
    GANTRY_LET(inflated_, dicom::inflate_dataset(object_.bytes, object_.layout->dataset_offset));
    position_ = 0;
  }
  std::array<std::byte, 16 << 10> skipped;
  while (position_ < range.offset) {
    const auto want = std::min<std::uint64_t>(skipped.size(), range.offset - position_);
    GANTRY_LET(const std::size_t count, inflated_->read(std::span(skipped).first(static_cast<std::size_t>(want))));
    if (count == 0) return Error::internal("a data set ends before its layout does");
    position_ += count;
  }
  while (!target.empty()) {
    GANTRY_LET(const std::size_t count, inflated_->read(target));
    if (count == 0) return Error::internal("a data set ends before its layout does");
    position_ += count;
    target = target.subspan(count);
  }
  return {};
}

Result<std::string> FrameReader::read(std::uint32_t number) {
  const auto& layout = *object_.layout;
  GANTRY_LET(auto frame, layout.frame(number));
  std::uint64_t total = 0;
  for (const auto& range : frame.ranges) total += range.length;
  if (total > 4 * shape_.values() * std::max(1U, shape_.sample_bytes()) + kCodedOverhead) {
    return Error::too_large("frame " + std::to_string(number) + " has " + std::to_string(total) +
                            " bytes, several times as many as its pixels");
  }
  const bool native = layout.pixels.kind == PixelLayout::Kind::kNative;
  const std::size_t word = native && layout.big_endian ? layout.pixels.word_bytes : 1;
  if (word > 1) {
    // A frame may begin or end inside a word.
    auto& range = frame.ranges.front();
    const std::uint64_t end = layout.pixels.value.offset + layout.pixels.value.length;
    range.length = std::min((range.length + word - 1) / word * word, end - range.offset);
  }
  std::string bytes;
  bytes.reserve(static_cast<std::size_t>(total) + word);
  for (const auto& range : frame.ranges) GANTRY_TRY(read_range(range, bytes));
  if (word > 1) swap_words(bytes, word);
  if (frame.bits % 8 != 0 || frame.bit_shift != 0) return shifted(bytes, frame.bit_shift, frame.bits);
  bytes.resize(static_cast<std::size_t>(total));
  return bytes;
}

}  // namespace gantry::pixels
