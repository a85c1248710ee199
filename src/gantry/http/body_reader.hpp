#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "gantry/http/chunked.hpp"
#include "gantry/http/head_parser.hpp"
#include "gantry/http/input_buffer.hpp"
#include "gantry/http/message.hpp"
#include "gantry/http/server.hpp"
#include "gantry/http/wire.hpp"

namespace gantry::http {

/// A request's body straight from the connection's buffer: one read of up to 128 kB per piece, nothing copied.
class ConnectionBody final : public BodyReader {
 public:
  /// All outlive the reader. `deadline` is the end of the request's life.
  ConnectionBody(Wire& wire, InputBuffer& input, const ServerLimits& limits, const RequestHead& head,
                 Deadline deadline);

  Task<Result<std::span<const std::byte>>> next() override;
  [[nodiscard]] std::optional<std::uint64_t> declared_length() const override { return declared_; }

  /// Everything was read, so the next request begins where the buffer does.
  [[nodiscard]] bool finished() const noexcept { return finished_ && !failure_; }
  /// Why reading failed; the connection can't be used any more.
  [[nodiscard]] const std::optional<Error>& failure() const noexcept { return failure_; }
  /// True when what is left may be read over so that the connection lives on: at most 64 kB by declaration, and the
  /// client doesn't wait for a "100 Continue" that never came.
  [[nodiscard]] bool worth_draining() const noexcept;
  /// Reads the rest over. False when it was too much or failed.
  Task<bool> drain();

 private:
  enum class More { kYes, kLate, kGone };
  /// Gets at least one byte into the buffer.
  Task<More> receive();
  Task<bool> send_continue();
  [[nodiscard]] Error fail(Error error);

  Wire& wire_;
  InputBuffer& input_;
  const ServerLimits& limits_;
  const Deadline deadline_;
  const std::optional<std::uint64_t> declared_;
  const bool chunked_;
  ChunkedDecoder decoder_;
  std::uint64_t left_ = 0;  ///< of a declared length
  std::uint64_t total_ = 0;
  bool awaits_continue_;
  bool finished_ = false;
  std::optional<Error> failure_;

  // The minimum rate is measured over windows of waiting time: a slow disk on our side is not the client's fault.
  Clock::duration window_left_;
  std::uint64_t window_began_;  ///< what had arrived when the window began
  std::size_t turn_bytes_ = 0;  ///< received since others had their turn
};

}  // namespace gantry::http
