#pragma once

#include <string>

#include "gantry/base/result.hpp"

namespace gantry::storage {

/// kUnavailable from `errno`: a disk that is full, broken, read-only or gone may be another one tomorrow.
[[nodiscard]] Error disk_error(int error_number, const std::string& what);

}  // namespace gantry::storage
