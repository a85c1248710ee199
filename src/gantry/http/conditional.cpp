#include "gantry/http/conditional.hpp"

namespace gantry::http {

namespace {

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

/// What weak comparison looks at: the quoted part.
std::string_view opaque(std::string_view etag) {
  if (etag.starts_with("W/")) etag.remove_prefix(2);
  return etag;
}

bool is_quoted(std::string_view text) { return text.size() >= 2 && text.front() == '"' && text.back() == '"'; }

std::string suffixed(std::string_view etag, std::string_view suffix) {
  if (!is_quoted(opaque(etag))) return std::string(etag);
  return std::string(etag.substr(0, etag.size() - 1)).append(suffix);
}

}  // namespace

std::string gzip_etag(std::string_view etag) { return suffixed(etag, "-gzip\""); }
std::string zstd_etag(std::string_view etag) { return suffixed(etag, "-zstd\""); }

std::optional<std::string> if_none_match(std::string_view field, std::string_view etag) {
  const std::string forms[] = {std::string(etag), gzip_etag(etag), zstd_etag(etag)};
  field = trim(field);
  if (field == "*") return std::string(etag);
  while (!field.empty()) {
    // A tag may hold commas, so the list is split at its quotes.
    const auto open = field.find('"');
    if (open == std::string_view::npos) break;
    const auto close = field.find('"', open + 1);
    if (close == std::string_view::npos) break;
    const std::string_view tag = field.substr(open, close + 1 - open);
    for (const std::string& form : forms) {
      if (tag == opaque(form)) return form;
    }
    field.remove_prefix(close + 1);
  }
  return std::nullopt;
}

bool if_range_holds(std::string_view field, std::string_view etag, std::optional<std::string_view> last_modified) {
  field = trim(field);
  if (field.find('"') != std::string_view::npos) {
    return is_quoted(field) && is_quoted(etag) && field == etag;  // a weak tag on either side never holds
  }
  return last_modified && field == trim(*last_modified);
}

}  // namespace gantry::http
