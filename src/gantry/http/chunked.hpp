#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "gantry/base/result.hpp"

namespace gantry::http {

/// Takes the chunked coding off a request body (RFC 9112 §7.1). Strict and bounded: sizes are 1 to 15 hex digits,
/// lines end in CRLF, extensions and trailers are read over and limited. Never copies data.
class ChunkedDecoder {
 public:
  struct Step {
    std::size_t consumed = 0;         ///< bytes of the input that are done with, `data` included
    std::span<const std::byte> data;  ///< a piece of the input that is body
    bool end = false;                 ///< the last chunk and the trailers were read
  };
  /// Decodes up to the end of one piece of data. Call again with the rest. kInvalid when the framing is broken; the
  /// decoder is of no use after that.
  Result<Step> decode(std::span<const std::byte> input);

 private:
  enum class State {
    kSizeFirst,
    kSize,
    kExtension,
    kSizeLf,
    kData,
    kDataCr,
    kDataLf,
    kTrailerFirst,
    kTrailer,
    kTrailerLf,
    kEndLf,
    kEnd
  };
  Result<void> take(unsigned char c);

  State state_ = State::kSizeFirst;
  std::uint64_t size_ = 0;  ///< of the chunk in work; in kData what is left of it
  int digits_ = 0;
  std::size_t extension_bytes_ = 0;  ///< of all chunks together
  std::size_t trailer_bytes_ = 0;
};

}  // namespace gantry::http
