#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "gantry/base/result.hpp"
#include "gantry/http/message.hpp"

namespace gantry::http {

struct MultipartLimits {
  std::size_t parts = 10'000;
  std::size_t part_header_bytes = 8 * 1024;
  std::size_t boundary_bytes = 70;
};

/// Streaming multipart reader (RFC 2046 §5.1.1) in bounded memory: feed bytes as they arrive; events come back one at a
/// time. Takes a missing first CRLF, leading CRLFs, preamble, epilogue, and a last delimiter without CRLF (OHIF); what
/// it refuses, and why, is in docs/decisions/0004-multipart-syntax.md.
class MultipartParser {
 public:
  enum class Event {
    kNeedMore,   ///< feed() more
    kPartBegin,  ///< headers() of the new part are there
    kPartData,   ///< data() is a piece of the part, valid until the next call
    kPartEnd,
    kEnd,  ///< the closing delimiter was seen; whatever follows is ignored
  };

  /// kInvalid when the boundary is empty, too long, or has characters that RFC 2046 forbids.
  static Result<MultipartParser> create(std::string_view boundary, MultipartLimits limits);

  /// Gives the parser the next bytes. They must stay valid until next() answered kNeedMore.
  void feed(std::span<const std::byte> bytes);
  /// The next event. Errors: kInvalid (malformed), kTooLarge (a limit); after one every call gives the same.
  Result<Event> next();
  /// After the body's end: kInvalid when the closing delimiter never came.
  [[nodiscard]] Result<void> finish() const;

  [[nodiscard]] const Headers& headers() const noexcept;
  [[nodiscard]] std::span<const std::byte> data() const noexcept;

  MultipartParser(MultipartParser&&) noexcept;
  MultipartParser& operator=(MultipartParser&&) noexcept;
  ~MultipartParser();

 private:
  MultipartParser();
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace gantry::http
