#include "gantry/dicomweb/stow/codestream.hpp"

namespace gantry::dicomweb::stow {
namespace {

using std::string_view_literals::operator""sv;

/// Big endian numbers; reads beyond the end give zero and are remembered.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}
  std::uint64_t number(std::size_t at, std::size_t bytes) {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < bytes; ++i) {
      if (at + i >= bytes_.size()) {
        ended_ = true;
        return 0;
      }
      value = value << 8 | static_cast<unsigned char>(bytes_[at + i]);
    }
    return value;
  }
  unsigned u8(std::size_t at) { return static_cast<unsigned>(number(at, 1)); }
  std::uint32_t u16(std::size_t at) { return static_cast<std::uint32_t>(number(at, 2)); }
  std::uint32_t u32(std::size_t at) { return static_cast<std::uint32_t>(number(at, 4)); }
  [[nodiscard]] bool ended() const noexcept { return ended_; }
  [[nodiscard]] std::string_view bytes() const noexcept { return bytes_; }

 private:
  std::string_view bytes_;
  bool ended_ = false;
};

std::string syntax(const char* last) { return std::string("1.2.840.10008.1.2.4.") + last; }

bool is_frame_header(unsigned marker) {
  return (marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC) || marker == 0xF7;
}

// ISO/IEC 10918-1 Annex B, 14495-1 Annex C.
std::optional<Codestream> read_jpeg(Reader reader) {
  Codestream image;
  unsigned frame = 0;
  bool subsampled = false;
  std::optional<unsigned> adobe;
  std::size_t at = 2;
  while (!reader.ended()) {
    if (reader.u8(at) != 0xFF) return std::nullopt;
    const unsigned marker = reader.u8(at + 1);
    if (marker == 0xFF) {
      ++at;  // fill bytes
      continue;
    }
    const std::uint32_t length = reader.u16(at + 2);
    if (length < 2) return std::nullopt;
    const std::size_t body = at + 4;
    if (is_frame_header(marker)) {
      frame = marker;
      image.bits = reader.u8(body);
      image.rows = reader.u16(body + 1);
      image.columns = reader.u16(body + 3);
      image.samples = reader.u8(body + 5);
      subsampled = reader.u8(body + 7) != 0x11;
    } else if (marker == 0xEE && length >= 14 && reader.bytes().substr(body).starts_with("Adobe")) {
      adobe = reader.u8(body + 11);
    } else if (marker == 0xDA) {
      const unsigned components = reader.u8(body);
      const unsigned selection = reader.u8(body + 1 + 2 * std::size_t{components});  // a predictor, or NEAR
      if (frame == 0 || reader.ended()) return std::nullopt;
      switch (frame) {
        case 0xC0: image.transfer_syntax = syntax("50"); break;
        case 0xC1: image.transfer_syntax = syntax("51"); break;
        case 0xC2: image.transfer_syntax = syntax("55"); break;
        case 0xC3: image.transfer_syntax = syntax(selection == 1 ? "70" : "57"); break;
        case 0xF7: image.transfer_syntax = syntax(selection == 0 ? "80" : "81"); break;
        default: return std::nullopt;
      }
      image.lossy = frame != 0xC3 && (frame != 0xF7 || selection != 0);
      const bool colours_changed = frame != 0xC3 && frame != 0xF7 && adobe != 0U;
      image.photometric = image.samples == 1 ? "MONOCHROME2"
                          : !colours_changed ? "RGB"
                          : subsampled       ? "YBR_FULL_422"
                                             : "YBR_FULL";
      return image;
    }
    at += 2 + length;
  }
  return std::nullopt;
}

// ISO/IEC 15444-1 Annex A; 15444-15 for HTJ2K.
std::optional<Codestream> read_j2k(Reader reader) {
  Codestream image;
  bool sized = false, high_throughput = false;
  std::size_t at = 2;
  while (!reader.ended()) {
    const std::uint32_t marker = reader.u16(at), length = reader.u16(at + 2);
    if (marker < 0xFF00 || length < 2) return std::nullopt;
    const std::size_t body = at + 4;
    if (marker == 0xFF51) {
      const std::uint32_t width = reader.u32(body + 2), height = reader.u32(body + 6);
      const std::uint32_t left = reader.u32(body + 10), top = reader.u32(body + 14);
      image.samples = reader.u16(body + 34);
      const unsigned depth = reader.u8(body + 36);
      if (width <= left || height <= top) return std::nullopt;
      image.columns = width - left;
      image.rows = height - top;
      image.bits = (depth & 0x7F) + 1;
      image.is_signed = (depth & 0x80) != 0;
      sized = true;
    } else if (marker == 0xFF50) {
      high_throughput = (reader.u32(body) & 0x00020000) != 0;  // part 15
    } else if (marker == 0xFF52) {
      const bool components = reader.u8(body + 4) != 0;
      const bool reversible = reader.u8(body + 9) == 1;
      if (!sized || reader.ended()) return std::nullopt;
      image.lossy = !reversible;
      image.transfer_syntax = high_throughput ? syntax(reversible ? "201" : "203") : syntax(reversible ? "90" : "91");
      image.photometric = image.samples == 1 ? "MONOCHROME2" : !components ? "RGB" : reversible ? "YBR_RCT" : "YBR_ICT";
      return image;
    }
    at += 2 + length;
  }
  return std::nullopt;
}

}  // namespace

std::optional<Codestream> read_codestream(std::string_view beginning) {
  if (beginning.starts_with("\xFF\xD8\xFF"sv)) return read_jpeg(Reader(beginning));
  if (beginning.starts_with("\xFF\x4F\xFF\x51"sv)) return read_j2k(Reader(beginning));
  if (!beginning.starts_with("\0\0\0\x0C\x6A\x50\x20\x20"sv)) return std::nullopt;
  Reader reader(beginning);
  for (std::uint64_t at = 0; at + 8 <= beginning.size();) {
    std::uint64_t length = reader.u32(at), head = 8;
    if (length == 1) {
      length = reader.number(at + 8, 8);
      head = 16;
    }
    if (reader.ended() || (length != 0 && length < head)) return std::nullopt;
    if (beginning.substr(at + 4, 4) == "jp2c") {
      if (at + head >= beginning.size() || !beginning.substr(at + head).starts_with("\xFF\x4F\xFF\x51"sv))
        return std::nullopt;
      auto image = read_j2k(Reader(beginning.substr(at + head)));
      if (image) image->offset = at + head;
      if (image && length != 0) image->length = length - head;
      return image;
    }
    if (length == 0 || length > beginning.size() - at) return std::nullopt;
    at += length;
  }
  return std::nullopt;
}

}  // namespace gantry::dicomweb::stow
