#pragma once

#include <optional>
#include <string>
#include <vector>

namespace gantry::cli {

struct StoreOptions {
  std::vector<std::string> paths;  ///< files and folders
  std::string to;                  ///< the DICOMweb root, e.g. http://127.0.0.1:8080/dicom-web
  unsigned parallel = 8;           ///< requests at a time
  std::string token;               ///< bearer token
  std::string ca_file;             ///< authorities to trust instead of the system's
  std::string certificate;         ///< PEM of a certificate to show, for servers that ask for one
  std::string key;                 ///< PEM of its key; "": in the same file
  std::string report;              ///< JSON lines, one per file
  std::string ledger;              ///< "": the default place
  bool fresh = false;              ///< forget what earlier runs sent
  bool retry_refused = false;      ///< send again what was refused earlier
  bool quiet = false;              ///< no progress
};

/// `gantry store`: sends files by STOW-RS, a request each, several at a time; what a run could not send, the next one
/// does. Exit status: 0 every file was accepted, 1 some were refused or failed, 2 it could not work.
[[nodiscard]] int run_store(const StoreOptions& options);

}  // namespace gantry::cli
