#pragma once

// An access as a whole, put together of the lines of a spool that tell its beginning and its end.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gantry/base/result.hpp"

namespace gantry::audit {

/// What a request was for, as the audit names it.
namespace operation {
inline constexpr const char* kSearch = "search";
inline constexpr const char* kRetrieve = "retrieve";  ///< pixels, or whole instances
inline constexpr const char* kMetadata = "metadata";
inline constexpr const char* kStore = "store";
inline constexpr const char* kDelete = "delete";
inline constexpr const char* kAdmin = "admin";
}  // namespace operation

/// What is known before an answer's first byte. Empty texts are not known, or not there.
struct Access {
  std::string request_id, tenant, user, address;
  std::string forwarded_for;     ///< as a trusted proxy says it
  std::string operation;         ///< operation::…
  std::string method, resource;  ///< resource: the route's pattern, never a path that could hold a secret
  std::string study, series, instance, frames;
  std::string query;   ///< the query string but for tokens: what was searched for
  int status = 0;      ///< that is about to be sent
  std::string reason;  ///< of a refusal, in words
  std::string stored;  ///< a store's outcomes: JSON, as the spool has it; empty when it was none
};
/// The members of its line, kind "begin"; begins with a comma.
[[nodiscard]] std::string begin_members(const Access& access);

struct AccessEnd {
  std::uint64_t begin = 0;  ///< the number of its beginning
  int status = 0;           ///< that was sent
  std::uint64_t bytes_out = 0, bytes_in = 0;
  std::uint64_t duration_us = 0;
  bool complete = false;  ///< the whole answer was handed to the system
};
/// The same, kind "end".
[[nodiscard]] std::string end_members(const AccessEnd& end);

/// One record of the audit.
struct Record {
  std::uint64_t n = 0;  ///< of the line that tells it, or its beginning
  std::string time;     ///< "2026-11-30T16:13:46.123456Z"
  std::string kind;     ///< "access"; "start", "stop" and others are told in one line
  Access access;
  std::optional<AccessEnd> end;  ///< nullopt: the process or the machine ended before
  std::string line;              ///< of kinds other than "access": the members of the line, as JSON
};
/// As one line of JSON, without a newline.
[[nodiscard]] std::string to_json(const Record& record);
/// "success", "refused" (401, 403, 429), "failure" (other errors), "incomplete" (the client did not take all of it),
/// "unknown" (nobody knows how it ended).
[[nodiscard]] std::string_view outcome_of(const Record& record);

/// Puts lines together. Not thread-safe. Memory grows with the accesses that are under way at one time.
class RecordAssembler {
 public:
  using Visit = std::function<bool(Record&&)>;
  /// Takes a line; calls `visit` for what it completes, in the order of completion. A file's first line at a start of
  /// the process ends what the one before left open. False: `visit` wants no more. kInvalid: it is no line of ours.
  Result<bool> take(std::string_view line, const Visit& visit);
  /// The accesses that began and have not ended, oldest first: with the assembler they are forgotten.
  [[nodiscard]] std::vector<Record> take_open();
  /// The number of the oldest one.
  [[nodiscard]] std::optional<std::uint64_t> oldest_open() const;

 private:
  std::map<std::uint64_t, Record> open_;
};

}  // namespace gantry::audit
