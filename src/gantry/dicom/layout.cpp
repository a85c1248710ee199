#include "gantry/dicom/layout.hpp"

#include <algorithm>

namespace gantry::dicom {

namespace {

constexpr std::uint64_t kByteBits = 8;

Result<Layout::Frame> native_frame(const PixelLayout& pixels, std::uint32_t number) {
  Layout::Frame frame;
  std::uint64_t first_bit = 0;
  std::uint64_t end_bit = 0;
  if (__builtin_mul_overflow(std::uint64_t{number - 1}, pixels.frame_bits, &first_bit) ||
      __builtin_add_overflow(first_bit, pixels.frame_bits, &end_bit) ||
      end_bit / kByteBits + (end_bit % kByteBits != 0 ? 1 : 0) > pixels.value.length) {
    return Error::internal("the layout has frames beyond its Pixel Data");
  }
  const std::uint64_t first = first_bit / kByteBits;
  const std::uint64_t end = end_bit / kByteBits + (end_bit % kByteBits != 0 ? 1 : 0);
  frame.ranges.push_back({pixels.value.offset + first, end - first});
  if (pixels.bits_allocated == 1) {
    frame.bit_shift = static_cast<unsigned>(first_bit % kByteBits);
    frame.bits = pixels.frame_bits;
  }
  return frame;
}

}  // namespace

Result<Layout::Frame> Layout::frame(std::uint32_t number) const {
  if (pixels.kind == PixelLayout::Kind::kNone) return Error::unsupported("the instance has no Pixel Data");
  if (pixels.kind == PixelLayout::Kind::kUnusable) return Error::unsupported(pixels.problem);
  if (number == 0 || number > pixels.frames) {
    return Error::not_found("there is no frame " + std::to_string(number) + ", the instance has " +
                            std::to_string(pixels.frames));
  }
  if (pixels.kind == PixelLayout::Kind::kNative) return native_frame(pixels, number);

  const std::size_t begin = pixels.first_fragment[number - 1];
  const std::size_t end = number < pixels.frames ? pixels.first_fragment[number] : pixels.fragments.size();
  Frame found;
  found.ranges.assign(pixels.fragments.begin() + static_cast<std::ptrdiff_t>(begin),
                      pixels.fragments.begin() + static_cast<std::ptrdiff_t>(end));
  return found;
}

const BulkItem* Layout::find_bulk(std::string_view path) const noexcept {
  const auto found = std::lower_bound(bulk.begin(), bulk.end(), path,
                                      [](const BulkItem& item, std::string_view wanted) { return item.path < wanted; });
  return found != bulk.end() && found->path == path ? &*found : nullptr;
}

}  // namespace gantry::dicom
