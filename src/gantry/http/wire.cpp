#include "gantry/http/wire.hpp"

#include <algorithm>
#include <cerrno>

#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>

#include <sys/sendfile.h>
#include <sys/socket.h>

namespace gantry::http {

Wire::Wire(IoExecutor executor, TimerWheel& wheel, UniqueFd fd) : descriptor_(executor), wheel_(wheel) {
  boost::system::error_code error;
  descriptor_.assign(fd.get(), error);
  if (error) {
    cut_ = true;  // epoll is out of memory or watches; `fd` closes the socket
  } else {
    static_cast<void>(fd.release());
  }
}

Wire::~Wire() {
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

Task<Wire::Ready> Wire::wait_readable(Deadline deadline) { return wait(Descriptor::wait_read, deadline); }
Task<Wire::Ready> Wire::wait_writable(Deadline deadline) { return wait(Descriptor::wait_write, deadline); }

Task<void> Wire::yield() { co_await boost::asio::post(descriptor_.get_executor(), kUseTask); }

Wire::Io Wire::receive(std::span<std::byte> into, std::size_t& count) {
  count = 0;
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

void Wire::finish_sending() noexcept {
  if (descriptor_.is_open()) ::shutdown(fd(), SHUT_WR);
}

void Wire::reset_on_close() noexcept {
  const linger now{1, 0};
  if (descriptor_.is_open()) ::setsockopt(fd(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

}  // namespace gantry::http
