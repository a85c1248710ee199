#include "gantry/dicomweb/wado/pixel_offers.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "gantry/dicom/transfer_syntax.hpp"
#include "gantry/dicomweb/wado/delivery.hpp"
#include "gantry/pixels/syntaxes.hpp"

namespace gantry::dicomweb::wado {
namespace {

/// As far as the layout knows it.
pixels::FrameShape shape_of(const dicom::PixelLayout& layout) {
  pixels::FrameShape shape;
  shape.rows = layout.rows;
  shape.columns = layout.columns;
  shape.samples = layout.samples;
  shape.bits_allocated = layout.bits_allocated;
  shape.is_float = layout.element != dicom::Tag{0x7FE0, 0x0010};
  return shape;
}

class Collector {
 public:
  Collector(FrameOffers& to, bool multipart_first, bool single_part) : to_(to), forms_{multipart_first, !multipart_first}, single_part_(single_part) {}

  void add(Offer offer, const std::string& target) {
    for (const bool multipart : forms_) {
      if (!multipart && !single_part_) continue;
      offer.multipart = multipart;
      to_.offers.push_back(offer);
      to_.targets.push_back(target);
    }
  }

 private:
  FrameOffers& to_;
  bool forms_[2];
  bool single_part_;
};

Offer stored_offer(const PixelType& stored) {
  Offer offer;
  offer.media_type = stored.media_type;
  offer.transfer_syntax = stored.transfer_syntax;
  offer.as_octets = stored.compressed;
  return offer;
}

Offer decoded_offer() {
  Offer offer;
  offer.media_type = "application/octet-stream";
  offer.transfer_syntax = dicom::kExplicitLittleEndian;
  offer.by_star = false;
  return offer;
}

std::string frame_media_type(std::string_view transfer_syntax) {
  const auto* known = dicom::find_transfer_syntax(transfer_syntax);
  return known == nullptr ? "application/octet-stream" : std::string(known->frame_media_type);
}

/// Pixel Data of more frames is converted frame by frame only.
constexpr std::uint32_t kConvertedPartsMost = 10'000;

/// Every transfer syntax that its pixels can be written in.
void add_targets(Collector& collect, const archive::LocatedInstance& instance, const PixelType& stored) {
  const auto shape = shape_of(instance.layout->pixels);
  for (const auto& target : transcoding_targets()) {
    if (target == dicom::kExplicitLittleEndian || target == instance.transfer_syntax) continue;
    if (!pixels::can_encode(shape, target)) continue;
    Offer offer;
    offer.media_type = frame_media_type(target);
    offer.transfer_syntax = target;
    offer.by_star = false;
    // image/jpeg alone means lossless JPEG (PS3.18 Table 8.7.3-5), which is not written here.
    offer.by_default = target != pixels::kJpegBaseline && offer.media_type != stored.media_type;
    collect.add(offer, target);
  }
}

class DecodedFrames final : public ByteStream {
 public:
  DecodedFrames(pixels::FrameMaker make, std::uint32_t frames, archive::FramePtr first)
      : make_(std::move(make)), frames_(frames), frame_(std::move(first)) {}

  Result<std::size_t> read(std::span<std::byte> into) override {
    while (sent_ == frame_->bytes.size()) {
      if (number_ == frames_) return std::size_t{0};
      GANTRY_LET(frame_, make_(++number_));
      sent_ = 0;
    }
    const std::size_t count = std::min(into.size(), frame_->bytes.size() - sent_);
    std::memcpy(into.data(), frame_->bytes.data() + sent_, count);
    sent_ += count;
    return count;
  }

 private:
  pixels::FrameMaker make_;
  std::uint32_t frames_;
  archive::FramePtr frame_;
  std::uint32_t number_ = 1;
  std::size_t sent_ = 0;
};

}  // namespace

FrameOffers frame_offers(const Services& services, const archive::LocatedInstance& instance, const PixelType& stored,
                         bool single_part) {
  FrameOffers made;
  Collector collect(made, true, single_part);
  const bool codecs = services.pixels != nullptr && pixels::can_decode(instance.transfer_syntax);
  const auto* syntax = dicom::find_transfer_syntax(instance.transfer_syntax);
  const bool expands = codecs && stored.compressed;
  const bool lossless = syntax != nullptr && syntax->lossless;
  if (expands && lossless) collect.add(decoded_offer(), std::string(dicom::kExplicitLittleEndian));
  collect.add(stored_offer(stored), "");
  if (expands && !lossless) collect.add(decoded_offer(), std::string(dicom::kExplicitLittleEndian));
  if (codecs) add_targets(collect, instance, stored);
  return made;
}

FrameOffers pixel_data_offers(const Services& services, const archive::LocatedInstance& instance,
                              const PixelType& stored, bool multipart_first, bool single_part) {
  FrameOffers made;
  Collector collect(made, multipart_first, single_part);
  collect.add(stored_offer(stored), "");
  const bool codecs = services.pixels != nullptr && pixels::can_decode(instance.transfer_syntax);
  const auto kind = instance.layout->pixels.kind;
  if (codecs && kind == dicom::PixelLayout::Kind::kEncapsulated && frames_end_on_bytes(instance)) {
    Collector(made, false, true).add(decoded_offer(), std::string(dicom::kExplicitLittleEndian));
  }
  const bool frames = kind == dicom::PixelLayout::Kind::kEncapsulated || kind == dicom::PixelLayout::Kind::kNative;
  if (codecs && frames && instance.layout->pixels.frames <= kConvertedPartsMost) {
    Collector parts(made, true, instance.layout->pixels.frames == 1);
    add_targets(parts, instance, stored);
  }
  return made;
}

bool frames_end_on_bytes(const archive::LocatedInstance& instance) noexcept {
  const auto& layout = instance.layout->pixels;
  return layout.bits_allocated != 1 || layout.frames == 1 || shape_of(layout).values() % 8 == 0;
}

http::Response not_convertible(const Error& error) {
  switch (error.kind()) {
    case ErrorKind::kInvalid:
    case ErrorKind::kUnsupported:
    case ErrorKind::kTooLarge:
      return http::problem(406, error.detail() + ". transfer-syntax=* gives the frame as it was stored");
    default:
      return http::problem(error);
  }
}

http::Produced decoded_frames(archive::PixelService& pixels, const archive::InstancePtr& instance,
                              archive::ImagePtr image, archive::FramePtr first) {
  const std::uint32_t frames = image->frames;
  const std::uint64_t length = first->bytes.size() * std::uint64_t{frames};
  auto make = pixels.frames_of(instance, std::move(image), std::string(dicom::kExplicitLittleEndian));
  return {std::make_shared<DecodedFrames>(std::move(make), frames, std::move(first)), length, &pixels.pool()};
}

}  // namespace gantry::dicomweb::wado
