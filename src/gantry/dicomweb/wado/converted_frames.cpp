#include "gantry/dicomweb/wado/converted_frames.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "gantry/archive/pixel_service.hpp"
#include "gantry/dicomweb/representation.hpp"
#include "gantry/dicomweb/wado/pixel_offers.hpp"

namespace gantry::dicomweb::wado {

using http::Response;

namespace {

http::SharedBytes bytes_of(const archive::FramePtr& frame) { return {frame, &frame->bytes}; }

/// A frame that is made when its turn to be sent comes.
class LateFrame final : public ByteStream {
 public:
  LateFrame(archive::PixelService& pixels, archive::InstancePtr instance, std::uint32_t number, std::string target)
      : pixels_(pixels), instance_(std::move(instance)), number_(number), target_(std::move(target)) {}

  Result<std::size_t> read(std::span<std::byte> into) override {
    if (frame_ == nullptr) {
      GANTRY_LET(frame_, pixels_.frame(instance_, number_, target_));
    }
    const std::size_t count = std::min(into.size(), frame_->bytes.size() - sent_);
    std::memcpy(into.data(), frame_->bytes.data() + sent_, count);
    sent_ += count;
    return count;
  }

 private:
  archive::PixelService& pixels_;
  archive::InstancePtr instance_;
  std::uint32_t number_;
  std::string target_;
  archive::FramePtr frame_;
  std::size_t sent_ = 0;
};

}  // namespace

Task<Response> converted_frames(Services& services, archive::InstancePtr instance, std::vector<std::uint32_t> numbers,
                                Offer offer, std::string target, std::string etag, FrameLocation location) {
  constexpr std::size_t kMadeBefore = 4;
  auto& pixels = *services.pixels;
  if (!offer.multipart) {
    auto frame = co_await pixels.fetch_frame(instance, numbers.front(), target);
    if (!frame) co_return not_convertible(frame.error());
    Response response;
    response.headers.set("Content-Type", offer.media_type + "; transfer-syntax=" + target);
    set_cache_headers(response, etag);
    response.body.add(bytes_of(*frame));
    response.ranges = true;
    co_return response;
  }
  MultipartPlan parts(etag, services.settings);
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    parts.begin_part(offer.media_type, target, location(numbers[i]));
    if (i < kMadeBefore) {
      auto frame = co_await pixels.fetch_frame(instance, numbers[i], target);
      if (!frame) co_return not_convertible(frame.error());
      parts.add(bytes_of(*frame));
    } else {
      auto late = std::make_shared<LateFrame>(pixels, instance, numbers[i], target);
      parts.add(http::Produced{std::move(late), std::nullopt, &pixels.pool()});
    }
  }
  co_return parts.finish(offer.media_type);
}

}  // namespace gantry::dicomweb::wado
