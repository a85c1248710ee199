#pragma once

// Records as audit messages of PS3.15 A.5 (the schema of A.5.1, the events of A.5.3).

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gantry/audit/record.hpp"

namespace gantry::audit {

/// Who tells it (A.5.2: AuditSourceIdentification).
struct Source {
  std::string id;    ///< AuditSourceID
  std::string site;  ///< AuditEnterpriseSiteID; may be empty
  std::string host;  ///< this machine's name
};

struct Patient {
  std::string id, name;
};
/// The patient of a study of a tenant; nullopt: not known (any more).
using PatientOf = std::function<std::optional<Patient>(std::string_view tenant, std::string_view study)>;

/// The messages of a record, in XML without a declaration. One, but for a store of several studies, which is one for
/// each (A.5.3.7: a message tells of one patient), and none for what the standard has no event for.
[[nodiscard]] std::vector<std::string> to_messages(const Record& record, const Source& source,
                                                   const PatientOf& patient_of);

/// The same as a message of RFC 5424 (PS3.15 A.6): facility 10, severity 5, or 4 for what was refused or failed.
[[nodiscard]] std::string to_syslog(const Record& record, std::string_view message, const Source& source);

[[nodiscard]] std::string base64(std::string_view bytes);

}  // namespace gantry::audit
