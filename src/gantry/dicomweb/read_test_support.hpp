#pragma once

// For tests of the read side: requests go through the real route table to the real handlers over an archive in memory;
// answers come back as text.

#include <exception>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>

#include <gtest/gtest.h>

#include "gantry/archive/read_test_support.hpp"
#include "gantry/dicomweb/services.hpp"
#include "gantry/http/query_string.hpp"
#include "gantry/http/router.hpp"

namespace gantry::dicomweb::testing {

using archive::testing::context_for;
using archive::testing::Made;

/// What the edge would have sent.
struct Answer {
  int status = 0;
  http::Headers headers;
  std::string body;
  bool known_length = false;
  bool ranges = false;
  bool compressible = false;
  std::size_t file_ranges = 0;
  std::size_t segments = 0;  ///< of the plan
  std::string log_detail;
  std::string failure;  ///< of a stream, after the head

  [[nodiscard]] std::string header(std::string_view name) const { return headers.joined(name).value_or(""); }
};

struct Part {
  std::string head;
  std::string body;
};

/// Splits a multipart body by its Content-Type's boundary. No parts when the framing is broken.
inline std::vector<Part> parts_of(const Answer& answer) {
  const auto type = answer.header("Content-Type");
  const auto at = type.find("boundary=");
  if (at == std::string::npos) return {};
  const std::string boundary = type.substr(at + 9);
  const std::string body = "\r\n" + answer.body;
  const std::string delimiter = "\r\n--" + boundary;
  std::vector<Part> parts;
  for (auto begin = body.find(delimiter); begin != std::string::npos;) {
    begin += delimiter.size();
    if (body.substr(begin, 2) == "--") return body.substr(begin) == "--\r\n" ? parts : std::vector<Part>();
    const auto head_end = body.find("\r\n\r\n", begin);
    const auto end = body.find(delimiter, begin);
    if (head_end == std::string::npos || end == std::string::npos || head_end > end) return {};
    parts.push_back({body.substr(begin + 2, head_end - begin - 2), body.substr(head_end + 4, end - head_end - 4)});
    begin = end;
  }
  return {};
}

class ReadFixture : public ::testing::Test {
 protected:
  using Fields = std::vector<std::pair<std::string, std::string>>;

  /// GET of a target under the service root, or of an absolute one that begins with "/wado".
  Answer get(const std::string& target, const Fields& fields = {}, const std::string& tenant = "clinic-a") {
    const std::string whole = target.starts_with("/wado") ? target : services_.settings.base_path + target;
    const auto parsed = http::parse_target(whole);
    if (!parsed) {
      ADD_FAILURE() << parsed.error().detail();
      return {};
    }
    auto routes = search_routes(served());
    for (auto& route : retrieve_routes(served())) routes.push_back(std::move(route));
    const http::Router router(std::move(routes));
    auto match = router.match(http::Method::kGet, parsed->path);
    Answer answer;
    answer.status = 404;
    if (match.route == nullptr) return answer;

    http::Request request;
    request.method_text = "GET";
    request.target = whole;
    request.path = parsed->path;
    request.query = parsed->query;
    for (const auto& [name, value] : fields) request.headers.add(name, value);
    request.parameters = match.parameters;
    request.remote_address = remote_address_;
    request.context = context_for(tenant);
    return read(run(*match.route, request));
  }

  Answer get_as(const std::string& target, const std::string& accept) { return get(target, {{"Accept", accept}}); }

  /// What is asked.
  virtual Services& served() { return services_; }

  static http::Response run(const http::Route& route, http::Request& request) {
    boost::asio::io_context io(1);
    std::optional<http::Response> response;
    std::exception_ptr thrown;
    auto handle = [&]() -> Task<void> { response = co_await route.handler(request); };
    auto done = [&](std::exception_ptr error) { thrown = std::move(error); };
    boost::asio::co_spawn(io, handle(), done);
    io.run();
    EXPECT_EQ(thrown, nullptr);
    EXPECT_TRUE(response.has_value());
    return response ? *std::move(response) : http::Response{};
  }

  static Answer read(http::Response response) {
    Answer answer;
    answer.status = response.status;
    answer.headers = response.headers;
    answer.ranges = response.ranges;
    answer.compressible = response.compressible;
    const auto length = response.body.length();
    answer.known_length = length.has_value();
    answer.segments = response.body.segments.size();
    answer.log_detail = response.log_detail;
    for (const auto& segment : response.body.segments) append(segment, answer);
    if (length && answer.failure.empty()) EXPECT_EQ(*length, answer.body.size()) << "the plan's length is a promise";
    return answer;
  }

  static void append(const http::Segment& segment, Answer& answer) {
    if (const auto* bytes = std::get_if<http::Bytes>(&segment)) {
      answer.body += *bytes;
    } else if (const auto* shared = std::get_if<http::SharedBytes>(&segment)) {
      answer.body += **shared;
    } else if (const auto* range = std::get_if<http::FileRange>(&segment)) {
      ++answer.file_ranges;
      std::string piece(static_cast<std::size_t>(range->length), '\0');
      const auto count = range->file->read_at(range->offset, std::as_writable_bytes(std::span(piece)));
      ASSERT_TRUE(count);
      ASSERT_EQ(*count, piece.size());
      answer.body += piece;
    } else {
      append(std::get<http::Produced>(segment), answer);
    }
  }

  static void append(const http::Produced& produced, Answer& answer) {
    const std::size_t before = answer.body.size();
    for (std::string piece(777, '\0');;) {  // an odd size, so that pieces end anywhere
      const auto count = produced.stream->read(std::as_writable_bytes(std::span(piece)));
      if (!count) {
        answer.failure = count.error().detail();
        return;
      }
      if (*count == 0) break;
      answer.body.append(piece, 0, *count);
    }
    if (produced.length) EXPECT_EQ(*produced.length, answer.body.size() - before);
  }

  static Settings settings() {
    Settings settings;
    settings.boundary_secret = "a secret that all nodes share";
    return settings;
  }

  archive::testing::TestArchive archive_;
  WorkerPool index_pool_{"index", 2, 1000};
  WorkerPool disk_pool_{"disk", 2, 1000};
  std::string remote_address_ = "192.0.2.1";

  // Storing and deleting are no part of what is tested here: nothing behind these routes touches the two.
  alignas(64) std::byte nobody_[64]{};
  Services services_{reinterpret_cast<archive::StoreService&>(nobody_),
                     archive_.queries,
                     archive_.retrieves,
                     reinterpret_cast<archive::DeleteService&>(nobody_),
                     nullptr,
                     index_pool_,
                     disk_pool_,
                     settings()};
};

}  // namespace gantry::dicomweb::testing
