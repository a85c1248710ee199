#include "gantry/index/fuzzy_name.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

#include <unicode/utf8.h>

#include "gantry/index/fold.hpp"

namespace gantry::index {
namespace {

constexpr std::size_t kWordsMost = 16;
constexpr std::size_t kLettersMost = 64;  ///< of a word
constexpr std::string_view kBetweenWords{" ^=,.-'*\x1f\0", 10};

std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> words;
  for (;;) {
    const auto begin = text.find_first_not_of(kBetweenWords);
    if (begin == std::string_view::npos) return words;
    text.remove_prefix(begin);
    const auto end = std::min(text.find_first_of(kBetweenWords), text.size());
    words.push_back(text.substr(0, end));
    text.remove_prefix(end);
  }
}

std::u32string letters_of(std::string_view utf8) {
  std::u32string letters;
  const auto length = static_cast<std::int32_t>(utf8.size());
  for (std::int32_t at = 0; at < length;) {
    UChar32 c = 0;
    U8_NEXT_OR_FFFD(utf8.data(), at, length, c);
    letters.push_back(static_cast<char32_t>(c));
  }
  return letters;
}

std::string to_utf8(std::u32string_view letters) {
  std::string text;
  for (const char32_t c : letters) {
    std::array<char, U8_MAX_LENGTH> bytes{};
    std::int32_t length = 0;
    U8_APPEND_UNSAFE(bytes, length, static_cast<UChar32>(c));
    text.append(bytes.data(), static_cast<std::size_t>(length));
  }
  return text;
}

std::size_t mistakes_for(std::size_t letters) { return letters <= 3 ? 0 : letters <= 7 ? 1 : 2; }

/// With m mistakes one of m + 1 pieces stays whole, but for neighbours that changed places across a border and so broke
/// two pieces: then those two, with the change, stay whole beside it.
std::vector<std::string> anchors_of(const std::u32string& word, std::size_t mistakes) {
  const std::size_t count = mistakes + 1;
  std::vector<std::size_t> cuts;
  for (std::size_t i = 0; i <= count; ++i) cuts.push_back(word.size() * i / count);
  std::vector<std::string> anchors;
  const auto add = [&anchors](std::u32string_view text) { anchors.push_back(to_utf8(text)); };
  for (std::size_t i = 0; i < count; ++i) add(std::u32string_view(word).substr(cuts[i], cuts[i + 1] - cuts[i]));
  std::u32string all = word;
  for (std::size_t i = 1; i < count; ++i) {
    std::u32string changed = word;
    std::swap(changed[cuts[i] - 1], changed[cuts[i]]);
    add(std::u32string_view(changed).substr(cuts[i - 1], cuts[i + 1] - cuts[i - 1]));
    std::swap(all[cuts[i] - 1], all[cuts[i]]);
  }
  if (mistakes > 1) add(all);
  return anchors;
}

/// Is `word` at most `mistakes` from a beginning of `text`? Optimal string alignment over three rows.
bool comes_near(const FuzzyName::Word& word, const std::u32string& text) {
  if (word.mistakes == 0) return text.starts_with(word.text);
  const std::size_t width = std::min(text.size(), word.text.size() + word.mistakes);
  if (width + word.mistakes < word.text.size()) return false;
  std::array<std::array<std::size_t, 2 * kLettersMost>, 3> rows{};
  for (std::size_t j = 0; j <= width; ++j) rows[0][j] = j;
  for (std::size_t i = 1; i <= word.text.size(); ++i) {
    auto& row = rows[i % 3];
    const auto& above = rows[(i + 2) % 3];
    const auto& above_that = rows[(i + 1) % 3];
    row[0] = i;
    std::size_t least = i;
    for (std::size_t j = 1; j <= width; ++j) {
      const char32_t a = word.text[i - 1], b = text[j - 1];
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, above[j - 1] + (a == b ? 0 : 1)});
      if (i > 1 && j > 1 && a == text[j - 2] && word.text[i - 2] == b) row[j] = std::min(row[j], above_that[j - 2] + 1);
      least = std::min(least, row[j]);
    }
    if (least > word.mistakes + 1) return false;  // a change of places may still come down by one
  }
  const auto& last = rows[word.text.size() % 3];
  return *std::min_element(last.begin(), last.begin() + static_cast<std::ptrdiff_t>(width + 1)) <= word.mistakes;
}

std::vector<std::string_view> groups_of(std::string_view text, char separator) {
  std::vector<std::string_view> groups;
  for (;;) {
    const auto cut = text.find(separator);
    groups.push_back(text.substr(0, cut));
    if (cut == std::string_view::npos) return groups;
    text.remove_prefix(cut + 1);
  }
}

}  // namespace

FuzzyName::FuzzyName(std::string_view pattern) : literal_(pattern) {
  if (pattern.find('?') != std::string_view::npos) return;
  const auto groups = groups_of(pattern, '=');
  for (std::size_t i = 0; i < groups.size(); ++i) {
    std::vector<Word> words;
    const std::string folded = fold(groups[i]);
    for (const auto text : words_of(folded)) {
      Word word;
      word.text = letters_of(text);
      word.mistakes = mistakes_for(word.text.size());
      word.anchors = anchors_of(word.text, word.mistakes);
      words.push_back(std::move(word));
    }
    const bool too_long =
        std::any_of(words.begin(), words.end(), [](const Word& word) { return word.text.size() > kLettersMost - 4; });
    const bool universal = !literal_.any_group() && literal_.is_universal(i);
    if (words.size() > kWordsMost || too_long || (words.empty() && !universal)) {
      groups_.clear();
      narrowing_.clear();
      return;
    }
    if (narrowing_.empty()) narrowing_ = words;
    groups_.push_back(std::move(words));
  }
  if (narrowing_.empty()) groups_.clear();
}

bool FuzzyName::group_matches(const std::vector<Word>& words, std::string_view group) {
  std::vector<std::u32string> names;
  for (const auto name : words_of(group)) names.push_back(letters_of(name));
  return std::all_of(words.begin(), words.end(), [&names](const Word& word) {
    return std::any_of(names.begin(), names.end(), [&word](const auto& name) { return comes_near(word, name); });
  });
}

bool FuzzyName::matches(std::string_view search_name) const {
  if (literal_.matches(search_name)) return true;
  if (groups_.empty()) return false;
  const auto names = groups_of(search_name, kGroupSeparator);
  if (literal_.any_group()) {
    return std::any_of(names.begin(), names.end(), [this](auto name) { return group_matches(groups_[0], name); });
  }
  for (std::size_t i = 0; i < groups_.size(); ++i) {
    if (!groups_[i].empty() && !group_matches(groups_[i], i < names.size() ? names[i] : std::string_view{}))
      return false;
  }
  return true;
}

}  // namespace gantry::index
