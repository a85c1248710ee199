#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "gantry/base/result.hpp"

namespace gantry::cli {

struct HttpClientSettings {
  std::string token;        ///< bearer token; empty: none
  std::string ca_file;      ///< PEM of authorities to trust instead of the system's
  std::string unix_socket;  ///< connect here whatever the URL's host is
  std::string certificate{};  ///< PEM of a certificate to show; empty: none
  std::string key{};          ///< PEM of its private key; empty: in the same file
};

struct HttpAnswer {
  int status = 0;
  std::string body;  ///< at most 4 MB; the rest is dropped
  std::optional<std::chrono::seconds> retry_after;
};

/// An HTTP client with one connection that it keeps open. One thread at a time.
class HttpClient {
 public:
  explicit HttpClient(HttpClientSettings settings);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  /// Errors of all: kUnavailable (no connection, it broke, nothing moved for a minute; try again),
  /// kInvalid (no URL, unknown host certificate; trying again changes nothing).
  Result<HttpAnswer> get(const std::string& url);
  /// Sends one file as the only part of a multipart/related STOW-RS request, read while it is sent. kNotFound: the file
  /// can't be opened. `moved` is called with the bytes that went out.
  Result<HttpAnswer> post_instance(const std::string& url, const std::string& path,
                                   const std::function<void(std::size_t)>& moved);
  /// Posts an empty body, and waits for the answer as long as the connection lives.
  Result<HttpAnswer> post(const std::string& url);
  /// Posts an empty body and gives the answer's lines as they come (NDJSON).
  Result<HttpAnswer> post_for_lines(const std::string& url, const std::function<void(std::string_view)>& line);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace gantry::cli
