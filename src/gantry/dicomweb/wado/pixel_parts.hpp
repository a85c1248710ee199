#pragma once

// From a layout to what goes out: a frame, the whole Pixel Data, or another bulk value.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "gantry/archive/instance_cache.hpp"
#include "gantry/base/result.hpp"
#include "gantry/dicomweb/negotiation.hpp"
#include "gantry/dicomweb/representation.hpp"
#include "gantry/http/message.hpp"

namespace gantry::dicomweb::wado {

/// Parses "1,3,2": numbers from 1, in the order asked for. kInvalid for bad syntax, 0 and duplicates; kNotFound for
/// numbers that no frame can have.
[[nodiscard]] Result<std::vector<std::uint32_t>> parse_frame_list(std::string_view text);

/// What the frames of an instance, or its Pixel Data, are when they go out: media type and transfer syntax.
struct PixelType {
  std::string media_type;
  std::string transfer_syntax;
  bool compressed = false;
};
[[nodiscard]] PixelType pixel_type(const archive::LocatedInstance& instance);

/// Cuts an instance's bytes into what goes out. Deflated data sets are inflated once for all parts that are asked for
/// in order.
class PixelSource {
 public:
  explicit PixelSource(archive::InstancePtr instance);

  /// A frame's bytes: ranges of the file where they lie there ready, else made on the way. Errors are Layout::frame's.
  [[nodiscard]] Result<std::vector<http::Segment>> frame(std::uint32_t number);
  /// Native Pixel Data, or what there is of Pixel Data whose frames can't be told apart.
  [[nodiscard]] std::vector<http::Segment> whole();
  /// Another bulk value.
  [[nodiscard]] std::vector<http::Segment> value(const dicom::BulkItem& item);

 private:
  /// More than `listed_most` ranges become a stream: a plan's segment is several times as large as a range.
  std::vector<http::Segment> cut(std::vector<dicom::ByteRange> ranges, unsigned word_bytes, std::uint64_t value_end,
                                 std::size_t listed_most);

  archive::InstancePtr instance_;
  std::shared_ptr<const RandomAccess> inflated_;  ///< null: the file itself
};

/// All frames of an encapsulated instance as a whole multipart body, every part with `location`. Made on the way out,
/// so what it holds in memory does not grow with the number of frames.
[[nodiscard]] http::Produced all_frames(archive::InstancePtr instance, MultipartPlan parts, const PixelType& type,
                                        std::string location);

/// True when the edge may apply `Range`: nothing in the plan is made on the way.
[[nodiscard]] bool can_be_ranged(const http::BodyPlan& plan) noexcept;

}  // namespace gantry::dicomweb::wado
