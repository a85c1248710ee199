#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "gantry/base/result.hpp"
#include "gantry/dicom/tag.hpp"

namespace gantry::dicom {

/// Bytes of the object. In an inflated layout offsets count from the start of the inflated data set instead.
struct ByteRange {
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
  friend bool operator==(const ByteRange&, const ByteRange&) = default;
};

/// Where the frames are, so that frame n is a range of bytes or a list of ranges without parsing (DESIGN §2).
struct PixelLayout {
  enum class Kind : std::uint8_t {
    kNone,          ///< no Pixel Data
    kNative,        ///< frames lie one behind the other
    kEncapsulated,  ///< frames are runs of fragments
    kUnusable,      ///< there is Pixel Data, but its frames can't be told apart (see `problem`): frames answer 404/406
  };
  Kind kind = Kind::kNone;
  Tag element;               ///< (7FE0,0010), or Float (7FE0,0008) or Double Float (7FE0,0009) Pixel Data
  std::uint32_t frames = 0;  ///< how many can be asked for
  std::uint16_t rows = 0, columns = 0, samples = 0, bits_allocated = 0;
  std::uint8_t word_bytes = 1;   ///< size of a sample, to swap big endian (1: no swap needed)
  ByteRange value;               ///< native: the whole value; encapsulated: from the first item to the delimiter's end
  std::uint64_t frame_bits = 0;  ///< native: bits of a frame (1-bit frames need not start on a byte)
  std::vector<ByteRange> fragments;           ///< encapsulated: without item headers, without the offset table
  std::vector<std::uint32_t> first_fragment;  ///< encapsulated: per frame; the next frame's begin is its end
  std::string problem;                        ///< kUnusable: why, for the answer's message
};

/// A value that the JSON names by BulkDataURI.
struct BulkItem {
  std::string path;  ///< what follows ".../bulkdata/": "7FE00010", nested "54000100/1/54001010" (items from 1)
  std::string vr;
  ByteRange range;
};

/// Everything the read path must know of an object's bytes; written once at ingest, kept with the instance's row.
struct Layout {
  std::string transfer_syntax;
  std::uint64_t dataset_offset = 0;  ///< first byte after the File Meta group
  bool inflated = false;             ///< offsets are in the inflated data set (deflated transfer syntax)
  bool big_endian = false;
  PixelLayout pixels;
  std::vector<BulkItem> bulk;  ///< sorted by path; Pixel Data is in `pixels` only

  /// The bytes of a native frame (first bit in `bit_shift` when it begins inside a byte), or an encapsulated one's
  /// fragments, from 1. kNotFound beyond the last, kUnsupported when kUnusable or without Pixel Data.
  struct Frame {
    std::vector<ByteRange> ranges;
    unsigned bit_shift = 0;  ///< 1-bit frames: the frame starts at this bit of the first byte
    std::uint64_t bits = 0;  ///< 1-bit frames: how many bits it has
  };
  [[nodiscard]] Result<Frame> frame(std::uint32_t number) const;
  /// Null when no bulk value has that path.
  [[nodiscard]] const BulkItem* find_bulk(std::string_view path) const noexcept;
};

/// A compact, versioned, self-checking encoding: what `dicom_image_meta.frame_index` holds.
[[nodiscard]] std::string encode_layout(const Layout& layout);
/// kInternal when it is damaged or of a newer version.
[[nodiscard]] Result<Layout> decode_layout(std::string_view bytes);

}  // namespace gantry::dicom
