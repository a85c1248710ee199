#pragma once

// The access log: one line for every request, whether it was answered, refused, or no request at all.

#include <string>
#include <string_view>

#include "gantry/http/router.hpp"
#include "gantry/http/server.hpp"
#include "gantry/observe/log.hpp"

namespace gantry::server {

/// What a request asked to be done: the operationId of its route in /openapi.json, such as
/// "get_dicom_web_studies__study__metadata" (HEAD is its GET). "none" for `route` null: nothing is at that path, the
/// path does not take the method, or what came was no request. From any thread.
[[nodiscard]] std::string operation_name(const http::Route* route);

/// How it ended, in one word of this list:
///   success      it was done (2xx, 3xx)
///   refused      whoever asks may not, or not so often (401, 403, 429)
///   not_found    it is not there (404, 410)
///   rejected     the request can't be done as it was made (all other 4xx, 501, 505)
///   unavailable  it can't be done now (503)
///   failed       it could not be done (all other 5xx)
///   incomplete   it was begun, but the client did not take, or the server could not give, all of the answer
[[nodiscard]] std::string_view outcome_of(int status, bool complete) noexcept;

/// Writes the line of a request. Says nothing of a patient: paths are without queries, and without keys of shares.
void log_access(observe::Log& log, const http::AccessRecord& record);

}  // namespace gantry::server
