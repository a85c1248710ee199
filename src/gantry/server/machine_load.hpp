#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

namespace gantry::server {

/// How busy this machine is, in percent.
struct MachineLoad {
  std::optional<double> cpu;     ///< of all cores together; nullopt: can't be told (yet)
  std::optional<double> memory;  ///< what is not available to new work; nullopt: can't be told
};

/// Looks at /proc/stat and /proc/meminfo. One thread at a time.
class MachineWatch {
 public:
  /// `proc` is another folder in tests.
  explicit MachineWatch(std::filesystem::path proc = "/proc") : proc_(std::move(proc)) {}

  /// The cores' share is that since the look before. What runs at low priority, like the workers that ask, makes way
  /// for all others and counts as idle. Looks that follow each other too soon to tell give what the last one gave.
  MachineLoad look();

 private:
  struct Ticks {
    std::uint64_t busy = 0, all = 0;
  };
  [[nodiscard]] std::optional<Ticks> read_ticks() const;
  [[nodiscard]] std::optional<double> read_memory() const;

  const std::filesystem::path proc_;
  std::optional<Ticks> before_;
  std::optional<double> cpu_;
};

}  // namespace gantry::server
