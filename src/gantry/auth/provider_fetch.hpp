#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <string>

#include "gantry/base/result.hpp"

namespace gantry::auth {

/// Bytes of a discovery document or a key set at most.
inline constexpr std::size_t kProviderBytesMost = 256 * 1024;

struct FetchSettings {
  std::string ca_file;            ///< PEM of authorities to trust instead of the system's; empty: the system's
  bool http_on_loopback = false;  ///< a provider on this machine may be asked without TLS
  std::chrono::milliseconds connect_time{std::chrono::seconds(5)};
  std::chrono::milliseconds whole_time{std::chrono::seconds(10)};
};

/// kInvalid unless `url` is https, or http to this machine where that is allowed: whoever could change the answer on its
/// way could make tokens.
Result<void> check_provider_url(const std::string& url, bool http_on_loopback);

/// Gets a document of a provider. Verified TLS, no redirects, bounded in bytes and time; blocks. `stop` ends it early.
/// kInvalid: see above; kUnavailable: no answer, another status than 200, too large.
Result<std::string> fetch_from_provider(const std::string& url, const FetchSettings& settings,
                                        const std::atomic<bool>& stop);

}  // namespace gantry::auth
