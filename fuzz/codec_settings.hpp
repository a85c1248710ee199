#pragma once

#include <chrono>

#include "gantry/pixels/sandbox/sandboxed_codec.hpp"

/// One codec process, as the server starts them.
inline gantry::pixels::SandboxSettings codec_settings() {
  gantry::pixels::SandboxSettings made;
  made.command = {GANTRY_CODEC_PROCESS};
  made.processes = 1;
  made.frame_time = std::chrono::seconds(5);
  return made;
}
