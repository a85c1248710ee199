#include "gantry/dicomweb/object_stream.hpp"

#include <algorithm>
#include <cstring>
#include <memory>
#include <span>
#include <utility>

namespace gantry::dicomweb {
namespace {

class ObjectStream final : public ByteStream {
 public:
  ObjectStream(NextObject next, ObjectFraming framing) : next_(std::move(next)), framing_(std::move(framing)) {
    pending_ = framing_.open;
  }

  /// Appends objects until `bytes` are pending or the end is reached.
  Result<void> fill(std::size_t bytes) {
    while (!ended_ && pending_.size() - sent_ < bytes) {
      GANTRY_LET(const auto object, next_());
      if (!object) {
        pending_ += framing_.close;
        ended_ = true;
        break;
      }
      if (!first_) pending_ += framing_.separator;
      first_ = false;
      pending_ += *object;
    }
    return {};
  }

  Result<std::size_t> read(std::span<std::byte> into) override {
    GANTRY_TRY(fill(into.size()));
    const std::size_t count = std::min(into.size(), pending_.size() - sent_);
    std::memcpy(into.data(), pending_.data() + sent_, count);
    sent_ += count;
    if (sent_ == pending_.size()) {
      pending_.clear();
      sent_ = 0;
    } else if (sent_ > (1U << 20)) {
      pending_.erase(0, sent_);
      sent_ = 0;
    }
    return count;
  }

  [[nodiscard]] bool ended() const noexcept { return ended_; }
  [[nodiscard]] std::string take() { return std::move(pending_); }

 private:
  NextObject next_;
  ObjectFraming framing_;
  std::string pending_;
  std::size_t sent_ = 0;
  bool first_ = true;
  bool ended_ = false;
};

}  // namespace

Result<http::Segment> object_body(NextObject next, ObjectFraming framing, std::size_t in_memory_most) {
  auto stream = std::make_shared<ObjectStream>(std::move(next), std::move(framing));
  GANTRY_TRY(stream->fill(in_memory_most));
  if (stream->ended()) return http::Segment(stream->take());
  return http::Segment(http::Produced{std::move(stream), std::nullopt});
}

}  // namespace gantry::dicomweb
