#pragma once

#include <string>
#include <string_view>

namespace gantry::server {

/// A JSON string of our own words and paths (no user's text comes here), quotes included.
[[nodiscard]] std::string json_string(std::string_view text);

}  // namespace gantry::server
