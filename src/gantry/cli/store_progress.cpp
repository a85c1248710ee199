#include "gantry/cli/store_progress.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

namespace gantry::cli {

using namespace std::chrono_literals;

StoreProgress::StoreProgress(Style style, std::uint64_t files, std::uint64_t bytes)
    : style_(style), files_(files), bytes_(bytes) {
  if (style_ != Style::kSilent) thread_ = std::thread([this] { run(); });
}

StoreProgress::~StoreProgress() { finish(); }

void StoreProgress::moved(std::size_t bytes) {
  const std::scoped_lock lock(mutex_);
  bytes_moved_ += bytes;
}

void StoreProgress::undo(std::uint64_t bytes) {
  const std::scoped_lock lock(mutex_);
  bytes_moved_ -= std::min(bytes, bytes_moved_);
}

void StoreProgress::done(std::uint64_t unmoved, bool accepted) {
  const std::scoped_lock lock(mutex_);
  bytes_moved_ += unmoved;
  ++files_done_;
  if (!accepted) ++not_accepted_;
}

void StoreProgress::finish() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  stop_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void StoreProgress::run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    stop_.wait_for(lock, style_ == Style::kBar ? 200ms : 10s, [this] { return stopping_; });
    const std::string text = line();
    // "\x1b[K" clears what a longer line before left behind.
    if (style_ == Style::kBar) std::fprintf(stderr, "\r%s\x1b[K%s", text.c_str(), stopping_ ? "\n" : "");
    if (style_ == Style::kLines) std::fprintf(stderr, "%s\n", text.c_str());
  }
}

std::string StoreProgress::line() const {
  constexpr std::size_t kWidth = 24;
  const double part =
      bytes_ == 0 ? 1.0 : std::min(1.0, static_cast<double>(bytes_moved_) / static_cast<double>(bytes_));
  const double seconds =
      std::max(0.001, std::chrono::duration<double>(std::chrono::steady_clock::now() - began_).count());
  const auto rate = static_cast<std::uint64_t>(static_cast<double>(bytes_moved_) / seconds);
  std::string out;
  if (style_ == Style::kBar) {
    const auto filled = static_cast<std::size_t>(part * kWidth);
    out = "[" + std::string(filled, '#') + std::string(kWidth - filled, ' ') + "] ";
  }
  out += std::to_string(static_cast<int>(part * 100)) + " %  " + count_as_text(files_done_) + "/" +
         count_as_text(files_) + " files  " + bytes_as_text(bytes_moved_) + "  " + bytes_as_text(rate) + "/s";
  if (files_done_ < files_ && rate > 0 && bytes_moved_ < bytes_)
    out += "  " + seconds_as_text((bytes_ - bytes_moved_) / rate) + " left";
  if (not_accepted_ > 0) out += "  " + count_as_text(not_accepted_) + " not accepted";
  return out;
}

std::string bytes_as_text(std::uint64_t bytes) {
  constexpr std::array<const char*, 5> kUnits{"B", "kB", "MB", "GB", "TB"};
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 1000 && unit + 1 < kUnits.size()) {
    value /= 1000;
    ++unit;
  }
  char text[32];
  std::snprintf(text, sizeof text, unit == 0 ? "%.0f %s" : "%.1f %s", value, kUnits[unit]);
  return text;
}

std::string seconds_as_text(std::uint64_t seconds) {
  char text[48];
  const unsigned long hours = seconds / 3600;
  const auto minutes = static_cast<unsigned>(seconds / 60 % 60), rest = static_cast<unsigned>(seconds % 60);
  if (hours > 0) {
    std::snprintf(text, sizeof text, "%lu:%02u:%02u", hours, minutes, rest);
  } else {
    std::snprintf(text, sizeof text, "%u:%02u", minutes, rest);
  }
  return text;
}

std::string count_as_text(std::uint64_t count) {
  std::string text = std::to_string(count);
  for (std::size_t at = text.size(); at > 3; at -= 3) text.insert(at - 3, ",");
  return text;
}

}  // namespace gantry::cli
