#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "gantry/dicom/instance_indexer.hpp"

namespace gantry::dicom {

/// Collects what searching needs while the data set goes by: attributes of the top level, and of the items of the
/// Request Attributes Sequence. Of attributes that come twice the first counts.
class QidoCollector {
 public:
  static constexpr Tag kRequestAttributes{0x0040, 0x0275};

  [[nodiscard]] static bool wants(Tag tag) noexcept;
  /// `values` are trimmed UTF-8; numbers as decimal text.
  void on_value(Tag tag, std::span<const std::string_view> values);

  [[nodiscard]] static bool wants_of_request(Tag tag) noexcept;
  void begin_request();
  void on_request_value(Tag tag, std::span<const std::string_view> values);

  [[nodiscard]] QidoAttributes take();

 private:
  QidoAttributes attributes_;
  std::uint64_t seen_ = 0;  ///< a bit for each attribute that has come
  std::uint32_t requests_ = 0;
  bool has_step_ = false, has_procedure_ = false;  ///< in the current request item
};

}  // namespace gantry::dicom
