#pragma once

// What proxies say of the request that they passed on: RFC 7239, and the X-Forwarded fields that came before it.

#include <span>
#include <string>
#include <string_view>

#include "gantry/http/message.hpp"

namespace gantry::dicomweb {

/// Only what can stand in a URI as it is; "" where nothing usable was said.
struct Forwarded {
  std::string proto;   ///< "http" or "https"
  std::string host;    ///< with its port, where that is another than the proto's own
  std::string prefix;  ///< a path in front of ours: "/imaging", without a slash at its end
};

/// What the trusted proxies between a client and us say. Each adds to the right of what came before it, and what came
/// before the first of them the client may have made up: so lists are read from the right, as far as the addresses that
/// their writers name (`for`, X-Forwarded-For) are trusted, too. Nothing is believed of a request that came from
/// elsewhere. Where Forwarded has what is wanted, X-Forwarded-* are not asked.
[[nodiscard]] Forwarded forwarded_of(const http::Request& request, std::span<const std::string> trusted);

/// A host as URIs have it, with or without a port: letters, digits, dots, hyphens, underscores, or an IPv6 address in
/// brackets.
[[nodiscard]] bool is_host(std::string_view text) noexcept;

}  // namespace gantry::dicomweb
