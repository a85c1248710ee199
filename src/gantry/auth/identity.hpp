#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <variant>

#include "gantry/base/ids.hpp"
#include "gantry/base/permission.hpp"

namespace gantry::auth {

/// Who asks, as a checked credential tells.
struct Identity {
  std::string principal;  ///< for logs and audit: the subject and its issuer, the key's name; never a secret
  TenantId tenant;
  PermissionSet permissions;
  std::optional<StudyUid> only_study;             ///< a share's: nothing but this study
  std::chrono::system_clock::time_point expires;  ///< when the credential ends; max() when it doesn't
  std::string method;                             ///< "oidc", "apikey", "certificate", "share", "unix" or "none"
};

/// Why a credential does not open the door, in the words of RFC 6750 §3.1. It says what is wrong with what the client
/// sent, and nothing of what exists here.
struct Refusal {
  int status = 401;  ///< 401, 403 or 503
  /// "invalid_token", "insufficient_scope" …; empty when there was no credential at all (RFC 6750 §3.1 asks for that)
  std::string error;
  std::string description;
};

using Verdict = std::variant<Identity, Refusal>;

}  // namespace gantry::auth
