#include "gantry/dicom/pixel_indexer.hpp"

#include <algorithm>
#include <charconv>
#include <limits>

namespace gantry::dicom {

namespace {

constexpr Tag kSamples{0x0028, 0x0002};
constexpr Tag kPhotometric{0x0028, 0x0004};
constexpr Tag kFrames{0x0028, 0x0008};
constexpr Tag kRows{0x0028, 0x0010};
constexpr Tag kColumns{0x0028, 0x0011};
constexpr Tag kBitsAllocated{0x0028, 0x0100};
constexpr Tag kExtendedOffsets{0x7FE0, 0x0001};
constexpr Tag kExtendedLengths{0x7FE0, 0x0002};
constexpr Tag kFloatPixelData{0x7FE0, 0x0008};
constexpr Tag kDoublePixelData{0x7FE0, 0x0009};
constexpr Tag kPixelData{0x7FE0, 0x0010};
constexpr std::uint64_t kItemHead = 8;

std::uint64_t little(std::string_view bytes, std::size_t at, unsigned count) noexcept {
  std::uint64_t value = 0;
  for (unsigned i = 0; i < count; ++i) value |= std::uint64_t{static_cast<std::uint8_t>(bytes[at + i])} << (8 * i);
  return value;
}

// The marker that opens a codestream: JPEG and JPEG-LS SOI, JPEG 2000 and HTJ2K SOC with SIZ, the JP2 signature box,
// JPEG XL bare and boxed.
bool begins_codestream(std::string_view bytes) noexcept {
  using namespace std::string_view_literals;
  return bytes.starts_with("\xFF\xD8\xFF"sv) || bytes.starts_with("\xFF\x4F\xFF\x51"sv) ||
         bytes.starts_with("\0\0\0\x0CjP  "sv) || bytes.starts_with("\xFF\x0A"sv) ||
         bytes.starts_with("\0\0\0\x0CJXL "sv);
}

void set_once(std::optional<std::uint16_t>& member, std::string_view bytes, bool big_endian) {
  if (member || bytes.size() < 2) return;
  const auto a = static_cast<std::uint8_t>(bytes[0]);
  const auto b = static_cast<std::uint8_t>(bytes[1]);
  member = static_cast<std::uint16_t>(big_endian ? (a << 8) | b : (b << 8) | a);
}

}  // namespace

bool PixelIndexer::wants(Tag tag) noexcept {
  return tag == kSamples || tag == kPhotometric || tag == kFrames || tag == kRows || tag == kColumns ||
         tag == kBitsAllocated || tag == kExtendedOffsets || tag == kExtendedLengths;
}

bool PixelIndexer::is_pixel_data(Tag tag) noexcept {
  return tag == kPixelData || tag == kFloatPixelData || tag == kDoublePixelData;
}

void PixelIndexer::on_value(Tag tag, std::string_view bytes, bool big_endian) {
  if (tag == kRows) return set_once(rows_, bytes, big_endian);
  if (tag == kColumns) return set_once(columns_, bytes, big_endian);
  if (tag == kSamples) return set_once(samples_, bytes, big_endian);
  if (tag == kBitsAllocated) return set_once(bits_allocated_, bytes, big_endian);
  if (tag == kPhotometric && !photometric_) photometric_ = trim_padding(bytes);
  if (tag == kExtendedOffsets && !extended_offsets_) extended_offsets_ = bytes;
  if (tag == kExtendedLengths && !extended_lengths_) extended_lengths_ = bytes;
  if (tag == kFrames && !frames_) {
    std::string_view text = trim_padding(bytes);
    if (text.starts_with('+')) text.remove_prefix(1);
    std::uint32_t count = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), count);
    if (parsed.ec == std::errc{} && count > 0) frames_ = count;
  }
}

void PixelIndexer::on_native(const ElementHead& head) {
  if (!element_) element_ = head;
}

void PixelIndexer::begin_fragments(const ElementHead& head) {
  ignoring_ = element_.has_value();
  if (ignoring_) return;
  element_ = head;
  encapsulated_ = true;
}

void PixelIndexer::on_offset_table(std::uint64_t offset, std::uint32_t length, std::string_view bytes) {
  if (ignoring_) return;
  basic_table_ = bytes;
  first_item_ = offset + kItemHead + length;
}

void PixelIndexer::on_fragment(const FragmentHead& fragment) {
  if (ignoring_) return;
  fragments_.push_back({fragment.offset + kItemHead, fragment.length});
  starts_.push_back(begins_codestream(fragment.begin));
}

void PixelIndexer::end_fragments(std::uint64_t end) {
  if (!ignoring_) end_ = end;
}

PixelLayout PixelIndexer::finish(const TransferSyntax& encoding) {
  PixelLayout pixels;
  // Empty Pixel Data is none.
  if (!element_ || element_->length == 0) return pixels;
  pixels.element = element_->tag;
  pixels.rows = rows_.value_or(0);
  pixels.columns = columns_.value_or(0);
  pixels.samples = samples_.value_or(1);
  pixels.bits_allocated = bits_allocated_.value_or(0);
  const std::uint64_t begin = element_->value_offset;
  pixels.value = {begin, (encapsulated_ ? end_ : begin + element_->length) - begin};
  if (encapsulated_) {
    finish_encapsulated(pixels, encoding);
  } else {
    finish_native(pixels, encoding);
  }
  if (!pixels.problem.empty()) {
    pixels.kind = PixelLayout::Kind::kUnusable;
    pixels.frames = 0;
    pixels.first_fragment.clear();
  }
  return pixels;
}

void PixelIndexer::finish_native(PixelLayout& pixels, const TransferSyntax& encoding) const {
  pixels.kind = PixelLayout::Kind::kNative;
  if (pixels.element == kFloatPixelData) pixels.bits_allocated = 32;
  if (pixels.element == kDoublePixelData) pixels.bits_allocated = 64;
  if (encoding.encapsulated) {
    pixels.problem = "Pixel Data is not encapsulated, as its transfer syntax demands";
    return;
  }
  if (pixels.rows == 0 || pixels.columns == 0 || pixels.samples == 0 || pixels.bits_allocated == 0) {
    pixels.problem = "Rows, Columns, Samples per Pixel or Bits Allocated is missing or 0";
    return;
  }
  std::uint64_t samples = pixels.samples;
  // Chrominance is stored for every other pixel of a row (PS3.3 C.7.6.3.1.2).
  const bool subsampled = photometric_ == "YBR_FULL_422" || photometric_ == "YBR_PARTIAL_422";
  if (subsampled && samples == 3) samples = 2;
  // At most 65535^4 bits, which 64 bits hold.
  pixels.frame_bits = std::uint64_t{pixels.rows} * pixels.columns * samples * pixels.bits_allocated;
  if (pixels.frame_bits % 8 != 0 && pixels.bits_allocated != 1 && frames_said() > 1) {
    pixels.problem = "frames do not begin on a byte";
    return;
  }
  const std::uint64_t whole = pixels.value.length * 8 / pixels.frame_bits;
  if (whole == 0) {
    pixels.problem = "Pixel Data has " + std::to_string(pixels.value.length) + " bytes, a frame needs " +
                     std::to_string(pixels.frame_bits / 8 + (pixels.frame_bits % 8 != 0 ? 1 : 0));
    return;
  }
  pixels.frames = static_cast<std::uint32_t>(std::min<std::uint64_t>(whole, frames_said()));
  if (!element_->big_endian) return;  // what was written as UN is little endian in a big endian file, too
  // What is swapped is the VR's word: samples of 8 bits come in words of 16 when the VR is OW (PS3.5 §7.3).
  if (pixels.bits_allocated > 8) {
    pixels.word_bytes = static_cast<std::uint8_t>(pixels.bits_allocated / 8);
  } else if (element_->vr == Vr::kOW) {
    pixels.word_bytes = 2;
    if (pixels.frame_bits % 16 != 0 && pixels.frames > 1) pixels.problem = "frames begin inside a big endian word";
  }
}

void PixelIndexer::finish_encapsulated(PixelLayout& pixels, const TransferSyntax& encoding) {
  pixels.kind = PixelLayout::Kind::kEncapsulated;
  pixels.fragments = std::move(fragments_);
  if (!encoding.encapsulated) {
    pixels.problem = "Pixel Data is encapsulated, but its transfer syntax is a native one";
  } else if (encoding.video) {
    pixels.problem = "video has no frames by number";
  } else if (pixels.fragments.empty()) {
    pixels.problem = "Pixel Data has no fragments";
  } else if (!frames_by_extended_table(pixels) && !frames_by_basic_table(pixels) && !frames_by_walk(pixels)) {
    pixels.problem = std::to_string(pixels.fragments.size()) + " fragments can't be told apart into " +
                     std::to_string(frames_said()) + " frames";
  }
}

// PS3.3 C.7.6.3.1.8: one fragment a frame, whose length leaves out the padding byte. A table that doesn't point at
// items is ignored. The tables are of the data set's byte order, which is little endian wherever Pixel Data is
// encapsulated.
bool PixelIndexer::frames_by_extended_table(PixelLayout& pixels) const {
  if (!extended_offsets_) return false;
  const std::string_view offsets = *extended_offsets_;
  const std::size_t count = offsets.size() / 8;
  if (count == 0 || offsets.size() % 8 != 0 || count != pixels.fragments.size()) return false;
  if (frames_ && *frames_ != count) return false;
  for (std::size_t i = 0; i < count; ++i) {
    if (little(offsets, i * 8, 8) != pixels.fragments[i].offset - kItemHead - first_item_) return false;
  }
  pixels.frames = static_cast<std::uint32_t>(count);
  pixels.first_fragment.resize(count);
  for (std::size_t i = 0; i < count; ++i) pixels.first_fragment[i] = static_cast<std::uint32_t>(i);
  if (!extended_lengths_ || extended_lengths_->size() != offsets.size()) return true;
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t length = little(*extended_lengths_, i * 8, 8);
    if (length + 1 == pixels.fragments[i].length) pixels.fragments[i].length = length;
  }
  return true;
}

// PS3.5 A.4. Each entry must point at an item; they rise, and the first is 0.
bool PixelIndexer::frames_by_basic_table(PixelLayout& pixels) const {
  const std::size_t count = basic_table_.size() / 4;
  if (count == 0 || basic_table_.size() % 4 != 0 || count > pixels.fragments.size()) return false;
  if (frames_ && *frames_ != count) return false;
  std::vector<std::uint32_t> first;
  first.reserve(count);
  std::size_t fragment = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t wanted = first_item_ + little(basic_table_, i * 4, 4) + kItemHead;
    while (fragment < pixels.fragments.size() && pixels.fragments[fragment].offset < wanted) ++fragment;
    if (fragment == pixels.fragments.size() || pixels.fragments[fragment].offset != wanted) return false;
    if (i == 0 ? fragment != 0 : fragment <= first.back()) return false;
    first.push_back(static_cast<std::uint32_t>(fragment));
  }
  pixels.frames = static_cast<std::uint32_t>(count);
  pixels.first_fragment = std::move(first);
  return true;
}

bool PixelIndexer::frames_by_walk(PixelLayout& pixels) {
  const std::uint32_t said = frames_said();
  const std::size_t count = pixels.fragments.size();
  if (said == 1) {
    pixels.first_fragment = {0};
  } else {
    const auto starts = static_cast<std::size_t>(std::count(starts_.begin(), starts_.end(), true));
    // A fragment a frame; also when frames at the end are missing and each fragment is plainly a frame.
    const bool each = count == said || (count < said && starts == count);
    if (!each && (starts != said || !starts_.front())) return false;
    for (std::size_t i = 0; i < count; ++i) {
      if (each || starts_[i]) pixels.first_fragment.push_back(static_cast<std::uint32_t>(i));
    }
  }
  pixels.frames = static_cast<std::uint32_t>(pixels.first_fragment.size());
  return true;
}

}  // namespace gantry::dicom
