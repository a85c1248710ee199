#pragma once

// Cross-origin requests, as the Fetch standard's CORS protocol asks.

#include <string>
#include <string_view>
#include <vector>

#include "gantry/http/message.hpp"
#include "gantry/http/server.hpp"

namespace gantry::http {

class CorsPolicy {
 public:
  explicit CorsPolicy(const CorsSettings& settings);

  /// True for OPTIONS with Access-Control-Request-Method: answered before authentication, since browsers send no
  /// credentials with it.
  [[nodiscard]] static bool is_preflight(const Request& request);
  /// The answer to a preflight, without what decorate() adds.
  [[nodiscard]] Response preflight() const;
  /// Adds what lets the origin's scripts read an answer, to errors too; and `Vary: Origin` when not all origins may.
  void decorate(const Headers& request, Headers& answer) const;

 private:
  std::vector<std::string> origins_;
  bool any_ = false;
  std::string max_age_;
};

/// Adds `name` to Vary unless it is there.
void add_vary(Headers& headers, std::string_view name);

}  // namespace gantry::http
