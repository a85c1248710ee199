#pragma once

// Fuzzy matching of person names (PS3.4 C.2.2.2.1, PS3.18 §8.3.4.2): words in any order, by their beginnings, with
// typos.

#include <string>
#include <string_view>
#include <vector>

#include "gantry/index/wildcard.hpp"

namespace gantry::index {

/// The pattern of a kFuzzyName match, read once. Immutable.
///
/// A component group matches when each word of the pattern comes near the beginning of one of the group's words: equal
/// up to 3 characters, with one mistake up to 7, else with two. A mistake is a character too many, too few or another
/// one, or two neighbours that changed places. Whatever the pattern matches as kName, it matches here, too.
class FuzzyName {
 public:
  explicit FuzzyName(std::string_view pattern);
  /// `search_name` is what search_name() of fields.hpp made.
  [[nodiscard]] bool matches(std::string_view search_name) const;

  /// A word of the pattern: every word that comes near it holds one of `anchors`, which are never empty.
  struct Word {
    std::u32string text;
    std::size_t mistakes = 0;
    std::vector<std::string> anchors;
  };
  /// The words that some group of a matching name has to come near, unless it matches as kName. Empty: nothing is fuzzy
  /// about the pattern, because it has no words, too many or too long ones, or a '?'.
  [[nodiscard]] const std::vector<Word>& words() const noexcept { return narrowing_; }

 private:
  [[nodiscard]] static bool group_matches(const std::vector<Word>& words, std::string_view group);

  NamePattern literal_;
  std::vector<std::vector<Word>> groups_;  ///< those of literal_; empty when nothing is fuzzy
  std::vector<Word> narrowing_;
};

}  // namespace gantry::index
