#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gantry/archive/store_service.hpp"
#include "gantry/dicomweb/stow/store_request.hpp"
#include "gantry/http/message.hpp"

namespace gantry::dicomweb::stow {

/// Why the body could not be read to its end.
struct BrokenBody {
  int status = 400;
  std::string detail;
};

/// What became of a store request: an outcome for each instance that arrived whole, in the order of the parts.
struct StoreReport {
  std::vector<archive::StoreOutcome> outcomes;
  std::optional<BrokenBody> broken;
};

/// The answer to a store request (PS3.18 §10.5.3, Annex I). 200: all stored; 202: some stored, or stored with warnings;
/// 409: none stored; 503 with Retry-After: none stored, by causes that pass; `broken`'s status: the body could not be
/// read to its end. What arrived whole before that was stored, stays stored and is listed. Location names what was
/// made: one instance, or the study of all. (Content-Location, which §10.5.3.2 wants, too, is left out: by RFC 9110
/// §8.7 it would say that this report is the instance.)
///
/// Why an instance failed is said twice: as FailureReason (0008,1197), and in plain words in the private attribute
/// (0009,1001) of "GANTRY STORE", as Annex I has no attribute for words. The first reason is in the Warning header,
/// too. What became of a stored one is (0009,1002): STORED, UNCHANGED, REPLACED or IGNORED. An instance whose UIDs
/// could not be read is in FailedSOPSequence (without them, where senders look for failures) and in
/// OtherFailuresSequence (0008,119A), where the standard wants it.
[[nodiscard]] http::Response store_answer(const StoreReport& report, AnswerFormat format, std::string_view service_root,
                                          const std::optional<StudyUid>& study);

}  // namespace gantry::dicomweb::stow
