#include "gantry/server/process_limits.hpp"

#include <algorithm>

#include <sys/prctl.h>
#include <sys/resource.h>

namespace gantry::server {

std::uint64_t raise_open_files() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
  const rlim_t before = limit.rlim_cur;
  limit.rlim_cur = limit.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0) return before;
  return limit.rlim_cur;
}

void forbid_core_dumps() {
  const rlimit none{0, 0};
  setrlimit(RLIMIT_CORE, &none);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  // The limit alone does not hold for a core_pattern that pipes into a program (core(5)).
  prctl(PR_SET_DUMPABLE, 0);
#endif
}

std::size_t connections_for(std::size_t wanted, std::uint64_t open_files) {
  return static_cast<std::size_t>(std::max<std::uint64_t>(1, std::min<std::uint64_t>(wanted, open_files / 2)));
}

}  // namespace gantry::server
