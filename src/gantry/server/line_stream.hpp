#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>

#include "gantry/base/bytes.hpp"

namespace gantry::server {

/// Lines that one thread says while another reads them: NDJSON of a piece of work that takes its time. Whoever says
/// more than is read waits.
class LineStream : public ByteStream {
 public:
  /// Blocks until there is a line, or the end.
  Result<std::size_t> read(std::span<std::byte> into) override;
  /// Nobody says anything any more but the last line. Any thread.
  virtual void stop();

 protected:
  /// False: it was stopped, and the line went nowhere.
  bool say(std::string line);
  /// The last line: `line`, or `when_stopped` when it was stopped.
  void end(std::string line, std::string when_stopped);
  [[nodiscard]] bool is_stopped() const;

 private:
  static constexpr std::size_t kLinesWaitingMost = 256;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::string> lines_;
  std::size_t offset_ = 0;  ///< of the first line that is not read yet
  bool stopped_ = false, ended_ = false;
};

}  // namespace gantry::server
