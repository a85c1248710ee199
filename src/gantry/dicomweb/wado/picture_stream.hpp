#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "gantry/base/bytes.hpp"
#include "gantry/dicomweb/representation.hpp"

namespace gantry::dicomweb::wado {

/// A multipart body of pictures, each made when its turn to be sent comes. Derived classes make them.
class PictureStream : public ByteStream {
 public:
  PictureStream(std::string media_type, MultipartPlan parts)
      : media_type_(std::move(media_type)), parts_(std::move(parts)) {}

  Result<std::size_t> read(std::span<std::byte> into) override {
    while (sent_ == text_.size()) {
      if (closed_) return std::size_t{0};
      GANTRY_TRY(make_text());
    }
    const std::size_t count = std::min(into.size(), text_.size() - sent_);
    std::memcpy(into.data(), text_.data() + sent_, count);
    sent_ += count;
    return count;
  }

 protected:
  struct Part {
    std::string location;
    std::string bytes;
  };
  /// Blocking. nullopt at the end.
  virtual Result<std::optional<Part>> next() = 0;
  [[nodiscard]] const std::string& media_type() const noexcept { return media_type_; }

 private:
  Result<void> make_text() {
    sent_ = 0;
    GANTRY_LET(const auto part, next());
    if (part) {
      text_ = parts_.part_head(media_type_, "", part->location) + part->bytes;
    } else {
      text_ = parts_.closing();
      closed_ = true;
    }
    return {};
  }

  const std::string media_type_;
  MultipartPlan parts_;
  std::string text_;
  std::size_t sent_ = 0;
  bool closed_ = false;
};

}  // namespace gantry::dicomweb::wado
