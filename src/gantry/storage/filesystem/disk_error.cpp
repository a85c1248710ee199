#include "gantry/storage/filesystem/disk_error.hpp"

#include <cerrno>
#include <system_error>

namespace gantry::storage {

Error disk_error(int error_number, const std::string& what) {
  const bool full = error_number == ENOSPC || error_number == EDQUOT;
  return Error::unavailable((full ? "the disk is full: " : "the disk does not take it: ") + what + ": " +
                            std::generic_category().message(error_number));
}

}  // namespace gantry::storage
