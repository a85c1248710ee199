#pragma once

// In which forms frames and Pixel Data can be had: as stored, decoded, and in other transfer syntaxes (PS3.18 §8.7.3).

#include <string>
#include <vector>

#include "gantry/archive/pixel_service.hpp"
#include "gantry/dicomweb/negotiation.hpp"
#include "gantry/dicomweb/services.hpp"
#include "gantry/dicomweb/wado/pixel_parts.hpp"

namespace gantry::dicomweb::wado {

/// Offers, and what is behind each: "" for the stored bytes, or the transfer syntax that frames are converted to.
struct FrameOffers {
  std::vector<Offer> offers;
  std::vector<std::string> targets;
};

/// For frames by number. What is held lossless comes decoded by default, what is held lossy as stored.
[[nodiscard]] FrameOffers frame_offers(const Services& services, const archive::LocatedInstance& instance,
                                       const PixelType& stored, bool single_part);
/// For Pixel Data as a whole: as stored by default, decoded, and in other transfer syntaxes, a part per frame.
[[nodiscard]] FrameOffers pixel_data_offers(const Services& services, const archive::LocatedInstance& instance,
                                            const PixelType& stored, bool multipart_first, bool single_part);

/// The status of frames that can't be converted: 406 and what can be had instead, when it is the pixels' own fault.
[[nodiscard]] http::Response not_convertible(const Error& error);

/// All frames decoded, one behind the other, made while they are sent. The first is given already.
[[nodiscard]] http::Produced decoded_frames(archive::PixelService& pixels, const archive::InstancePtr& instance,
                                            archive::ImagePtr image, archive::FramePtr first);

/// Whether decoded frames may stand one behind the other without a gap: 1-bit ones must end on a byte.
[[nodiscard]] bool frames_end_on_bytes(const archive::LocatedInstance& instance) noexcept;

}  // namespace gantry::dicomweb::wado
