#include "gantry/dicomweb/stow/store_answer.hpp"

#include "gantry/dicomweb/stow/audit_note.hpp"

#include <algorithm>

#include "gantry/dicomweb/stow/reply_dataset.hpp"

namespace gantry::dicomweb::stow {
namespace {

using archive::StoreOutcome;

ReplyAttribute text_attribute(std::uint32_t tag, const char* vr, const char* keyword, const std::string& value) {
  ReplyAttribute attribute{tag, vr, keyword, {}, {}, ""};
  if (!value.empty()) attribute.values.push_back(value);
  return attribute;
}

ReplyAttribute number_attribute(std::uint32_t tag, const char* keyword, std::uint16_t value) {
  return {tag, "US", keyword, {std::to_string(value)}, {}, ""};
}

constexpr const char* kOwner = "GANTRY STORE";  ///< of our private attributes in the group 0009

ReplyAttribute plain_words(std::string words) { return {0x00091001, "UT", "", {std::move(words)}, {}, kOwner}; }

std::string study_url(std::string_view root, const StudyUid& study) {
  return std::string(root) + "/studies/" + study.str();
}

std::string instance_url(std::string_view root, const StoreOutcome& outcome) {
  return study_url(root, outcome.study) + "/series/" + outcome.series.str() + "/instances/" + outcome.sop.str();
}

std::string joined(const std::vector<std::string>& sentences) {
  std::string out;
  for (const auto& sentence : sentences) {
    if (!out.empty()) out += "; ";
    out += sentence;
  }
  return out;
}

ReplyDataset stored_item(const StoreOutcome& outcome, std::string_view root) {
  ReplyDataset item{
      text_attribute(0x00081150, "UI", "ReferencedSOPClassUID", outcome.sop_class),
      text_attribute(0x00081155, "UI", "ReferencedSOPInstanceUID", outcome.sop.str()),
      text_attribute(0x00081190, "UR", "RetrieveURL", instance_url(root, outcome)),
  };
  if (outcome.warning_reason != 0) {
    item.push_back(number_attribute(0x00081196, "WarningReason", outcome.warning_reason));
  }
  const char* became = "STORED";
  if (outcome.status == StoreOutcome::Status::kUnchanged) became = "UNCHANGED";
  if (outcome.status == StoreOutcome::Status::kReplaced) became = "REPLACED";
  if (outcome.status == StoreOutcome::Status::kIgnored) became = "IGNORED";
  // Flaws that the file came with are told, but by themselves they are no warning: nothing was changed.
  std::vector<std::string> notes = outcome.warnings;
  if (!outcome.detail.empty()) notes.insert(notes.begin(), outcome.detail);
  if (!notes.empty()) item.push_back(plain_words(joined(notes)));
  item.push_back({0x00091002, "CS", "", {became}, {}, kOwner});
  return item;
}

ReplyDataset failed_item(const StoreOutcome& outcome) {
  return {
      text_attribute(0x00081150, "UI", "ReferencedSOPClassUID", outcome.sop_class),
      text_attribute(0x00081155, "UI", "ReferencedSOPInstanceUID", outcome.sop.str()),
      number_attribute(0x00081197, "FailureReason", outcome.failure_reason),
      plain_words(outcome.detail.empty() ? "no reason is known" : outcome.detail),
  };
}

int status_of(const StoreReport& report) {
  if (report.broken) return report.broken->status;
  const auto& outcomes = report.outcomes;
  const auto failed = std::count_if(outcomes.begin(), outcomes.end(), [](const auto& one) { return !one.stored(); });
  if (failed == 0) {
    const bool warned =
        std::any_of(outcomes.begin(), outcomes.end(), [](const auto& one) { return one.warning_reason != 0; });
    return warned ? 202 : 200;
  }
  if (static_cast<std::size_t>(failed) < outcomes.size()) return 202;
  return std::all_of(outcomes.begin(), outcomes.end(), [](const auto& one) { return one.try_later; }) ? 503 : 409;
}

/// What was made (PS3.18 §10.5.3.2): the instance when there is one, else the study that all of them went to; "" when
/// nothing new is there, or in several places.
std::string created_url(const StoreReport& report, std::string_view root) {
  const StoreOutcome* first = nullptr;
  std::size_t made = 0;
  for (const auto& outcome : report.outcomes) {
    if (outcome.status != StoreOutcome::Status::kStored && outcome.status != StoreOutcome::Status::kReplaced) continue;
    if (first != nullptr && first->study != outcome.study) return "";
    if (first == nullptr) first = &outcome;
    ++made;
  }
  if (first == nullptr) return "";
  return made == 1 ? instance_url(root, *first) : study_url(root, first->study);
}

/// The study-level RetrieveURL: the study of the URL, or the only one that was stored into; else it has no value.
std::string common_study_url(const StoreReport& report, std::string_view root, const std::optional<StudyUid>& study) {
  const StudyUid* common = nullptr;
  for (const auto& outcome : report.outcomes) {
    if (!outcome.stored()) continue;
    if (common && *common != outcome.study) return "";
    common = &outcome.study;
  }
  if (common == nullptr) return "";
  return study_url(root, study ? *study : *common);
}

/// A quoted string of printable ASCII (RFC 9110 §5.6.4), short enough for every client's header limit.
std::string quoted(std::string_view text) {
  constexpr std::size_t kMost = 500;
  std::string out = "\"";
  for (const char c : text.substr(0, kMost)) {
    if (c == '"' || c == '\\') out += '\\';
    out += c >= 0x20 && c < 0x7f ? c : '?';
  }
  return out + '"';
}

std::string warning_words(const StoreReport& report) {
  std::size_t failed = 0, warned = 0;
  const StoreOutcome* first = nullptr;
  const StoreOutcome* first_warned = nullptr;
  for (const auto& outcome : report.outcomes) {
    if (outcome.warning_reason != 0 && outcome.stored()) {
      ++warned;
      if (first_warned == nullptr) first_warned = &outcome;
    }
    if (outcome.stored()) continue;
    ++failed;
    if (first == nullptr) first = &outcome;
  }
  std::string words = report.broken ? report.broken->detail : "";
  if (first != nullptr) {
    if (!words.empty()) words += "; ";
    words += std::to_string(failed) + " of " + std::to_string(report.outcomes.size()) +
             (failed == 1 ? " instances was not stored: " : " instances were not stored, the first because: ") +
             first->detail;
  }
  if (first_warned != nullptr) {
    if (!words.empty()) words += "; ";
    words += std::to_string(warned) + " of " + std::to_string(report.outcomes.size()) +
             (warned == 1 ? " instances has a warning: " : " instances have warnings, the first: ") +
             (first_warned->detail.empty() && !first_warned->warnings.empty() ? first_warned->warnings.front()
                                                                              : first_warned->detail);
  }
  return words;
}

}  // namespace

http::Response store_answer(const StoreReport& report, AnswerFormat format, std::string_view service_root,
                            const std::optional<StudyUid>& study) {
  if (report.outcomes.empty()) {
    if (report.broken) return http::problem(report.broken->status, report.broken->detail);
    return http::problem(400, "the request holds no instance");
  }
  ReplyAttribute referenced{0x00081199, "SQ", "ReferencedSOPSequence", {}, {}, ""};
  ReplyAttribute failed{0x00081198, "SQ", "FailedSOPSequence", {}, {}, ""};
  ReplyAttribute others{0x0008119A, "SQ", "OtherFailuresSequence", {}, {}, ""};
  for (const auto& outcome : report.outcomes) {
    if (outcome.stored()) {
      referenced.items.push_back(stored_item(outcome, service_root));
      continue;
    }
    failed.items.push_back(failed_item(outcome));
    if (outcome.sop.empty()) {
      others.items.push_back({number_attribute(0x00081197, "FailureReason", outcome.failure_reason),
                              plain_words(outcome.detail.empty() ? "no reason is known" : outcome.detail)});
    }
  }
  ReplyDataset dataset{text_attribute(0x00081190, "UR", "RetrieveURL", common_study_url(report, service_root, study))};
  for (auto* sequence : {&failed, &referenced, &others}) {
    if (!sequence->items.empty()) dataset.push_back(std::move(*sequence));
  }
  if (report.broken) dataset.push_back(plain_words(report.broken->detail));

  const int status = status_of(report);
  auto response = format == AnswerFormat::kXml
                      ? http::respond(status, "application/dicom+xml", to_native_xml(dataset))
                      : http::respond(status, "application/dicom+json", to_dicom_json(dataset));
  response.compressible = true;
  response.audit_note = audit_note(report);
  if (const std::string created = created_url(report, service_root); !created.empty() && status < 300) {
    response.headers.set("Location", created);
  }
  if (status == 503) response.headers.set("Retry-After", "5");
  if (const std::string words = warning_words(report); !words.empty()) {
    response.headers.add("Warning", "299 Gantry " + quoted(words));
  }
  return response;
}

}  // namespace gantry::dicomweb::stow
