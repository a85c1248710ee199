#pragma once

#include <memory>

#include "gantry/observe/log.hpp"
#include "gantry/pixels/text/text_font.hpp"

namespace gantry::server {

/// What text on pictures is written with. Null, and said in the log, when this machine has no fonts.
[[nodiscard]] std::shared_ptr<const pixels::TextFont> load_font(observe::Log& log);

}  // namespace gantry::server
