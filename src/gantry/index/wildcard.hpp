#pragma once

// Patterns of '*' and '?' that are read once and matched often.

#include <string>
#include <string_view>
#include <vector>

namespace gantry::index {

/// A wildcard pattern whose literals are folded (see fold.hpp). Wildcards are recognised before folding, so that a
/// full-width asterisk stays a literal. Immutable.
class FoldedPattern {
 public:
  explicit FoldedPattern(std::string_view pattern);
  /// `folded` is text that fold() made. Never worse than |folded| x |pattern|.
  [[nodiscard]] bool matches(std::string_view folded) const noexcept;
  [[nodiscard]] bool has_wildcards() const noexcept { return wildcards_; }
  /// What each match begins with.
  [[nodiscard]] std::string_view prefix() const noexcept;
  /// True when every text that begins with prefix() matches.
  [[nodiscard]] bool is_prefix_only() const noexcept;
  [[nodiscard]] std::size_t carets() const noexcept { return carets_; }
  /// The same for SQL's LIKE with a backslash as escape.
  [[nodiscard]] std::string like() const;

 private:
  std::string bytes_;        ///< literals folded; wildcards as '*' and '?'
  std::vector<bool> wild_;   ///< which bytes are wildcards
  bool wildcards_ = false;
  std::size_t carets_ = 0;
};

/// The pattern of a kName match: one FoldedPattern per component group. Immutable.
class NamePattern {
 public:
  explicit NamePattern(std::string_view pattern);
  /// `search_name` is what search_name() of fields.hpp made.
  [[nodiscard]] bool matches(std::string_view search_name) const;
  /// True when the pattern has no '=' and so matches any group.
  [[nodiscard]] bool any_group() const noexcept { return any_group_; }
  /// In the pattern's order; an empty group of several matches everything.
  [[nodiscard]] const std::vector<FoldedPattern>& groups() const noexcept { return groups_; }
  [[nodiscard]] bool is_universal(std::size_t group) const noexcept { return universal_[group]; }

 private:
  bool any_group_ = false;
  std::vector<FoldedPattern> groups_;
  std::vector<bool> universal_;
};

/// Between the groups of a search name.
inline constexpr char kGroupSeparator = '\x1f';
/// The literal beginning of a plain (not folded) pattern.
[[nodiscard]] std::string_view wildcard_prefix(std::string_view pattern) noexcept;

/// A plain pattern for SQL's LIKE with a backslash as escape.
[[nodiscard]] std::string like_pattern(std::string_view pattern);

}  // namespace gantry::index
