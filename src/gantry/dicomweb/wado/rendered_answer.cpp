#include "gantry/dicomweb/wado/rendered_answer.hpp"

#include <utility>

#include "gantry/dicomweb/wado/picture_maker.hpp"

namespace gantry::dicomweb::wado {

std::vector<Offer> picture_offers(bool single_part, bool multipart) {
  std::vector<Offer> offers;
  for (const bool parts : {false, true}) {
    if (parts ? !multipart : !single_part) continue;
    for (const auto type : {kJpegPicture, kPngPicture, kGifPicture}) {
      Offer offer;
      offer.multipart = parts;
      offer.media_type = type;
      offers.push_back(std::move(offer));
    }
  }
  return offers;
}

http::Response not_rendered(const Error& error) {
  const bool askers = error.detail().starts_with("the viewport");
  switch (error.kind()) {
    case ErrorKind::kInvalid:
      if (askers) return http::problem(error);
      [[fallthrough]];
    case ErrorKind::kUnsupported:
    case ErrorKind::kTooLarge: return http::problem(406, error.detail());
    default: return http::problem(error);
  }
}

std::optional<http::Response> check_profile(const RenderRequest& request, std::string_view media_type) {
  if (!request.icc_profile || media_type != kGifPicture) return std::nullopt;
  return http::problem(400,
                       "iccprofile: GIF pictures carry no ICC profile; ask for image/png or image/jpeg, or for "
                       "iccprofile=no");
}

}  // namespace gantry::dicomweb::wado
