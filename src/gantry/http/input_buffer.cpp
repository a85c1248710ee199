#include "gantry/http/input_buffer.hpp"

#include <algorithm>
#include <cstring>

namespace gantry::http {

namespace {
constexpr std::size_t kSpareSmall = 256;   // 1 MB
constexpr std::size_t kSpareRecords = 64;  // 2 MB
constexpr std::size_t kSpareLarge = 16;    // 2 MB
}  // namespace

std::vector<BufferPool::Storage>* BufferPool::spares(std::size_t size) {
  return size == kSmall ? &small_ : size == kRecords ? &records_ : size == kLarge ? &large_ : nullptr;
}

BufferPool::Storage BufferPool::take(std::size_t size) {
  auto* const spare = spares(size);
  if (spare != nullptr && !spare->empty()) {
    Storage storage = std::move(spare->back());
    spare->pop_back();
    return storage;
  }
  return std::make_unique_for_overwrite<std::byte[]>(size);
}

void BufferPool::give(Storage storage, std::size_t size) {
  const std::size_t most = size == kSmall ? kSpareSmall : size == kRecords ? kSpareRecords : kSpareLarge;
  if (auto* const spare = spares(size); spare != nullptr && spare->size() < most) spare->push_back(std::move(storage));
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
