#include "gantry/server/admin_answer.hpp"

#include <chrono>
#include <ctime>

namespace gantry::server {

std::string json_time(index::Timestamp time) {
  const std::time_t seconds = std::chrono::floor<std::chrono::seconds>(time.time_since_epoch()).count();
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char text[32];
  std::strftime(text, sizeof text, "\"%Y-%m-%dT%H:%M:%SZ\"", &parts);
  return text;
}

http::Response json_answer(const Result<std::string>& text) {
  if (!text) return http::problem(text.error());
  auto response = http::respond(200, "application/json", *text + "\n");
  response.headers.set("X-Content-Type-Options", "nosniff");
  response.headers.set("Cache-Control", "no-store");
  return response;
}

}  // namespace gantry::server
