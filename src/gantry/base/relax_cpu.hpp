#pragma once

namespace gantry {

/// Tells the processor that this thread waits for another one, awake.
inline void relax_cpu() noexcept {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace gantry
