#pragma once

#include <cstdint>
#include <memory>

#include "gantry/base/result.hpp"
#include "gantry/pixels/attribute_tree.hpp"
#include "gantry/pixels/frame_shape.hpp"

namespace gantry::pixels {

/// An instance's frames and what its data set says of them. Immutable, shared between requests.
struct ImageAttributes {
  FrameShape shape;  ///< of each frame as it is stored
  std::uint32_t frames = 0;
  std::shared_ptr<const AttributeItem> data_set;
};

/// Reads it from an object. kNotFound when there is no Pixel Data, kUnsupported when its frames can't be told apart, as
/// in a video.
[[nodiscard]] Result<ImageAttributes> read_image_attributes(const StoredObject& object);

/// Reads frames of one object as they are stored: fragments joined, big endian words swapped, 1-bit frames shifted to
/// begin on a byte, deflated data sets inflated. Blocking; one thread at a time; quickest forwards.
class FrameReader {
 public:
  FrameReader(StoredObject object, FrameShape shape);
  /// From 1. kNotFound beyond the last; kTooLarge for a codestream several times as large as its frame.
  Result<std::string> read(std::uint32_t number);

 private:
  Result<void> read_range(const dicom::ByteRange& range, std::string& into);

  StoredObject object_;
  FrameShape shape_;
  std::unique_ptr<ByteStream> inflated_;
  std::uint64_t position_ = 0;  ///< of `inflated_`
};

}  // namespace gantry::pixels
