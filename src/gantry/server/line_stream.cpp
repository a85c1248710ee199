#include "gantry/server/line_stream.hpp"

#include <algorithm>
#include <cstring>

namespace gantry::server {

void LineStream::stop() {
  {
    const std::scoped_lock lock(mutex_);
    stopped_ = true;
  }
  changed_.notify_all();
}

bool LineStream::is_stopped() const {
  const std::scoped_lock lock(mutex_);
  return stopped_;
}

bool LineStream::say(std::string line) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return stopped_ || lines_.size() < kLinesWaitingMost; });
  if (stopped_) return false;
  lines_.push_back(std::move(line));
  changed_.notify_all();
  return true;
}

void LineStream::end(std::string line, std::string when_stopped) {
  const std::scoped_lock lock(mutex_);
  lines_.push_back(stopped_ ? std::move(when_stopped) : std::move(line));
  ended_ = true;
  changed_.notify_all();
}

Result<std::size_t> LineStream::read(std::span<std::byte> into) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return ended_ || !lines_.empty(); });
  if (lines_.empty()) return std::size_t{0};
  const std::string& line = lines_.front();
  const std::size_t count = std::min(into.size(), line.size() - offset_);
  std::memcpy(into.data(), line.data() + offset_, count);
  offset_ += count;
  if (offset_ == line.size()) {
    lines_.pop_front();
    offset_ = 0;
    changed_.notify_all();
  }
  return count;
}

}  // namespace gantry::server
