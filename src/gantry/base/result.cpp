#include "gantry/base/result.hpp"

#include <cerrno>
#include <cstring>
#include <system_error>

namespace gantry {

const char* to_string(ErrorKind kind) noexcept {
  switch (kind) {
    case ErrorKind::kInvalid: return "invalid";
    case ErrorKind::kNotFound: return "not-found";
    case ErrorKind::kConflict: return "conflict";
    case ErrorKind::kDenied: return "denied";
    case ErrorKind::kTooLarge: return "too-large";
    case ErrorKind::kUnsupported: return "unsupported";
    case ErrorKind::kUnavailable: return "unavailable";
    case ErrorKind::kTimeout: return "timeout";
    case ErrorKind::kInternal: return "internal";
  }
  return "internal";
}

Error Error::from_errno(int error_number, const std::string& what) {
  std::string detail = what + ": " + std::generic_category().message(error_number);
  switch (error_number) {
    case ENOENT: return not_found(std::move(detail));
    case ENOSPC:
    case EDQUOT:
    case EMFILE:
    case ENFILE:
    case ENOMEM: return unavailable(std::move(detail));
    default: return internal(std::move(detail));
  }
}

}  // namespace gantry
