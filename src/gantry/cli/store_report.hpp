#pragma once

#include <cstdint>
#include <cstdio>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "gantry/base/handle.hpp"
#include "gantry/base/result.hpp"
#include "gantry/cli/store_answer_reader.hpp"

namespace gantry::cli {

/// Counts what became of the files, keeps a few names for each reason, and writes every outcome as a JSON line when a
/// report was asked for. Thread-safe.
class StoreReport {
 public:
  /// `path` empty: no report file. kUnavailable when it can't be made.
  static Result<std::unique_ptr<StoreReport>> open(const std::string& path);

  /// `earlier`: known from the ledger, not sent in this run.
  void add(const std::string& file, const Sent& sent, bool earlier);
  /// Ends the report file. An error means that lines are missing in it.
  Result<void> close();

  /// "412 sent: 380 stored, …" and the refusals by reason with file names.
  [[nodiscard]] std::string summary() const;
  /// True when every file was accepted, in this run or earlier.
  [[nodiscard]] bool all_accepted() const;

 private:
  explicit StoreReport(std::string path) : path_(std::move(path)) {}

  struct Group {
    std::uint64_t count = 0;
    std::vector<std::string> files;  ///< the first few
  };
  const std::string path_;
  Handle<std::FILE, &std::fclose> out_;
  bool write_failed_ = false;
  mutable std::mutex mutex_;
  std::map<std::string, std::uint64_t> sent_, earlier_;       ///< by status
  std::map<std::pair<std::string, std::string>, Group> why_;  ///< of what was not accepted, by status and reason
};

}  // namespace gantry::cli
