#pragma once

// What answers to administrators have in common.

#include <string>

#include "gantry/base/result.hpp"
#include "gantry/http/message.hpp"
#include "gantry/index/records.hpp"

namespace gantry::server {

/// In UTC to the second, as a JSON string.
[[nodiscard]] std::string json_time(index::Timestamp time);
/// A line of JSON, or the problem; never kept by anybody on the way.
[[nodiscard]] http::Response json_answer(const Result<std::string>& text);

}  // namespace gantry::server
