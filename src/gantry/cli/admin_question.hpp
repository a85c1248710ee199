#pragma once

#include <functional>
#include <string>

#include "gantry/base/context.hpp"
#include "gantry/base/result.hpp"
#include "gantry/cli/http_client.hpp"
#include "gantry/config/settings.hpp"
#include "gantry/index/instance_index.hpp"

namespace gantry::cli {

/// The same question in two ways.
struct Question {
  std::function<Result<std::string>(index::InstanceIndex&, const RequestContext&)> of_index;
  std::function<Result<HttpAnswer>(HttpClient&)> of_server;
};

/// Asks the process that serves the embedded index, through its Unix socket; where none does, or where the index is a
/// database server, the index itself. kNotFound, kInvalid and kDenied as the answerer says; kUnavailable: it could not
/// be asked. `principal` and the user's name stand in the audit of what the index is told.
Result<std::string> ask_archive(const config::Settings& settings, const char* principal, const Question& question);

/// The socket of the process that serves the embedded index; "": nobody does, or the index is a database server's.
Result<std::string> serving_socket(const config::Settings& settings);
/// An answer that is not 200, as the error that it tells.
[[nodiscard]] Error error_of(const HttpAnswer& answer);

}  // namespace gantry::cli
