#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "gantry/base/result.hpp"

namespace gantry::dicom {

/// Inflates the raw deflate stream of a Deflated data set (PS3.5 A.5) piece by piece; holds 64 kB of output at a time.
class Inflater {
 public:
  struct Limits {
    std::uint64_t bytes = 4ULL << 30;  ///< most that may come out
    unsigned ratio = 1000;             ///< most that may come out per byte that went in, beyond the first megabyte
  };
  explicit Inflater(const Limits& limits);
  ~Inflater();

  /// Offers the compressed bytes of `piece`. Then call next() until it gives nothing.
  void offer(std::string_view piece) noexcept;
  /// The next inflated bytes, valid until the next call; empty when more input is needed or the stream has ended.
  /// kInvalid for a broken stream, kTooLarge for a limit.
  Result<std::string_view> next();
  /// After the last piece: kInvalid when the stream has no end, or something other than padding (or the trailer of
  /// gzip, which some writers leave there) lies behind it.
  [[nodiscard]] Result<void> finish() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace gantry::dicom
