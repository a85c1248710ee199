#include "gantry/server/process_limits.hpp"

#include <algorithm>

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

std::size_t connections_for(std::size_t wanted, std::uint64_t open_files) {
  return static_cast<std::size_t>(std::max<std::uint64_t>(1, std::min<std::uint64_t>(wanted, open_files / 2)));
}

}  // namespace gantry::server
