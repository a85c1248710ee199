#pragma once

// One connected socket, with TLS over it or without: non-blocking calls, waits with a deadline, and the ways to end it.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include <boost/asio/posix/basic_stream_descriptor.hpp>

#include <sys/uio.h>

#include "gantry/base/handle.hpp"
#include "gantry/base/task.hpp"
#include "gantry/http/input_buffer.hpp"
#include "gantry/http/timer_wheel.hpp"
#include "gantry/tls/channel.hpp"

namespace gantry::http {

/// Used on one io thread alone.
class Wire final : private TimerWheel::Entry {
 public:
  /// `fd` is a connected, non-blocking stream socket. TLS takes its buffers from `buffers`.
  Wire(IoExecutor executor, TimerWheel& wheel, BufferPool& buffers, UniqueFd fd);
  ~Wire();
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;

  enum class Ready { kYes, kLate, kCut };
  [[nodiscard]] Task<Ready> wait_readable(Deadline deadline);
  [[nodiscard]] Task<Ready> wait_writable(Deadline deadline);
  /// Lets other connections of this thread have their turn.
  [[nodiscard]] Task<void> yield();

  /// Everything goes through `channel` (of this wire's socket) from now on, once its handshake is done; null: through the
  /// socket itself.
  void secure(std::unique_ptr<tls::Channel> channel) noexcept { channel_ = std::move(channel); }
  /// Null without TLS.
  [[nodiscard]] tls::Channel* channel() noexcept { return channel_.get(); }
  [[nodiscard]] int socket() { return descriptor_.native_handle(); }

  enum class Io { kDone, kBlocked, kGone };
  /// At least one byte into `into` (kDone, `count` set), nothing there now, or the peer's end or failure.
  Io receive(std::span<std::byte> into, std::size_t& count);
  /// Takes some bytes of `vectors`. `more`: others follow at once, so a full packet or record may be waited for. Over
  /// TLS what was taken may still be here when the socket takes no more: an answer is sent when flush() says so.
  Io send(std::span<const iovec> vectors, bool more, std::size_t& count);
  /// Some bytes of a file. kDone with `count` 0: the file ended.
  Io send_file(int file, std::uint64_t offset, std::size_t length, std::size_t& count);
  /// kDone: the kernel has all bytes that were taken.
  Io flush();

  /// Ends every wait, now and later, with kCut; calls fail. For stopping and eviction.
  void cut();
  [[nodiscard]] bool is_cut() const noexcept { return cut_; }
  /// No more answers: the peer sees the end of the stream but may still send.
  void finish_sending() noexcept;
  /// The close that follows resets the connection, so that the peer cannot take what it got for the whole.
  void reset_on_close() noexcept;

  /// What was received and sent, without TLS's own bytes.
  [[nodiscard]] std::uint64_t bytes_in() const noexcept { return bytes_in_; }
  [[nodiscard]] std::uint64_t bytes_out() const noexcept { return bytes_out_; }

  /// Bytes that came over the socket: a TLS record that is still on its way shows here alone.
  [[nodiscard]] std::uint64_t arrived() const noexcept { return channel_ ? channel_->arrived() : bytes_in_; }

 private:
  using Descriptor = boost::asio::posix::basic_stream_descriptor<IoExecutor>;
  void on_deadline() override;
  Task<Ready> ready_now();
  Task<Ready> wait(Descriptor::wait_type direction, Deadline deadline);
  [[nodiscard]] int fd() { return descriptor_.native_handle(); }
  Io receive_securely(std::span<std::byte> into, std::size_t& count);
  /// Room for at least one byte behind what waits; empty when the socket must take some first.
  [[nodiscard]] std::span<std::byte> outgoing_room(Io& io);
  Io note(tls::Channel::Step step);

  Descriptor descriptor_;
  TimerWheel& wheel_;
  bool late_ = false;
  bool cut_ = false;
  std::uint64_t bytes_in_ = 0, bytes_out_ = 0;

  std::unique_ptr<tls::Channel> channel_;
  BufferPool& buffers_;
  BufferPool::Storage out_;  ///< bytes to be encrypted, from out_begin_ to out_end_; no memory while there are none
  std::size_t out_begin_ = 0, out_end_ = 0;
  /// TLS's own messages may make a reader wait for room to send, and a writer for bytes to read.
  bool read_wants_write_ = false, write_wants_read_ = false;
};

}  // namespace gantry::http
