#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "gantry/base/context.hpp"
#include "gantry/base/result.hpp"
#include "gantry/http/router.hpp"
#include "gantry/index/instance_index.hpp"

namespace gantry::server {

struct Site;

/// The most failures that one status names.
inline constexpr std::size_t kFailuresMost = 1000;

/// How the metadata of all series stands, as one line of JSON: `ready`, `pending`, `running`, `failed`, `given_up`,
/// `oldest_due` (a time or null), and `failures`, at most so many, those given up first. All tenants.
[[nodiscard]] Result<std::string> worker_status(index::InstanceIndex& index, const RequestContext& ctx,
                                                std::size_t failures_most);

/// Empty texts are not given.
struct WorkerRetry {
  std::string tenant;  ///< without one: all, or the default tenant where a study is named
  std::string study;
  std::string series;  ///< of that study
};
/// Makes the failed and given-up ones due again; {"retried":N} says how many there were. kNotFound: there is no such
/// study or series; kInvalid: a series without its study.
[[nodiscard]] Result<std::string> worker_retry(index::InstanceIndex& index, const RequestContext& ctx,
                                               const WorkerRetry& asked);

/// GET `/admin/worker/status?failures=N`, POST `/admin/worker/retry?tenant=…&study=…&series=…`.
[[nodiscard]] std::vector<http::Route> worker_routes(Site& site);

}  // namespace gantry::server
