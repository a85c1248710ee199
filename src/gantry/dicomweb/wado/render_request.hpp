#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "gantry/base/result.hpp"
#include "gantry/http/query_string.hpp"
#include "gantry/pixels/render/render.hpp"

namespace gantry::dicomweb::wado {

/// How a picture shall look (PS3.18 §8.3.5.1, §9.1.2).
struct RenderRequest {
  pixels::RenderOptions options;
  std::optional<std::array<double, 4>> region;  ///< of WADO-URI: left, top, right, bottom as parts of the image
  int quality = 90;
  bool icc_profile = false;           ///< the image's own, when it has one
  std::vector<std::string> warnings;  ///< what was asked for and is not done: Warning 299

  /// The same for the same pictures: part of an ETag and of a cache's key.
  [[nodiscard]] std::string canonical() const;
};

/// Of rendered resources: window, viewport, quality, annotation, iccprofile; `bits=16` is our own, for PNG. kInvalid
/// names the parameter and what was expected.
[[nodiscard]] Result<RenderRequest> parse_render_request(const http::QueryPairs& query);
/// Of WADO-URI: windowCenter, windowWidth, rows, columns, region, imageQuality, imageAnnotation.
[[nodiscard]] Result<RenderRequest> parse_uri_render_request(const http::QueryPairs& query);

/// With the region of WADO-URI turned into a viewport of an image of that size.
[[nodiscard]] pixels::RenderOptions options_for(const RenderRequest& request, std::uint32_t columns, std::uint32_t rows);

}  // namespace gantry::dicomweb::wado
