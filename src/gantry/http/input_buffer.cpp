#include "gantry/http/input_buffer.hpp"

#include <algorithm>
#include <cstring>

namespace gantry::http {

namespace {
constexpr std::size_t kSpareSmall = 256;  // 1 MB
constexpr std::size_t kSpareLarge = 16;   // 2 MB
}  // namespace

BufferPool::Storage BufferPool::take(std::size_t size) {
  auto& spare = size == kSmall ? small_ : large_;
  if ((size == kSmall || size == kLarge) && !spare.empty()) {
    Storage storage = std::move(spare.back());
    spare.pop_back();
    return storage;
  }
  return std::make_unique_for_overwrite<std::byte[]>(size);
}

void BufferPool::give(Storage storage, std::size_t size) {
  if (size == kSmall && small_.size() < kSpareSmall) small_.push_back(std::move(storage));
  if (size == kLarge && large_.size() < kSpareLarge) large_.push_back(std::move(storage));
}

std::span<std::byte> InputBuffer::space(std::size_t capacity) {
  if (capacity_ < capacity) {
    const std::size_t size =
        capacity <= BufferPool::kSmall ? BufferPool::kSmall : std::max(capacity, BufferPool::kLarge);
    auto larger = pool_.take(size);
    const std::size_t unread_bytes = end_ - begin_;
    if (unread_bytes > 0) std::memcpy(larger.get(), storage_.get() + begin_, unread_bytes);
    if (storage_) pool_.give(std::move(storage_), capacity_);
    storage_ = std::move(larger);
    capacity_ = size;
    begin_ = 0;
    end_ = unread_bytes;
  } else if (begin_ > 0) {
    if (begin_ < end_) std::memmove(storage_.get(), storage_.get() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  return {storage_.get() + end_, capacity_ - end_};
}

void InputBuffer::release() {
  if (storage_) pool_.give(std::move(storage_), capacity_);
  storage_.reset();
  capacity_ = begin_ = end_ = 0;
}

}  // namespace gantry::http
