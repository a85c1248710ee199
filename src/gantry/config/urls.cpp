#include "gantry/config/urls.hpp"

#include <algorithm>
#include <charconv>

namespace gantry::config {
namespace {

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  return result;
}

Result<std::string> decode(std::string_view text) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded.push_back(text[i]);
      continue;
    }
    unsigned byte = 0;
    const char* digits = text.data() + i + 1;
    if (i + 2 >= text.size() || std::from_chars(digits, digits + 2, byte, 16).ptr != digits + 2 || byte == 0) {
      return Error::invalid("a '%' is not followed by two hex digits (write %25 for a percent sign)");
    }
    decoded.push_back(static_cast<char>(byte));
    i += 2;
  }
  return decoded;
}

std::string_view trim_slashes(std::string_view text) {
  while (text.starts_with('/')) text.remove_prefix(1);
  while (text.ends_with('/')) text.remove_suffix(1);
  return text;
}

/// host:port, [v6]:port, or several of them with commas (kept whole in `host`, as database drivers take them).
Result<void> read_host(std::string_view text, Url& url) {
  if (text.find(',') != std::string_view::npos) {
    url.host = text;
    return {};
  }
  std::string_view host = text;
  std::string_view port;
  if (text.starts_with('[')) {
    const auto end = text.find(']');
    if (end == std::string_view::npos) return Error::invalid("the '[' of an IPv6 address has no ']'");
    host = text.substr(1, end - 1);
    port = text.substr(end + 1);
    if (!port.empty() && port.front() != ':') return Error::invalid("behind ']' a ':' and a port are expected");
  } else if (const auto colon = text.find(':'); colon != std::string_view::npos) {
    host = text.substr(0, colon);
    port = text.substr(colon);
  }
  GANTRY_LET(url.host, decode(host));
  if (port.empty()) return {};
  port.remove_prefix(1);
  std::uint16_t number = 0;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
  if (error != std::errc() || end != port.data() + port.size()) {
    return Error::invalid(
        "the port is no number from 0 to 65535 (a '/', '@' or '#' in a password is written %2F, %40, %23)");
  }
  url.port = number;
  return {};
}

/// The hosts of a URL that names several.
Result<Hosts> read_hosts(std::string_view text) {
  auto hosts = text.substr(text.find("//") + 2);
  hosts = hosts.substr(0, hosts.find_first_of("/?#"));
  hosts.remove_prefix(hosts.rfind('@') + 1);  // none: npos + 1 is 0
  Hosts read;
  for (;;) {
    const auto comma = hosts.find(',');
    Url of_one;
    GANTRY_TRY(read_host(hosts.substr(0, comma), of_one));
    if (of_one.host.empty()) return Error::invalid("one of its hosts has no name");
    read.emplace_back(std::move(of_one.host), of_one.port);
    if (comma == std::string_view::npos) return read;
    hosts.remove_prefix(comma + 1);
  }
}

bool is_secret(std::string_view parameter) {
  const auto name = lower(parameter);
  for (const char* word : {"password", "passwd", "pwd", "secret", "token", "key", "credential"}) {
    if (name.find(word) != std::string::npos) return true;
  }
  return false;
}

/// PATH of "sqlite:PATH" and "file:PATH"; three slashes are an absolute path, as in file URLs (RFC 8089).
Result<std::string> local_path(std::string_view text, std::string_view scheme) {
  auto path = text.substr(scheme.size() + 1);
  if (path.starts_with("//")) path.remove_prefix(2);
  if (path.empty()) return Error::invalid(std::string(scheme) + ": without a path");
  if (text.substr(scheme.size() + 1).starts_with("//") && path.front() != '/') {
    return Error::invalid("behind " + std::string(scheme) + ":// a host would follow; write " + std::string(scheme) +
                          ":PATH");
  }
  return std::string(path);
}

}  // namespace

std::optional<std::string_view> Url::parameter(std::string_view name) const {
  for (const auto& [key, value] : query) {
    if (key == name) return value;
  }
  return std::nullopt;
}

Result<Url> parse_url(std::string_view text) {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) return Error::invalid("there is a control character in it");
  }
  const auto colon = text.find(':');
  const auto scheme = text.substr(0, colon == std::string_view::npos ? 0 : colon);
  const bool is_scheme = !scheme.empty() && std::all_of(scheme.begin(), scheme.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '+' || c == '-' ||
           c == '.';
  });
  if (!is_scheme) return Error::invalid("it does not begin with a scheme and a ':'");
  Url url;
  url.scheme = lower(scheme);
  auto rest = text.substr(colon + 1);
  if (!rest.starts_with("//")) {
    url.path = rest;
    return url;
  }
  rest.remove_prefix(2);
  const auto authority_end = std::min(rest.find_first_of("/?#"), rest.size());
  auto authority = rest.substr(0, authority_end);
  rest = rest.substr(authority_end);
  if (const auto at = authority.rfind('@'); at != std::string_view::npos) {
    const auto login = authority.substr(0, at);
    authority = authority.substr(at + 1);
    const auto split = login.find(':');
    GANTRY_LET(url.user, decode(login.substr(0, split)));
    if (split != std::string_view::npos) {
      GANTRY_LET(url.password, decode(login.substr(split + 1)));
    }
  }
  GANTRY_TRY(read_host(authority, url));
  rest = rest.substr(0, rest.find('#'));
  const auto question = rest.find('?');
  GANTRY_LET(url.path, decode(rest.substr(0, question)));
  auto query = question == std::string_view::npos ? std::string_view{} : rest.substr(question + 1);
  while (!query.empty()) {
    const auto end = query.find('&');
    const auto piece = query.substr(0, end);
    query = end == std::string_view::npos ? std::string_view{} : query.substr(end + 1);
    if (piece.empty()) continue;
    const auto equals = piece.find('=');
    GANTRY_LET(auto name, decode(piece.substr(0, equals)));
    GANTRY_LET(auto value, decode(equals == std::string_view::npos ? std::string_view{} : piece.substr(equals + 1)));
    url.query.emplace_back(std::move(name), std::move(value));
  }
  return url;
}

std::string redact_url(std::string_view text) {
  // Works on the text and not on a parsed Url, so that a broken URL (which will be shown in a message) is covered, too:
  // whatever stands before the last '@' may be a password with characters that should have been escaped.
  std::string result(text);
  const auto scheme = result.find("://");
  const auto from = scheme == std::string::npos ? 0 : scheme + 3;
  if (const auto at = result.rfind('@'); at != std::string::npos && at >= from) {
    const auto split = result.find(':', from);
    const bool parsed = scheme != std::string::npos && parse_url(text).ok();
    if (!parsed) {
      result.replace(from, at - from, "***");
    } else if (split < at) {
      result.replace(split + 1, at - split - 1, "***");
    }
  }
  auto position = result.find('?');
  while (position != std::string::npos) {
    const auto name_end = result.find_first_of("=&#", position + 1);
    if (name_end == std::string::npos) break;
    auto next = result.find_first_of("&#", name_end);
    if (result[name_end] == '=' && is_secret(std::string_view(result).substr(position + 1, name_end - position - 1))) {
      const auto length = (next == std::string::npos ? result.size() : next) - name_end - 1;
      result.replace(name_end + 1, length, "***");
      next = result.find_first_of("&#", name_end);
    }
    position = next;
  }
  return result;
}

Result<IndexUrl> parse_index_url(std::string_view text) {
  GANTRY_LET(Url url, parse_url(text));
  IndexUrl index;
  if (url.scheme == "sqlite") {
    GANTRY_LET(index.path, local_path(text, "sqlite"));
    index.url = std::move(url);
    return index;
  }
  if (url.scheme == "postgresql" || url.scheme == "postgres") {
    index.kind = IndexKind::kPostgres;
  } else if (url.scheme == "mysql" || url.scheme == "mariadb") {
    index.kind = IndexKind::kMysql;
  } else if (url.scheme == "mongodb" || url.scheme == "mongodb+srv") {
    index.kind = IndexKind::kMongo;
  } else {
    return Error::invalid("its scheme is none of sqlite, postgresql, mysql, mongodb");
  }
  if (!text.substr(url.scheme.size()).starts_with("://"))
    return Error::invalid("behind " + url.scheme + ": two slashes are expected");
  index.url = std::move(url);
  return index;
}

Result<StorageUrl> parse_storage_url(std::string_view text) {
  GANTRY_LET(Url url, parse_url(text));
  StorageUrl storage;
  if (url.scheme == "file") {
    GANTRY_LET(storage.path, local_path(text, "file"));
  } else if (url.scheme == "s3") {
    storage.kind = StorageKind::kS3;
    storage.bucket = url.host;
    storage.prefix = trim_slashes(url.path);
    if (storage.bucket.empty()) return Error::invalid("s3:// is followed by no bucket");
  } else {
    return Error::invalid("its scheme is neither file nor s3");
  }
  storage.url = std::move(url);
  return storage;
}

Result<CacheUrl> parse_cache_url(std::string_view text) {
  CacheUrl cache;
  if (text.empty()) return cache;
  GANTRY_LET(cache.url, parse_url(text));
  constexpr std::string_view kSentinel = "+sentinel";
  std::string_view scheme = cache.url.scheme;
  const bool has_sentinels = scheme.ends_with(kSentinel);
  if (has_sentinels) scheme.remove_suffix(kSentinel.size());
  if (scheme == "redis") {
    cache.kind = CacheKind::kRedis;
  } else if (scheme == "rediss") {
    cache.kind = CacheKind::kRedisTls;
  } else {
    return Error::invalid("its scheme is none of redis, rediss, redis+sentinel, rediss+sentinel");
  }
  if (cache.url.host.empty()) return Error::invalid("it names no host");
  std::string_view database = trim_slashes(cache.url.path);
  if (has_sentinels) {
    GANTRY_LET(cache.sentinels, read_hosts(text));
    cache.service = database.substr(0, database.find('/'));
    database.remove_prefix(std::min(database.size(), cache.service.size() + 1));
    if (cache.service.empty()) {
      return Error::invalid("behind the sentinels the service's name is expected (" + cache.url.scheme +
                            "://host1:26379,host2:26379/mymaster/0)");
    }
  } else if (cache.url.host.find(',') != std::string::npos) {
    return Error::invalid("it names several hosts (sentinels are named by " + cache.url.scheme + "+sentinel://)");
  }
  const auto [end, error] = std::from_chars(database.data(), database.data() + database.size(), cache.database);
  if (!database.empty() && (error != std::errc() || end != database.data() + database.size())) {
    return Error::invalid(has_sentinels ? "behind the service a database's number is expected (…/mymaster/0)"
                                        : "behind the host a database's number is expected (redis://host/0)");
  }
  for (const auto& [name, value] : cache.url.query) {
    const bool is_sentinels = name == "sentinel_user" || name == "sentinel_password";
    if (!(name == "ca" && cache.kind == CacheKind::kRedisTls) && !(is_sentinels && has_sentinels)) {
      return Error::invalid("'" + name + "' is no parameter of it (rediss takes ca=FILE, +sentinel sentinel_user and "
                            "sentinel_password)");
    }
  }
  return cache;
}

}  // namespace gantry::config
