#include "gantry/server/machine_load.hpp"

#include <array>
#include <fstream>
#include <sstream>
#include <string>

namespace gantry::server {
namespace {

/// A tick of a core is a hundredth of a second: fewer ticks than these say nothing about percents.
constexpr std::uint64_t kTicksLeast = 20;

}  // namespace

// The first line is "cpu user nice system idle iowait irq softirq steal guest guest_nice"; guests are in user and nice
// already (proc_stat(5)).
std::optional<MachineWatch::Ticks> MachineWatch::read_ticks() const {
  std::ifstream file(proc_ / "stat");
  std::string name;
  std::array<std::uint64_t, 8> fields{};
  if (!(file >> name) || name != "cpu") return std::nullopt;
  for (auto& field : fields) {
    if (!(file >> field)) return std::nullopt;
  }
  const auto [user, nice, system, idle, iowait, irq, softirq, steal] = fields;
  Ticks ticks;
  ticks.busy = user + system + irq + softirq + steal;
  ticks.all = ticks.busy + nice + idle + iowait;
  return ticks;
}

std::optional<double> MachineWatch::read_memory() const {
  std::ifstream file(proc_ / "meminfo");
  std::optional<double> total, available;
  for (std::string line; std::getline(file, line) && !(total && available);) {
    std::istringstream words(line);
    std::string name;
    double kilobytes = 0;
    if (!(words >> name >> kilobytes)) continue;
    if (name == "MemTotal:") total = kilobytes;
    if (name == "MemAvailable:") available = kilobytes;
  }
  if (!total || !available || *total <= 0) return std::nullopt;
  return 100.0 * (*total - *available) / *total;
}

MachineLoad MachineWatch::look() {
  const auto now = read_ticks();
  if (!now) {
    before_.reset();
    cpu_.reset();
  } else if (!before_) {
    before_ = now;
  } else if (now->all < before_->all || now->busy < before_->busy) {
    before_ = now;  // a core went, and its ticks with it
  } else if (now->all - before_->all >= kTicksLeast) {
    cpu_ = 100.0 * static_cast<double>(now->busy - before_->busy) / static_cast<double>(now->all - before_->all);
    before_ = now;
  }
  return {cpu_, read_memory()};
}

}  // namespace gantry::server
