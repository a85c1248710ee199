#pragma once

// For tests: made-up Part 10 files, byte by byte, so that broken ones can be made as well.

#include <cstdint>
#include <string>
#include <string_view>

#include <zlib.h>

#include "gantry/dicom/tag.hpp"
#include "gantry/dicom/vr.hpp"

namespace gantry::dicom::testing {

struct Encoding {
  bool implicit = false;
  bool big_endian = false;
};

/// Appends elements to a data set, or to an item, in one encoding.
class DataSetBuilder {
 public:
  explicit DataSetBuilder(Encoding encoding = {}) : encoding_(encoding) {}

  DataSetBuilder& element(Tag tag, std::string_view vr, std::string_view value) {
    head(tag, vr, static_cast<std::uint32_t>(value.size()));
    bytes_.append(value);
    return *this;
  }
  /// Text, padded to even length.
  DataSetBuilder& text(Tag tag, std::string_view vr, std::string value) {
    if (value.size() % 2 != 0) value.push_back(vr == "UI" ? '\0' : ' ');
    return element(tag, vr, value);
  }
  DataSetBuilder& us(Tag tag, std::uint16_t value) { return element(tag, "US", u16(value)); }
  DataSetBuilder& head(Tag tag, std::string_view vr, std::uint32_t length) {
    bytes_ += u16(tag.group) + u16(tag.element);
    if (encoding_.implicit) {
      bytes_ += u32(length);
    } else if (const auto known = parse_vr(vr[0], vr[1]); !known || facts(*known).long_length) {
      bytes_ += std::string(vr) + std::string(2, '\0') + u32(length);
    } else {
      bytes_ += std::string(vr) + u16(static_cast<std::uint16_t>(length));
    }
    return *this;
  }
  DataSetBuilder& undefined(Tag tag, std::string_view vr) { return head(tag, vr, 0xFFFFFFFF); }
  DataSetBuilder& item(std::uint32_t length = 0xFFFFFFFF) { return mark(0xE000, length); }
  DataSetBuilder& end_item() { return mark(0xE00D, 0); }
  DataSetBuilder& end_sequence() { return mark(0xE0DD, 0); }
  DataSetBuilder& fragment(std::string_view bytes) {
    mark(0xE000, static_cast<std::uint32_t>(bytes.size()));
    bytes_.append(bytes);
    return *this;
  }
  DataSetBuilder& raw(std::string_view bytes) {
    bytes_.append(bytes);
    return *this;
  }

  [[nodiscard]] std::string u16(std::uint16_t value) const {
    const char low = static_cast<char>(value), high = static_cast<char>(value >> 8);
    return encoding_.big_endian ? std::string{high, low} : std::string{low, high};
  }
  [[nodiscard]] std::string u32(std::uint32_t value) const {
    const std::string low = u16(static_cast<std::uint16_t>(value)), high = u16(static_cast<std::uint16_t>(value >> 16));
    return encoding_.big_endian ? high + low : low + high;
  }
  [[nodiscard]] const std::string& bytes() const { return bytes_; }

 private:
  DataSetBuilder& mark(std::uint16_t element, std::uint32_t length) {
    bytes_ += u16(0xFFFE) + u16(element) + u32(length);
    return *this;
  }
  Encoding encoding_;
  std::string bytes_;
};

inline constexpr std::string_view kCtClass = "1.2.840.10008.5.1.4.1.1.2";
inline constexpr std::string_view kTestSop = "1.2.3.4";

/// Preamble, DICM and a File Meta group.
inline std::string file_meta(std::string_view transfer_syntax, std::string_view sop_class = kCtClass,
                             std::string_view sop = kTestSop) {
  DataSetBuilder meta;
  meta.element({0x0002, 0x0001}, "OB", std::string_view("\0\1", 2));
  if (!sop_class.empty()) meta.text({0x0002, 0x0002}, "UI", std::string(sop_class));
  if (!sop.empty()) meta.text({0x0002, 0x0003}, "UI", std::string(sop));
  if (!transfer_syntax.empty()) meta.text({0x0002, 0x0010}, "UI", std::string(transfer_syntax));
  DataSetBuilder length;
  length.element({0x0002, 0x0000}, "UL", length.u32(static_cast<std::uint32_t>(meta.bytes().size())));
  return std::string(128, '\0') + "DICM" + length.bytes() + meta.bytes();
}

/// The four UIDs that an instance must have; SOP class and instance come first, study and series in `after`.
inline DataSetBuilder& add_sop(DataSetBuilder& data) {
  return data.text({0x0008, 0x0016}, "UI", std::string(kCtClass)).text({0x0008, 0x0018}, "UI", std::string(kTestSop));
}
inline DataSetBuilder& add_study(DataSetBuilder& data) {
  return data.text({0x0020, 0x000D}, "UI", "1.2.3").text({0x0020, 0x000E}, "UI", "1.2.3.1");
}

/// A raw deflate stream.
inline std::string deflated(std::string_view bytes) {
  z_stream stream{};
  deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, -MAX_WBITS, 9, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&stream, bytes.size()) + 16, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

}  // namespace gantry::dicom::testing
