#pragma once

#include <string>

#include "gantry/config/settings.hpp"
#include "gantry/server/credential_admin.hpp"

namespace gantry::cli {

struct CredentialListOptions {
  std::string tenant;  ///< "": all
  bool json = false;
};

// Exit statuses of all: 0 done, 1 there is no such key, share or study, 2 it could not work.

/// Prints the key alone to standard output, so that a script can keep it, and what it is to standard error; as JSON all
/// of it to standard output.
int run_apikey_create(const config::Settings& settings, const server::ApiKeyRequest& asked, bool json);
int run_apikey_list(const config::Settings& settings, const CredentialListOptions& options);
int run_apikey_revoke(const config::Settings& settings, const std::string& id);
/// Prints the link alone to standard output, as above.
int run_share_create(const config::Settings& settings, const server::ShareRequest& asked, bool json);
int run_share_list(const config::Settings& settings, const CredentialListOptions& options);
int run_share_revoke(const config::Settings& settings, const std::string& id);

/// What lists print, from their JSON; times in UTC. kInternal: it is no such list.
[[nodiscard]] Result<std::string> api_key_list_text(const std::string& json);
[[nodiscard]] Result<std::string> share_list_text(const std::string& json);

}  // namespace gantry::cli
