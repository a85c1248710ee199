#pragma once

#include <functional>
#include <string>
#include <vector>

#include "gantry/base/permission.hpp"
#include "gantry/http/message.hpp"

namespace gantry::http {

using gantry::Permission;

/// The permission of a route. It has no default, so that a route which declares none does not compile (DESIGN §9).
class RoutePermission {
 public:
  constexpr RoutePermission(Permission permission)  // NOLINT(google-explicit-constructor)
      : permission_(permission) {}
  constexpr operator Permission() const noexcept { return permission_; }  // NOLINT(google-explicit-constructor)

 private:
  Permission permission_;
};

using Handler = std::function<Task<Response>(Request&)>;

struct QueryParameter {
  std::string name;
  std::string description;
  std::string type = "string";  ///< of JSON Schema
};

/// What documentation says of a route beside its summary. Nothing is decided by it.
struct RouteDoc {
  std::string section;  ///< of PS3.18, such as "10.4.1.1.2"; "" when it is none of the standard's
  std::vector<QueryParameter> query;
  std::vector<std::string> consumes;  ///< media types of the request's body
  std::vector<std::string> produces;  ///< media types of the answer, the default first
};

/// One line of the one route table.
struct Route {
  Method method;
  std::string pattern;  ///< "/dicom-web/studies/{study}/series/{series}"; a last "{name...}" takes the rest
  RoutePermission permission;
  std::string summary;  ///< one sentence for documentation
  Handler handler;
  RouteDoc doc = {};
};

/// Finds the route of a request. GET routes answer HEAD, too. Immutable after construction; safe from all threads.
class Router {
 public:
  explicit Router(std::vector<Route> routes);

  struct Match {
    const Route* route = nullptr;  ///< null: nothing here
    PathParameters parameters;
    std::vector<Method> allowed;  ///< what the path has, for 405 and OPTIONS; empty: 404
  };
  [[nodiscard]] Match match(Method method, std::string_view path) const;
  [[nodiscard]] const std::vector<Route>& routes() const noexcept { return routes_; }

 private:
  struct Node;
  std::vector<Route> routes_;
  std::shared_ptr<const Node> root_;
};

}  // namespace gantry::http
