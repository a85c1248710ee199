#include "gantry/http/wire.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>

#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

namespace gantry::http {

namespace {

/// Two records of TLS: larger ones would save little, and each reader that stalls keeps one.
constexpr std::size_t kOutgoingBytes = BufferPool::kRecords;

}  // namespace

Wire::Wire(IoExecutor executor, TimerWheel& wheel, BufferPool& buffers, UniqueFd fd)
    : descriptor_(executor), wheel_(wheel), buffers_(buffers) {
  boost::system::error_code error;
  descriptor_.assign(fd.get(), error);
  if (error) {
    cut_ = true;  // epoll is out of memory or watches; `fd` closes the socket
  } else {
    static_cast<void>(fd.release());
  }
}

Wire::~Wire() {
  if (channel_) channel_->finish_sending();
  if (out_) buffers_.give(std::move(out_), kOutgoingBytes);
  boost::system::error_code ignored;
  if (descriptor_.is_open()) descriptor_.close(ignored);
}

void Wire::on_deadline() {
  late_ = true;
  boost::system::error_code ignored;
  descriptor_.cancel(ignored);
}

void Wire::cut() {
  cut_ = true;
  boost::system::error_code ignored;
  if (descriptor_.is_open()) descriptor_.cancel(ignored);
}

Task<Wire::Ready> Wire::wait(Descriptor::wait_type direction, Deadline deadline) {
  if (cut_) co_return Ready::kCut;
  late_ = false;
  wheel_.arm(*this, deadline);
  boost::system::error_code error;
  auto token = boost::asio::redirect_error(kUseTask, error);
  co_await descriptor_.async_wait(direction, token);
  TimerWheel::disarm(*this);
  if (cut_) co_return Ready::kCut;
  // A deadline that came while the readiness was on its way loses: the bytes are there.
  if (error == boost::asio::error::operation_aborted && late_) co_return Ready::kLate;
  co_return error ? Ready::kCut : Ready::kYes;
}

Task<Wire::Ready> Wire::wait_readable(Deadline deadline) {
  if (channel_ && channel_->may_hold_bytes()) return ready_now();
  return wait(read_wants_write_ ? Descriptor::wait_write : Descriptor::wait_read, deadline);
}

Task<Wire::Ready> Wire::wait_writable(Deadline deadline) {
  return wait(write_wants_read_ ? Descriptor::wait_read : Descriptor::wait_write, deadline);
}

Task<Wire::Ready> Wire::ready_now() { co_return cut_ ? Ready::kCut : Ready::kYes; }

Task<void> Wire::yield() { co_await boost::asio::post(descriptor_.get_executor(), kUseTask); }

Wire::Io Wire::receive(std::span<std::byte> into, std::size_t& count) {
  count = 0;
  if (channel_) return receive_securely(into, count);
  while (!cut_) {
    const ssize_t got = ::recv(fd(), into.data(), into.size(), 0);
    if (got > 0) {
      count = static_cast<std::size_t>(got);
      bytes_in_ += count;
      return Io::kDone;
    }
    if (got < 0 && errno == EINTR) continue;
    return got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK) ? Io::kBlocked : Io::kGone;
  }
  return Io::kGone;
}

Wire::Io Wire::send(std::span<const iovec> vectors, bool more, std::size_t& count) {
  count = 0;
  if (channel_) {
    Io io = Io::kDone;
    for (const iovec& vector : vectors) {
      const auto* from = static_cast<const std::byte*>(vector.iov_base);
      std::size_t left = vector.iov_len;
      while (left > 0) {
        const auto room = outgoing_room(io);
        if (room.empty()) return count > 0 ? Io::kDone : io;
        const std::size_t take = std::min(left, room.size());
        std::memcpy(room.data(), from, take);
        out_end_ += take;
        from += take;
        left -= take;
        count += take;
      }
    }
    // What the socket doesn't take now waits here; whoever ends an answer asks for it by flush().
    if (!more && flush() == Io::kGone) return Io::kGone;
    return Io::kDone;
  }
  while (!cut_) {
    msghdr message{};
    message.msg_iov = const_cast<iovec*>(vectors.data());
    message.msg_iovlen = vectors.size();
    const ssize_t sent = ::sendmsg(fd(), &message, MSG_NOSIGNAL | (more ? MSG_MORE : 0));
    if (sent >= 0) {
      count = static_cast<std::size_t>(sent);
      bytes_out_ += count;
      return Io::kDone;
    }
    if (errno == EINTR) continue;
    return errno == EAGAIN || errno == EWOULDBLOCK ? Io::kBlocked : Io::kGone;
  }
  return Io::kGone;
}

Wire::Io Wire::send_file(int file, std::uint64_t offset, std::size_t length, std::size_t& count) {
  count = 0;
  if (channel_) {
    Io io = Io::kDone;
    const auto room = outgoing_room(io);
    if (room.empty()) return io;
    ssize_t got = -1;
    do {
      got = ::pread(file, room.data(), std::min(length, room.size()), static_cast<off_t>(offset));
    } while (got < 0 && errno == EINTR);
    if (got < 0) return Io::kGone;
    count = static_cast<std::size_t>(got);
    out_end_ += count;
    return flush() == Io::kGone ? Io::kGone : Io::kDone;
  }
  while (!cut_) {
    auto from = static_cast<off_t>(offset);
    const ssize_t sent = ::sendfile(fd(), file, &from, length);
    if (sent >= 0) {
      count = static_cast<std::size_t>(sent);
      bytes_out_ += count;
      return Io::kDone;
    }
    if (errno == EINTR) continue;
    return errno == EAGAIN || errno == EWOULDBLOCK ? Io::kBlocked : Io::kGone;
  }
  return Io::kGone;
}

Wire::Io Wire::note(tls::Channel::Step step) {
  using Step = tls::Channel::Step;
  if (step == Step::kDone) return Io::kDone;
  return step == Step::kWantsRead || step == Step::kWantsWrite ? Io::kBlocked : Io::kGone;
}

Wire::Io Wire::receive_securely(std::span<std::byte> into, std::size_t& count) {
  if (cut_ || into.empty()) return Io::kGone;
  const auto step = channel_->read(into, count);
  bytes_in_ += count;
  read_wants_write_ = step == tls::Channel::Step::kWantsWrite;
  return note(step);
}

std::span<std::byte> Wire::outgoing_room(Io& io) {
  io = Io::kDone;
  if (!out_) out_ = buffers_.take(kOutgoingBytes);
  if (out_end_ == kOutgoingBytes) {
    io = flush();
    if (io != Io::kDone) return {};
    out_ = buffers_.take(kOutgoingBytes);
  }
  return {out_.get() + out_end_, kOutgoingBytes - out_end_};
}

Wire::Io Wire::flush() {
  while (out_begin_ < out_end_) {
    if (cut_) return Io::kGone;
    std::size_t sent = 0;
    const auto step = channel_->write(std::span(out_.get() + out_begin_, out_end_ - out_begin_), sent);
    write_wants_read_ = step == tls::Channel::Step::kWantsRead;
    if (const Io io = note(step); io != Io::kDone) return io;
    out_begin_ += sent;
    bytes_out_ += sent;
  }
  if (out_) buffers_.give(std::move(out_), kOutgoingBytes);
  out_begin_ = out_end_ = 0;
  return Io::kDone;
}

void Wire::finish_sending() noexcept {
  if (channel_) channel_->finish_sending();
  if (descriptor_.is_open()) ::shutdown(fd(), SHUT_WR);
}

void Wire::reset_on_close() noexcept {
  channel_.reset();  // a farewell would say that all was sent
  const linger now{1, 0};
  if (descriptor_.is_open()) ::setsockopt(fd(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

}  // namespace gantry::http
