#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gantry/base/result.hpp"
#include "gantry/http/query_string.hpp"
#include "gantry/pixels/colour_space.hpp"
#include "gantry/pixels/presentation/presentation_state.hpp"
#include "gantry/pixels/render/render.hpp"
#include "gantry/pixels/text/text_font.hpp"

namespace gantry::dicomweb::wado {

/// How a picture shall look (PS3.18 §8.3.5.1, §9.1.2).
struct RenderRequest {
  pixels::RenderOptions options;
  std::optional<std::array<double, 4>> region;  ///< of WADO-URI: left, top, right, bottom as parts of the image
  int quality = 90;
  bool icc_profile = false;           ///< pictures carry the profile of their colours
  std::optional<pixels::ColourSpace> colours;  ///< which are these; nothing: as they are stored
  bool patient = false, technique = false;     ///< what is written on pictures
  std::shared_ptr<const pixels::TextFont> font;  ///< what it is written with; null: this server has no fonts
  /// What stands in for what the data set says of its presentation; null: nothing. `state_key` names its bytes.
  std::shared_ptr<const pixels::PresentationState> state;
  std::string state_key;
  std::vector<std::string> warnings;  ///< what was asked for and is not done: Warning 299

  /// The same for the same pictures: part of an ETag and of a cache's key.
  [[nodiscard]] std::string canonical() const;
};

/// What presentation states say themselves can't be asked for beside them (PS3.18 Table 8.3.5-1): kInvalid for a window
/// and for a region of the image.
[[nodiscard]] Result<void> check_beside_state(const RenderRequest& request);

/// Of rendered resources: window, viewport, quality, annotation, iccprofile; `bits=16` is our own, for PNG. kInvalid
/// names the parameter and what was expected.
[[nodiscard]] Result<RenderRequest> parse_render_request(const http::QueryPairs& query);
/// Of WADO-URI: windowCenter, windowWidth, rows, columns, region, imageQuality, annotation (or imageAnnotation),
/// iccprofile.
[[nodiscard]] Result<RenderRequest> parse_uri_render_request(const http::QueryPairs& query);

/// With the region of WADO-URI turned into a viewport of an image of that size.
[[nodiscard]] pixels::RenderOptions options_for(const RenderRequest& request, std::uint32_t columns, std::uint32_t rows);

}  // namespace gantry::dicomweb::wado
