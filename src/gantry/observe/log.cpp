#include "gantry/observe/log.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

namespace gantry::observe {
namespace {

constexpr std::size_t kLineBytesMost = 16 * 1024;
constexpr int kGiveUpMs = 2000;
/// A busy server's lines are written together: waking the thread for each one costs more than the line.
constexpr std::chrono::milliseconds kGather{2};

std::int64_t now_us() noexcept {
  return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

/// Cuts what is longer than a line may be, and leaves a mark. A value cut in the middle of a character is mended when
/// it is escaped.
std::string_view cut(std::string_view text, std::size_t& room) noexcept {
  const auto taken = text.substr(0, room);
  room -= taken.size();
  return taken;
}

}  // namespace

/// Two buffers: lines are appended to one while the thread writes the other.
class Log::Writer {
 public:
  Writer(int fd, std::size_t waiting_bytes, bool json)
      : fd_(fd), waiting_bytes_(waiting_bytes), json_(json), thread_([this] { run(); }) {}
  ~Writer() {
    {
      const std::scoped_lock lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  /// `at_once`: it is not gathered with those that may follow.
  void append(std::string_view line, bool at_once) {
    bool wake = false;
    {
      const std::scoped_lock lock(mutex_);
      if (waiting_.size() + line.size() > waiting_bytes_) {
        ++dropped_;
        return;
      }
      at_once = at_once || waiting_.size() + line.size() > waiting_bytes_ / 2;
      wake = waiting_.empty() || (at_once && !hurry_);
      hurry_ = hurry_ || at_once;
      waiting_.append(line);
      ++appended_;
    }
    if (wake) changed_.notify_all();
  }

  void flush() {
    std::unique_lock lock(mutex_);
    hurry_ = true;
    changed_.notify_all();
    changed_.wait(lock, [this, until = appended_] { return settled_ >= until || reader_stands_; });
  }

  void count_dropped() {
    const std::scoped_lock lock(mutex_);
    ++dropped_;
  }

  [[nodiscard]] std::uint64_t dropped() const {
    const std::scoped_lock lock(mutex_);
    return dropped_;
  }

 private:
  void run() {
    // Signals are the main thread's; above all, a reader that went away must not end the process by SIGPIPE.
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, nullptr);
    std::string batch;
    std::uint64_t told = 0;
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
      if (waiting_.empty()) return;
      changed_.wait_for(lock, kGather, [this] { return stopping_ || hurry_; });
      hurry_ = false;
      batch.clear();
      std::swap(batch, waiting_);
      const std::uint64_t until = appended_;
      const std::uint64_t dropped = dropped_;
      lock.unlock();
      if (dropped > told) {
        append_notice(batch, dropped - told);
        told = dropped;
      }
      const std::uint64_t lost = write_all(batch);
      lock.lock();
      dropped_ += lost;
      settled_ = until;
      reader_stands_ = false;
      changed_.notify_all();
      if (stopping_ && lost > 0) return;
    }
  }

  void append_notice(std::string& batch, std::uint64_t count) const noexcept {
    try {
      const Field field("lines", count);
      const auto append_line = json_ ? append_json_line : append_text_line;
      append_line(batch, now_us(), LogLevel::kWarn, "log lines were dropped: their reader was too slow", {&field, 1});
      batch += '\n';
    } catch (...) {  // no memory for the notice; dropped() still counts
      return;
    }
  }

  /// How many lines could not be written.
  std::uint64_t write_all(std::string_view text) {
    bool stands = false;
    while (!text.empty()) {
      // Waiting is done by poll, so that the end of the process does not hang on a reader that stands still.
      pollfd wait{fd_, POLLOUT, 0};
      const int ready = ::poll(&wait, 1, kGiveUpMs);
      if ((ready == 0) != stands) {
        const std::scoped_lock lock(mutex_);
        stands = reader_stands_ = ready == 0;
        changed_.notify_all();
      }
      if (ready == 0) {
        const std::scoped_lock lock(mutex_);
        if (stopping_) break;
        continue;
      }
      if (ready < 0 && errno != EINTR) break;
      if (ready < 0) continue;
      // A pipe takes PIPE_BUF bytes without blocking when poll says that it is writable.
      const ssize_t count = ::write(fd_, text.data(), std::min<std::size_t>(text.size(), PIPE_BUF));
      if (count > 0) {
        text.remove_prefix(static_cast<std::size_t>(count));
      } else if (count < 0 && errno != EINTR && errno != EAGAIN) {
        break;
      }
    }
    return static_cast<std::uint64_t>(std::count(text.begin(), text.end(), '\n'));
  }

  const int fd_;
  const std::size_t waiting_bytes_;
  const bool json_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::string waiting_;
  std::uint64_t appended_ = 0, settled_ = 0;  // lines
  std::uint64_t dropped_ = 0;
  bool stopping_ = false;
  bool hurry_ = false;          ///< what waits is to be written without gathering
  bool reader_stands_ = false;  ///< took nothing for kGiveUpMs
  std::thread thread_;
};

Log::Log(LogSettings settings)
    : level_(settings.level),
      json_(settings.format == LogFormat::kJson || (settings.format == LogFormat::kAuto && ::isatty(settings.fd) == 0)),
      writer_(std::make_unique<Writer>(settings.fd, settings.waiting_bytes, json_)) {}

Log::~Log() = default;

void Log::write(LogLevel level, std::string_view message, std::span<const Field> fields) noexcept {
  if (!writes(level)) return;
  try {
    std::size_t room = kLineBytesMost;
    const std::string_view words = cut(message, room);
    std::vector<Field> kept;
    kept.reserve(fields.size());
    for (const Field& field : fields) {
      const auto name = cut(field.name(), room);
      if (const auto* text = std::get_if<std::string_view>(&field.value())) {
        kept.emplace_back(name, cut(*text, room));
      } else {
        kept.push_back(field);
      }
    }
    if (room == 0) kept.emplace_back("cut", true);
    std::string line;
    line.reserve(256);
    (json_ ? append_json_line : append_text_line)(line, now_us(), level, words, kept);
    line += '\n';
    writer_->append(line, level >= LogLevel::kWarn);
  } catch (...) {  // no memory: the line is lost, and counted
    writer_->count_dropped();
  }
}

void Log::debug(std::string_view message, std::initializer_list<Field> fields) noexcept {
  write(LogLevel::kDebug, message, {fields.begin(), fields.size()});
}
void Log::info(std::string_view message, std::initializer_list<Field> fields) noexcept {
  write(LogLevel::kInfo, message, {fields.begin(), fields.size()});
}
void Log::warn(std::string_view message, std::initializer_list<Field> fields) noexcept {
  write(LogLevel::kWarn, message, {fields.begin(), fields.size()});
}
void Log::error(std::string_view message, std::initializer_list<Field> fields) noexcept {
  write(LogLevel::kError, message, {fields.begin(), fields.size()});
}

void Log::flush() noexcept { writer_->flush(); }
std::uint64_t Log::dropped() const noexcept { return writer_->dropped(); }

}  // namespace gantry::observe
