#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <utility>

#include "gantry/archive/store_service.hpp"
#include "gantry/dicomweb/stow/store_request.hpp"

namespace gantry::dicomweb::stow {

/// The blocking half of a store request: makes instances of the body and hands them to the StoreService, a bounded
/// number at a time. One thread at a time; everything but `on_the_way` and `take_oldest` runs on the disk pool.
/// Destroying it discards the instance that has not arrived whole; finished ones go their way.
class BodyReceiver {
 public:
  /// Instances of one request that may wait for their commit. One group of the committer holds 64 of all requests.
  static constexpr std::size_t kOnTheWayMost = 32;

  virtual ~BodyReceiver() = default;

  /// The next bytes of the body; they stay valid until advance() answered kNeedMore.
  virtual void feed(std::span<const std::byte> bytes) = 0;

  enum class Step {
    kNeedMore,        ///< feed() more, or end(); after end(): done
    kTooManyOnTheWay  ///< await take_oldest(), then call the same again
  };
  /// Errors: kInvalid (malformed multipart), kTooLarge (a limit of multipart).
  virtual Result<Step> advance() = 0;
  /// After the last byte. kInvalid when the body ends in the middle of a part; that part is discarded.
  virtual Result<Step> end() = 0;
  /// Discards the instance that has not arrived whole.
  virtual void abandon() = 0;

  [[nodiscard]] std::size_t on_the_way() const noexcept { return on_the_way_.size(); }
  /// The outcome of the oldest instance that was not taken yet. Needs on_the_way() > 0.
  [[nodiscard]] OneShot<archive::StoreOutcome> take_oldest() {
    auto oldest = std::move(on_the_way_.front());
    on_the_way_.pop_front();
    return oldest;
  }

 protected:
  BodyReceiver(archive::StoreService& store, RequestContext context, std::optional<StudyUid> expected)
      : store_(store), context_(std::move(context)), expected_(std::move(expected)) {}

  void await(OneShot<archive::StoreOutcome> outcome) { on_the_way_.push_back(std::move(outcome)); }
  /// An outcome that is known.
  void settle(archive::StoreOutcome outcome) {
    OneShot<archive::StoreOutcome> shot;
    shot.set(std::move(outcome));
    on_the_way_.push_back(std::move(shot));
  }

  archive::StoreService& store_;  ///< outlives the receiver
  const RequestContext context_;
  const std::optional<StudyUid> expected_;

 private:
  std::deque<OneShot<archive::StoreOutcome>> on_the_way_;
};

}  // namespace gantry::dicomweb::stow
