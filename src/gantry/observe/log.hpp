#pragma once

// Structured logging: a level, a message in fixed words, and named fields. One line each, as JSON for machines or in
// columns for people.

#include <atomic>
#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

namespace gantry::observe {

enum class LogLevel { kDebug, kInfo, kWarn, kError, kOff };
enum class LogFormat {
  kAuto,  ///< kText when the descriptor is a terminal, else kJson
  kJson,  ///< {"time":"2026-01-31T12:00:00.000Z","level":"info","message":"…","status":200}
  kText,  ///< 12:00:00.000 INFO  … status=200
};

/// "debug", "info", "warn", "error", "off".
[[nodiscard]] std::string_view to_string(LogLevel level) noexcept;
/// The level of that name; nullopt for another word.
[[nodiscard]] std::optional<LogLevel> log_level(std::string_view name) noexcept;
/// "auto", "json" or "text"; nullopt for another word.
[[nodiscard]] std::optional<LogFormat> log_format(std::string_view name) noexcept;

/// A named value of a line. It refers to the caller's text; nothing is copied before the line is formatted.
class Field {
 public:
  using Value = std::variant<std::string_view, std::int64_t, std::uint64_t, double, bool>;

  template <class T>
  requires std::convertible_to<const T&, std::string_view> Field(std::string_view name, const T& text)
      : name_(name), value_(std::string_view(text)) {}
  Field(std::string_view name, bool value) : name_(name), value_(value) {}
  template <std::signed_integral T>
  Field(std::string_view name, T value) : name_(name), value_(static_cast<std::int64_t>(value)) {}
  template <std::unsigned_integral T>
  Field(std::string_view name, T value) : name_(name), value_(static_cast<std::uint64_t>(value)) {}
  template <std::floating_point T>
  Field(std::string_view name, T value) : name_(name), value_(static_cast<double>(value)) {}

  [[nodiscard]] std::string_view name() const noexcept { return name_; }
  [[nodiscard]] const Value& value() const noexcept { return value_; }

 private:
  std::string_view name_;
  Value value_;
};

struct LogSettings {
  LogLevel level = LogLevel::kInfo;
  LogFormat format = LogFormat::kAuto;
  int fd = 2;                                   ///< where lines go; it stays the caller's
  std::size_t waiting_bytes = 4 * 1024 * 1024;  ///< lines that may wait for a slow reader; more are dropped and counted
};

/// Writes lines from any thread. A caller only formats and appends to a buffer: a terminal that stands still or a full
/// pipe stalls the log's own thread, never a request. Nothing here throws. Lines of one thread keep their order.
class Log {
 public:
  explicit Log(LogSettings settings = {});
  /// Writes what waits, unless the reader stands still: after 2 s without progress the rest is given up.
  ~Log();
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  /// Cheap; ask before making costly fields.
  [[nodiscard]] bool writes(LogLevel level) const noexcept {
    return level >= level_.load(std::memory_order_relaxed) && level != LogLevel::kOff;
  }
  void set_level(LogLevel level) noexcept { level_.store(level, std::memory_order_relaxed); }

  /// Control characters are escaped and invalid UTF-8 becomes U+FFFD, so one call is one line whatever it holds. A line
  /// longer than 16 kB is cut.
  void write(LogLevel level, std::string_view message, std::span<const Field> fields) noexcept;
  void debug(std::string_view message, std::initializer_list<Field> fields = {}) noexcept;
  void info(std::string_view message, std::initializer_list<Field> fields = {}) noexcept;
  void warn(std::string_view message, std::initializer_list<Field> fields = {}) noexcept;
  void error(std::string_view message, std::initializer_list<Field> fields = {}) noexcept;

  /// Returns when all lines so far were handed to the descriptor, or could not be, or its reader takes nothing for 2 s.
  void flush() noexcept;
  /// Lines that were lost: the buffer was full, memory ran out, or the descriptor failed.
  [[nodiscard]] std::uint64_t dropped() const noexcept;

 private:
  class Writer;
  std::atomic<LogLevel> level_;
  bool json_;
  std::unique_ptr<Writer> writer_;
};

/// One line, without its end. `time_us`: microseconds since 1970, UTC. What Log writes; for tests and other sinks.
void append_json_line(std::string& out, std::int64_t time_us, LogLevel level, std::string_view message,
                      std::span<const Field> fields);
void append_text_line(std::string& out, std::int64_t time_us, LogLevel level, std::string_view message,
                      std::span<const Field> fields);

}  // namespace gantry::observe
