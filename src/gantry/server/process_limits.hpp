#pragma once

#include <cstddef>
#include <cstdint>

namespace gantry::server {

/// Raises the soft limit of open files to the hard one and says what it is now.
[[nodiscard]] std::uint64_t raise_open_files();

/// How many connections may be open: what is wanted, but never more than half of the open files, so that objects, the
/// index and the log find room however many clients come (DESIGN §13).
[[nodiscard]] std::size_t connections_for(std::size_t wanted, std::uint64_t open_files);

/// Keeps this process's memory, which holds patient data and keys, off the disk when it crashes: no core file, and no
/// reading by other processes of the same user (prctl(2), PR_SET_DUMPABLE). Sanitizers need the latter and keep it.
void forbid_core_dumps();

}  // namespace gantry::server
