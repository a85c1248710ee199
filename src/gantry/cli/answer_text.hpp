#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include <simdjson.h>

#include "gantry/base/bytes.hpp"

namespace gantry::cli {

/// A member of a server's answer; 0 when there is no such number.
[[nodiscard]] std::uint64_t number_of(const simdjson::dom::element& object, const char* name);
/// The same for a text; "" when there is none.
[[nodiscard]] std::string text_of(const simdjson::dom::element& object, const char* name);

/// Reads the stream to its end, or to its error, and gives each line without its end. Blocking.
void each_line(ByteStream& stream, const std::function<void(std::string_view)>& line);

}  // namespace gantry::cli
