#include "gantry/index/fold.hpp"

#include <algorithm>

#include <unicode/normalizer2.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>

#include "gantry/base/json_text.hpp"
#include "gantry/index/fields.hpp"
#include "gantry/index/wildcard.hpp"

namespace gantry::index {
namespace {

icu::UnicodeString normalized(const icu::Normalizer2* form, const icu::UnicodeString& text) {
  UErrorCode status = U_ZERO_ERROR;
  icu::UnicodeString result = form->normalize(text, status);
  return U_SUCCESS(status) ? result : text;
}

icu::UnicodeString without_marks(const icu::UnicodeString& text) {
  icu::UnicodeString kept;
  for (std::int32_t i = 0; i < text.length();) {
    const UChar32 c = text.char32At(i);
    i += U16_LENGTH(c);
    const auto category = U_GET_GC_MASK(c);
    if ((category & (U_GC_MN_MASK | U_GC_ME_MASK)) == 0) kept.append(c);
  }
  return kept;
}

/// Bytes of the UTF-8 character that begins at `at`; a byte that belongs to none counts as one.
std::size_t char_bytes(std::string_view text, std::size_t at) noexcept {
  return std::max<std::size_t>(1, utf8_length(text.substr(at)));
}

/// Greedy with one place to return to, the last '*': what lies before it needs no second look. `is_wild(i)` says
/// whether byte i of the pattern is a wildcard. Characters are compared, as databases do: half of one never matches a
/// whole one.
template <class IsWild>
bool match(std::string_view pattern, IsWild is_wild, std::string_view text) noexcept {
  std::size_t p = 0, t = 0, star = std::string_view::npos, retry = 0;
  while (t < text.size()) {
    if (p < pattern.size() && is_wild(p) && pattern[p] == '*') {
      star = p++;
      retry = t;
    } else if (p < pattern.size() && is_wild(p)) {
      t += char_bytes(text, t);
      ++p;
    } else if (const auto same = p < pattern.size() ? char_bytes(pattern, p) : 0;
               same > 0 && same == char_bytes(text, t) && pattern.compare(p, same, text, t, same) == 0) {
      p += same;
      t += same;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      retry += char_bytes(text, retry);
      t = retry;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && is_wild(p) && pattern[p] == '*') ++p;
  return p == pattern.size();
}

/// At most kSearchTextMost characters, never half of one.
void cut_to_most(std::string& text) {
  if (text.size() <= kSearchTextMost) return;
  std::size_t at = 0;
  for (std::size_t count = 0; count < kSearchTextMost && at < text.size(); ++count) at += char_bytes(text, at);
  text.resize(at);
}

/// What folding may look at of a text that came from outside: one character can fold into eighteen.
std::string_view beginning(std::string_view text) {
  constexpr std::size_t kBytesMost = 8 * kSearchTextMost;
  if (text.size() <= kBytesMost) return text;
  std::size_t cut = kBytesMost;
  while (cut > 0 && (static_cast<unsigned char>(text[cut]) & 0xC0) == 0x80) --cut;
  return text.substr(0, cut);
}

void append_like(std::string& like, char c, bool is_wild) {
  if (is_wild) {
    like += c == '*' ? '%' : '_';
    return;
  }
  if (c == '%' || c == '_' || c == '\\') like += '\\';
  like += c;
}

void trim_carets(std::string& text) {
  while (!text.empty() && text.back() == '^') text.pop_back();
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const auto cut = text.find(separator);
    parts.push_back(text.substr(0, cut));
    if (cut == std::string_view::npos) return parts;
    text.remove_prefix(cut + 1);
  }
}

}  // namespace

std::string fold(std::string_view utf8) {
  if (std::all_of(utf8.begin(), utf8.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; })) {
    std::string lower(utf8);
    for (char& c : lower) {
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
    }
    return lower;
  }
  UErrorCode status = U_ZERO_ERROR;
  const auto* nfkd = icu::Normalizer2::getNFKDInstance(status);
  const auto* nfc = icu::Normalizer2::getNFCInstance(status);
  if (U_FAILURE(status)) return std::string(utf8);  // ICU without its data: nothing folds, but equal text still matches
  auto text = icu::UnicodeString::fromUTF8(icu::StringPiece(utf8.data(), static_cast<std::int32_t>(utf8.size())));
  // Folding case can bring back what decomposes (U+1E9E, U+0130 …), so decompose on both sides of it.
  text = without_marks(normalized(nfkd, text));
  text.foldCase(U_FOLD_CASE_DEFAULT);
  text = normalized(nfc, without_marks(normalized(nfkd, text)));
  std::string result;
  return text.toUTF8String(result);
}

bool matches_wildcard(std::string_view pattern, std::string_view text) noexcept {
  return match(
      pattern, [pattern](std::size_t i) { return pattern[i] == '*' || pattern[i] == '?'; }, text);
}

bool matches_person_name(std::string_view pattern, std::string_view name) {
  return NamePattern(pattern).matches(search_name(name));
}

std::string_view wildcard_prefix(std::string_view pattern) noexcept {
  return pattern.substr(0, pattern.find_first_of("*?"));
}

FoldedPattern::FoldedPattern(std::string_view pattern) {
  while (!pattern.empty()) {
    const std::string_view literal = wildcard_prefix(pattern);
    const std::string folded = fold(literal);
    bytes_ += folded;
    wild_.resize(bytes_.size(), false);
    carets_ += static_cast<std::size_t>(std::count(folded.begin(), folded.end(), '^'));
    pattern.remove_prefix(literal.size());
    if (pattern.empty()) break;
    bytes_ += pattern.front();
    wild_.push_back(true);
    wildcards_ = true;
    pattern.remove_prefix(1);
  }
}

bool FoldedPattern::matches(std::string_view folded) const noexcept {
  return match(
      bytes_, [this](std::size_t i) { return wild_[i]; }, folded);
}

std::string_view FoldedPattern::prefix() const noexcept {
  const auto first = std::find(wild_.begin(), wild_.end(), true) - wild_.begin();
  return std::string_view(bytes_).substr(0, static_cast<std::size_t>(first));
}

bool FoldedPattern::is_prefix_only() const noexcept {
  const auto rest = std::string_view(bytes_).substr(prefix().size());
  return !rest.empty() && rest.find_first_not_of('*') == std::string_view::npos;
}

std::string FoldedPattern::like() const {
  std::string like;
  for (std::size_t i = 0; i < bytes_.size(); ++i) append_like(like, bytes_[i], wild_[i]);
  return like;
}

std::string like_pattern(std::string_view pattern) {
  std::string like;
  for (const char c : pattern) append_like(like, c, c == '*' || c == '?');
  return like;
}

NamePattern::NamePattern(std::string_view pattern) : any_group_(pattern.find('=') == std::string_view::npos) {
  for (std::string_view group : split(pattern, '=')) {
    while (!group.empty() && group.back() == '^') group.remove_suffix(1);
    groups_.emplace_back(group);
    universal_.push_back(group.empty() && !any_group_);
  }
}

bool NamePattern::matches(std::string_view search_name) const {
  const auto names = split(search_name, kGroupSeparator);
  // "Doe" is "Doe^^": a name gets the carets that the pattern asks for.
  const auto group_matches = [](const FoldedPattern& pattern, std::string_view name) {
    const auto have = static_cast<std::size_t>(std::count(name.begin(), name.end(), '^'));
    if (pattern.carets() <= have) return pattern.matches(name);
    return pattern.matches(std::string(name).append(pattern.carets() - have, '^'));
  };
  if (any_group_) {
    return std::any_of(names.begin(), names.end(), [&](auto name) { return group_matches(groups_[0], name); });
  }
  for (std::size_t i = 0; i < groups_.size(); ++i) {
    if (!universal_[i] && !group_matches(groups_[i], i < names.size() ? names[i] : std::string_view{})) return false;
  }
  return true;
}

std::string search_text(std::string_view text) {
  std::string folded = fold(beginning(text));
  cut_to_most(folded);
  return folded;
}

std::string search_name(std::string_view name) {
  std::string joined;
  for (const std::string_view group : split(beginning(name), '=')) {
    std::string folded = fold(group);
    std::replace(folded.begin(), folded.end(), kGroupSeparator, ' ');
    trim_carets(folded);
    joined += folded;
    joined += kGroupSeparator;
  }
  while (!joined.empty() && joined.back() == kGroupSeparator) joined.pop_back();
  cut_to_most(joined);
  return joined;
}

}  // namespace gantry::index
