#include "gantry/http/message.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

#include "gantry/base/json_text.hpp"

namespace gantry::http {

namespace {

char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }

bool same_name(std::string_view a, std::string_view b) noexcept {
  return a.size() == b.size() &&
         std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) { return lower(x) == lower(y); });
}

int status_of(ErrorKind kind) noexcept {
  switch (kind) {
    case ErrorKind::kInvalid: return 400;
    case ErrorKind::kNotFound: return 404;
    case ErrorKind::kConflict: return 409;
    case ErrorKind::kDenied: return 403;
    case ErrorKind::kTooLarge: return 413;
    case ErrorKind::kUnsupported: return 406;
    case ErrorKind::kUnavailable: return 503;
    case ErrorKind::kTimeout: return 503;
    case ErrorKind::kInternal: return 500;
  }
  return 500;
}

}  // namespace

std::string_view to_string(Method method) noexcept {
  switch (method) {
    case Method::kGet: return "GET";
    case Method::kHead: return "HEAD";
    case Method::kPost: return "POST";
    case Method::kPut: return "PUT";
    case Method::kDelete: return "DELETE";
    case Method::kOptions: return "OPTIONS";
    case Method::kOther: return "OTHER";
  }
  return "OTHER";
}

std::string_view reason_phrase(int status) noexcept {
  switch (status) {
    case 200: return "OK";
    case 201: return "Created";
    case 202: return "Accepted";
    case 204: return "No Content";
    case 206: return "Partial Content";
    case 301: return "Moved Permanently";
    case 302: return "Found";
    case 303: return "See Other";
    case 304: return "Not Modified";
    case 307: return "Temporary Redirect";
    case 308: return "Permanent Redirect";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 406: return "Not Acceptable";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 410: return "Gone";
    case 411: return "Length Required";
    case 412: return "Precondition Failed";
    case 413: return "Content Too Large";
    case 414: return "URI Too Long";
    case 415: return "Unsupported Media Type";
    case 416: return "Range Not Satisfiable";
    case 417: return "Expectation Failed";
    case 422: return "Unprocessable Content";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    case 505: return "HTTP Version Not Supported";
    case 507: return "Insufficient Storage";
    default: return status < 400 ? "OK" : "Error";
  }
}

void Headers::add(std::string name, std::string value) { fields_.emplace_back(std::move(name), std::move(value)); }

void Headers::set(std::string_view name, std::string value) {
  remove(name);
  fields_.emplace_back(std::string(name), std::move(value));
}

void Headers::remove(std::string_view name) {
  std::erase_if(fields_, [name](const auto& field) { return same_name(field.first, name); });
}

std::optional<std::string_view> Headers::get(std::string_view name) const {
  for (const auto& [field, value] : fields_) {
    if (same_name(field, name)) return value;
  }
  return std::nullopt;
}

std::optional<std::string> Headers::joined(std::string_view name) const {
  std::optional<std::string> all;
  for (const auto& [field, value] : fields_) {
    if (!same_name(field, name)) continue;
    if (all) {
      *all += ", ";
      *all += value;
    } else {
      all = value;
    }
  }
  return all;
}

const std::string& Request::parameter(std::string_view name) const {
  static const std::string kNone;
  for (const auto& [parameter_name, value] : parameters) {
    if (parameter_name == name) return value;
  }
  return kNone;
}

std::optional<std::uint64_t> BodyPlan::length() const {
  std::uint64_t total = 0;
  for (const Segment& segment : segments) {
    if (const auto* bytes = std::get_if<Bytes>(&segment)) {
      total += bytes->size();
    } else if (const auto* shared = std::get_if<SharedBytes>(&segment)) {
      total += *shared ? (*shared)->size() : 0;
    } else if (const auto* range = std::get_if<FileRange>(&segment)) {
      total += range->length;
    } else {
      const auto& produced = std::get<Produced>(segment);
      if (!produced.length) return std::nullopt;
      total += *produced.length;
    }
  }
  return total;
}

Response respond(int status, std::string content_type, std::string body) {
  Response response;
  response.status = status;
  response.headers.add("Content-Type", std::move(content_type));
  response.body.add(std::move(body));
  return response;
}

Response problem(int status, std::string detail) {
  const std::string_view title = reason_phrase(status);
  std::string body = "{\"type\":\"about:blank\",\"title\":" + json_string(title) +
                     ",\"status\":" + std::to_string(status) +
                     ",\"detail\":" + json_string(detail.empty() ? title : std::string_view(detail)) + "}";
  Response response = respond(status, "application/problem+json", std::move(body));
  response.headers.add("Cache-Control", "no-store");
  response.log_detail = std::move(detail);
  return response;
}

Response problem(const Error& error) {
  const int status = status_of(error.kind());
  // What went wrong inside is for the operator; the client learns the request id, under which the log has the rest.
  const bool secret = error.kind() == ErrorKind::kInternal;
  Response response =
      problem(status, secret ? "something went wrong inside; the log has it under this request's id" : error.detail());
  response.log_detail = std::string(to_string(error.kind())) + ": " + error.detail();
  if (status == 503) response.headers.add("Retry-After", "2");
  return response;
}

}  // namespace gantry::http
