#pragma once

#include <memory>
#include <utility>

#include <unistd.h>

namespace gantry {

template <auto Function>
struct CallOnDelete {
  template <class T>
  void operator()(T* object) const noexcept {
    Function(object);
  }
};

/// Owner of a C object, the same size as the pointer inside: `using Statement = Handle<sqlite3_stmt,
/// &sqlite3_finalize>;`
template <class T, auto Delete>
using Handle = std::unique_ptr<T, CallOnDelete<Delete>>;

/// Owner of a file descriptor.
class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) noexcept : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    if (this != &other) {
      reset();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  UniqueFd(const UniqueFd&) = delete;
  UniqueFd& operator=(const UniqueFd&) = delete;
  ~UniqueFd() { reset(); }

  [[nodiscard]] int get() const noexcept { return fd_; }
  [[nodiscard]] int release() noexcept { return std::exchange(fd_, -1); }
  explicit operator bool() const noexcept { return fd_ >= 0; }
  void reset() noexcept {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }

 private:
  int fd_ = -1;
};

}  // namespace gantry
