#pragma once

// From a handler's Response to what goes over the wire: conditional requests, ranges, compression, CORS, framing. No
// socket in here.

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

#include "gantry/http/cors.hpp"
#include "gantry/http/message.hpp"
#include "gantry/http/send_plan.hpp"

namespace gantry::http {

/// Bodies below this stay as they are; gzip would hardly shorten them.
inline constexpr std::size_t kGzipBytesMin = 1024;
/// Bodies in memory up to this are compressed at once, on the io thread; larger ones while they are sent, elsewhere.
inline constexpr std::size_t kGzipAtOnceMax = 64 * 1024;

/// What of the request and the server the answer depends on.
struct AnswerContext {
  Method method = Method::kGet;
  int minor_version = 1;
  const Headers* request = nullptr;  ///< never null
  bool keep_alive = true;            ///< what the request and the server's state allow
  std::string_view request_id;
  std::string_view server_name;
  std::string_view date;  ///< IMF-fixdate
  const CorsPolicy* cors = nullptr;
  std::chrono::steady_clock::time_point began;
};

struct Answer {
  int status = 200;
  std::string head;
  SendPlan plan;  ///< empty for HEAD, 204 and 304
  bool chunked = false;
  bool keep_alive = true;
};

[[nodiscard]] Answer make_answer(Response response, const AnswerContext& context);

}  // namespace gantry::http
