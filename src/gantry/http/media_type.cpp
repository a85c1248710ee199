#include "gantry/http/media_type.hpp"

#include <algorithm>

namespace gantry::http {

namespace {

bool is_token_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  return result;
}

/// Reads a media type from the front of a text; stops at the first character that can't belong to it.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}

  void skip_space() {
    while (!rest_.empty() && (rest_.front() == ' ' || rest_.front() == '\t')) rest_.remove_prefix(1);
  }
  [[nodiscard]] bool at_end() const { return rest_.empty(); }
  [[nodiscard]] char peek() const { return rest_.empty() ? '\0' : rest_.front(); }
  bool take(char wanted) {
    if (peek() != wanted || rest_.empty()) return false;
    rest_.remove_prefix(1);
    return true;
  }
  std::string_view token() {
    return run([](char c) { return is_token_character(c); });
  }
  /// An unquoted value as senders write it: `type=application/dicom` has a '/', boundaries have ':', '=', '?'.
  std::string_view bare_value() {
    return run([](char c) {
      return is_token_character(c) || std::string_view("/:=?()@<>[]").find(c) != std::string_view::npos;
    });
  }
  /// A quoted string (RFC 9110 §5.6.4), its escapes undone; nullopt when the closing quote is missing.
  std::optional<std::string> quoted() {
    std::string value;
    if (!take('"')) return std::nullopt;
    while (!rest_.empty()) {
      char c = rest_.front();
      rest_.remove_prefix(1);
      if (c == '"') return value;
      if (c == '\\') {
        if (rest_.empty()) return std::nullopt;
        c = rest_.front();
        rest_.remove_prefix(1);
      }
      value.push_back(c);
    }
    return std::nullopt;
  }

  Result<MediaType> media_type() {
    skip_space();
    MediaType media;
    media.type = lower(token());
    if (media.type.empty() || !take('/')) return Error::invalid("a media type is written type/subtype");
    media.subtype = lower(token());
    if (media.subtype.empty()) return Error::invalid("a media type is written type/subtype");
    if (media.type == "*" && media.subtype != "*") return Error::invalid("'*' alone can't have a subtype");
    for (;;) {
      skip_space();
      if (!take(';')) break;
      skip_space();
      auto name = lower(token());
      if (name.empty()) continue;  // "a/b; ;" and a trailing ';' are seen
      skip_space();
      if (!take('=')) return Error::invalid("a media type's parameter is written name=value");
      skip_space();
      if (peek() == '"') {
        auto value = quoted();
        if (!value) return Error::invalid("a quoted string has no end");
        media.parameters.emplace_back(std::move(name), *std::move(value));
      } else {
        media.parameters.emplace_back(std::move(name), std::string(bare_value()));
      }
    }
    return media;
  }

 private:
  template <class Predicate>
  std::string_view run(Predicate accepts) {
    const auto end = std::find_if_not(rest_.begin(), rest_.end(), accepts);
    const auto length = static_cast<std::size_t>(end - rest_.begin());
    const auto taken = rest_.substr(0, length);
    rest_.remove_prefix(length);
    return taken;
  }

  std::string_view rest_;
};

/// The list's elements: commas inside quoted strings don't split.
std::vector<std::string_view> split_list(std::string_view text) {
  std::vector<std::string_view> elements;
  std::size_t begin = 0;
  bool in_quotes = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (in_quotes && text[i] == '\\') {
      ++i;
    } else if (text[i] == '"') {
      in_quotes = !in_quotes;
    } else if (text[i] == ',' && !in_quotes) {
      elements.push_back(text.substr(begin, i - begin));
      begin = i + 1;
    }
  }
  elements.push_back(text.substr(begin));
  return elements;
}

/// A weight (RFC 9110 §12.4.2) in thousandths; nullopt when it is none.
std::optional<int> parse_quality(std::string_view text) {
  if (text.empty() || text.size() > 5 || (text[0] != '0' && text[0] != '1')) return std::nullopt;
  if (text.size() > 1 && text[1] != '.') return std::nullopt;
  int thousandths = 0;
  for (std::size_t digit = 2; digit < 5; ++digit) {
    const char c = digit < text.size() ? text[digit] : '0';
    if (c < '0' || c > '9') return std::nullopt;
    thousandths = thousandths * 10 + (c - '0');
  }
  const int quality = (text[0] - '0') * 1000 + thousandths;
  if (quality > 1000) return std::nullopt;
  return quality;
}

}  // namespace

std::optional<std::string_view> MediaType::parameter(std::string_view name) const {
  for (const auto& [key, value] : parameters) {
    if (key == name) return value;
  }
  return std::nullopt;
}

Result<MediaType> parse_media_type(std::string_view text) {
  Scanner scanner(text);
  GANTRY_LET(auto media, scanner.media_type());
  scanner.skip_space();
  if (!scanner.at_end()) return Error::invalid("there is something behind the media type that can't be read");
  return media;
}

std::vector<MediaRange> parse_accept(std::string_view header) {
  std::vector<MediaRange> ranges;
  for (const auto element : split_list(header)) {
    auto media = parse_media_type(element);
    if (!media) continue;
    MediaRange range{*std::move(media), 1000};
    auto& parameters = range.type.parameters;
    const auto weight =
        std::find_if(parameters.begin(), parameters.end(), [](const auto& p) { return p.first == "q"; });
    if (weight != parameters.end()) {
      const auto quality = parse_quality(weight->second);
      if (!quality) continue;
      range.quality = *quality;
      parameters.erase(weight);
      if (range.type.parameter("q")) continue;  // two weights say nothing
    }
    ranges.push_back(std::move(range));
  }
  std::stable_sort(ranges.begin(), ranges.end(),
                   [](const MediaRange& a, const MediaRange& b) { return a.quality > b.quality; });
  return ranges;
}

}  // namespace gantry::http
