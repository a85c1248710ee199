#include "gantry/audit/message.hpp"

#include <cstdint>
#include <initializer_list>
#include <utility>

#include <simdjson.h>
#include <unistd.h>

#include "gantry/base/json_text.hpp"

namespace gantry::audit {
namespace {

using simdjson::dom::element;

/// A coded value (A.5.1: CodedValueType).
struct Code {
  const char* value;
  const char* system;
  const char* meaning;
};

constexpr Code kApplicationActivity{"110100", "DCM", "Application Activity"};
constexpr Code kAuditLogUsed{"110101", "DCM", "Audit Log Used"};
constexpr Code kInstancesAccessed{"110103", "DCM", "DICOM Instances Accessed"};
constexpr Code kInstancesTransferred{"110104", "DCM", "DICOM Instances Transferred"};
constexpr Code kStudyDeleted{"110105", "DCM", "DICOM Study Deleted"};
constexpr Code kQuery{"110112", "DCM", "Query"};
constexpr Code kSecurityAlert{"110113", "DCM", "Security Alert"};
constexpr Code kUserAuthentication{"110114", "DCM", "User Authentication"};
constexpr Code kApplicationStart{"110120", "DCM", "Application Start"};
constexpr Code kApplicationStop{"110121", "DCM", "Application Stop"};
constexpr Code kLogin{"110122", "DCM", "Login"};
constexpr Code kRestrictedFunction{"110132", "DCM", "Use of Restricted Function"};
constexpr Code kApplicationRole{"110150", "DCM", "Application"};
constexpr Code kDestinationRole{"110152", "DCM", "Destination Role ID"};
constexpr Code kSourceRole{"110153", "DCM", "Source Role ID"};
constexpr Code kStudyUid{"110180", "DCM", "Study Instance UID"};
constexpr Code kSopClassUid{"110181", "DCM", "SOP Class UID"};
constexpr Code kNodeId{"110182", "DCM", "Node ID"};
constexpr Code kPatientNumber{"2", "RFC-3881", "Patient Number"};
constexpr Code kUri{"12", "RFC-3881", "URI"};
/// What QIDO-RS searches by (PS3.4 C.6.2: Study Root Query/Retrieve Information Model - FIND).
constexpr const char* kStudyRootFind = "1.2.840.10008.5.1.4.1.2.2.1";
constexpr const char* kUnknownPatient = "(unknown)";

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : as_utf8(text)) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      default:
        // XML 1.0 §2.2 has no other control characters.
        if (static_cast<unsigned char>(c) >= 0x20)
          out += c;
        else
          out += c == '\t' || c == '\n' || c == '\r' ? ' ' : '?';
    }
  }
  return out;
}

void attribute(std::string& xml, const char* name, std::string_view value) {
  xml.append(" ").append(name).append("=\"").append(escaped(value)).append("\"");
}

void coded(std::string& xml, const char* name, const Code& code) {
  xml.append("<").append(name);
  attribute(xml, "csd-code", code.value);
  attribute(xml, "codeSystemName", code.system);
  attribute(xml, "displayName", code.meaning);
  attribute(xml, "originalText", code.meaning);
  xml += "/>";
}

/// What a message tells beside who and when.
struct Event {
  Code id;
  const Code* type = nullptr;
  char action = 'E';
};

/// Success, minor failure, serious failure (A.5.2.1).
const char* outcome_number(const Record& record) {
  const auto outcome = outcome_of(record);
  if (outcome == "success") return "0";
  return record.end && record.end->status >= 500 ? "8" : "4";
}

class Message {
 public:
  Message(const Record& record, const Source& source, const Event& event) : record_(record), source_(source) {
    xml_ = "<AuditMessage><EventIdentification";
    const char action[] = {event.action, '\0'};
    attribute(xml_, "EventActionCode", action);
    attribute(xml_, "EventDateTime", record.time);
    attribute(xml_, "EventOutcomeIndicator", outcome_number(record));
    xml_ += ">";
    coded(xml_, "EventID", event.id);
    if (event.type != nullptr) coded(xml_, "EventTypeCode", *event.type);
    if (!record.access.reason.empty()) {
      xml_.append("<EventOutcomeDescription>")
          .append(escaped(record.access.reason))
          .append("</EventOutcomeDescription>");
    }
    xml_ += "</EventIdentification>";
  }

  void user(const Code* role) {
    const Access& access = record_.access;
    xml_ += "<ActiveParticipant";
    attribute(xml_, "UserID", !access.user.empty() ? access.user : "anonymous");
    if (!access.forwarded_for.empty()) attribute(xml_, "AlternativeUserID", "forwarded for " + access.forwarded_for);
    attribute(xml_, "UserIsRequestor", "true");
    const bool local = access.address.empty() || access.address == "unix";
    attribute(xml_, "NetworkAccessPointID", local ? source_.host : access.address);
    attribute(xml_, "NetworkAccessPointTypeCode", local ? "1" : "2");
    end_participant(role);
  }
  void gantry(const Code* role, bool is_requestor = false) {
    xml_ += "<ActiveParticipant";
    attribute(xml_, "UserID", source_.id);
    attribute(xml_, "AlternativeUserID", "gantry");
    attribute(xml_, "UserIsRequestor", is_requestor ? "true" : "false");
    attribute(xml_, "NetworkAccessPointID", source_.host);
    attribute(xml_, "NetworkAccessPointTypeCode", "1");
    end_participant(role);
  }
  void source() {
    xml_ += "<AuditSourceIdentification";
    if (!source_.site.empty()) attribute(xml_, "AuditEnterpriseSiteID", source_.site);
    attribute(xml_, "AuditSourceID", source_.id);
    xml_ += "><AuditSourceTypeCode csd-code=\"4\"/></AuditSourceIdentification>";
  }

  void study(std::string_view uid, const std::string& description = {}) {
    begin_object(uid, "2", "3", kStudyUid, "study");
    details();
    if (!description.empty())
      xml_.append("<ParticipantObjectDescription>").append(description).append("</ParticipantObjectDescription>");
    end_object();
  }
  void patient(const std::optional<Patient>& patient) {
    begin_object(patient && !patient->id.empty() ? patient->id : kUnknownPatient, "1", "1", kPatientNumber,
                 patient ? patient->name : std::string_view());
    end_object();
  }
  void query() {
    begin_object(kStudyRootFind, "2", "3", kSopClassUid, {});
    details();
    end_object();
  }
  void resource(const char* role, std::string_view name) {
    begin_object(record_.access.resource, "2", role, kUri, name);
    details();
    end_object();
  }
  void node() {
    begin_object(source_.host, "2", "4", kNodeId, "gantry");
    end_object();
  }

  [[nodiscard]] std::string take() { return std::move(xml_ += "</AuditMessage>"); }

 private:
  void end_participant(const Code* role) {
    if (role == nullptr) {
      xml_ += "/>";
      return;
    }
    xml_ += ">";
    coded(xml_, "RoleIDCode", *role);
    xml_ += "</ActiveParticipant>";
  }
  void begin_object(std::string_view id, const char* type, const char* role, const Code& id_type,
                    std::string_view name) {
    xml_ += "<ParticipantObjectIdentification";
    attribute(xml_, "ParticipantObjectID", id);
    attribute(xml_, "ParticipantObjectTypeCode", type);
    attribute(xml_, "ParticipantObjectTypeCodeRole", role);
    xml_ += ">";
    coded(xml_, "ParticipantObjectIDTypeCode", id_type);
    const bool is_query = id == kStudyRootFind;
    // The schema wants one of the two.
    if (is_query) {
      xml_.append("<ParticipantObjectQuery>").append(base64(record_.access.query)).append("</ParticipantObjectQuery>");
    } else {
      xml_.append("<ParticipantObjectName>").append(escaped(name)).append("</ParticipantObjectName>");
    }
  }
  void end_object() { xml_ += "</ParticipantObjectIdentification>"; }

  /// What the standard has no place of its own for.
  void details() {
    const Access& access = record_.access;
    const auto add = [this](const char* type, const std::string& value) {
      if (value.empty()) return;
      xml_ += "<ParticipantObjectDetail";
      attribute(xml_, "type", type);
      attribute(xml_, "value", base64(value));
      xml_ += "/>";
    };
    add("Tenant", access.tenant);
    add("RequestID", access.request_id);
    add("AuditLine", std::to_string(record_.n));
    add("Resource", access.method + " " + access.resource);
    if (access.operation == operation::kSearch) add("StudyInstanceUID", access.study);
    add("SeriesInstanceUID", access.series);
    add("SOPInstanceUID", access.instance);
    add("Frames", access.frames);
    if (!record_.end) return add("Outcome", "the process ended before the answer did");
    add("Status", std::to_string(record_.end->status));
    add("BytesSent", std::to_string(record_.end->bytes_out));
    add("DurationMicroseconds", std::to_string(record_.end->duration_us));
    add("Complete", record_.end->complete ? "true" : "false");
  }

  const Record& record_;
  const Source& source_;
  std::string xml_;
};

std::uint64_t number_of(const element& object, const char* name) {
  std::uint64_t number = 0;
  return object[name].get(number) == simdjson::SUCCESS ? number : 0;
}

/// <SOPClass UID NumberOfInstances/> for each class of a study that was stored.
std::string classes_of(const element& study) {
  std::string xml;
  simdjson::dom::object classes;
  if (study["classes"].get(classes) != simdjson::SUCCESS) return xml;
  for (const auto [uid, count] : classes) {
    std::uint64_t number = 0;
    if (count.get(number) != simdjson::SUCCESS) continue;
    xml += "<SOPClass";
    attribute(xml, "UID", uid);
    attribute(xml, "NumberOfInstances", std::to_string(number));
    xml += "/>";
  }
  return xml;
}

/// A.5.3.7: C: the receiver has them now; U: it changed what it had; R: it had them already.
char action_of_store(const element& study) {
  if (number_of(study, "stored") > 0) return 'C';
  return number_of(study, "replaced") > 0 ? 'U' : 'R';
}

std::string store_message(const Record& record, const Source& source, const PatientOf& patient_of, char action,
                          std::string_view study, const std::string& classes) {
  Message message(record, source, {kInstancesTransferred, nullptr, action});
  message.user(&kSourceRole);
  message.gantry(&kDestinationRole);
  message.source();
  if (!study.empty()) message.study(study, classes);
  message.patient(study.empty() ? std::nullopt : patient_of(record.access.tenant, study));
  return message.take();
}

std::vector<std::string> store_messages(const Record& record, const Source& source, const PatientOf& patient_of) {
  std::vector<std::string> messages;
  simdjson::dom::parser parser;
  element stored;
  simdjson::dom::array studies;
  if (!record.access.stored.empty() &&
      parser.parse(simdjson::padded_string(record.access.stored)).get(stored) == simdjson::SUCCESS &&
      stored["studies"].get(studies) == simdjson::SUCCESS) {
    for (const element study : studies) {
      std::string_view uid;
      if (study["study"].get(uid) != simdjson::SUCCESS) continue;
      messages.push_back(store_message(record, source, patient_of, action_of_store(study), uid, classes_of(study)));
    }
  }
  if (messages.empty()) messages.push_back(store_message(record, source, patient_of, 'C', record.access.study, ""));
  return messages;
}

std::string activity_message(const Record& record, const Source& source) {
  const Code& type = record.kind == "start" ? kApplicationStart : kApplicationStop;
  Message message(record, source, {kApplicationActivity, &type, 'E'});
  message.gantry(&kApplicationRole, true);
  message.source();
  message.node();
  return message.take();
}

/// Who was not let in, or not to this (A.5.3.11, A.5.3.12).
std::string refusal_message(const Record& record, const Source& source) {
  const bool unknown = record.end->status == 401;
  Message message(record, source,
                  {unknown ? kUserAuthentication : kSecurityAlert, unknown ? &kLogin : &kRestrictedFunction, 'E'});
  message.user(nullptr);
  message.gantry(nullptr);
  message.source();
  message.resource("13", "refused");
  return message.take();
}

std::string retrieve_message(const Record& record, const Source& source, const PatientOf& patient_of) {
  const bool transferred = record.access.operation == operation::kRetrieve;
  Message message(record, source, {transferred ? kInstancesTransferred : kInstancesAccessed, nullptr, 'R'});
  message.gantry(transferred ? &kSourceRole : nullptr);
  message.user(transferred ? &kDestinationRole : nullptr);
  message.source();
  message.study(record.access.study);
  message.patient(patient_of(record.access.tenant, record.access.study));
  return message.take();
}

std::string delete_message(const Record& record, const Source& source, const PatientOf& patient_of) {
  const bool whole = record.access.series.empty();
  Message message(record, source, {whole ? kStudyDeleted : kInstancesAccessed, nullptr, 'D'});
  message.user(nullptr);
  message.source();
  message.study(record.access.study);
  message.patient(patient_of(record.access.tenant, record.access.study));
  return message.take();
}

std::string query_message(const Record& record, const Source& source) {
  Message message(record, source, {kQuery, nullptr, 'E'});
  message.user(&kSourceRole);
  message.gantry(&kDestinationRole);
  message.source();
  message.query();
  return message.take();
}

std::string admin_message(const Record& record, const Source& source) {
  const bool reads_audit = record.access.resource.starts_with("/admin/audit");
  Message message(record, source,
                  reads_audit ? Event{kAuditLogUsed, nullptr, 'R'} : Event{kSecurityAlert, &kRestrictedFunction, 'E'});
  message.user(nullptr);
  message.gantry(nullptr);
  message.source();
  message.resource("13", reads_audit ? "Security Audit Log" : "administration");
  return message.take();
}

}  // namespace

std::string base64(std::string_view bytes) {
  static constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    std::uint32_t group = 0;
    for (std::size_t i = 0; i < 3; ++i) {
      group = group << 8 | (at + i < bytes.size() ? static_cast<unsigned char>(bytes[at + i]) : 0U);
    }
    for (std::size_t i = 0; i < 4; ++i) {
      text += at + i <= bytes.size() ? kDigits[group >> (18 - 6 * i) & 63] : '=';
    }
  }
  return text;
}

std::vector<std::string> to_messages(const Record& record, const Source& source, const PatientOf& patient_of) {
  if (record.kind == "start" || record.kind == "stop") return {activity_message(record, source)};
  if (record.kind != "access") return {};
  const std::string& what = record.access.operation;
  if (outcome_of(record) == "refused" && record.end->status != 429) return {refusal_message(record, source)};
  if (what == operation::kStore) return store_messages(record, source, patient_of);
  if (what == operation::kDelete) return {delete_message(record, source, patient_of)};
  if (what == operation::kAdmin) return {admin_message(record, source)};
  if (what == operation::kSearch) return {query_message(record, source)};
  // Nothing of a study was asked for.
  if (record.access.study.empty()) return {};
  return {retrieve_message(record, source, patient_of)};
}

std::string to_syslog(const Record& record, std::string_view message, const Source& source) {
  const bool notable = outcome_number(record)[0] != '0';
  std::string host;
  for (const char c : source.host) host += c > 0x20 && c < 0x7F ? c : '-';
  if (host.empty()) host = "-";
  // A.6: facility 10 (security/authorization); the MSG is UTF-8, which RFC 5424 §6.4 marks.
  return std::string(notable ? "<84>1 " : "<85>1 ") + record.time + " " + host.substr(0, 255) + " gantry " +
         std::to_string(::getpid()) + " DICOM+RFC3881 - \xEF\xBB\xBF" + std::string(message);
}

}  // namespace gantry::audit
