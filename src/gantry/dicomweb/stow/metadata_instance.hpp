#pragma once

// From metadata and bulk data parts to the Part 10 file that is stored (PS3.18 §10.5.1.2): Explicit VR Little Endian
// around Pixel Data as it came.

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "gantry/base/bytes.hpp"
#include "gantry/base/result.hpp"
#include "gantry/dicom/layout.hpp"
#include "gantry/dicomweb/stow/metadata.hpp"

namespace gantry::dicomweb::stow {

/// A part that holds a value, or one frame of compressed Pixel Data.
struct BulkPart {
  std::string media_type;       ///< lower case
  std::string transfer_syntax;  ///< its parameter; "" when there is none
  dicom::ByteRange range;       ///< in what all parts were written to, one behind the other
};
/// By Content-Location, in the order in which they came.
using BulkParts = std::map<std::string, std::vector<BulkPart>, std::less<>>;

/// A piece of the file: bytes, or a range of the parts.
using FilePiece = std::variant<std::string, dicom::ByteRange>;

struct MadeInstance {
  std::vector<FilePiece> pieces;         ///< of the file
  std::vector<dicom::Tag> discarded;     ///< of the metadata, as no data set can have them
  std::vector<dicom::Tag> contradicted;  ///< by the image that came with the metadata; kept as the metadata say
};

/// The file. What the metadata leave out and an image says itself (size, depth, colours, how many frames; the media
/// type of a document) is filled in. `bytes` is what the ranges are of; null when there are no parts. kInvalid: the
/// metadata can't be written as they are; kUnsupported: the transfer syntax is not known. Blocking. `left` is how many
/// bytes of parts may still be used: each use takes its length, so that no few parts become many files.
[[nodiscard]] Result<MadeInstance> make_instance(MetadataSet metadata, const BulkParts& parts,
                                                 const RandomAccess* bytes, std::uint64_t& left);

}  // namespace gantry::dicomweb::stow
