#include "gantry/http/body_reader.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>

namespace gantry::http {

namespace {

constexpr std::size_t kTurnBytes = 1024 * 1024;
constexpr std::uint64_t kDrainBytes = 64 * 1024;

}  // namespace

Task<Result<std::string>> read_all(BodyReader& body, std::size_t limit) {
  const auto too_large = [limit] {
    return Error::too_large("the body is larger than the " + std::to_string(limit) + " bytes that this resource takes");
  };
  const auto declared = body.declared_length();
  if (declared && *declared > limit) co_return too_large();
  std::string all;
  for (;;) {
    auto piece = co_await body.next();
    if (!piece) co_return std::move(piece).error();
    if (piece->empty()) break;
    if (piece->size() > limit - all.size()) co_return too_large();
    all.append(reinterpret_cast<const char*>(piece->data()), piece->size());
  }
  co_return std::move(all);
}

ConnectionBody::ConnectionBody(Wire& wire, InputBuffer& input, const ServerLimits& limits, const RequestHead& head,
                               Deadline deadline)
    : wire_(wire),
      input_(input),
      limits_(limits),
      deadline_(deadline),
      declared_(head.content_length),
      chunked_(head.chunked),
      left_(head.content_length.value_or(0)),
      awaits_continue_(head.expects_continue),
      finished_(!head.chunked && head.content_length.value_or(0) == 0),
      window_left_(limits.body_rate_window),
      window_began_(wire.arrived()) {}

Error ConnectionBody::fail(Error error) {
  failure_ = error;
  return error;
}

Task<bool> ConnectionBody::send_continue() {
  awaits_continue_ = false;
  if (!input_.empty()) co_return true;  // the client did not wait (RFC 9110 §10.1.1 lets us leave it out)
  std::string_view text = "HTTP/1.1 100 Continue\r\n\r\n";
  for (;;) {
    std::size_t sent = 0;
    Wire::Io io = Wire::Io::kDone;
    if (text.empty()) {
      io = wire_.flush();
      if (io == Wire::Io::kDone) co_return true;
    } else {
      const std::array<iovec, 1> vectors{iovec{const_cast<char*>(text.data()), text.size()}};
      io = wire_.send(vectors, false, sent);
    }
    if (io == Wire::Io::kGone) co_return false;
    if (io == Wire::Io::kBlocked) {
      const Deadline until = Clock::now() + limits_.write_stall;
      const Wire::Ready ready = co_await wire_.wait_writable(until);
      if (ready != Wire::Ready::kYes) co_return false;
    }
    text.remove_prefix(sent);
  }
}

Task<ConnectionBody::More> ConnectionBody::receive() {
  const std::size_t capacity = !chunked_ && left_ <= BufferPool::kSmall ? BufferPool::kSmall : BufferPool::kLarge;
  for (;;) {
    std::size_t count = 0;
    const Wire::Io io = wire_.receive(input_.space(capacity), count);
    if (io == Wire::Io::kGone) co_return More::kGone;
    if (io == Wire::Io::kDone) {
      input_.commit(count);
      turn_bytes_ += count;
      if (turn_bytes_ >= kTurnBytes) {
        turn_bytes_ = 0;
        co_await wire_.yield();
      }
      co_return More::kYes;
    }
    turn_bytes_ = 0;
    const auto began = Clock::now();
    const Deadline until = std::min(deadline_, began + window_left_);
    const Wire::Ready ready = co_await wire_.wait_readable(until);
    if (ready == Wire::Ready::kCut) co_return More::kGone;
    const auto now = Clock::now();
    if (now >= deadline_) co_return More::kLate;
    window_left_ -= now - began;
    if (window_left_ <= Clock::duration::zero()) {
      const auto window_ms = static_cast<std::uint64_t>(std::max<std::int64_t>(limits_.body_rate_window.count(), 1));
      // What arrived right now counts for the next window; the one that ends was too slow without it.
      const std::uint64_t window_bytes = wire_.arrived() - window_began_;
      if (window_bytes * 1000 < limits_.body_rate_bytes_per_s * window_ms) co_return More::kLate;
      window_left_ = limits_.body_rate_window;
      window_began_ += window_bytes;
    }
  }
}

Task<Result<std::span<const std::byte>>> ConnectionBody::next() {
  if (failure_) co_return *failure_;
  if (awaits_continue_ && !finished_) {
    const bool sent = co_await send_continue();
    if (!sent) co_return fail(Error::invalid("the client went away"));
  }
  while (!finished_) {
    if (input_.empty()) {
      const More more = co_await receive();
      if (more == More::kLate) co_return fail(Error::timeout("the request body arrives too slowly"));
      if (more == More::kGone) co_return fail(Error::invalid("the connection ended before the request body did"));
    }
    std::span<const std::byte> data;
    if (chunked_) {
      auto step = decoder_.decode(input_.unread());
      if (!step) co_return fail(std::move(step).error());
      input_.consume(step->consumed);
      finished_ = step->end;
      data = step->data;
    } else {
      data = input_.unread();
      data = data.first(static_cast<std::size_t>(std::min<std::uint64_t>(data.size(), left_)));
      left_ -= data.size();
      input_.consume(data.size());
      finished_ = left_ == 0;
    }
    if (data.empty()) continue;
    total_ += data.size();
    if (total_ > limits_.body_bytes) {
      co_return fail(
          Error::too_large("the request body is over the limit of " + std::to_string(limits_.body_bytes) + " bytes"));
    }
    co_return data;
  }
  co_return std::span<const std::byte>();
}

bool ConnectionBody::worth_draining() const noexcept {
  return !failure_ && (finished_ || (!awaits_continue_ && (chunked_ || left_ <= kDrainBytes)));
}

Task<bool> ConnectionBody::drain() {
  std::uint64_t drained = 0;
  while (!finished_) {
    auto piece = co_await next();
    if (!piece) co_return false;
    drained += piece->size();
    if (drained > kDrainBytes) co_return false;
  }
  co_return !failure_;
}

}  // namespace gantry::http
