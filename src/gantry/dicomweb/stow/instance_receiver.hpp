#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <span>

#include "gantry/archive/store_service.hpp"
#include "gantry/dicomweb/stow/store_request.hpp"
#include "gantry/http/multipart.hpp"

namespace gantry::dicomweb::stow {

/// The blocking half of a store request: cuts the body into instances and hands them to the StoreService, a bounded
/// number at a time. One thread at a time; everything but `on_the_way` and `take_oldest` runs on the disk pool.
/// Destroying it discards the instance that has not arrived whole; finished ones go their way.
class InstanceReceiver {
 public:
  /// Instances of one request that may wait for their commit. One group of the committer holds 64 of all requests.
  static constexpr std::size_t kOnTheWayMost = 32;

  /// kInvalid: the boundary is not one. `store` outlives the receiver.
  static Result<std::shared_ptr<InstanceReceiver>> open(archive::StoreService& store, RequestContext context,
                                                        std::optional<StudyUid> expected, const BodyForm& form);

  /// The next bytes of the body; they stay valid until advance() answered kNeedMore.
  void feed(std::span<const std::byte> bytes);

  enum class Step {
    kNeedMore,        ///< feed() more, or end()
    kTooManyOnTheWay  ///< await take_oldest(), then advance() again
  };
  /// Errors: kInvalid (malformed multipart), kTooLarge (a limit of multipart).
  Result<Step> advance();
  /// After the last byte. kInvalid when the body ends in the middle of a part; that part is discarded.
  Result<void> end();
  /// Discards the instance that has not arrived whole.
  void abandon();

  [[nodiscard]] std::size_t on_the_way() const noexcept { return on_the_way_.size(); }
  /// The outcome of the oldest instance that was not taken yet. Needs on_the_way() > 0.
  [[nodiscard]] OneShot<archive::StoreOutcome> take_oldest();

 private:
  InstanceReceiver(archive::StoreService& store, RequestContext context, std::optional<StudyUid> expected);
  bool begin_instance();
  void write(std::span<const std::byte> bytes);
  void finish_instance();
  void fail(archive::StoreOutcome outcome);

  archive::StoreService& store_;
  const RequestContext context_;
  const std::optional<StudyUid> expected_;
  std::optional<http::MultipartParser> parser_;  ///< none: the body is a single instance
  std::span<const std::byte> single_;
  bool begin_due_ = false;  ///< a part began, its instance not yet
  bool any_byte_ = false;
  std::unique_ptr<archive::InstanceUpload> upload_;  ///< none while a part is skipped
  bool skip_rest_ = false;
  std::deque<OneShot<archive::StoreOutcome>> on_the_way_;
};

}  // namespace gantry::dicomweb::stow
