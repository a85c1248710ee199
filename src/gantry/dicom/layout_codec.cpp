// What `dicom_image_meta.frame_index` holds: "GL", a version, the fields as variable-length integers, and a CRC-32 of
// all that. Fragments are kept as their distance from the one before (8 bytes of item header, as a rule) and length, so
// that a fragment costs three or four bytes.

#include <cstddef>
#include <limits>
#include <type_traits>

#include <zlib.h>

#include "gantry/dicom/layout.hpp"

namespace gantry::dicom {

namespace {

constexpr std::string_view kMagic = "GL";
constexpr char kVersion = 1;
constexpr std::size_t kChecksumBytes = 4;
constexpr std::size_t kHeadBytes = 3;

std::uint32_t checksum(std::string_view bytes) noexcept {
  return static_cast<std::uint32_t>(crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

class Writer {
 public:
  void number(std::uint64_t value) {
    while (value >= 0x80) {
      out_.push_back(static_cast<char>(0x80 | (value & 0x7F)));
      value >>= 7;
    }
    out_.push_back(static_cast<char>(value));
  }
  // Small for small distances in either direction.
  void distance(std::uint64_t to, std::uint64_t from) {
    const auto difference = static_cast<std::int64_t>(to - from);
    number((static_cast<std::uint64_t>(difference) << 1) ^ static_cast<std::uint64_t>(difference >> 63));
  }
  void text(std::string_view value) {
    number(value.size());
    out_.append(value);
  }
  void range(const ByteRange& value) {
    number(value.offset);
    number(value.length);
  }
  void raw(std::string_view bytes) { out_.append(bytes); }
  [[nodiscard]] const std::string& bytes() const noexcept { return out_; }
  std::string take() { return std::move(out_); }

 private:
  std::string out_;
};

// Never reads beyond its bytes; after the first flaw everything is 0 and `ok()` is false.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  std::uint64_t number() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      if (rest_.empty()) return fail();
      const auto byte = static_cast<std::uint8_t>(rest_.front());
      rest_.remove_prefix(1);
      if (shift == 63 && byte > 1) return fail();
      value |= std::uint64_t{byte & 0x7Fu} << shift;
      if (byte < 0x80) return value;
    }
    return fail();
  }
  template <class T>
  T small() {
    const std::uint64_t value = number();
    if (value > std::numeric_limits<T>::max()) return static_cast<T>(fail());
    return static_cast<T>(value);
  }
  std::uint64_t distance(std::uint64_t from) {
    const std::uint64_t coded = number();
    return from + ((coded >> 1) ^ (~(coded & 1) + 1));
  }
  std::string text() {
    const std::uint64_t size = number();
    if (size > rest_.size()) return fail(), std::string();
    std::string value(rest_.substr(0, static_cast<std::size_t>(size)));
    rest_.remove_prefix(static_cast<std::size_t>(size));
    return value;
  }
  ByteRange range() {
    ByteRange value;
    value.offset = number();
    value.length = number();
    return value;
  }
  // A count of things that take at least `least` bytes each, so that nothing is reserved on a lie.
  std::size_t count(std::size_t least) {
    const std::uint64_t value = number();
    if (value > rest_.size() / least) return static_cast<std::size_t>(fail());
    return static_cast<std::size_t>(value);
  }
  [[nodiscard]] bool ok() const noexcept { return ok_; }
  [[nodiscard]] bool at_end() const noexcept { return rest_.empty(); }

 private:
  std::uint64_t fail() {
    ok_ = false;
    rest_ = {};
    return 0;
  }
  std::string_view rest_;
  bool ok_ = true;
};

void write_pixels(Writer& writer, const PixelLayout& pixels) {
  writer.number(static_cast<std::uint64_t>(pixels.kind));
  if (pixels.kind == PixelLayout::Kind::kNone) return;
  writer.number(pixels.element.value());
  writer.number(pixels.frames);
  writer.number(pixels.rows);
  writer.number(pixels.columns);
  writer.number(pixels.samples);
  writer.number(pixels.bits_allocated);
  writer.number(pixels.word_bytes);
  writer.range(pixels.value);
  writer.number(pixels.frame_bits);
  writer.text(pixels.problem);
  writer.number(pixels.fragments.size());
  std::uint64_t end = pixels.value.offset;
  for (const ByteRange& fragment : pixels.fragments) {
    writer.distance(fragment.offset, end);
    writer.number(fragment.length);
    end = fragment.offset + fragment.length;
  }
  writer.number(pixels.first_fragment.size());
  std::uint64_t expected = 0;
  for (const std::uint32_t first : pixels.first_fragment) {
    writer.distance(first, expected);
    expected = std::uint64_t{first} + 1;
  }
}

bool read_pixels(Reader& reader, PixelLayout& pixels) {
  const auto kind = reader.small<std::uint8_t>();
  if (kind > static_cast<std::uint8_t>(PixelLayout::Kind::kUnusable)) return false;
  pixels.kind = static_cast<PixelLayout::Kind>(kind);
  if (pixels.kind == PixelLayout::Kind::kNone) return reader.ok();
  pixels.element = Tag(reader.small<std::uint32_t>());
  pixels.frames = reader.small<std::uint32_t>();
  pixels.rows = reader.small<std::uint16_t>();
  pixels.columns = reader.small<std::uint16_t>();
  pixels.samples = reader.small<std::uint16_t>();
  pixels.bits_allocated = reader.small<std::uint16_t>();
  pixels.word_bytes = reader.small<std::uint8_t>();
  pixels.value = reader.range();
  pixels.frame_bits = reader.number();
  pixels.problem = reader.text();
  const std::size_t fragments = reader.count(2);
  pixels.fragments.reserve(fragments);
  std::uint64_t end = pixels.value.offset;
  for (std::size_t i = 0; i < fragments && reader.ok(); ++i) {
    ByteRange fragment;
    fragment.offset = reader.distance(end);
    fragment.length = reader.number();
    end = fragment.offset + fragment.length;
    pixels.fragments.push_back(fragment);
  }
  const std::size_t firsts = reader.count(1);
  pixels.first_fragment.reserve(firsts);
  std::uint64_t expected = 0;
  for (std::size_t i = 0; i < firsts && reader.ok(); ++i) {
    const std::uint64_t first = reader.distance(expected);
    // Frames follow each other, so frame() may rely on rising numbers that exist.
    if (first > fragments || (i > 0 && first < pixels.first_fragment.back())) return false;
    pixels.first_fragment.push_back(static_cast<std::uint32_t>(first));
    expected = first + 1;
  }
  if (pixels.kind == PixelLayout::Kind::kEncapsulated && firsts != pixels.frames) return false;
  return reader.ok();
}

}  // namespace

std::string encode_layout(const Layout& layout) {
  Writer writer;
  writer.raw(kMagic);
  writer.raw({&kVersion, 1});
  writer.text(layout.transfer_syntax);
  writer.number(layout.dataset_offset);
  writer.number((layout.inflated ? 1u : 0u) | (layout.big_endian ? 2u : 0u));
  write_pixels(writer, layout.pixels);
  writer.number(layout.bulk.size());
  for (const BulkItem& item : layout.bulk) {
    writer.text(item.path);
    writer.text(item.vr);
    writer.range(item.range);
  }
  const std::uint32_t sum = checksum(writer.bytes());
  for (unsigned i = 0; i < kChecksumBytes; ++i) {
    const auto byte = static_cast<char>(sum >> (8 * i));
    writer.raw({&byte, 1});
  }
  return writer.take();
}

Result<Layout> decode_layout(std::string_view bytes) {
  if (bytes.size() < kHeadBytes + kChecksumBytes || !bytes.starts_with(kMagic)) {
    return Error::internal("a stored frame index is damaged");
  }
  if (bytes[kMagic.size()] != kVersion) return Error::internal("a stored frame index is of another version");
  const std::string_view content = bytes.substr(0, bytes.size() - kChecksumBytes);
  std::uint32_t sum = 0;
  for (unsigned i = 0; i < kChecksumBytes; ++i) {
    sum |= std::uint32_t{static_cast<std::uint8_t>(bytes[content.size() + i])} << (8 * i);
  }
  if (sum != checksum(content)) return Error::internal("a stored frame index does not match its checksum");

  Reader reader(content.substr(kHeadBytes));
  Layout layout;
  layout.transfer_syntax = reader.text();
  layout.dataset_offset = reader.number();
  const auto flags = reader.small<std::uint8_t>();
  layout.inflated = (flags & 1) != 0;
  layout.big_endian = (flags & 2) != 0;
  if (!read_pixels(reader, layout.pixels)) return Error::internal("a stored frame index is damaged");
  const std::size_t items = reader.count(4);
  layout.bulk.reserve(items);
  for (std::size_t i = 0; i < items && reader.ok(); ++i) {
    BulkItem item;
    item.path = reader.text();
    item.vr = reader.text();
    item.range = reader.range();
    layout.bulk.push_back(std::move(item));
  }
  if (!reader.ok() || !reader.at_end()) return Error::internal("a stored frame index is damaged");
  return layout;
}

}  // namespace gantry::dicom
