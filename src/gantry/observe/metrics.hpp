#pragma once

// Counters, gauges and histograms, and their text for Prometheus. Get a metric once, keep the reference: an increment
// is then one atomic addition, without a lock.

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace gantry::observe {

/// Only grows. Its name ends in "_total".
class Counter {
 public:
  void add(std::uint64_t amount = 1) noexcept { value_.fetch_add(amount, std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t value() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

/// Goes up and down.
class Gauge {
 public:
  void set(double value) noexcept { value_.store(value, std::memory_order_relaxed); }
  void add(double amount) noexcept { value_.fetch_add(amount, std::memory_order_relaxed); }
  [[nodiscard]] double value() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<double> value_{0};
};

/// How often a value fell below each bound.
class Histogram {
 public:
  /// `bounds`: upper bounds, ascending, included in their bucket; one for everything above is added.
  explicit Histogram(std::span<const double> bounds);
  void observe(double value) noexcept;

  [[nodiscard]] const std::vector<double>& bounds() const noexcept { return bounds_; }
  /// Of each bucket alone (not cumulative); the last is the one above all bounds.
  [[nodiscard]] std::vector<std::uint64_t> counts() const;
  [[nodiscard]] double sum() const noexcept { return sum_.load(std::memory_order_relaxed); }

 private:
  std::vector<double> bounds_;
  std::unique_ptr<std::atomic<std::uint64_t>[]> counts_;
  std::atomic<double> sum_{0};
};

/// 1 ms to 10 s, for requests.
[[nodiscard]] std::span<const double> seconds_bounds() noexcept;
/// 1 kB to 4 GB.
[[nodiscard]] std::span<const double> bytes_bounds() noexcept;

using Labels = std::vector<std::pair<std::string, std::string>>;

/// All metrics of a process. Thread-safe. References stay valid as long as the registry lives.
class Metrics {
 public:
  Metrics();
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  /// The metric of that name and those labels, made at the first call. A name has one kind, and ends in its unit
  /// ("_seconds", "_bytes", …; counters in "_total"): anything else is a broken promise and asserts. Label values may
  /// come from outside; a name takes kSeriesMost sets of them, and what comes later shares one whose values are all
  /// "other".
  Counter& counter(std::string_view name, std::string_view help, const Labels& labels = {});
  Gauge& gauge(std::string_view name, std::string_view help, const Labels& labels = {});
  /// `bounds` count at the first call of a name.
  Histogram& histogram(std::string_view name, std::string_view help, std::span<const double> bounds,
                       const Labels& labels = {});
  /// Values that something else counts: `read` is asked at each text(), from its thread, and must not throw. It lives
  /// as long as the registry.
  void read_counter(std::string_view name, std::string_view help, std::function<double()> read,
                    const Labels& labels = {});
  void read_gauge(std::string_view name, std::string_view help, std::function<double()> read,
                  const Labels& labels = {});

  static constexpr std::size_t kSeriesMost = 1000;

  /// The exposition format 0.0.4; its Content-Type is kContentType.
  [[nodiscard]] std::string text() const;
  static constexpr const char* kContentType = "text/plain; version=0.0.4; charset=utf-8";

 private:
  class Registry;
  std::unique_ptr<Registry> registry_;
};

}  // namespace gantry::observe
