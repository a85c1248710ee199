#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace gantry::dicom {

/// Looks at bytes that arrive in pieces as if they were in one: a run that lies in one piece is not copied, one that is
/// cut is collected. Memory: the run that is being waited for, growing only as bytes really arrive.
class PieceCursor {
 public:
  /// The next piece; the one before has been used up. `piece` must live until `drained()`.
  void attach(std::string_view piece) noexcept { piece_ = piece; }

  /// The next `count` bytes without consuming them, or null when they have not all arrived: then the rest of the piece
  /// has been put aside. While something is put aside, `count` never shrinks.
  const char* peek(std::size_t count) {
    if (count == 0) return "";
    if (kept_.empty() && piece_.size() >= count) return piece_.data();
    if (kept_.size() < count) {
      const std::size_t more = std::min(count - kept_.size(), piece_.size());
      kept_.append(piece_.substr(0, more));
      piece_.remove_prefix(more);
    }
    return kept_.size() >= count ? kept_.data() : nullptr;
  }

  /// Goes on behind the `count` bytes that peek() just gave.
  void consume(std::size_t count) noexcept {
    position_ += count;
    if (kept_.empty()) {
      piece_.remove_prefix(count);
      return;
    }
    kept_.clear();
    if (kept_.capacity() > kKeepCapacity) kept_.shrink_to_fit();
  }

  /// Passes by up to `count` bytes of the piece and says how many. Nothing is put aside when this is called.
  std::uint64_t skip(std::uint64_t count) noexcept {
    const std::uint64_t here = std::min<std::uint64_t>(count, piece_.size());
    piece_.remove_prefix(static_cast<std::size_t>(here));
    position_ += here;
    return here;
  }

  [[nodiscard]] std::uint64_t position() const noexcept { return position_; }  ///< of the next byte to consume
  [[nodiscard]] std::size_t waiting() const noexcept { return kept_.size(); }  ///< bytes put aside
  [[nodiscard]] bool drained() const noexcept { return piece_.empty(); }
  /// What is left of the piece; only when nothing is put aside.
  [[nodiscard]] std::string_view rest() const noexcept { return piece_; }
  void set_position(std::uint64_t position) noexcept { position_ = position; }
  /// Gives away what was put aside, unconsumed.
  std::string release() { return std::exchange(kept_, {}); }

 private:
  static constexpr std::size_t kKeepCapacity = 64 * 1024;
  std::string_view piece_;
  std::string kept_;
  std::uint64_t position_ = 0;
};

}  // namespace gantry::dicom
