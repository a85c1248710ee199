// WADO-URI (PS3.18 §9): one instance as a DICOM file, by query parameters.

#include <map>
#include <optional>
#include <utility>

#include "gantry/dicom/transfer_syntax.hpp"
#include "gantry/dicomweb/negotiation.hpp"
#include "gantry/dicomweb/representation.hpp"
#include "gantry/dicomweb/wado/handlers.hpp"
#include "gantry/dicomweb/wado/instance_body.hpp"
#include "gantry/dicomweb/wado/instance_path.hpp"
#include "gantry/dicomweb/wado/picture_maker.hpp"
#include "gantry/dicomweb/wado/pixel_offers.hpp"
#include "gantry/dicomweb/wado/rendered_answer.hpp"
#include "gantry/dicomweb/wado/rendered_state.hpp"
#include "gantry/http/media_type.hpp"

namespace gantry::dicomweb::wado {
namespace {

using http::Request;
using http::Response;

struct UriRequest {
  InstancePath path;
  SyntaxWish wish;
  bool takes_dicom = false;
  std::string picture;         ///< media type of the picture that is wanted; "": none
  bool takes_default = false;  ///< nothing was said: what is usual for the object (§9.1.2.2.1)
  std::uint32_t frame = 1;
  RenderRequest render;
  std::optional<InstancePath> state;  ///< where the presentation state is that is to be applied
};

Result<UriRequest> read_request(const http::QueryPairs& query) {
  std::map<std::string, std::string, std::less<>> values;
  for (const auto& [name, value] : query) values.emplace(name, value);
  const auto value_of = [&](std::string_view name) -> std::string {
    const auto found = values.find(name);
    return found == values.end() ? std::string() : found->second;
  };
  // Sending the names to someone who asked for none would be worse than refusing.
  if (!value_of("anonymize").empty()) return Error::invalid("anonymize can't be done here: nothing was sent");
  if (value_of("requestType") != "WADO") return Error::invalid("requestType=WADO is missing");
  UriRequest wanted;
  for (const char* name : {"studyUID", "seriesUID", "objectUID"}) {
    const auto uid = value_of(name);
    if (uid.empty()) return Error::invalid(std::string(name) + " is missing");
    if (!is_valid_uid(uid)) return Error::invalid(std::string(name) + " is no UID");
  }
  wanted.path.study = StudyUid(value_of("studyUID"));
  wanted.path.series = SeriesUid(value_of("seriesUID"));
  wanted.path.sop = SopUid(value_of("objectUID"));
  wanted.wish = value_of("transferSyntax");
  if (!wanted.wish.empty() && wanted.wish != "*" && !is_valid_uid(wanted.wish)) {
    return Error::invalid("transferSyntax is no UID");
  }
  // Without contentType a client gets the default of the object's kind, which is image/jpeg for images (§9.1.2.2.1).
  wanted.takes_default = value_of("contentType").empty();
  for (const auto& range : http::parse_accept(value_of("contentType"))) {
    if (range.quality == 0) continue;
    const auto essence = range.type.essence();
    if (wanted.picture.empty() && !wanted.takes_dicom) {
      if (essence == "image/*") wanted.picture = kJpegPicture;
      if (essence == kJpegPicture || essence == kPngPicture || essence == kGifPicture) wanted.picture = essence;
    }
    if (essence != "application/dicom" && essence != "*/*" && essence != "application/*") continue;
    wanted.takes_dicom = true;
    const auto syntax = range.type.parameter("transfer-syntax");
    if (wanted.wish.empty() && syntax) wanted.wish = std::string(*syntax);
  }
  if (const auto number = value_of("frameNumber"); !number.empty()) {
    const auto frames = parse_frame_list(number);
    if (!frames || frames->size() != 1) return Error::invalid("frameNumber: a number from 1 was expected");
    wanted.frame = frames->front();
  }
  GANTRY_LET(wanted.render, parse_uri_render_request(query));
  const auto state = value_of("presentationUID");
  const auto state_series = value_of("presentationSeriesUID");
  if (state.empty() != state_series.empty()) {
    return Error::invalid("presentationUID and presentationSeriesUID are given together (PS3.18 §9.1.2.2.4)");
  }
  if (!state.empty()) {
    if (!is_valid_uid(state)) return Error::invalid("presentationUID is no UID");
    if (!is_valid_uid(state_series)) return Error::invalid("presentationSeriesUID is no UID");
    GANTRY_TRY(check_beside_state(wanted.render));
    // A state and its images are of one study (PS3.3 C.11.11).
    wanted.state = InstancePath{wanted.path.study, SeriesUid(state_series), SopUid(state)};
  }
  return wanted;
}

/// Lets `wanted` show `instance` as the presentation state that it names says. kInvalid when there is none like that.
Task<Result<RenderRequest>> with_named_state(Services& services, const RequestContext& context,
                                             archive::InstancePtr instance, UriRequest wanted) {
  auto found = co_await find_instance(services, context, *wanted.state);
  if (!found && found.error().kind() != ErrorKind::kNotFound) co_return found.error();
  if (!found || !pixels::is_any_presentation_state((*found)->sop_class)) {
    co_return Error::invalid("presentationUID names no presentation state of this study");
  }
  const archive::InstancePtr state_instance = *found;
  auto with = co_await with_state(services, context, state_instance, std::move(wanted.render));
  if (with && with->state->find(instance->sop.view(), wanted.frame) == nullptr) {
    co_return Error::invalid("the presentation state of presentationUID is not for this image, or not for this frame");
  }
  co_return with;
}

Task<Response> give_picture(Services& services, Request& request, archive::InstancePtr instance, UriRequest wanted,
                            std::string media_type) {
  const auto kind = instance->layout->pixels.kind;
  if (kind == dicom::PixelLayout::Kind::kNone) co_return http::problem(404, "the instance has no Pixel Data");
  if (const auto frame = instance->layout->frame(wanted.frame); !frame) {
    co_return frame.error().kind() == ErrorKind::kNotFound ? http::problem(frame.error()) : not_convertible(frame.error());
  }
  if (auto refusal = check_profile(wanted.render, media_type)) co_return *std::move(refusal);
  wanted.render.font = services.font;
  if (wanted.state) {
    auto with = co_await with_named_state(services, request.context, instance, wanted);
    if (!with && with.error().kind() == ErrorKind::kUnsupported) co_return not_rendered(with.error());
    if (!with) co_return http::problem(with.error());
    wanted.render = *std::move(with);
  }
  std::vector<std::uint32_t> frames{wanted.frame};
  if (media_type == kGifPicture) {
    const auto& state = wanted.render.state;
    const auto named = state == nullptr ? std::nullopt : state->frames_of(instance->sop.view());
    for (std::uint32_t number = wanted.frame + 1; number <= instance->layout->pixels.frames; ++number) {
      if (!named || named->contains(number)) frames.push_back(number);
    }
  }
  const std::string etag =
      make_etag({"uri picture", request.context.tenant.view(), instance->object_key.view(), media_type,
                 std::to_string(wanted.frame), wanted.render.canonical()});
  if (auto unchanged = not_modified(request.headers, etag)) co_return *std::move(unchanged);
  auto picture = co_await fetch_picture(*services.pixels, instance, frames, wanted.render, media_type);
  if (!picture) co_return not_rendered(picture.error());
  Response response;
  response.headers.set("Content-Type", media_type);
  set_cache_headers(response, etag);
  for (const auto& text : wanted.render.warnings) add_warning(response, uri_root(services.settings, request), text);
  response.body.add(http::SharedBytes(*picture, &(*picture)->bytes));
  response.ranges = true;
  co_return response;
}

}  // namespace

Task<Response> retrieve_by_uri(Services& services, Request& request) {
  const auto query = http::parse_query(request.query);
  if (!query) co_return http::problem(query.error());
  const auto wanted = read_request(*query);
  if (!wanted) co_return http::problem(wanted.error());
  auto found = co_await find_instance(services, request.context, wanted->path);
  if (!found) co_return http::problem(found.error());
  const archive::InstancePtr instance = *found;
  const auto& layout = instance->layout->pixels;
  const bool frames = layout.kind == dicom::PixelLayout::Kind::kNative ||
                      layout.kind == dicom::PixelLayout::Kind::kEncapsulated;
  std::string picture = wanted->picture;
  // An image of one frame is a picture, everything else an object, when nothing else was asked for.
  if (wanted->takes_default && frames && layout.frames == 1) picture = kJpegPicture;
  if (!picture.empty() && !wanted->takes_dicom) {
    if (services.pixels == nullptr) co_return http::problem(406, "this server renders no images");
    co_return co_await give_picture(services, request, instance, *wanted, picture);
  }
  if (!wanted->takes_dicom && !wanted->takes_default) {
    co_return http::problem(406, "contentType: application/dicom, image/jpeg, image/png and image/gif can be had");
  }

  const bool strict = services.settings.strict_transfer_syntax;
  const auto delivery = delivery_of(instance->transfer_syntax, wanted->wish, delivery_rules(services));
  if (!delivery) {
    const std::vector<std::string> stored{instance->transfer_syntax};
    auto offers = instance_offers(stored, delivery_rules(services), true).offers;
    std::erase_if(offers, [](const Offer& offer) { return offer.multipart; });
    co_return not_acceptable(offers, no_decoder_hint());
  }
  const std::string etag = make_etag({"uri", request.context.tenant.view(), instance->object_key.view(), wanted->wish,
                                      strict ? "strict" : "", services.settings.sanitize_preamble ? "sanitized" : ""});
  if (auto unchanged = not_modified(request.headers, etag)) co_return *std::move(unchanged);

  Response response;
  auto added = co_await add_instance(services, request.context, instance, *delivery, wanted->wish, response.body);
  if (!added) co_return http::problem(added.error());
  response.headers.set("Content-Type", "application/dicom; transfer-syntax=" + *added);
  set_cache_headers(response, etag);
  response.ranges = *delivery == Delivery::kStored;
  co_return response;
}

}  // namespace gantry::dicomweb::wado
