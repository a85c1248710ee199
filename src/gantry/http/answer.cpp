#include "gantry/http/answer.hpp"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "gantry/http/byte_range.hpp"
#include "gantry/http/compression.hpp"
#include "gantry/http/conditional.hpp"

namespace gantry::http {

namespace {

bool is_read(Method method) { return method == Method::kGet || method == Method::kHead; }

bool has_no_body(int status) { return status < 200 || status == 204 || status == 304; }

/// 304 when the client holds what would be sent (RFC 9110 §13.1.2, §15.4.5). True when it did.
bool answer_not_modified(Response& response, const AnswerContext& context) {
  if (response.status != 200 || !is_read(context.method)) return false;
  const auto etag = response.headers.get("ETag");
  const auto field = context.request->joined("If-None-Match");
  if (!etag || !field) return false;
  auto matched = if_none_match(*field, *etag);
  if (!matched) return false;
  response.status = 304;
  response.body = {};
  response.headers.set("ETag", *std::move(matched));
  for (const char* name : {"Content-Type", "Content-Length", "Content-Encoding", "Content-Range"}) {
    response.headers.remove(name);
  }
  return true;
}

/// 206 or 416 where the request asks for one range of immutable bytes (RFC 9110 §14). True when the range decided.
/// Several ranges get the whole body, as §14.2 allows: no client of DICOM asks for them, and they cost most to serve.
bool answer_range(Response& response, SendPlan& plan, const AnswerContext& context) {
  if (response.status != 200 || !response.ranges || context.method != Method::kGet || !plan.length) return false;
  const auto field = context.request->get("Range");
  if (!field) return false;
  if (const auto condition = context.request->get("If-Range")) {
    const auto etag = response.headers.get("ETag").value_or("");
    if (!if_range_holds(*condition, etag, response.headers.get("Last-Modified"))) return false;
  }
  const std::uint64_t size = *plan.length;
  const RangeRequest range = parse_range(*field, size);
  if (range.kind == RangeRequest::Kind::kNone) return false;
  if (range.kind == RangeRequest::Kind::kUnsatisfiable) {
    Response refusal = problem(416, "the range lies beyond the " + std::to_string(size) + " bytes that are there");
    refusal.headers.add("Content-Range", "bytes */" + std::to_string(size));
    refusal.headers.add("Accept-Ranges", "bytes");
    if (const auto vary = response.headers.joined("Vary")) refusal.headers.add("Vary", *vary);
    plan = make_send_plan(std::move(refusal.body));
    refusal.body = {};
    response = std::move(refusal);
    return true;
  }
  if (range.ranges.size() != 1) return false;
  const ByteRange& part = range.ranges.front();
  response.status = 206;
  response.headers.set("Content-Range", "bytes " + std::to_string(part.first) + "-" + std::to_string(part.last) + "/" +
                                            std::to_string(size));
  plan = cut(std::move(plan), part.first, part.length());
  return true;
}

/// Compresses where it pays and the client takes it.
void compress(Response& response, SendPlan& plan, const AnswerContext& context) {
  if (!response.compressible || has_no_body(response.status) || response.headers.get("Content-Encoding")) return;
  if (plan.length && *plan.length < kGzipBytesMin) return;
  const auto accepted = context.request->joined("Accept-Encoding");
  // HTTP/1.0 knows no chunks, and a body whose length is unknown would cost it the connection.
  if (!accepted || !accepts_gzip(*accepted) || context.minor_version == 0) return;
  SendPlan compressed;
  if (plan.in_memory() && *plan.length <= kGzipAtOnceMax) {
    std::string text;
    text.reserve(static_cast<std::size_t>(*plan.length));
    for (const SendPiece& piece : plan.pieces) text += std::get<MemoryPiece>(piece).bytes;
    auto shorter = gzip(text);
    if (!shorter || shorter->size() >= text.size()) return;
    BodyPlan body;
    body.add(*std::move(shorter));
    compressed = make_send_plan(std::move(body));
  } else {
    compressed.pieces.emplace_back(ProducedPiece{gzip_stream(as_stream(std::move(plan))), 0, std::nullopt, true});
  }
  plan = std::move(compressed);
  response.ranges = false;  // ranges are of the plain bytes
  response.headers.add("Content-Encoding", "gzip");
  if (const auto etag = response.headers.get("ETag")) response.headers.set("ETag", gzip_etag(*etag));
}

/// The splice of the request id into a problem body, so that a user can quote it. See problem().
void name_request(Response& response, std::string_view request_id) {
  constexpr std::string_view kProblem = "application/problem+json";
  if (response.headers.get("Content-Type") != kProblem || response.body.segments.size() != 1) return;
  auto* body = std::get_if<Bytes>(&response.body.segments.front());
  if (body == nullptr || body->size() < 2 || body->back() != '}') return;
  body->pop_back();
  *body += ",\"requestId\":\"";
  *body += request_id;  // a token by construction, nothing to escape
  *body += "\"}";
}

/// Handlers may put text from objects into header values. A line break there would end the header (response splitting).
void append_clean(std::string& head, std::string_view text) {
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; };
  const auto begin = head.insert(head.end(), text.begin(), text.end());
  std::replace_if(begin, head.end(), is_control, ' ');
}

void append_field(std::string& head, std::string_view name, std::string_view value) {
  append_clean(head, name);
  head += ": ";
  append_clean(head, value);
  head += "\r\n";
}

/// Fields that the edge alone sets: how the message is framed, who sent it and when.
bool is_edges_own(std::string_view name) {
  const auto same = [name](std::string_view other) {
    return name.size() == other.size() &&
           std::equal(name.begin(), name.end(), other.begin(), [](char a, char b) { return (a | 0x20) == b; });
  };
  return same("content-length") || same("transfer-encoding") || same("connection") || same("date") || same("server") ||
         same("x-request-id");
}

}  // namespace

Answer make_answer(Response response, const AnswerContext& context) {
  Answer answer;
  answer.keep_alive = context.keep_alive;
  name_request(response, context.request_id);
  if (response.compressible && !response.headers.get("Content-Encoding")) {
    add_vary(response.headers, "Accept-Encoding");
  }
  const bool not_modified = answer_not_modified(response, context);
  SendPlan plan = make_send_plan(std::move(response.body));
  response.body = {};
  if (!not_modified && !answer_range(response, plan, context)) {
    compress(response, plan, context);
  }
  if (response.ranges && is_read(context.method) && (response.status == 200 || response.status == 206)) {
    response.headers.set("Accept-Ranges", "bytes");
  }
  context.cors->decorate(*context.request, response.headers);

  answer.status = response.status;
  const bool bodiless = has_no_body(response.status);
  answer.chunked = !bodiless && !plan.length && context.minor_version >= 1;
  if (!bodiless && !plan.length && context.minor_version == 0) answer.keep_alive = false;

  std::string& head = answer.head;
  head.reserve(1024);
  head += "HTTP/1.1 ";
  head += std::to_string(response.status);
  head += ' ';
  head += reason_phrase(response.status);
  head += "\r\nServer: ";
  head += context.server_name;
  head += "\r\nDate: ";
  head += context.date;
  head += "\r\n";
  for (const auto& [name, value] : response.headers.all()) {
    if (!is_edges_own(name)) append_field(head, name, value);
  }
  append_field(head, "X-Request-Id", context.request_id);
  const auto elapsed = std::chrono::steady_clock::now() - context.began;
  const auto elapsed_us = std::chrono::duration_cast<std::chrono::microseconds>(elapsed).count();
  const std::string micros = std::to_string(elapsed_us % 1000);
  head += "Server-Timing: total;dur=";  // milliseconds
  head += std::to_string(elapsed_us / 1000);
  head += '.';
  head.append(3 - micros.size(), '0');
  head += micros;
  head += "\r\n";
  if (answer.chunked) {
    head += "Transfer-Encoding: chunked\r\n";
  } else if (plan.length && !bodiless) {
    head += "Content-Length: ";
    head += std::to_string(*plan.length);
    head += "\r\n";
  }
  if (!answer.keep_alive) {
    head += "Connection: close\r\n";
  } else if (context.minor_version == 0) {
    head += "Connection: keep-alive\r\n";
  }
  head += "\r\n";

  if (bodiless || context.method == Method::kHead) {
    answer.chunked = false;
  } else {
    answer.plan = std::move(plan);
  }
  return answer;
}

}  // namespace gantry::http
