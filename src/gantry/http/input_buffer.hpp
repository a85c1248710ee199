#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace gantry::http {

/// Spare buffers of one io thread: most heads fit the small one, bodies want few and large reads, and records of TLS are
/// gathered in one of their size.
class BufferPool {
 public:
  static constexpr std::size_t kSmall = 4 * 1024;
  static constexpr std::size_t kRecords = 32 * 1024;
  static constexpr std::size_t kLarge = 128 * 1024;
  using Storage = std::unique_ptr<std::byte[]>;

  Storage take(std::size_t size);
  void give(Storage storage, std::size_t size);

 private:
  [[nodiscard]] std::vector<Storage>* spares(std::size_t size);

  std::vector<Storage> small_, records_, large_;
};

/// Bytes received and not yet read. Holds no memory while it is empty, so that an idle connection costs little.
class InputBuffer {
 public:
  explicit InputBuffer(BufferPool& pool) : pool_(pool) {}
  ~InputBuffer() { release(); }
  InputBuffer(const InputBuffer&) = delete;
  InputBuffer& operator=(const InputBuffer&) = delete;

  [[nodiscard]] std::span<const std::byte> unread() const noexcept { return {storage_.get() + begin_, end_ - begin_}; }
  [[nodiscard]] std::string_view text() const noexcept {
    return {reinterpret_cast<const char*>(storage_.get()) + begin_, end_ - begin_};
  }
  [[nodiscard]] bool empty() const noexcept { return begin_ == end_; }
  /// The bytes stay where they are until the next space().
  void consume(std::size_t count) noexcept { begin_ += count; }
  /// Room behind the unread bytes in a buffer of at least `capacity` bytes; empty when they fill it.
  [[nodiscard]] std::span<std::byte> space(std::size_t capacity);
  void commit(std::size_t count) noexcept { end_ += count; }
  /// Gives the memory back when nothing is unread.
  void release_if_empty() {
    if (empty()) release();
  }

 private:
  void release();

  BufferPool& pool_;
  BufferPool::Storage storage_;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0, end_ = 0;
};

}  // namespace gantry::http
