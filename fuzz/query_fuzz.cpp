// Request targets and query strings: what was decoded comes back when it is encoded, and no path leaves its tree.

#include <cstdint>
#include <cstdlib>
#include <string>

#include "gantry/http/query_string.hpp"

namespace {

using namespace gantry::http;

void require(bool holds) {
  if (!holds) std::abort();
}

void check_path(const std::string& path) {
  require(path.starts_with('/'));
  for (const char c : path) require(static_cast<unsigned char>(c) >= 0x20 && c != 0x7F && c != '\\');
  const std::string closed = path + "/";
  require(closed.find("/./") == std::string::npos && closed.find("/../") == std::string::npos);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);

  if (const auto pairs = parse_query(text)) {
    require(pairs->size() <= 128);
    std::string query;
    for (const auto& [name, value] : *pairs) query += "&" + percent_encode(name) + "=" + percent_encode(value);
    const auto again = parse_query(query);
    require(again.ok() && *again == *pairs);
  }
  require(!parse_query(std::string(text) + "&a&b&c", 2).ok());

  for (const std::string& target : {std::string(text), "/" + std::string(text)}) {
    const auto parsed = parse_target(target);
    if (!parsed) continue;
    check_path(parsed->path);
    require(parsed->query.size() <= target.size());
  }

  const auto back = percent_decode(percent_encode(text), true);
  require(back.ok() == (text.find('\0') == std::string_view::npos));
  require(!back.ok() || *back == text);
  return 0;
}
