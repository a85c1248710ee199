#include "gantry/dicomweb/wado/bulk_set.hpp"

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

#include "gantry/dicom/transfer_syntax.hpp"
#include "gantry/dicomweb/wado/pixel_offers.hpp"
#include "gantry/dicomweb/wado/pixel_parts.hpp"
#include "gantry/dicomweb/wado/pixel_streams.hpp"

namespace gantry::dicomweb::wado {
namespace {

using dicom::PixelLayout;

/// One part that is yet to be sent.
struct Part {
  std::string head;
  std::vector<http::Segment> segments;
};

/// The parts of one instance in the order of its attributes: bulk values, and Pixel Data at the end.
class InstanceBulk {
 public:
  InstanceBulk(const Services& services, archive::InstancePtr instance, const BulkSetWish& wish, std::string root)
      : instance_(std::move(instance)), source_(instance_), root_(std::move(root)), type_(pixel_type(*instance_)) {
    const auto& pixels = instance_->layout->pixels;
    if (wish.pixels_only) value_ = instance_->layout->bulk.size();
    const bool expand = type_.compressed && !wish.compressed;
    if (expand && comes_decoded(services, instance_->transfer_syntax) &&
        pixels.kind == PixelLayout::Kind::kEncapsulated && frames_end_on_bytes(*instance_)) {
      decoder_ = services.pixels;
    }
    frames_ = pixels.kind == PixelLayout::Kind::kNone           ? 0
              : expand && decoder_ == nullptr                   ? 0
              : pixels.kind == PixelLayout::Kind::kEncapsulated ? pixels.frames
                                                                : 1;
  }

  Result<std::optional<Part>> next(MultipartPlan& parts) {
    const auto& layout = *instance_->layout;
    if (value_ < layout.bulk.size()) {
      const auto& item = layout.bulk[value_++];
      return std::optional(
          Part{head(parts, "application/octet-stream", dicom::kExplicitLittleEndian, item.path), source_.value(item)});
    }
    if (frame_ == frames_) return std::optional<Part>();
    if (auto* const decoder = std::exchange(decoder_, nullptr)) {
      GANTRY_LET(auto decoded, decode(*decoder, parts));
      if (decoded) return decoded;
    }
    ++frame_;
    Part part;
    part.head = head(parts, type_.media_type, type_.transfer_syntax, dicom::to_hex8(layout.pixels.element));
    if (layout.pixels.kind == PixelLayout::Kind::kEncapsulated) {
      GANTRY_LET(part.segments, source_.frame(frame_));
    } else {
      part.segments = source_.whole();
    }
    return std::optional(std::move(part));
  }

 private:
  /// All frames as one value; nullopt when the first can't be decoded: then they go out as they are stored, and say so.
  Result<std::optional<Part>> decode(archive::PixelService& decoder, MultipartPlan& parts) {
    const auto image = decoder.image(*instance_);
    const auto first = image ? decoder.frame(instance_, 1, std::string(dicom::kExplicitLittleEndian)) : image.error();
    if (!first) {
      const auto kind = first.error().kind();
      if (kind == ErrorKind::kUnavailable || kind == ErrorKind::kInternal) return first.error();
      return std::optional<Part>();
    }
    frame_ = frames_;
    Part part;
    part.head = head(parts, "application/octet-stream", dicom::kExplicitLittleEndian,
                     dicom::to_hex8(instance_->layout->pixels.element));
    part.segments.emplace_back(decoded_frames(decoder, instance_, *image, *first));
    return std::optional(std::move(part));
  }

  std::string head(MultipartPlan& parts, std::string_view type, std::string_view syntax, std::string_view path) const {
    return parts.part_head(type, syntax, root_ + "/bulkdata/" + std::string(path));
  }

  archive::InstancePtr instance_;
  PixelSource source_;
  std::string root_;
  PixelType type_;
  std::size_t value_ = 0;
  std::uint32_t frame_ = 0, frames_ = 0;
  archive::PixelService* decoder_ = nullptr;  ///< Pixel Data is yet to be decoded
};

class BulkSetStream final : public ByteStream {
 public:
  BulkSetStream(Services& services, RequestContext context, StudyUid study, archive::InstanceList list,
                const BulkSetWish& wish, std::string study_root, MultipartPlan parts)
      : services_(services),
        context_(std::move(context)),
        study_(std::move(study)),
        list_(std::move(list)),
        wish_(wish),
        study_root_(std::move(study_root)),
        parts_(std::move(parts)) {}

  /// False: there is nothing to send.
  Result<bool> begin() {
    GANTRY_TRY(open_next());
    return !closed_;
  }

  Result<std::size_t> read(std::span<std::byte> into) override {
    if (into.empty()) return std::size_t{0};
    for (;;) {
      if (sent_ < text_.size()) {
        const std::size_t count = std::min(into.size(), text_.size() - sent_);
        std::memcpy(into.data(), text_.data() + sent_, count);
        sent_ += count;
        return count;
      }
      if (bytes_ != nullptr) {
        GANTRY_LET(const std::size_t count, bytes_->read(into));
        if (count > 0) return count;
        bytes_ = nullptr;
      }
      if (segment_ < part_.segments.size()) {
        open_segment(part_.segments[segment_++]);
        continue;
      }
      if (closed_) return std::size_t{0};
      GANTRY_TRY(open_next());
    }
  }

 private:
  void open_segment(http::Segment& segment) {
    if (auto* file = std::get_if<http::FileRange>(&segment)) {
      bytes_ = range_stream(file->file, {{file->offset, file->length}});
    } else if (auto* produced = std::get_if<http::Produced>(&segment)) {
      bytes_ = produced->stream;
    } else if (auto* shared = std::get_if<http::SharedBytes>(&segment)) {
      text_ = **shared;
      sent_ = 0;
    } else {
      text_ = std::move(std::get<http::Bytes>(segment));
      sent_ = 0;
    }
  }

  Result<void> open_next() {
    sent_ = segment_ = 0;
    for (;;) {
      if (instance_) {
        GANTRY_LET(auto part, instance_->next(parts_));
        if (part) {
          part_ = *std::move(part);
          text_ = std::move(part_.head);
          return {};
        }
        instance_.reset();
      }
      GANTRY_LET(const auto listed, next_listed());
      if (!listed) break;
      GANTRY_LET(auto found, services_.retrieves.locate(context_, study_, listed->series, listed->sop));
      instance_.emplace(services_, std::move(found), wish_,
                        study_root_ + "/series/" + listed->series.str() + "/instances/" + listed->sop.str());
    }
    part_ = {};
    text_ = parts_.closing();
    closed_ = true;
    return {};
  }

  Result<std::optional<archive::ListedInstance>> next_listed() {
    if (next_ < list_.first.size()) return std::optional(std::move(list_.first[next_++]));
    if (list_.more == nullptr) return std::optional<archive::ListedInstance>();
    return list_.more->next();
  }

  Services& services_;
  RequestContext context_;
  StudyUid study_;
  archive::InstanceList list_;
  BulkSetWish wish_;
  std::string study_root_;
  MultipartPlan parts_;
  std::size_t next_ = 0;
  std::optional<InstanceBulk> instance_;
  Part part_;
  std::size_t segment_ = 0;
  std::shared_ptr<ByteStream> bytes_;
  std::string text_;
  std::size_t sent_ = 0;
  bool closed_ = false;
};

}  // namespace

bool comes_decoded(const Services& services, std::string_view transfer_syntax) noexcept {
  return services.pixels != nullptr && pixels::can_decode(transfer_syntax);
}

Result<std::shared_ptr<ByteStream>> bulk_set(Services& services, const RequestContext& context, const StudyUid& study,
                                             archive::InstanceList list, const BulkSetWish& wish,
                                             std::string study_root, MultipartPlan parts) {
  auto stream = std::make_shared<BulkSetStream>(services, context, study, std::move(list), wish, std::move(study_root),
                                                std::move(parts));
  GANTRY_LET(const bool any, stream->begin());
  if (!any) return Error::not_found(wish.pixels_only ? "there is no Pixel Data" : "there is no bulk data");
  return std::shared_ptr<ByteStream>(std::move(stream));
}

}  // namespace gantry::dicomweb::wado
