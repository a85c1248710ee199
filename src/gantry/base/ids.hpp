#pragma once

#include <compare>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

namespace gantry {

/// Text with a meaning: a study UID, a series UID and a tenant id are different types, so swapping them does not build.
template <class Tag>
class StrongText {
 public:
  StrongText() = default;
  explicit StrongText(std::string value) : value_(std::move(value)) {}

  [[nodiscard]] const std::string& str() const noexcept { return value_; }
  [[nodiscard]] std::string_view view() const noexcept { return value_; }
  [[nodiscard]] bool empty() const noexcept { return value_.empty(); }

  friend auto operator<=>(const StrongText&, const StrongText&) = default;
  friend bool operator==(const StrongText&, const StrongText&) = default;

 private:
  std::string value_;
};

using TenantId = StrongText<struct TenantIdTag>;    ///< `[a-z0-9-]{1,64}`
using StudyUid = StrongText<struct StudyUidTag>;    ///< Study Instance UID (0020,000D)
using SeriesUid = StrongText<struct SeriesUidTag>;  ///< Series Instance UID (0020,000E)
using SopUid = StrongText<struct SopUidTag>;        ///< SOP Instance UID (0008,0018)
using ObjectKey = StrongText<struct ObjectKeyTag>;  ///< name of an immutable object in the object store

/// True for 1 to 64 digits and dots, as UIDs come in the field (leading zeros and empty components pass; a UID
/// that can't be told from another after trimming NUL and spaces is the caller's to trim).
[[nodiscard]] bool is_valid_uid(std::string_view uid) noexcept;

/// True for `[a-z0-9-]{1,64}`.
[[nodiscard]] bool is_valid_tenant(std::string_view tenant) noexcept;

}  // namespace gantry

template <class Tag>
struct std::hash<gantry::StrongText<Tag>> {
  std::size_t operator()(const gantry::StrongText<Tag>& text) const noexcept {
    return std::hash<std::string_view>{}(text.view());
  }
};
