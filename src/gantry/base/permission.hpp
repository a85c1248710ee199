#pragma once

#include <cstdint>
#include <initializer_list>

namespace gantry {

/// What a caller must be allowed to do. Every route declares one. `kAdmin` is about one's own tenant, `kOperate` about
/// the node and all tenants on it.
enum class Permission : std::uint8_t { kPublic, kRead, kWrite, kDelete, kAdmin, kOperate };

/// "public", "read", "write", "delete", "admin" or "operate".
[[nodiscard]] constexpr const char* to_string(Permission permission) noexcept {
  switch (permission) {
    case Permission::kPublic: return "public";
    case Permission::kRead: return "read";
    case Permission::kWrite: return "write";
    case Permission::kDelete: return "delete";
    case Permission::kAdmin: return "admin";
    case Permission::kOperate: return "operate";
  }
  return "operate";
}

/// What somebody is allowed to do. `kPublic` is in every set; no other permission follows from another.
class PermissionSet {
 public:
  constexpr PermissionSet() = default;
  constexpr PermissionSet(std::initializer_list<Permission> all) {
    for (const Permission permission : all) add(permission);
  }

  /// All that one may do in a tenant; not `kOperate`.
  [[nodiscard]] static constexpr PermissionSet all() {
    return {Permission::kRead, Permission::kWrite, Permission::kDelete, Permission::kAdmin};
  }
  constexpr void add(Permission permission) noexcept { bits_ = static_cast<std::uint8_t>(bits_ | bit(permission)); }
  constexpr void add(PermissionSet others) noexcept { bits_ = static_cast<std::uint8_t>(bits_ | others.bits_); }
  [[nodiscard]] constexpr bool has(Permission permission) const noexcept { return (bits_ & bit(permission)) != 0; }
  /// Nothing beyond what everybody may.
  [[nodiscard]] constexpr bool empty() const noexcept { return bits_ == bit(Permission::kPublic); }

  friend constexpr bool operator==(PermissionSet, PermissionSet) = default;

 private:
  static constexpr std::uint8_t bit(Permission permission) noexcept {
    return static_cast<std::uint8_t>(1U << static_cast<unsigned>(permission));
  }
  std::uint8_t bits_ = bit(Permission::kPublic);
};

}  // namespace gantry
