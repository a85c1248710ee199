#pragma once

namespace gantry::pixels::sandbox {

/// The whole life of a codec process: gives up every right but computing (resource limits, seccomp), then converts one
/// frame after the other until the server closes its socket. Returns the exit status. Expects wire.hpp's descriptors.
int run_codec_process();

}  // namespace gantry::pixels::sandbox
