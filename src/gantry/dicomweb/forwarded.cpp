#include "gantry/dicomweb/forwarded.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <optional>
#include <vector>

namespace gantry::dicomweb {
namespace {

constexpr std::size_t kHostMost = 255, kPrefixMost = 1024;

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

/// Cuts at `at`, but not inside quoted strings.
std::vector<std::string_view> split(std::string_view text, char at) {
  std::vector<std::string_view> pieces;
  std::size_t begin = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (quoted && text[i] == '\\') {
      ++i;
    } else if (text[i] == '"') {
      quoted = !quoted;
    } else if (!quoted && text[i] == at) {
      pieces.push_back(trim(text.substr(begin, i - begin)));
      begin = i + 1;
    }
  }
  pieces.push_back(trim(text.substr(begin)));
  return pieces;
}

bool equal_without_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

/// The value of `name` in an element of Forwarded, without its quotes; "" when it has none.
std::string_view member(std::string_view element, std::string_view name) {
  for (const auto pair : split(element, ';')) {
    const auto equals = pair.find('=');
    if (equals == std::string_view::npos || !equal_without_case(trim(pair.substr(0, equals)), name)) continue;
    std::string_view value = trim(pair.substr(equals + 1));
    if (value.size() >= 2 && value.front() == '"' && value.back() == '"') value = value.substr(1, value.size() - 2);
    return value;
  }
  return {};
}

/// The address of a node: "192.0.2.7:1234", "[2001:db8::1]:1234".
std::string_view address_of(std::string_view node) {
  if (node.starts_with('[')) return node.substr(1, std::min(node.find(']'), node.size()) - 1);
  const auto colon = node.find(':');
  return colon == node.rfind(':') ? node.substr(0, colon) : node;  // one of several: IPv6 without brackets
}

bool is_among(std::span<const std::string> trusted, std::string_view address) {
  return std::find(trusted.begin(), trusted.end(), address) != trusted.end();
}

bool is_port(std::string_view text) {
  unsigned port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc() && end == text.data() + text.size() && port >= 1 && port <= 65535;
}

bool is_name(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '.' || c == '-' || c == '_';
  });
}

bool is_ipv6(std::string_view text) {
  return text.find(':') != std::string_view::npos && std::all_of(text.begin(), text.end(), [](unsigned char c) {
           return std::isxdigit(c) != 0 || c == ':' || c == '.';
         });
}

/// A path that stays one wherever it is put: no empty segment, which in front would be another host's beginning, and
/// none that climbs.
bool is_prefix(std::string_view text) {
  if (text.size() > kPrefixMost || !text.starts_with('/')) return false;
  for (const auto segment : split(text.substr(1), '/')) {
    const bool clean = std::all_of(segment.begin(), segment.end(), [](unsigned char c) {
      return std::isalnum(c) != 0 || c == '.' || c == '-' || c == '_' || c == '~';
    });
    if (!clean || segment.empty() || segment == "." || segment == "..") return false;
  }
  return true;
}

/// Puts into `found` what an element says.
void take(Forwarded& found, std::string_view proto, std::string_view host) {
  if (equal_without_case(proto, "https")) found.proto = "https";
  if (equal_without_case(proto, "http")) found.proto = "http";
  if (is_host(host)) found.host = host;
}

void read_forwarded(Forwarded& found, std::string_view field, std::span<const std::string> trusted) {
  const auto elements = split(field, ',');
  for (auto element = elements.rbegin(); element != elements.rend(); ++element) {
    take(found, member(*element, "proto"), member(*element, "host"));
    if (!is_among(trusted, address_of(member(*element, "for")))) return;
  }
}

/// How many proxies in a row, up to the one that came to us, are trusted.
std::size_t trusted_hops(const http::Headers& headers, std::span<const std::string> trusted) {
  std::size_t hops = 1;
  const auto field = headers.joined("X-Forwarded-For");
  if (!field) return hops;
  const auto addresses = split(*field, ',');
  for (auto address = addresses.rbegin(); address != addresses.rend(); ++address, ++hops) {
    if (!is_among(trusted, address_of(*address))) break;
  }
  return hops;
}

/// What the outermost trusted proxy put into a list. Many replace what was there, so it may be shorter than the way.
std::string outermost(const http::Headers& headers, std::string_view name, std::size_t hops) {
  const auto field = headers.joined(name);
  if (!field) return {};
  const auto values = split(*field, ',');
  return std::string(values[values.size() - std::min(values.size(), hops)]);
}

}  // namespace

bool is_host(std::string_view text) noexcept {
  if (text.empty() || text.size() > kHostMost) return false;
  if (text.starts_with('[')) {
    const auto end = text.find(']');
    if (end == std::string_view::npos || !is_ipv6(text.substr(1, end - 1))) return false;
    const auto rest = text.substr(end + 1);
    return rest.empty() || (rest.starts_with(':') && is_port(rest.substr(1)));
  }
  const auto colon = text.find(':');
  if (!is_name(text.substr(0, colon))) return false;
  return colon == std::string_view::npos || is_port(text.substr(colon + 1));
}

Forwarded forwarded_of(const http::Request& request, std::span<const std::string> trusted) {
  Forwarded found;
  if (!is_among(trusted, request.remote_address)) return found;
  if (const auto field = request.headers.joined("Forwarded")) read_forwarded(found, *field, trusted);
  const std::size_t hops = trusted_hops(request.headers, trusted);
  const auto value = [&](std::string_view name) { return outermost(request.headers, name, hops); };
  Forwarded older;
  take(older, value("X-Forwarded-Proto"), value("X-Forwarded-Host"));
  if (const auto port = value("X-Forwarded-Port"); !older.host.empty() && is_port(port)) {
    const bool has_port =
        older.host.find(':', older.host.starts_with('[') ? older.host.find(']') : 0) != std::string::npos;
    const std::string_view usual = older.proto == "https" ? "443" : "80";
    if (!has_port && port != usual) older.host += ":" + port;
  }
  if (found.proto.empty()) found.proto = std::move(older.proto);
  if (found.host.empty()) found.host = std::move(older.host);
  std::string prefix = value("X-Forwarded-Prefix");
  if (prefix.ends_with('/')) prefix.pop_back();
  if (is_prefix(prefix)) found.prefix = std::move(prefix);
  return found;
}

}  // namespace gantry::dicomweb
