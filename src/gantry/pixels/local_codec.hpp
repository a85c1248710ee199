#pragma once

#include "gantry/pixels/frame_codec.hpp"

namespace gantry::pixels {

/// Converts in this process: what a codec process runs, and tests.
class LocalCodec final : public FrameCodec {
 public:
  explicit LocalCodec(FrameLimits limits = {}) : limits_(limits) {}
  Result<Frame> convert(const FrameShape& from, std::string_view bytes, const CodecTarget& to) override;

 private:
  FrameLimits limits_;
};

/// True when a conversion needs only code of this project and zlib, which is fuzzed and bounds-checked: it may run in the
/// server's own process.
[[nodiscard]] bool is_harmless(std::string_view from, std::string_view to) noexcept;

}  // namespace gantry::pixels
