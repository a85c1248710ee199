#pragma once

#include <string>

#include "gantry/dicomweb/services.hpp"
#include "gantry/http/message.hpp"

namespace gantry::dicomweb::stow {

/// Where the sender reaches the service, without a slash at the end: the configured public URL; else what a trusted proxy
/// says in X-Forwarded-Proto and X-Forwarded-Host (those of others never arrive here); else the request's own Host. A
/// Host that is no host gives the path alone, which is right from anywhere.
[[nodiscard]] std::string service_root(const Settings& settings, const http::Request& request);

}  // namespace gantry::dicomweb::stow
