#pragma once

#include <string>
#include <string_view>

namespace gantry::cli {

/// What became of one file that was sent.
struct Sent {
  enum class Status { kStored, kUnchanged, kReplaced, kIgnored, kRefused, kFailed };
  Status status = Status::kFailed;
  int http_status = 0;  ///< 0: there was no answer
  int reason = 0;       ///< FailureReason (0008,1197); 0: none was given
  std::string detail;   ///< in words, for people
  std::string sop;      ///< SOP Instance UID as the server read it
};

/// A stable lower-case word: "stored", "unchanged", "replaced", "ignored", "refused", "failed".
[[nodiscard]] const char* to_string(Sent::Status status) noexcept;

/// What a STOW-RS answer for one instance says: PS3.18 Annex I as DICOM JSON, by any server; ours tells more. A refusal
/// is an answer that sending the same file again would not change; anything else that is no success is a failure.
[[nodiscard]] Sent read_store_answer(int http_status, std::string_view body);

}  // namespace gantry::cli
