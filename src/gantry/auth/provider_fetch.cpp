#include "gantry/auth/provider_fetch.hpp"

#include <mutex>
#include <string_view>
#include <utility>

#include <arpa/inet.h>
#include <curl/curl.h>
#include <netinet/in.h>

#include "gantry/base/handle.hpp"

namespace gantry::auth {
namespace {

using Curl = Handle<CURL, &curl_easy_cleanup>;
using CurlUrl = Handle<CURLU, &curl_url_cleanup>;

struct CurlText {
  char* text = nullptr;
  CurlText() = default;
  CurlText(const CurlText&) = delete;
  CurlText& operator=(const CurlText&) = delete;
  ~CurlText() { curl_free(text); }
};

bool is_this_machine(std::string host) {
  if (host == "localhost") return true;
  if (host.size() > 2 && host.front() == '[') host = host.substr(1, host.size() - 2);
  in_addr four{};
  if (inet_pton(AF_INET, host.c_str(), &four) == 1) return (ntohl(four.s_addr) >> 24U) == 127U;
  in6_addr six{};
  return inet_pton(AF_INET6, host.c_str(), &six) == 1 && IN6_IS_ADDR_LOOPBACK(&six);
}

std::size_t keep(char* data, std::size_t size, std::size_t count, void* user) {
  auto& body = *static_cast<std::string*>(user);
  const std::size_t bytes = size * count;
  if (body.size() + bytes > kProviderBytesMost) return 0;  // libcurl ends the transfer
  body.append(data, bytes);
  return bytes;
}

int check_stop(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<const std::atomic<bool>*>(user)->load(std::memory_order_relaxed) ? 1 : 0;
}

}  // namespace

Result<void> check_provider_url(const std::string& url, bool http_on_loopback) {
  const CurlUrl parsed(curl_url());
  if (curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), 0) != CURLUE_OK) return Error::invalid(url + " is no URL");
  CurlText scheme;
  CurlText host;
  curl_url_get(parsed.get(), CURLUPART_SCHEME, &scheme.text, 0);
  curl_url_get(parsed.get(), CURLUPART_HOST, &host.text, 0);
  if (scheme.text == nullptr || host.text == nullptr) return Error::invalid(url + " names no host");
  const std::string_view name(scheme.text);
  if (name == "https") return {};
  if (name != "http") return Error::invalid(url + " is not https");
  if (!is_this_machine(host.text)) {
    return Error::invalid(url + " is not https: whoever sits between could make tokens");
  }
  if (http_on_loopback) return {};
  return Error::invalid(url + " is not https; auth.http_on_loopback allows that for a provider on this machine");
}

Result<std::string> fetch_from_provider(const std::string& url, const FetchSettings& settings,
                                        const std::atomic<bool>& stop) {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
  GANTRY_TRY(check_provider_url(url, settings.http_on_loopback));
  const Curl curl(curl_easy_init());
  if (!curl) return Error::unavailable("no memory to ask " + url);
  std::string body;
  char error[CURL_ERROR_SIZE] = {};
  const auto option = [&](CURLoption name, auto value) { curl_easy_setopt(curl.get(), name, value); };
  option(CURLOPT_URL, url.c_str());
  option(CURLOPT_ERRORBUFFER, error);
  option(CURLOPT_NOSIGNAL, 1L);
  const bool plain = url.starts_with("http:");
  option(CURLOPT_PROTOCOLS_STR, plain ? "http" : "https");
  if (plain) option(CURLOPT_NOPROXY, "*");  // this machine is not behind a proxy
  option(CURLOPT_FOLLOWLOCATION, 0L);
  option(CURLOPT_SSL_VERIFYPEER, 1L);
  option(CURLOPT_SSL_VERIFYHOST, 2L);
  option(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  if (!settings.ca_file.empty()) {
    option(CURLOPT_CAINFO, settings.ca_file.c_str());
    option(CURLOPT_CAPATH, static_cast<const char*>(nullptr));
  }
  option(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(settings.connect_time.count()));
  option(CURLOPT_TIMEOUT_MS, static_cast<long>(settings.whole_time.count()));
  option(CURLOPT_ACCEPT_ENCODING, "");
  option(CURLOPT_USERAGENT, "gantry");
  option(CURLOPT_WRITEFUNCTION, &keep);
  option(CURLOPT_WRITEDATA, &body);
  option(CURLOPT_NOPROGRESS, 0L);
  option(CURLOPT_XFERINFOFUNCTION, &check_stop);
  option(CURLOPT_XFERINFODATA, &stop);
  const CURLcode code = curl_easy_perform(curl.get());
  if (code == CURLE_WRITE_ERROR) return Error::unavailable(url + " sends more than 256 kB");
  if (code != CURLE_OK) {
    return Error::unavailable(url + ": " + (error[0] != '\0' ? error : curl_easy_strerror(code)));
  }
  long status = 0;
  curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
  if (status != 200) return Error::unavailable(url + " answers " + std::to_string(status));
  return body;
}

}  // namespace gantry::auth
