#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

#include "gantry/base/handle.hpp"
#include "gantry/base/result.hpp"
#include "gantry/cli/file_list.hpp"
#include "gantry/cli/store_answer_reader.hpp"

namespace gantry::cli {

/// What earlier runs sent to a target, so that a second run sends only what is missing. A text file, a line per file
/// that was accepted or refused; a file that changed since (size or time) counts as another one. Thread-safe. A torn
/// last line (the machine died) is skipped: its file is sent again, which changes nothing.
class StoreLedger {
 public:
  /// Opens or creates the file. `target` is the URL and the identity of the archive behind it.
  static Result<std::unique_ptr<StoreLedger>> open(const std::string& path, std::string target);

  /// What became of the file earlier; nullopt when it was not sent, or failed.
  [[nodiscard]] std::optional<Sent> find(const LocalFile& file) const;
  /// Notes an accepted or refused file; failures are not noted.
  Result<void> note(const LocalFile& file, const Sent& sent);
  [[nodiscard]] const std::string& path() const noexcept { return path_; }

 private:
  StoreLedger(std::string path, std::string target, UniqueFd file);
  [[nodiscard]] std::string key_of(const LocalFile& file) const;
  void load(const std::string& text);

  const std::string path_;
  const std::string target_;
  UniqueFd file_;
  mutable std::mutex mutex_;
  std::unordered_map<std::string, Sent> known_;
};

/// Where the ledger of a target is kept when nobody says otherwise: $XDG_STATE_HOME/gantry, else ~/.local/state/gantry.
[[nodiscard]] std::string default_ledger_path(const std::string& target);

}  // namespace gantry::cli
