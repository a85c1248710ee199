#pragma once

#include <string>

#include "gantry/dicomweb/services.hpp"
#include "gantry/http/message.hpp"

namespace gantry::dicomweb::stow {

/// The service's root as the sender reaches it, absolute, without a slash at its end: uri_root() where that is
/// absolute, else the request's own Host before it, by https where it, or a trusted proxy's word, says so. A Host that
/// is no host gives the path alone, which is right from anywhere.
[[nodiscard]] std::string service_root(const Settings& settings, const http::Request& request);

}  // namespace gantry::dicomweb::stow
