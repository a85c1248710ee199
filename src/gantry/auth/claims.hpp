#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gantry/base/result.hpp"

namespace gantry::auth {

/// A path into claims: `$.realm_access.roles`, `$.resource_access['gantry'].roles`, `$['https://clinic.example/tenant']`.
/// Members of objects alone, no wildcards: what a rule looks at is one place.
class ClaimPath {
 public:
  /// kInvalid: says where it stops being a path.
  static Result<ClaimPath> parse(std::string_view text);

  [[nodiscard]] const std::string& text() const noexcept { return text_; }
  [[nodiscard]] const std::vector<std::string>& members() const noexcept { return members_; }
  /// `scope` and `scp` hold a list of words in one string (RFC 8693 §4.2).
  [[nodiscard]] bool holds_words() const noexcept {
    return !members_.empty() && (members_.back() == "scope" || members_.back() == "scp");
  }

 private:
  std::string text_;
  std::vector<std::string> members_;
};

/// A JSON object, of a token's header or body.
class Claims {
 public:
  /// nullopt: no JSON object, no UTF-8, or a member of it that is there twice: two readers could see two values.
  static std::optional<Claims> parse(std::string_view json);
  Claims(Claims&&) noexcept;
  Claims& operator=(Claims&&) noexcept;
  ~Claims();

  [[nodiscard]] bool has(std::string_view member) const;
  /// A member that is a string; nullopt when it is none, or not there.
  [[nodiscard]] std::optional<std::string_view> text(std::string_view member) const;
  /// A NumericDate (RFC 7519 §2) in seconds; nullopt when it is no number.
  [[nodiscard]] std::optional<double> seconds(std::string_view member) const;
  /// What is at the path: a string, its words when the path holds words, or the strings of an array (all else in it is
  /// left out). Empty when nothing is there, or something else.
  [[nodiscard]] std::vector<std::string_view> texts(const ClaimPath& path) const;

 private:
  struct Document;
  explicit Claims(std::unique_ptr<Document> document);
  std::unique_ptr<Document> document_;
};

/// A client's text as a message may quote it: printable ASCII without quotes, cut at 200 characters.
[[nodiscard]] std::string printable(std::string_view text);

}  // namespace gantry::auth
