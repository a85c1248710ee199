#pragma once

#include <cstdlib>

/// A fuzz target's assertion: the input that broke it is kept.
inline void require(bool holds) {
  if (!holds) std::abort();
}
