#pragma once

#include <filesystem>
#include <string>

#include "gantry/base/result.hpp"

namespace gantry::tls {

/// A whole small file. Errors name the path: kNotFound, kInvalid (over 1 MB, or no file), kUnavailable.
Result<std::string> read_small_file(const std::filesystem::path& path);

}  // namespace gantry::tls
