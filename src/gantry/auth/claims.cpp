#include "gantry/auth/claims.hpp"

#include <algorithm>
#include <utility>

#include <simdjson.h>

namespace gantry::auth {
namespace {

constexpr std::size_t kQuotedMost = 200;

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == ':';
}

void add_words(std::string_view text, std::vector<std::string_view>& words) {
  while (!text.empty()) {
    const auto space = text.find(' ');
    if (space != 0) words.push_back(text.substr(0, space));
    if (space == std::string_view::npos) return;
    text.remove_prefix(space + 1);
  }
}

}  // namespace

Result<ClaimPath> ClaimPath::parse(std::string_view text) {
  const auto wrong = [&](std::size_t at, const char* what) {
    return Error::invalid("\"" + printable(text) + "\" is no path of a claim: " + what + " at character " +
                          std::to_string(at + 1) +
                          "; write it as $.realm_access.roles or $.resource_access['gantry'].roles");
  };
  if (text.empty() || text.front() != '$') return wrong(0, "no $");
  ClaimPath path;
  path.text_ = text;
  std::size_t at = 1;
  while (at < text.size()) {
    if (text[at] == '.') {
      const auto begin = ++at;
      while (at < text.size() && is_name_character(text[at])) ++at;
      if (at == begin) return wrong(at, "no name after the dot");
      path.members_.emplace_back(text.substr(begin, at - begin));
    } else if (text[at] == '[') {
      const char mark = at + 1 < text.size() ? text[at + 1] : '\0';
      if (mark != '\'' && mark != '"') return wrong(at + 1, "no quote after the bracket");
      const auto end = text.find(mark, at + 2);
      if (end == std::string_view::npos || end == at + 2) return wrong(at + 2, "no name in quotes");
      if (end + 1 >= text.size() || text[end + 1] != ']') return wrong(end + 1, "no bracket after the quote");
      path.members_.emplace_back(text.substr(at + 2, end - at - 2));
      at = end + 2;
    } else {
      return wrong(at, "neither a dot nor a bracket");
    }
  }
  if (path.members_.empty()) return wrong(1, "no name");
  return path;
}

struct Claims::Document {
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  simdjson::dom::object object;  ///< the root
};

Claims::Claims(std::unique_ptr<Document> document) : document_(std::move(document)) {}
Claims::Claims(Claims&&) noexcept = default;
Claims& Claims::operator=(Claims&&) noexcept = default;
Claims::~Claims() = default;

std::optional<Claims> Claims::parse(std::string_view json) {
  auto document = std::make_unique<Document>();
  if (document->parser.parse(json.data(), json.size()).get(document->root) != simdjson::SUCCESS) return std::nullopt;
  if (document->root.get_object().get(document->object) != simdjson::SUCCESS) return std::nullopt;
  std::vector<std::string_view> names;
  for (const auto field : document->object) names.push_back(field.key);
  std::sort(names.begin(), names.end());
  if (std::adjacent_find(names.begin(), names.end()) != names.end()) return std::nullopt;
  return Claims(std::move(document));
}

bool Claims::has(std::string_view member) const {
  return document_->object.at_key(member).error() == simdjson::SUCCESS;
}

std::optional<std::string_view> Claims::text(std::string_view member) const {
  std::string_view text;
  if (document_->object.at_key(member).get_string().get(text) != simdjson::SUCCESS) return std::nullopt;
  return text;
}

std::optional<double> Claims::seconds(std::string_view member) const {
  double number = 0;  // an integer is converted, too
  if (document_->object.at_key(member).get_double().get(number) != simdjson::SUCCESS) return std::nullopt;
  return number;
}

std::vector<std::string_view> Claims::texts(const ClaimPath& path) const {
  simdjson::dom::element at = document_->root;
  for (const auto& member : path.members()) {
    simdjson::dom::object object;
    if (at.get_object().get(object) != simdjson::SUCCESS) return {};
    if (object.at_key(member).get(at) != simdjson::SUCCESS) return {};
  }
  std::vector<std::string_view> found;
  std::string_view text;
  if (at.get_string().get(text) == simdjson::SUCCESS) {
    if (path.holds_words()) {
      add_words(text, found);
    } else {
      found.push_back(text);
    }
    return found;
  }
  simdjson::dom::array array;
  if (at.get_array().get(array) != simdjson::SUCCESS) return {};
  for (const auto element : array) {
    if (element.get_string().get(text) == simdjson::SUCCESS) found.push_back(text);
  }
  return found;
}

std::string printable(std::string_view text) {
  std::string clean(text.substr(0, kQuotedMost));
  for (char& c : clean) {
    if (c < 0x20 || c == 0x7F || c == '"' || c == '\\' || static_cast<unsigned char>(c) >= 0x80) c = '?';
  }
  if (text.size() > kQuotedMost) clean += "...";
  return clean;
}

}  // namespace gantry::auth
