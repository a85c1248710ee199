#pragma once

#include <cassert>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>

namespace gantry {

/// What went wrong, as far as the caller must tell cases apart. One table per door maps kinds to a status.
enum class ErrorKind {
  kInvalid,      ///< the sender's data or request is wrong; sending it again changes nothing
  kNotFound,     ///< there is no such thing (for this tenant)
  kConflict,     ///< contradicts what is already kept
  kDenied,       ///< who asks may not
  kTooLarge,     ///< over a named limit
  kUnsupported,  ///< well formed, but this server can't make or take it
  kUnavailable,  ///< a part we need does not answer; trying again later may help
  kTimeout,      ///< the deadline passed
  kInternal,     ///< our own fault
};

/// A stable lower-case word for logs and problem bodies, e.g. "not-found".
[[nodiscard]] const char* to_string(ErrorKind kind) noexcept;

/// An error as a value: a kind for the program and a detail that an operator or sender can act on.
/// The detail never holds a secret; it may hold UIDs and tags, never patient text.
class [[nodiscard]] Error {
 public:
  Error(ErrorKind kind, std::string detail) : kind_(kind), detail_(std::move(detail)) {}

  static Error invalid(std::string detail) { return {ErrorKind::kInvalid, std::move(detail)}; }
  static Error not_found(std::string detail) { return {ErrorKind::kNotFound, std::move(detail)}; }
  static Error conflict(std::string detail) { return {ErrorKind::kConflict, std::move(detail)}; }
  static Error denied(std::string detail) { return {ErrorKind::kDenied, std::move(detail)}; }
  static Error too_large(std::string detail) { return {ErrorKind::kTooLarge, std::move(detail)}; }
  static Error unsupported(std::string detail) { return {ErrorKind::kUnsupported, std::move(detail)}; }
  static Error unavailable(std::string detail) { return {ErrorKind::kUnavailable, std::move(detail)}; }
  static Error timeout(std::string detail) { return {ErrorKind::kTimeout, std::move(detail)}; }
  static Error internal(std::string detail) { return {ErrorKind::kInternal, std::move(detail)}; }
  /// An Error from `errno`: ENOSPC, EDQUOT, EMFILE and ENOMEM are kUnavailable, ENOENT kNotFound, others kInternal.
  static Error from_errno(int error_number, const std::string& what);

  [[nodiscard]] ErrorKind kind() const noexcept { return kind_; }
  [[nodiscard]] const std::string& detail() const noexcept { return detail_; }

 private:
  ErrorKind kind_;
  std::string detail_;
};

/// A value or an Error. Test it, then use `*` or `->`; reading the wrong side is a broken promise and asserts.
template <class T>
class [[nodiscard]] Result {
 public:
  using value_type = T;

  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}      // NOLINT(google-explicit-constructor)
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT(google-explicit-constructor)
  template <class U>
  requires(std::is_convertible_v<U&&, T> && !std::is_same_v<std::remove_cvref_t<U>, T> &&
           !std::is_same_v<std::remove_cvref_t<U>, Error> && !std::is_same_v<std::remove_cvref_t<U>, Result>)
      Result(U&& value)
      : state_(std::in_place_index<0>, std::forward<U>(value)) {}  // NOLINT(google-explicit-constructor)

  [[nodiscard]] bool ok() const noexcept { return state_.index() == 0; }
  explicit operator bool() const noexcept { return ok(); }

  T& operator*() & { return assert(ok()), *std::get_if<0>(&state_); }
  const T& operator*() const& { return assert(ok()), *std::get_if<0>(&state_); }
  T&& operator*() && { return assert(ok()), std::move(*std::get_if<0>(&state_)); }
  T* operator->() { return assert(ok()), std::get_if<0>(&state_); }
  const T* operator->() const { return assert(ok()), std::get_if<0>(&state_); }

  [[nodiscard]] Error& error() & { return assert(!ok()), *std::get_if<1>(&state_); }
  [[nodiscard]] const Error& error() const& { return assert(!ok()), *std::get_if<1>(&state_); }
  [[nodiscard]] Error&& error() && { return assert(!ok()), std::move(*std::get_if<1>(&state_)); }

 private:
  std::variant<T, Error> state_;
};

/// Done, or an Error. `return {};` means done.
template <>
class [[nodiscard]] Result<void> {
 public:
  using value_type = void;

  Result() = default;
  Result(Error error) : state_(std::move(error)) {}  // NOLINT(google-explicit-constructor)

  [[nodiscard]] bool ok() const noexcept { return state_.index() == 0; }
  explicit operator bool() const noexcept { return ok(); }
  [[nodiscard]] Error& error() & { return assert(!ok()), *std::get_if<1>(&state_); }
  [[nodiscard]] const Error& error() const& { return assert(!ok()), *std::get_if<1>(&state_); }
  [[nodiscard]] Error&& error() && { return assert(!ok()), std::move(*std::get_if<1>(&state_)); }

 private:
  std::variant<std::monostate, Error> state_;
};

}  // namespace gantry

#define GANTRY_CONCAT_INNER(a, b) a##b
#define GANTRY_CONCAT(a, b) GANTRY_CONCAT_INNER(a, b)

/// GANTRY_LET(const auto rows, query(…)); binds the value, or returns the error. Inside coroutines: GANTRY_CO_LET.
#define GANTRY_LET(declaration, expression) \
  GANTRY_LET_IMPL(GANTRY_CONCAT(result_, __LINE__), declaration, expression, return )
#define GANTRY_CO_LET(declaration, expression) \
  GANTRY_LET_IMPL(GANTRY_CONCAT(result_, __LINE__), declaration, expression, co_return )
#define GANTRY_LET_IMPL(temporary, declaration, expression, return_word) \
  auto temporary = (expression);                                         \
  if (!temporary) return_word std::move(temporary).error();              \
  declaration = *std::move(temporary)

/// GANTRY_TRY(sync(fd)); goes on, or returns the error. Inside coroutines: GANTRY_CO_TRY.
#define GANTRY_TRY(expression) GANTRY_TRY_IMPL(GANTRY_CONCAT(result_, __LINE__), expression, return )
#define GANTRY_CO_TRY(expression) GANTRY_TRY_IMPL(GANTRY_CONCAT(result_, __LINE__), expression, co_return )
#define GANTRY_TRY_IMPL(temporary, expression, return_word)   \
  do {                                                        \
    auto temporary = (expression);                            \
    if (!temporary) return_word std::move(temporary).error(); \
  } while (false)
