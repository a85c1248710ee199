#pragma once

#include <algorithm>
#include <string>
#include <utility>

#include "gantry/base/bytes.hpp"

namespace gantry {

/// Bytes that are in memory, for who reads from anywhere.
class MemoryBytes final : public RandomAccess {
 public:
  explicit MemoryBytes(std::string bytes) : bytes_(std::move(bytes)) {}
  [[nodiscard]] std::uint64_t size() const noexcept override { return bytes_.size(); }
  Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> into) const override {
    if (offset >= bytes_.size()) return std::size_t{0};
    const auto from = std::as_bytes(std::span(bytes_)).subspan(static_cast<std::size_t>(offset));
    const std::size_t count = std::min(into.size(), from.size());
    std::copy_n(from.begin(), count, into.begin());
    return count;
  }

 private:
  const std::string bytes_;
};

}  // namespace gantry
