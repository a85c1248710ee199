#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gantry/dicom/layout.hpp"
#include "gantry/dicom/part10_reader.hpp"

namespace gantry::dicom {

/// Learns from a data set's top level where the frames of its Pixel Data are (DESIGN §2). Of attributes that come twice
/// the first counts. Memory: 16 bytes a fragment, and offset tables up to the parser's limit on values.
class PixelIndexer {
 public:
  /// Whether on_value wants to see this attribute.
  [[nodiscard]] static bool wants(Tag tag) noexcept;
  /// (7FE0,0008), (7FE0,0009) or (7FE0,0010).
  [[nodiscard]] static bool is_pixel_data(Tag tag) noexcept;

  void on_value(Tag tag, std::string_view bytes, bool big_endian);
  /// Pixel Data of defined length.
  void on_native(const ElementHead& head);
  void begin_fragments(const ElementHead& head);
  void on_offset_table(std::uint64_t offset, std::uint32_t length, std::string_view bytes);
  void on_fragment(const FragmentHead& fragment);
  void end_fragments(std::uint64_t end);

  /// After the whole data set; `encoding` is the transfer syntax's line. Call once.
  [[nodiscard]] PixelLayout finish(const TransferSyntax& encoding);

 private:
  void finish_native(PixelLayout& pixels, const TransferSyntax& encoding) const;
  void finish_encapsulated(PixelLayout& pixels, const TransferSyntax& encoding);
  bool frames_by_extended_table(PixelLayout& pixels) const;
  bool frames_by_basic_table(PixelLayout& pixels) const;
  bool frames_by_walk(PixelLayout& pixels);
  [[nodiscard]] std::uint32_t frames_said() const noexcept { return frames_.value_or(1); }

  std::optional<std::uint16_t> rows_, columns_, samples_, bits_allocated_;
  std::optional<std::uint32_t> frames_;
  std::optional<std::string> photometric_, extended_offsets_, extended_lengths_;
  std::optional<ElementHead> element_;
  bool encapsulated_ = false;
  bool ignoring_ = false;  ///< fragments of a second Pixel Data
  std::uint64_t end_ = 0;  ///< encapsulated: behind the delimiter
  std::string basic_table_;
  std::uint64_t first_item_ = 0;  ///< offset of the first fragment's header: what tables count from
  std::vector<ByteRange> fragments_;
  std::vector<bool> starts_;  ///< whether the fragment begins like a codestream
};

}  // namespace gantry::dicom
