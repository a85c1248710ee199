#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

namespace gantry::archive {

/// Bytes that all who share it may hold together (DESIGN §4.1). Thread-safe; outlives the shares that hold some.
class MemoryBudget {
 public:
  explicit MemoryBudget(std::uint64_t bytes) : bytes_(bytes) {}

  /// What one holder has taken; given back when it goes. One thread at a time.
  class Share {
   public:
    explicit Share(MemoryBudget& budget) : budget_(&budget) {}
    Share(Share&& other) noexcept : budget_(other.budget_), bytes_(std::exchange(other.bytes_, 0)) {}
    Share& operator=(Share&& other) noexcept {
      if (this != &other) {
        resize_to_less(0);
        budget_ = other.budget_;
        bytes_ = std::exchange(other.bytes_, 0);
      }
      return *this;
    }
    ~Share() { resize_to_less(0); }  // an empty one may outlive the budget

    /// False, and nothing changes, when the budget has not that much left.
    [[nodiscard]] bool resize(std::uint64_t bytes) {
      if (bytes <= bytes_) {
        resize_to_less(bytes);
        return true;
      }
      if (!budget_->take(bytes - bytes_)) return false;
      bytes_ = bytes;
      return true;
    }
    /// What is held already, whether or not there is room: the memory is in use, and the budget must know.
    void insist(std::uint64_t bytes) {
      if (bytes <= bytes_) return resize_to_less(bytes);
      budget_->taken_ += bytes - bytes_;
      bytes_ = bytes;
    }

   private:
    void resize_to_less(std::uint64_t bytes) {
      if (bytes < bytes_) budget_->taken_ -= std::exchange(bytes_, bytes) - bytes;
    }

    MemoryBudget* budget_;
    std::uint64_t bytes_ = 0;
  };

  [[nodiscard]] std::uint64_t taken() const noexcept { return taken_; }

 private:
  bool take(std::uint64_t bytes) {
    auto taken = taken_.load();
    do {
      if (taken > bytes_ || bytes > bytes_ - taken) return false;
    } while (!taken_.compare_exchange_weak(taken, taken + bytes));
    return true;
  }

  const std::uint64_t bytes_;
  std::atomic<std::uint64_t> taken_{0};
};

}  // namespace gantry::archive
