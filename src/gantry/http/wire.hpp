#pragma once

// One connected socket: non-blocking calls, waits with a deadline, and the ways to end it.

#include <cstddef>
#include <cstdint>
#include <span>

#include <boost/asio/posix/basic_stream_descriptor.hpp>

#include <sys/uio.h>

#include "gantry/base/handle.hpp"
#include "gantry/base/task.hpp"
#include "gantry/http/timer_wheel.hpp"

namespace gantry::http {

/// Used on one io thread alone.
class Wire final : private TimerWheel::Entry {
 public:
  /// `fd` is a connected, non-blocking stream socket.
  Wire(IoExecutor executor, TimerWheel& wheel, UniqueFd fd);
  ~Wire();
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;

  enum class Ready { kYes, kLate, kCut };
  [[nodiscard]] Task<Ready> wait_readable(Deadline deadline);
  [[nodiscard]] Task<Ready> wait_writable(Deadline deadline);
  /// Lets other connections of this thread have their turn.
  [[nodiscard]] Task<void> yield();

  enum class Io { kDone, kBlocked, kGone };
  /// At least one byte into `into` (kDone, `count` set), nothing there now, or the peer's end or failure.
  Io receive(std::span<std::byte> into, std::size_t& count);
  /// Some bytes of `vectors`. `more`: others follow at once, so the kernel may wait for a full packet.
  Io send(std::span<const iovec> vectors, bool more, std::size_t& count);
  /// Some bytes of a file. kDone with `count` 0: the file ended.
  Io send_file(int file, std::uint64_t offset, std::size_t length, std::size_t& count);

  /// Ends every wait, now and later, with kCut; calls fail. For stopping and eviction.
  void cut();
  [[nodiscard]] bool is_cut() const noexcept { return cut_; }
  /// No more answers: the peer sees the end of the stream but may still send.
  void finish_sending() noexcept;
  /// The close that follows resets the connection, so that the peer cannot take what it got for the whole.
  void reset_on_close() noexcept;

  [[nodiscard]] std::uint64_t bytes_in() const noexcept { return bytes_in_; }
  [[nodiscard]] std::uint64_t bytes_out() const noexcept { return bytes_out_; }

 private:
  using Descriptor = boost::asio::posix::basic_stream_descriptor<IoExecutor>;
  void on_deadline() override;
  Task<Ready> wait(Descriptor::wait_type direction, Deadline deadline);
  [[nodiscard]] int fd() { return descriptor_.native_handle(); }

  Descriptor descriptor_;
  TimerWheel& wheel_;
  bool late_ = false;
  bool cut_ = false;
  std::uint64_t bytes_in_ = 0, bytes_out_ = 0;
};

}  // namespace gantry::http
