#include "gantry/http/query_string.hpp"

namespace gantry::http {

namespace {

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool is_unreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
         c == '_' || c == '~';
}

}  // namespace

Result<std::string> percent_decode(std::string_view text, bool plus_is_space) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      const int high = i + 2 < text.size() ? hex_value(text[i + 1]) : -1;
      const int low = high >= 0 ? hex_value(text[i + 2]) : -1;
      if (low < 0) return Error::invalid("a '%' in the URL is not followed by two hex digits");
      c = static_cast<char>(high * 16 + low);
      i += 2;
    } else if (c == '+' && plus_is_space) {
      c = ' ';
    }
    if (c == '\0') return Error::invalid("the URL holds a NUL character");
    decoded.push_back(c);
  }
  return decoded;
}

std::string percent_encode(std::string_view text) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  std::string encoded;
  encoded.reserve(text.size());
  for (const char c : text) {
    if (is_unreserved(c)) {
      encoded.push_back(c);
    } else {
      const auto byte = static_cast<unsigned char>(c);
      encoded.push_back('%');
      encoded.push_back(kDigits[byte >> 4]);
      encoded.push_back(kDigits[byte & 15]);
    }
  }
  return encoded;
}

Result<QueryPairs> parse_query(std::string_view query, std::size_t keys_max) {
  QueryPairs pairs;
  while (!query.empty()) {
    const auto end = query.find('&');
    const auto piece = query.substr(0, end);
    query = end == std::string_view::npos ? std::string_view{} : query.substr(end + 1);
    if (piece.empty()) continue;
    if (pairs.size() == keys_max) {
      return Error::invalid("more than " + std::to_string(keys_max) + " keys in the query");
    }
    const auto equals = piece.find('=');
    GANTRY_LET(auto name, percent_decode(piece.substr(0, equals), true));
    GANTRY_LET(auto value, percent_decode(equals == std::string_view::npos ? "" : piece.substr(equals + 1), true));
    pairs.emplace_back(std::move(name), std::move(value));
  }
  return pairs;
}

Result<Target> parse_target(std::string_view target) {
  // Absolute form (RFC 9112 §3.2.2): scheme and authority are the proxy's business; the path is ours.
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (target.substr(0, scheme.size()) != scheme) continue;
    const auto slash = target.find_first_of("/?", scheme.size());
    target = slash == std::string_view::npos ? "/" : target.substr(slash);
    break;
  }
  const auto question = target.find('?');
  const auto raw_path = target.substr(0, question);
  Target parsed;
  parsed.query = question == std::string_view::npos ? std::string{} : std::string(target.substr(question + 1));
  if (raw_path.empty() && question != std::string_view::npos) {
    parsed.path = "/";
    return parsed;
  }
  if (raw_path.empty() || raw_path.front() != '/') return Error::invalid("the request target is no path");
  for (std::size_t i = 0; i + 2 < raw_path.size(); ++i) {
    if (raw_path[i] != '%') continue;
    const int byte = hex_value(raw_path[i + 1]) * 16 + hex_value(raw_path[i + 2]);
    if (byte == '/' || byte == '\\') return Error::invalid("the path holds an encoded slash");
  }
  GANTRY_LET(parsed.path, percent_decode(raw_path, false));
  for (const char c : parsed.path) {
    if (c == '\\' || static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
      return Error::invalid("the path holds a backslash or a control character");
    }
  }
  std::string_view rest = parsed.path;
  while (!rest.empty()) {
    rest.remove_prefix(1);
    const auto end = rest.find('/');
    const auto segment = rest.substr(0, end);
    if (segment == "." || segment == "..") return Error::invalid("the path holds a dot segment");
    rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end);
  }
  return parsed;
}

}  // namespace gantry::http
