#include "gantry/server/token_authenticator.hpp"

#include <algorithm>
#include <string_view>

namespace gantry::server {
namespace {

bool same_word(std::string_view a, std::string_view b) {
  return a.size() == b.size() &&
         std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) { return (x | 0x20) == (y | 0x20); });
}

}  // namespace

std::optional<std::string_view> bearer_token(const http::Request& request) {
  constexpr std::string_view kScheme = "bearer";
  std::optional<std::string_view> token;
  for (const auto& [name, value] : request.headers.all()) {
    if (!same_word(name, "authorization")) continue;
    if (token) return std::nullopt;  // two readers could take different ones
    std::string_view rest = value;
    if (rest.size() <= kScheme.size() || !same_word(rest.substr(0, kScheme.size()), kScheme)) return std::nullopt;
    rest.remove_prefix(kScheme.size());
    if (rest.front() != ' ') return std::nullopt;
    rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
    token = rest;
  }
  return token;
}

bool TokenAuthenticator::recognises(const http::Request& request) const {
  return request.headers.get("authorization").has_value();
}

Task<auth::Verdict> TokenAuthenticator::identify(const http::Request& request) {
  const auto token = bearer_token(request);
  if (!token) {
    co_return auth::invalid_token("the Authorization field is not Bearer and one token");
  }
  co_return co_await authority_.identify(*token);
}

}  // namespace gantry::server
