#pragma once

#include <memory>
#include <optional>
#include <span>

#include "gantry/dicomweb/stow/body_receiver.hpp"
#include "gantry/http/multipart.hpp"

namespace gantry::dicomweb::stow {

/// Cuts a body of Part 10 files into instances while it arrives.
class InstanceReceiver final : public BodyReceiver {
 public:
  /// kInvalid: the boundary is not one. `store` outlives the receiver.
  static Result<std::shared_ptr<BodyReceiver>> open(archive::StoreService& store, RequestContext context,
                                                    std::optional<StudyUid> expected, const BodyForm& form);

  void feed(std::span<const std::byte> bytes) override;
  Result<Step> advance() override;
  Result<Step> end() override;
  void abandon() override;

 private:
  InstanceReceiver(archive::StoreService& store, RequestContext context, std::optional<StudyUid> expected);
  bool begin_instance();
  void write(std::span<const std::byte> bytes);
  void finish_instance();
  void fail(archive::StoreOutcome outcome);

  std::optional<http::MultipartParser> parser_;  ///< none: the body is a single instance
  std::span<const std::byte> single_;
  bool begin_due_ = false;  ///< a part began, its instance not yet
  bool any_byte_ = false;
  std::unique_ptr<archive::InstanceUpload> upload_;  ///< none while a part is skipped
  bool skip_rest_ = false;
};

}  // namespace gantry::dicomweb::stow
