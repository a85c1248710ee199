#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "gantry/base/ids.hpp"

namespace gantry {

using Clock = std::chrono::steady_clock;
using Deadline = Clock::time_point;

/// Who asks, for which tenant, and until when. Every port call takes it first, so forgetting the tenant does not
/// compile. A plain value: what crosses a thread carries its own copy.
struct RequestContext {
  TenantId tenant;
  std::string principal;   ///< who, for logs and audit; empty when nobody had to say
  std::string request_id;  ///< unique per request; appears in logs and in the answer's X-Request-Id
  Deadline deadline = Deadline::max();
  std::string remote_address;          ///< the peer's address without the port; "unix"; empty within the process
  std::optional<StudyUid> only_study;  ///< a share's: whoever asks may see this study alone
};

}  // namespace gantry
