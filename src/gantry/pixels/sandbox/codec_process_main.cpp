// A codec process by itself, for tests; `gantry codec-process` is the same.

#include "gantry/pixels/sandbox/codec_process.hpp"

int main() { return gantry::pixels::sandbox::run_codec_process(); }
