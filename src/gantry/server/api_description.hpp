#pragma once

// What the server can do, written from the route table that it serves by: OpenAPI for tools, and the Capabilities of
// PS3.18 §8.9 in the forms that the standard names.

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "gantry/http/message.hpp"
#include "gantry/http/router.hpp"

namespace gantry::server {

/// A route's operationId there: its method and pattern in letters, digits and underscores. One for each route.
[[nodiscard]] std::string operation_id(const http::Route& route);

class ApiDescription {
 public:
  ApiDescription(std::span<const http::Route> routes, const std::string& version);

  /// OpenAPI 3.0.3.
  [[nodiscard]] const std::string& openapi() const noexcept { return openapi_; }
  /// The Web Application Description Language (W3C submission, 2009).
  [[nodiscard]] const std::string& wadl() const noexcept { return wadl_; }

  /// The answer to GET /openapi.json.
  [[nodiscard]] http::Response openapi_answer() const;
  /// The answer to OPTIONS of a service root (PS3.18 §8.9): WADL, or JSON by Accept, or 406 that says so. nullopt:
  /// `request` names no service root, so it is answered by Allow alone.
  [[nodiscard]] std::optional<http::Response> capabilities(const http::Request& request) const;

 private:
  std::string openapi_;
  std::string wadl_;
  std::vector<std::string> roots_;  ///< paths of DICOMweb services, without a slash at the end
};

}  // namespace gantry::server
