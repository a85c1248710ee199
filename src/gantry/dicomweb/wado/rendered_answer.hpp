#pragma once

// What all answers with pictures have in common.

#include <optional>
#include <string_view>
#include <vector>

#include "gantry/base/result.hpp"
#include "gantry/dicomweb/negotiation.hpp"
#include "gantry/dicomweb/wado/render_request.hpp"
#include "gantry/http/message.hpp"

namespace gantry::dicomweb::wado {

/// JPEG, PNG, GIF, in the order in which they are preferred.
[[nodiscard]] std::vector<Offer> picture_offers(bool single_part, bool multipart);

/// Pixels that can't be shown are the object's own matter (406), a wrong viewport is the asker's (400).
[[nodiscard]] http::Response not_rendered(const Error& error);

/// 400 when pictures of that type can't carry the profile that was asked for (PS3.18 §8.3.5.1.5).
[[nodiscard]] std::optional<http::Response> check_profile(const RenderRequest& request, std::string_view media_type);

}  // namespace gantry::dicomweb::wado
